import { messageKey } from "@reprise/protocol";
import type { RunRow, StepRow } from "@reprise/server";
import type { Checker, Exchange } from "../facts.ts";
import { isPlan, recordNamed } from "../lineage.ts";
import type { Mirror } from "../mirror.ts";
import { readSubmissions, type Submission } from "../submission.ts";

/** A 400 or 404 makes the SDK end its run quietly, so it is given only when the run has durably ended. */
export const statusContract: Checker = {
  name: "status contract",
  promise: "an app hears 400 or 404 only about a run that has ended; trouble of the server is 503",
  observe: ({ mirror, violate, mark }) => {
    return (fact) => {
      if (
        fact.kind === "log" &&
        (fact.event === "decision_failed" || fact.event === "request_failed")
      ) {
        violate(`the server has a fault: ${fact.event} ${fact.detail.slice(0, 500)}`);
      }
      if (fact.kind === "answer") check(fact.exchange);
    };

    function check(exchange: Exchange): void {
      const { status, from, method, target, answer, answerHeaders } = exchange;
      const name = `${from} ${method} ${target}: ${status} ${answer.slice(0, 200)}`;
      if (status >= 200 && status < 300) return;
      if (status === 503) {
        mark("answered 503");
        if (answerHeaders["retry-after"] === undefined) violate(`${name} without Retry-After`);
        return;
      }
      const isEnd = status === 400 || status === 404;
      if (!from.startsWith("app")) {
        // People and clients may ask for what is not there any more, or nudge a run that moves.
        if (!isEnd && !(status === 409 && target.endsWith("/nudge"))) violate(name);
        return;
      }
      if (
        status === 412 &&
        readSubmissions(exchange).some((submission) => isForeignTo(submission))
      ) {
        mark("late record of an earlier run refused");
        return;
      }
      if (!isEnd) violate(name);
      mark(`app heard ${status}`);
      for (const submission of submissionsOf(exchange)) checkEnded(submission, exchange, name);
    }

    function isForeignTo(submission: Submission): boolean {
      const run = mirror.runsById(submission.runId).at(-1);
      return run !== undefined && isForeign(submission, mirror.steps(run.key));
    }

    function checkEnded(submission: EndedSubmission, exchange: Exchange, name: string): void {
      const { arrivedAt } = exchange;
      const runs = meantRuns(exchange, mirror, submission.runId);
      // The id may be that of a new run since the request arrived: it was not meant.
      const run = runs.findLast(({ createdAt }) => createdAt < arrivedAt) ?? runs.at(-1);
      if (run === undefined) return;
      if (run.state === "started") violate(`${name}, but run ${run.key} is live`);
      const entry =
        run.deadLetterKey === null ? null : mirror.get("deadLetters", run.deadLetterKey);
      if (entry?.state === "open" && isTakenLate(submission, run)) {
        violate(`${name}, but run ${run.key} waits for its resume and takes late results`);
      }
    }

    /** A failed run takes results of its branches and registers waits; it starts no call and no other run. */
    function isTakenLate({ kind, step }: EndedSubmission, run: RunRow): boolean {
      if (kind === "wait") return true;
      if (step === null || kind !== "record" || isPlan(step)) return false;
      const isPlanned = recordNamed(mirror.steps(run.key), `plan ${step.stepId}`) !== null;
      return (
        isPlanned || (step.stepType === "Call" && mirror.waitOfStep(run.key, step.stepId) !== null)
      );
    }
  },
};

/** An invocation that goes on names the message that it holds, which belongs to one run alone. */
function meantRuns({ headers }: Exchange, mirror: Mirror, runId: string): readonly RunRow[] {
  const runs = mirror.runsById(runId);
  const held = messageKey(headers["upstash-message-id"] ?? "");
  const meant = runs.filter((run) => mirror.steps(run.key).some(({ key }) => key === held));
  return meant.length === 0 ? runs : meant;
}

type EndedSubmission = Pick<Submission, "runId" | "kind" | "step">;

/** Whether the run with this id is another one than the step was made for: its plan, or the step before it, is missing. */
function isForeign({ step }: Submission, steps: readonly StepRow[]): boolean {
  if (step === null) return false;
  const stepId = isPlan(step) ? (step.targetStep ?? 0) : step.stepId;
  const isBranch = !isPlan(step) && step.concurrent > 1;
  if (isBranch) return recordNamed(steps, `plan ${stepId}`) === null;
  const needed = [`plan ${stepId}`, `result ${stepId - 1}`, `plan ${stepId - 1}`];
  return stepId > 1 && needed.every((name) => recordNamed(steps, name) === null);
}

function submissionsOf(exchange: Exchange): readonly EndedSubmission[] {
  const runId = /^\/v2\/workflows\/runs\/([^/?]+)/.exec(exchange.target)?.[1];
  return runId === undefined ? readSubmissions(exchange) : [{ runId, kind: "start", step: null }];
}
