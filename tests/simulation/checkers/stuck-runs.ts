import { messageKey } from "@reprise/protocol";
import type { MessageRow } from "@reprise/server";
import type { Checker, Exchange, Fact, Scene } from "../facts.ts";
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
  observe: (scene) => {
    const watch = new StuckRunsWatch(scene);
    return (fact) => watch.see(fact);
  },
};

class StuckRunsWatch {
  readonly #mirror: Scene["mirror"];
  readonly #violate: Scene["violate"];
  readonly #mark: Scene["mark"];
  readonly #now: Scene["now"];
  /** Run -> since when it has been stuck. */
  readonly #stuckSince = new Map<number, number>();
  readonly #everStuck = new Set<string>();
  readonly #reported = new Set<string>();
  /** Messages that are there for a second time. */
  readonly #nudged = new Set<number>();
  readonly #seqAtArrival = new Map<number, number>();
  #watchedFrom = Number.POSITIVE_INFINITY;

  constructor({ mirror, violate, mark, now }: Scene) {
    this.#mirror = mirror;
    this.#violate = violate;
    this.#mark = mark;
    this.#now = now;
  }

  see(fact: Fact): void {
    switch (fact.kind) {
      case "commit":
        this.#checkNudges(fact.commit);
        this.#noteRuns(fact.commit);
        return;
      case "log":
        if (fact.event === "run_stuck") this.#checkReport(fact.detail);
        return;
      case "watch":
        if (fact.isOver) this.#checkWatch();
        else this.#watchedFrom = this.#now();
        this.#reported.clear();
        return;
      case "arrival":
        this.#seqAtArrival.set(fact.request.number, this.#mirror.seq);
        return;
      case "answer":
        this.#checkAnswer(fact.exchange);
    }
  }

  #noteRuns({ changes }: Commit): void {
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
      const run = this.#mirror.get("runs", key);
      if (run === null || !isStuck(run, this.#mirror)) this.#stuckSince.delete(key);
      else if (!this.#stuckSince.has(key)) {
        this.#stuckSince.set(key, this.#now());
        this.#everStuck.add(run.id);
        this.#mark("stuck");
      }
    }
  }

  /** A message that comes back belongs to a run that was stuck, and to nothing that is done. */
  #checkNudges({ changes }: Commit): void {
    for (const { table, before, after } of changes) {
      if (table !== "messages" || before !== null || after === null) continue;
      const isBack = after.kind === "step" && this.#mirror.bornIn(after.key) !== this.#mirror.seq;
      if (!isBack && after.retried === 0 && !this.#isToldAgain(after)) continue;
      this.#nudged.add(after.key);
      this.#mark("stuck run nudged");
      const runKey = after.runKey ?? 0;
      const hasEndedNow = changes.some(
        (change) => change.table === "messages" && change.before?.runKey === runKey,
      );
      if (!this.#stuckSince.has(runKey) && !hasEndedNow) {
        this.#violate(`message ${after.key} comes back for run ${runKey}, which was not stuck`);
      }
    }
  }

  #isToldAgain({ kind, key, waitKey, runKey }: MessageRow): boolean {
    if (kind !== "callResult" || !this.#stuckSince.has(runKey ?? 0)) return false;
    return this.#mirror.bornIn(waitKey ?? 0) !== this.#mirror.bornIn(key);
  }

  #checkReport(detail: string): void {
    // Written by the server's log.
    const { workflowRunId } = JSON.parse(detail) as { readonly workflowRunId: string };
    if (!this.#everStuck.has(workflowRunId))
      this.#violate(`run ${workflowRunId} is reported as stuck`);
    this.#reported.add(workflowRunId);
    this.#mark("stuck run reported");
  }

  #checkWatch(): void {
    for (const [key, since] of this.#stuckSince) {
      const run = this.#mirror.get("runs", key);
      if (run !== null && since <= this.#watchedFrom && !this.#reported.has(run.id)) {
        this.#violate(`run ${key} was stuck since ${since}, and the watchdog has not seen it`);
      }
    }
  }

  #checkAnswer(exchange: Exchange): void {
    const { method, target, status, answer, number } = exchange;
    const isQuiet = this.#seqAtArrival.get(number) === this.#mirror.seq;
    if (method === "GET" && target.startsWith("/v2/workflows/logs") && status === 200) {
      // The documented answer.
      const { runs } = JSON.parse(answer) as { readonly runs: readonly ListedRun[] };
      if (isQuiet) this.#checkList(runs, target.includes("stuck=true"));
    }
    const runId = /^\/v2\/workflows\/runs\/(.+)\/nudge$/.exec(target)?.[1];
    if (method !== "POST" || runId === undefined) return;
    if (status === 200) this.#checkNudged(answer);
    else if (status === 409) this.#checkRefusal(runId, isQuiet);
  }

  #checkList(runs: readonly ListedRun[], isStuckOnly: boolean): void {
    const stuckIds = Array.from(
      this.#stuckSince.keys(),
      (key) => this.#mirror.get("runs", key)?.id,
    );
    if (isStuckOnly && stuckIds.length > 0) this.#mark("stuck runs listed");
    if (isStuckOnly && runs.length !== stuckIds.length) {
      this.#violate(`${runs.length} stuck runs were listed; there are ${stuckIds.length}`);
    }
    for (const run of runs) {
      const isTrue = stuckIds.includes(run.workflowRunId) === (run.isStuck === true);
      const isLive = run.workflowState === "RUN_STARTED";
      if (isLive && !isTrue)
        this.#violate(`${run.workflowRunId} is listed as stuck: ${run.isStuck}`);
      if (isLive !== (run.waitingFor !== undefined && run.waitingFor !== "")) {
        this.#violate(`${run.workflowRunId} (${run.workflowState}) waits for: ${run.waitingFor}`);
      }
    }
  }

  #checkNudged(answer: string): void {
    // The documented answer.
    const { messageIds } = JSON.parse(answer) as { readonly messageIds: readonly string[] };
    const isTrue = messageIds.every((id) => this.#nudged.has(messageKey(id) ?? 0));
    if (messageIds.length === 0 || !isTrue) this.#violate(`a nudge names ${messageIds.join(", ")}`);
  }

  #checkRefusal(runId: string, isQuiet: boolean): void {
    const run = this.#mirror.runsById(runId).at(-1);
    if (isQuiet && run !== undefined && this.#stuckSince.has(run.key)) {
      this.#violate(`run ${runId} is stuck, and may not be nudged`);
    }
  }
}
