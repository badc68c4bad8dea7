import { messageKey } from "@reprise/protocol";
import type { MessageRow } from "@reprise/server";
import type { Checker, Exchange } from "../facts.ts";
import type { Commit } from "../mirror.ts";
import { isStuck } from "../stuck.ts";

interface ListedRun {
  readonly workflowRunId: string;
  readonly workflowState: string;
  readonly waitingFor?: string;
  readonly isStuck?: boolean;
}

/** Runs that an app has let fall are found, no others are, and a nudge makes exactly what they lack. */
export const stuckRuns: Checker = {
  name: "stuck runs",
  promise:
    "the watchdog and the list name exactly the runs that nothing can wake; only these can be nudged, and nothing comes twice",
  observe: ({ mirror, violate, mark, now }) => {
    /** Run -> since when it has been stuck. */
    const stuckSince = new Map<number, number>();
    const everStuck = new Set<string>();
    const reported = new Set<string>();
    /** Messages that are there for a second time. */
    const nudged = new Set<number>();
    const seqAtArrival = new Map<number, number>();
    let watchedFrom = Number.POSITIVE_INFINITY;
    return (fact) => {
      switch (fact.kind) {
        case "commit":
          checkNudges(fact.commit);
          noteRuns(fact.commit);
          return;
        case "log":
          if (fact.event === "run_stuck") checkReport(fact.detail);
          return;
        case "watch":
          if (fact.isOver) checkWatch();
          else watchedFrom = now();
          reported.clear();
          return;
        case "arrival":
          seqAtArrival.set(fact.request.number, mirror.seq);
          return;
        case "answer":
          checkAnswer(fact.exchange);
      }
    };

    function noteRuns({ changes }: Commit): void {
      const touched = new Set<number>();
      for (const { table, before, after } of changes) {
        const row = after ?? before;
        if (table === "runs") touched.add(row?.key ?? 0);
        if (table === "messages" || table === "waits") {
          touched.add((before ?? after)?.runKey ?? 0);
          touched.add((after ?? before)?.runKey ?? 0);
        }
      }
      for (const key of touched) {
        const run = mirror.get("runs", key);
        if (run === null || !isStuck(run, mirror)) stuckSince.delete(key);
        else if (!stuckSince.has(key)) {
          stuckSince.set(key, now());
          everStuck.add(run.id);
          mark("stuck");
        }
      }
    }

    /** A message that comes back belongs to a run that was stuck, and to nothing that is done. */
    function checkNudges({ changes }: Commit): void {
      for (const { table, before, after } of changes) {
        if (table !== "messages" || before !== null || after === null) continue;
        const isBack = after.kind === "step" && mirror.bornIn(after.key) !== mirror.seq;
        if (!isBack && after.retried === 0 && !isToldAgain(after)) continue;
        nudged.add(after.key);
        mark("stuck run nudged");
        const runKey = after.runKey ?? 0;
        const hasEndedNow = changes.some(
          (change) => change.table === "messages" && change.before?.runKey === runKey,
        );
        if (!stuckSince.has(runKey) && !hasEndedNow) {
          violate(`message ${after.key} comes back for run ${runKey}, which was not stuck`);
        }
      }
    }

    function isToldAgain({ kind, key, waitKey, runKey }: MessageRow): boolean {
      if (kind !== "callResult" || !stuckSince.has(runKey ?? 0)) return false;
      return mirror.bornIn(waitKey ?? 0) !== mirror.bornIn(key);
    }

    function checkReport(detail: string): void {
      // Written by the server's log.
      const { workflowRunId } = JSON.parse(detail) as { readonly workflowRunId: string };
      if (!everStuck.has(workflowRunId)) violate(`run ${workflowRunId} is reported as stuck`);
      reported.add(workflowRunId);
      mark("stuck run reported");
    }

    function checkWatch(): void {
      for (const [key, since] of stuckSince) {
        const run = mirror.get("runs", key);
        if (run !== null && since <= watchedFrom && !reported.has(run.id)) {
          violate(`run ${key} was stuck since ${since}, and the watchdog has not seen it`);
        }
      }
    }

    function checkAnswer(exchange: Exchange): void {
      const { method, target, status, answer, number } = exchange;
      const isQuiet = seqAtArrival.get(number) === mirror.seq;
      if (method === "GET" && target.startsWith("/v2/workflows/logs") && status === 200) {
        // The documented answer.
        const { runs } = JSON.parse(answer) as { readonly runs: readonly ListedRun[] };
        if (isQuiet) checkList(runs, target.includes("stuck=true"));
      }
      const runId = /^\/v2\/workflows\/runs\/(.+)\/nudge$/.exec(target)?.[1];
      if (method !== "POST" || runId === undefined) return;
      if (status === 200) checkNudged(answer);
      else if (status === 409) checkRefusal(runId, isQuiet);
    }

    function checkList(runs: readonly ListedRun[], isStuckOnly: boolean): void {
      const stuckIds = Array.from(stuckSince.keys(), (key) => mirror.get("runs", key)?.id);
      if (isStuckOnly && stuckIds.length > 0) mark("stuck runs listed");
      if (isStuckOnly && runs.length !== stuckIds.length) {
        violate(`${runs.length} stuck runs were listed; there are ${stuckIds.length}`);
      }
      for (const run of runs) {
        const isTrue = stuckIds.includes(run.workflowRunId) === (run.isStuck === true);
        const isLive = run.workflowState === "RUN_STARTED";
        if (isLive && !isTrue) violate(`${run.workflowRunId} is listed as stuck: ${run.isStuck}`);
        if (isLive !== (run.waitingFor !== undefined && run.waitingFor !== "")) {
          violate(`${run.workflowRunId} (${run.workflowState}) waits for: ${run.waitingFor}`);
        }
      }
    }

    function checkNudged(answer: string): void {
      // The documented answer.
      const { messageIds } = JSON.parse(answer) as { readonly messageIds: readonly string[] };
      const isTrue = messageIds.every((id) => nudged.has(messageKey(id) ?? 0));
      if (messageIds.length === 0 || !isTrue) violate(`a nudge names ${messageIds.join(", ")}`);
    }

    function checkRefusal(runId: string, isQuiet: boolean): void {
      const run = mirror.runsById(runId).at(-1);
      if (isQuiet && run !== undefined && stuckSince.has(run.key)) {
        violate(`run ${runId} is stuck, and may not be nudged`);
      }
    }
  },
};
