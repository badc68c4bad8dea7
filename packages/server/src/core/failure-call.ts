import { deadLetterId, HEADER, messageId, RepriseError, toHeaderMap } from "@reprise/protocol";
import { toAttempt } from "./attempt.ts";
import type { CancelCallback, EndDelivery, RetryCallback, RunAnswer } from "./commands.ts";
import { deadLetterNotFound } from "./dead-letter.ts";
import { type DeliverySource, deliveryHeaders } from "./delivery.ts";
import { errorText, judgeAttempt, retry, type Verdict } from "./end-delivery.ts";
import { type FailureSource, failedStepOf, toldAttempts } from "./failed-step.ts";
import { GateBook } from "./gate-book.ts";
import { isSuccess, responseHeader } from "./outcome.ts";
import type {
  AttemptRow,
  CallbackState,
  DeadLetterRow,
  MessageRow,
  RunRow,
  StepRow,
} from "./rows.ts";
import { runAnswer } from "./run.ts";
import {
  type Effective,
  type FailureCallback,
  type MessageConfig,
  parseMessageConfig,
  type RunConfig,
  settingsOf,
} from "./run-config.ts";
import { admitMessage, type RunGates, withGates } from "./run-gates.ts";
import { announce } from "./start-run.ts";
import { type Context, insert, remove, type Transition, unchanged, update } from "./transition.ts";
import type { WaitRow } from "./wait-rows.ts";

/**
 * The failure call: a message that tells the failure function or the failure URL about a dead letter. Its states on the dead
 * letter: in progress -> success, fail or canceled; fail -> in progress again by hand. See docs/state-machines.md#failure-call.
 */

export interface FailureCall {
  readonly failure: FailureSource;
  readonly deadLetter: DeadLetterRow;
  readonly failureCallback: FailureCallback;
  /** The message that failed, and what its headers were made from. */
  readonly source: DeliverySource;
  /** The run's initial payload. */
  readonly payload: Uint8Array;
  readonly book: GateBook;
}

export function createFailureCall(call: FailureCall, context: Context): MessageRow {
  const { url } = call.failureCallback;
  const { run } = call.source;
  const settings = sourceSettings(call, context);
  const config = callConfig(call, settings);
  return admitMessage(
    {
      key: context.newKey(),
      kind: "failureCall",
      runKey: run.key,
      stepPosition: null,
      deadLetterKey: call.deadLetter.key,
      createdAt: context.now,
      dueAt: context.now,
      // Not those of the message: a nudge has added to them.
      retries: config.retries ?? settings.retries,
      url,
      config: JSON.stringify(config),
      body: new TextEncoder().encode(JSON.stringify(failureCallBody(call, context))),
    },
    {
      // The run's own flow control does not hold for the call: it is about the run's deliveries.
      flowControl: config.flowControl ?? null,
      timeoutMs: config.timeoutMs ?? context.attemptTimeoutMs,
      book: call.book,
    },
    context,
  );
}

function sourceSettings({ source }: FailureCall, context: Context): Effective {
  const settings = { run: source.config, own: source.own };
  return settingsOf(source.message.kind, settings, context.attemptTimeoutMs);
}

/** What the call does not bring itself, it takes from the message that failed. */
function callConfig({ failureCallback }: FailureCall, { retryDelay }: Effective): MessageConfig {
  return retryDelay === null ? failureCallback.config : { retryDelay, ...failureCallback.config };
}

/** The documented fields of a failure callback, those that the SDKs read (workflow protocol, 9.5), and what failed how often. */
function failureCallBody(call: FailureCall, context: Context) {
  const { deadLetter, source, payload, failure } = call;
  const { message, run } = source;
  const labels = run.labels === null ? null : run.labels.slice(1, -1).split(",");
  return {
    status: deadLetter.responseStatus,
    header: toHeaderMap(parseHeaders(deadLetter.responseHeaders)),
    body: context.toBase64(deadLetter.responseBody ?? new Uint8Array()),
    retried: message.retried,
    maxRetries: message.retries,
    dlqId: deadLetterId({ failedAt: deadLetter.createdAt, key: deadLetter.key }),
    sourceMessageId: messageId(message.key),
    url: run.url,
    method: "POST",
    sourceHeader: toHeaderMap(deliveryHeaders(source)),
    sourceBody: context.toBase64(payload),
    notBefore: message.createdAt,
    createdAt: message.createdAt,
    callerIP: run.callerIp,
    workflowRunId: run.id,
    workflowCreatedAt: run.createdAt,
    workflowUrl: run.url,
    ...(labels === null ? {} : { label: labels[0], labels }),
    failedStep: failedStepOf(failure),
    attempts: toldAttempts(failure.attempts),
  };
}

function parseHeaders(json: string | null): Record<string, string[]> {
  // Written by `JSON.stringify` of an outcome's headers.
  return json === null ? {} : (JSON.parse(json) as Record<string, string[]>);
}

export function decideEndFailureCall(
  {
    message,
    deadLetter,
  }: { readonly message: MessageRow; readonly deadLetter: DeadLetterRow | null },
  command: EndDelivery,
  context: Context,
): Transition<null> {
  const verdict = judgeFailureCall(message, command, context);
  if (verdict.type === "retry") return retry(message, command, verdict);
  const isNewest = deadLetter !== null && deadLetter.callbackMessageKey === message.key;
  return {
    changes: [
      insert("attempts", toAttempt(message, command, verdict)),
      remove("messages", message.key),
      ...(isNewest
        ? [update("deadLetters", deadLetter, withAnswer(deadLetter, command, verdict))]
        : []),
    ],
    effects: [],
    answer: null,
  };
}

