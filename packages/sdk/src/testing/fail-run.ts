import { base64FromText } from "../wire/base64.ts";
import type { Answer } from "../workflow/answer.ts";
import { toHeaderLists } from "./header-lists.ts";
import type { ModelServer } from "./model-server.ts";
import { type DeadLetter, type FailedStepFacts, isPlan, type Message, type Run } from "./rows.ts";
import { tellInvoker } from "./run-end.ts";

/** A message of a run is out of attempts: the run fails, waits for a resume, and its failure function is called. */
export function failRun(message: Message, answer: Answer, server: ModelServer): void {
  const { run } = message;
  const deadLetter: DeadLetter = {
    failedAt: server.now,
    state: "open",
    message,
    status: answer.status,
    responseBody: answer.body,
    responseHeaders: answer.headers,
    failedStep: failedStepOf(message),
    failureFunction: "running",
    failureAnswer: "",
  };
  run.state = "failed";
  run.endedAt = server.now;
  run.deadLetter = deadLetter;
  server.done(message);
  // Calls go on: their answers are kept for the resume. What is on its way ends by itself.
  for (const other of server.openMessages(run)) {
    if (other.kind !== "call" && other.state === "waiting") server.done(other);
  }
  tellInvoker(run, server);
  server.send({ run, kind: "failureCall", body: failureReport(run, deadLetter) });
}

function failedStepOf({ kind, wait, run, position, attempts }: Message): FailedStepFacts | null {
  if (wait !== null) {
    const { stepName, stepType, stepId } = wait.step;
    return { stepName, stepType, stepId };
  }
  if (kind !== "step") return null;
  const recorded = run.records[position - 1];
  if (recorded !== undefined && isPlan(recorded.record)) {
    const { stepName, stepType, targetStep } = recorded.record;
    return { stepName, stepType, stepId: targetStep ?? 0 };
  }
  const stepName = attempts.findLast((attempt) => attempt.stepName !== null)?.stepName ?? null;
  if (stepName === null) return null;
  return { stepName, stepType: null, stepId: recorded?.nextStepId ?? 1 };
}

function failureReport(run: Run, deadLetter: DeadLetter): string {
  const { message, status, responseHeaders, responseBody, failedStep } = deadLetter;
  return JSON.stringify({
    status,
    header: toHeaderLists(responseHeaders),
    body: base64FromText(responseBody),
    retried: message.retried,
    maxRetries: message.retries,
    dlqId: dlqIdOf(deadLetter),
    url: run.url,
    sourceBody: base64FromText(run.payload),
    workflowRunId: run.id,
    workflowCreatedAt: run.createdAt,
    failedStep,
    attempts: message.attempts.map(({ stepName: _, ...attempt }) => attempt),
  });
}

export function dlqIdOf({ failedAt, message }: Pick<DeadLetter, "failedAt" | "message">): string {
  return `${failedAt}-${message.key}`;
}
