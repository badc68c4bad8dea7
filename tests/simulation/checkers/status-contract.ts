import type { StepRow } from "@reprise/server";
import type { Checker, Exchange } from "../facts.ts";
import { isPlan, recordNamed } from "../lineage.ts";
import { parseStep } from "../step-list.ts";
import { readSubmissions } from "../submission.ts";

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
        // People and clients may ask for what is not there any more.
        if (!isEnd) violate(name);
        return;
      }
      if (status === 412 && submissionsOf(exchange).some((submission) => isForeignTo(submission))) {
        mark("late record of an earlier run refused");
        return;
      }
      if (!isEnd) violate(name);
      mark(`app heard ${status}`);
      for (const submission of submissionsOf(exchange)) checkEnded(submission, name);
    }

    function isForeignTo(submission: { readonly runId: string; readonly body: string }): boolean {
      const run = mirror.runsById(submission.runId).at(-1);
      return run !== undefined && isForeign(submission, mirror.steps(run.key));
    }

    function checkEnded(submission: { runId: string; body: string }, name: string): void {
      const run = mirror.runsById(submission.runId).at(-1);
      if (run === undefined) return;
      if (run.state === "started") violate(`${name}, but run ${run.key} is live`);
      const entry =
        run.deadLetterKey === null ? null : mirror.get("deadLetters", run.deadLetterKey);
      if (entry?.state === "open" && isPlanned(submission.body, mirror.steps(run.key))) {
        violate(`${name}, but run ${run.key} waits for its resume and takes late results`);
      }
    }
  },
};

/** Whether a record is the result of a branch of this run: it is wanted for the resume, however late it comes. */
function isPlanned(body: string, steps: readonly StepRow[]): boolean {
  if (body === "") return false;
  const record = parseStep(Buffer.from(body));
  return !isPlan(record) && recordNamed(steps, `plan ${record.stepId}`) !== null;
}

/** Whether the run with this id is another one than the record was made for: its plan, or the step before it, is missing. */
function isForeign({ body }: { readonly body: string }, steps: readonly StepRow[]): boolean {
  if (body === "") return false;
  const record = parseStep(Buffer.from(body));
  const stepId = isPlan(record) ? (record.targetStep ?? 0) : record.stepId;
  const isBranch = !isPlan(record) && record.concurrent > 1;
  if (isBranch) return recordNamed(steps, `plan ${stepId}`) === null;
  const needed = [`plan ${stepId}`, `result ${stepId - 1}`, `plan ${stepId - 1}`];
  return stepId > 1 && needed.every((name) => recordNamed(steps, name) === null);
}

function submissionsOf(exchange: Exchange): readonly { runId: string; body: string }[] {
  const runId = /^\/v2\/workflows\/runs\/([^/?]+)/.exec(exchange.target)?.[1];
  return runId === undefined ? readSubmissions(exchange) : [{ runId, body: "" }];
}
