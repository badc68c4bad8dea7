import { HEADER } from "../wire/headers.ts";
import type { Answer } from "../workflow/answer.ts";
import { endCall, performCall } from "./calls.ts";
import { deliver, type Outcome } from "./deliveries.ts";
import { failRun } from "./fail-run.ts";
import type { ModelServer } from "./model-server.ts";
import { isSuccess, retryLater } from "./retry.ts";
import type { Attempt, Message, Run } from "./rows.ts";
import { takeLines } from "./submissions.ts";

/** One attempt of a message, and what follows it: the decisions of the server. */

export async function attempt(message: Message, server: ModelServer): Promise<() => void> {
  const startedAt = server.now;
  if (message.kind === "call") {
    const outcome = await performCall(message, server);
    return () => endCall(message, toAttempt(outcome, startedAt, server), outcome, server);
  }
  const outcome = await deliver(message, server);
  return () => endDelivery(outcome, startedAt, server);
}

function toAttempt(
  { answer, error }: Pick<Outcome, "answer" | "error">,
  startedAt: number,
  { now }: ModelServer,
): Attempt {
  const stepName = answer.headers[HEADER.errorStepName] ?? null;
  return {
    startedAt,
    endedAt: now,
    status: answer.status,
    error,
    responseBody: answer.body,
    stepName,
  };
}

function endDelivery(outcome: Outcome, startedAt: number, server: ModelServer): void {
  const { message, answer, hasSubmitted } = outcome;
  if (message.state !== "active") return;
  const { run, kind } = message;
  if (isSuccess(answer) && kind !== "failureCall") {
    takeLines(outcome.lines, message, server);
    run.warm = warmOf(answer);
    server.done(message);
    return;
  }
  message.attempts.push(toAttempt(outcome, startedAt, server));
  if (kind === "failureCall") {
    endFailureCall(outcome, server);
    return;
  }
  if (hasSubmitted || run.state !== "running") {
    server.done(message);
    return;
  }
  const retries = retriesSaid(answer) ?? message.retries;
  if (retryLater({ message, answer, retries }, server)) return;
  message.retries = retries;
  failRun(message, answer, server);
}

function endFailureCall({ message, answer }: Outcome, server: ModelServer): void {
  const { deadLetter } = message.run;
  if (deadLetter === null) return;
  const { retries } = message;
  if (!isSuccess(answer) && retryLater({ message, answer, retries }, server)) return;
  const isMissing = answer.headers[HEADER.failureFunctionNotFound] === "true";
  deadLetter.failureFunction = !isSuccess(answer) ? "failed" : isMissing ? "none" : "succeeded";
  deadLetter.failureAnswer = answer.body;
  server.done(message);
}

/** Retries that the app gives the step that has failed. */
function retriesSaid({ headers }: Answer): number | null {
  const said = /(?:^|;)\s*retries=(\d+)/.exec(headers[HEADER.answer] ?? "")?.[1];
  return said === undefined ? null : Number(said);
}

/** The process that keeps the run's function, and how much of the list it knows. */
function warmOf({ headers }: Answer): Run["warm"] {
  const [, process, known] =
    /warm=([^;\s]+);\s*known=(\d+)/.exec(headers[HEADER.answer] ?? "") ?? [];
  return process === undefined ? null : { process, known: Number(known) };
}