function judgeFailureCall(message: MessageRow, command: EndDelivery, context: Context): Verdict {
  const { outcome } = command;
  if (isSuccess(outcome)) return { type: "delivered", error: null, move: "delivered" };
  const retryDelay = parseMessageConfig(message.config).retryDelay ?? null;
  const error = errorText(outcome) ?? "";
  return judgeAttempt({ message, retryDelay, outcome, error }, context.now);
}

function withAnswer(
  deadLetter: DeadLetterRow,
  command: EndDelivery,
  verdict: Verdict,
): DeadLetterRow {
  const response = command.outcome.type === "response" ? command.outcome : null;
  return {
    ...deadLetter,
    callbackState: callbackState(command, verdict),
    callbackResponseStatus: response?.status ?? 0,
    callbackResponseHeaders: response === null ? null : JSON.stringify(response.headers),
    callbackResponseBody: response?.body ?? new TextEncoder().encode(verdict.error ?? ""),
  };
}

/** A 2xx with the "not found" header means that the endpoint has no failure function: then there is no state. */
function callbackState({ outcome }: EndDelivery, verdict: Verdict): CallbackState | null {
  if (verdict.type !== "delivered") return "CALLBACK_FAIL";
  const hasFunction =
    outcome.type !== "response" ||
    responseHeader(outcome, HEADER.failureFunctionNotFound) !== "true";
  return hasFunction ? "CALLBACK_SUCCESS" : null;
}

export interface CallbackCommandState extends RunGates {
  readonly deadLetter: DeadLetterRow | null;
  readonly run: RunRow | null;
  readonly config: RunConfig | null;
  readonly failedMessage: MessageRow | null;
  readonly failedStep: StepRow | null;
  /** Of the answer of a call. */
  readonly failedWait?: WaitRow | null;
  /** The failed message's, in order. */
  readonly attempts?: readonly AttemptRow[];
  readonly initialStep: StepRow | null;
  readonly callbackMessage: MessageRow | null;
}

/** Calls the failure function or URL again, once its own retries are used up. */
export function decideRetryCallback(
  state: CallbackCommandState,
  command: RetryCallback,
  context: Context,
): Transition<RunAnswer> {
  const { deadLetter, run, config, failedMessage, failedStep, initialStep } = state;
  if (deadLetter?.state !== "open" || run === null || config === null || failedMessage === null) {
    throw deadLetterNotFound(command.deadLetterKey);
  }
  const own = parseMessageConfig(failedStep?.config ?? failedMessage.config);
  const settings = { run: config, own };
  const { failureCallback } = settingsOf(failedMessage.kind, settings, context.attemptTimeoutMs);
  if (deadLetter.callbackState !== "CALLBACK_FAIL" || failureCallback === null) {
    throw new RepriseError("callback_not_retryable", {
      message: `the failure callback can be called again only after it has failed; its state is ${deadLetter.callbackState ?? "none"}`,
      details: { state: deadLetter.callbackState },
    });
  }
  const payload = initialStep?.body ?? new Uint8Array();
  const source = { message: failedMessage, run, config, own };
  const book = new GateBook(null, state.flows ?? []);
  const failure = {
    step: failedStep,
    wait: state.failedWait ?? null,
    attempts: state.attempts ?? [],
  };
  const call = createFailureCall(
    { deadLetter, failureCallback, source, payload, book, failure },
    context,
  );
  const after: DeadLetterRow = {
    ...deadLetter,
    callbackState: "CALLBACK_INPROGRESS",
    callbackMessageKey: call.key,
    callbackUrl: call.url,
  };
  return withGates(
    {
      changes: [update("deadLetters", deadLetter, after), insert("messages", call)],
      effects: announce(call),
      answer: runAnswer(run),
    },
    book,
  );
}

/** Ends a failure call that is pending or retrying; an attempt in flight ends by itself and is ignored. */
export function decideCancelCallback(
  { deadLetter, run, callbackMessage, flows }: CallbackCommandState,
  command: CancelCallback,
): Transition<RunAnswer> {
  if (deadLetter?.state !== "open" || run === null) throw deadLetterNotFound(command.deadLetterKey);
  if (deadLetter.callbackState !== "CALLBACK_INPROGRESS") {
    throw new RepriseError("callback_not_in_progress", {
      message: `only a failure callback in progress can be cancelled; its state is ${deadLetter.callbackState ?? "none"}`,
      details: { state: deadLetter.callbackState },
    });
  }
  const after: DeadLetterRow = { ...deadLetter, callbackState: "CALLBACK_CANCELED" };
  const book = new GateBook(null, flows ?? []);
  const end = callbackMessage === null ? unchanged(null) : endCall(callbackMessage, book);
  const changes = [update("deadLetters", deadLetter, after), ...end.changes];
  return withGates({ changes, effects: end.effects, answer: runAnswer(run) }, book);
}

/** An attempt that holds a place in a flow control keeps it until it has ended: the app is still busy with it. */
function endCall(call: MessageRow, book: GateBook): Transition<null> {
  if (call.state === "active" && call.flowControlKey !== null) {
    return {
      changes: [update("messages", call, { ...call, state: "canceling" })],
      effects: [{ type: "recall", messageKey: call.key }],
      answer: null,
    };
  }
  book.leave(call);
  return { changes: [remove("messages", call.key)], effects: [], answer: null };
}
