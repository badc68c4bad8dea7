import {
  type CallType,
  HEADER,
  METHODS,
  type OutsideStepFields,
  RETRIES_DEFAULT,
  type Redaction,
  STEP_TYPES,
  type StepRecord,
  type StepState,
  type StepType,
} from "@reprise/protocol";
import type { AttemptRow, MessageRow, RunRow } from "../../core/rows.ts";
import type { MessageConfig, RunConfig } from "../../core/run-config.ts";
import { isWaiting } from "../../core/wait.ts";
import type { WaitKind, WaitRow } from "../../core/wait-rows.ts";
import { responseHeaders } from "./attempts.ts";
import { type Lens, storedHeaders, viewHeaders, viewText } from "./content.ts";
import { lensOf, readMessageConfig, readWaitConfig } from "./settings.ts";
import type { RunSource } from "./steps.ts";

/** Steps that others complete: what their waits, their messages and the runs that they have invoked say about them. */

/** A run that a step has invoked. Null is what could not be found. */
export interface ChildSource {
  readonly run: RunRow;
  readonly config: RunConfig | null;
  /** What its first message brought along, as JSON. */
  readonly firstConfig: string | null;
  /** What it was invoked with. */
  readonly payload: Uint8Array | null;
}

/** The step behind a wait, as it was registered. */
export interface OutsideStep {
  readonly stepId: number;
  readonly stepName: string;
  readonly stepType: StepType;
  readonly concurrent: number;
}

const TYPE_OF_KIND: Readonly<Record<WaitKind, StepType>> = {
  event: "Wait",
  webhook: "WaitForWebhook",
  call: "Call",
  invoke: "Invoke",
};

export function outsideStepOf(wait: WaitRow): OutsideStep {
  const config = readWaitConfig(wait);
  const { stepName, stepType } = config?.step ?? {};
  return {
    stepId: wait.stepId,
    stepName: typeof stepName === "string" ? stepName : "",
    stepType: STEP_TYPES.find((type) => type === stepType) ?? TYPE_OF_KIND[wait.kind],
    concurrent: config?.concurrent ?? 1,
  };
}

/** The message that serves a wait now, or was the last one when it failed: the request of a call, or the delivery of its answer. */
export function messageOfWait(wait: WaitRow, { messages }: RunSource): MessageRow | undefined {
  return messages.find(({ waitKey }) => waitKey === wait.key);
}

/** The key of that message, which is known of a failed one when a resume has taken it away. */
export function messageKeyOfWait(wait: WaitRow, source: RunSource): number | null {
  const key = messageOfWait(wait, source)?.key ?? null;
  if (key !== null || failedWait(source) !== wait) return key;
  return source.deadLetter?.messageKey ?? null;
}

/** What the registration of the step was answered with. */
export function registeredKey(wait: WaitRow): number {
  return wait.requestKey ?? wait.key;
}

/** The wait whose message has failed the run; null when it was another message. */
export function failedWait(source: RunSource): WaitRow | null {
  const { deadLetter, steps, messages, attempts, waits } = source;
  if (deadLetter === null || steps.some(({ key }) => key === deadLetter.messageKey)) return null;
  const message = messages.find(({ key }) => key === deadLetter.messageKey);
  if (message !== undefined) {
    return Array.from(waits.values()).find(({ key }) => key === message.waitKey) ?? null;
  }
  // A resume has taken the message away. What it sent to the app names the step.
  const sent = storedHeaders(attempts.get(deadLetter.messageKey)?.at(-1)?.requestHeaders ?? null);
  return waits.get(Number(sent[HEADER.workflowStepId] ?? Number.NaN)) ?? null;
}

/** State of a step without a result. */
export function outsideState(wait: WaitRow, source: RunSource): Exclude<StepState, "STEP_SUCCESS"> {
  const message = messageOfWait(wait, source);
  if (message?.state === "failed" || failedWait(source) === wait) return "STEP_FAILED";
  if (source.run.state === "canceled" || !isWaiting(wait)) return "STEP_CANCELED";
  const isPending = message?.state === "scheduled" || message?.state === "waiting";
  return isPending && message.retried > 0 ? "STEP_RETRY" : "STEP_PROGRESS";
}

/** `toCallback` until the service has answered, `fromCallback` until the app has taken the answer. */
export function callTypeOf(
  wait: WaitRow | undefined,
  { attempts }: RunSource,
): Exclude<CallType, "failureCall"> {
  if (wait?.kind !== "call" || wait.state === "done") return "step";
  return finalAttempt(wait, attempts) === null ? "toCallback" : "fromCallback";
}

/** The attempt whose outcome is the answer of a call; null while there may be another one. */
export function finalAttempt(wait: WaitRow, attempts: RunSource["attempts"]): AttemptRow | null {
  const last = attempts.get(wait.requestKey ?? -1)?.at(-1) ?? null;
  const isAnswered = wait.state === "answered" || wait.state === "done";
  return isAnswered || last?.error === null ? last : null;
}

/** Retries of the request itself, which is what a call was given. */
export function callRetries(wait: WaitRow | undefined) {
  if (wait?.kind !== "call") return {};
  const own = readWaitConfig(wait)?.call?.own;
  return own === undefined
    ? {}
    : { retries: own.retries ?? RETRIES_DEFAULT, retryDelay: own.retryDelay ?? undefined };
}

/** The fields of the step's kind. `record` is its result, as far as it is there and can be read. */
export function outsideFields(
  wait: WaitRow | undefined,
  record: StepRecord | null,
  source: RunSource,
  lens: Lens,
): Sparse<OutsideStepFields> {
  if (wait === undefined) return {};
  return { ...askedFields(wait, record, source, lens), ...answerFields(wait, source, lens) };
}

/** The same without the answer of a call. */
export function askedFields(
  wait: WaitRow,
  record: StepRecord | null,
  source: RunSource,
  lens: Lens,
): Sparse<OutsideStepFields> {
  switch (wait.kind) {
    case "call":
      return requestFields(wait, lens);
    case "event":
    case "webhook":
      return waitFields(wait, record);
    case "invoke":
      return childFields(wait, source, lens);
  }
}

/** Fields may be undefined here; whoever makes the answer leaves them out. */
type Sparse<T> = { readonly [K in keyof T]?: T[K] | undefined };

function requestFields(wait: WaitRow, lens: Lens): Sparse<OutsideStepFields> {
  const call = readWaitConfig(wait)?.call;
  if (call === undefined) return {};
  return {
    callUrl: call.url,
    callMethod: METHODS.find((method) => method === call.own.method) ?? "POST",
    callHeaders: viewHeaders(headersOf(call.own), lens),
    callBody: viewText(wait.body, lens),
  };
}

/** From the record of the attempts: what the app makes of the answer may differ. */
export function answerFields(
  wait: WaitRow,
  { attempts }: RunSource,
  lens: Lens,
): Sparse<OutsideStepFields> {
  const attempt = wait.kind === "call" ? finalAttempt(wait, attempts) : null;
  if (attempt === null) return {};
  return {
    callResponseStatus: attempt.status,
    callResponseBody: viewText(attempt.responseBody ?? attempt.error, lens),
    callResponseHeaders: responseHeaders(attempt, lens),
  };
}

function waitFields(wait: WaitRow, record: StepRecord | null): Sparse<OutsideStepFields> {
  const config = readWaitConfig(wait);
  return {
    waitEventId: wait.eventId ?? undefined,
    waitTimeoutDuration: config?.timeoutText,
    waitTimeoutDeadline: config?.deadlineAt,
    waitTimeout: record?.waitTimeout === true,
  };
}

function childFields(
  wait: WaitRow,
  { children }: RunSource,
  lens: Lens,
): Sparse<OutsideStepFields> {
  const facts = readWaitConfig(wait)?.child;
  const child = children.get(wait.childRunKey ?? -1);
  const named = {
    invokedWorkflowRunId: facts?.workflowRunId ?? child?.run.id,
    invokedWorkflowUrl: child?.run.url ?? facts?.workflowUrl,
    invokedWorkflowCreatedAt: facts?.workflowCreatedAt ?? child?.run.createdAt,
  };
  if (child === undefined) return named;
  const both = stricter(lens, lensOf(child.config, null).redaction);
  const own = readMessageConfig(child.firstConfig);
  const headers = { ...headersOf(own), ...child.config?.forward, ...own.forward };
  return {
    ...named,
    invokedWorkflowRunBody: viewText(child.payload, both),
    invokedWorkflowRunHeaders: viewHeaders(headers, both),
  };
}

const CONTENT_TYPE_DEFAULT = "application/json";

/** What a message carries besides what the server adds. */
export function headersOf(own: MessageConfig): Readonly<Record<string, string>> {
  return { "content-type": own.contentType ?? CONTENT_TYPE_DEFAULT, ...own.forward };
}

/** Hides what one of two runs hides: the one that is shown, and the one that it has invoked. */
function stricter(lens: Lens, other: Redaction | null): Lens {
  const { redaction } = lens;
  if (redaction === null || other === null) return { ...lens, redaction: redaction ?? other };
  const isAll = redaction.headers === "all" || other.headers === "all";
  return {
    ...lens,
    redaction: {
      isBodyRedacted: redaction.isBodyRedacted || other.isBodyRedacted,
      headers: isAll ? "all" : [...redaction.headers, ...other.headers],
    },
  };
}
