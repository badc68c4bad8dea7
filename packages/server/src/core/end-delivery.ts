import { HEADER } from "@reprise/protocol";
import type { Recipient } from "./answer-wait.ts";
import { toAttempt } from "./attempt.ts";
import { decideEndCall } from "./call.ts";
import type { EndDelivery } from "./commands.ts";
import { isOffered } from "./delivery.ts";
import { NOT_A_WORKFLOW, NOT_FROM_SDK, NOT_TRIGGERED, SDK_TOO_OLD } from "./delivery-faults.ts";
import { failRun } from "./fail-run.ts";
import { decideEndFailureCall } from "./failure-call.ts";
import { GateBook } from "./gate-book.ts";
import { isCurrentAttempt, scheduleRetry } from "./message.ts";
import {
  isSuccess,
  type Outcome,
  type ResponseOutcome,
  responseHeader,
  retriesSaid,
} from "./outcome.ts";
import { isFinal, nextAttempt } from "./retry-schedule.ts";
import type { AttemptRow, DeadLetterRow, MessageRow, RunRow, StepRow } from "./rows.ts";
import { parseMessageConfig, type RunConfig, settingsOf } from "./run-config.ts";
import { type RunGates, withGates } from "./run-gates.ts";
import { STATUS_TEXT } from "./status-text.ts";
import { type Context, insert, remove, type Transition, unchanged, update } from "./transition.ts";
import type { WaitRow } from "./wait-rows.ts";

export interface EndDeliveryState extends RunGates {
  readonly message: MessageRow | null;
  readonly run: RunRow | null;
  readonly config: RunConfig | null;
  /** The record that a `step` message delivers. */
  readonly step: StepRow | null;
  /** True when the work of this delivery has been accepted already. */
  readonly hasContinuation: boolean;
  /** Of a call and its result. */
  readonly wait: WaitRow | null;
  /** The run's messages that are not delivered yet, this one included. Loaded when the outcome may end the run. */
  readonly openMessages: readonly MessageRow[];
  /** The step that has invoked this run. Loaded when the outcome may end the run. */
  readonly invoker: Recipient | null;
  /** The run's first record. Loaded when the outcome may end the run. */
  readonly initialStep: StepRow | null;
  /** Of the message, in order, for a failure call to tell, when there are some. Loaded when the outcome may end the run. */
  readonly attempts?: readonly AttemptRow[];
  /** The run's, for a call; for a `failureCall` the one that it reports about. */
  readonly deadLetter: DeadLetterRow | null;
}

/** A message of a run that is alive, together with what belongs to it. */
export interface LiveDelivery {
  readonly message: MessageRow;
  readonly run: RunRow;
  readonly config: RunConfig;
  readonly state: EndDeliveryState;
  readonly command: EndDelivery;
  readonly book: GateBook;
}

/** What became of an attempt. `move` is the sentence that people read. */
export type Verdict =
  | { readonly type: "delivered"; readonly error: string | null; readonly move: string }
  | {
      readonly type: "retry";
      readonly error: string;
      readonly dueAt: number;
      readonly move: string;
    }
  | { readonly type: "failed"; readonly error: string; readonly move: string };

/** Whether the decision needs more than the message: everything but the success of a later step does. */
export function needsRun(message: MessageRow, outcome: Outcome): boolean {
  if (!isSuccess(outcome)) return true;
  if (message.kind === "callResult") return !isFromSdk(outcome);
  return message.kind !== "step" || message.stepPosition === 0 || !isFromSdk(outcome);
}

/** Whether the outcome may end the run, so that everything that stands open has to be known. Not while a retry is left. */
export function mayFailRun(message: MessageRow, outcome: Outcome): boolean {
  if (message.kind === "call" || message.kind === "failureCall") return false;
  if (!needsRun(message, outcome)) return false;
  return isSuccess(outcome) || isFinal(outcome) || message.retried >= retriesOf(message, outcome);
}

/** The retries of the message, unless the app has said how many the step has that failed. */
export function retriesOf(message: MessageRow, outcome: Outcome): number {
  return (isOffered(message) ? retriesSaid(outcome) : null) ?? message.retries;
}

/** Every answer of an SDK says so; a tunnel's page, a proxy and another app do not. */
function isFromSdk(outcome: ResponseOutcome): boolean {
  return responseHeader(outcome, HEADER.workflowSdkVersion) !== null;
}

/** Decides what an attempt's outcome means for its message and its run. See docs/state-machines.md#message. */
export function decideEndDelivery(
  state: EndDeliveryState,
  command: EndDelivery,
  context: Context,
): Transition<null> {
  const { message } = state;
  if (message === null || !isCurrentAttempt(message, command.leaseToken)) return unchanged(null);
  const book = new GateBook(null, state.flows ?? []);
  book.leave(message);
  return withGates(endAttempt({ ...state, message, book }, command, context), book);
}

interface EndedAttempt extends EndDeliveryState {
  readonly message: MessageRow;
  readonly book: GateBook;
}

function endAttempt(state: EndedAttempt, command: EndDelivery, context: Context): Transition<null> {
  const { message, run, config, deadLetter, book } = state;
  if (message.state === "canceling") {
    const error = errorText(command.outcome);
    return settle(message, command, { type: "delivered", error, move: "cancelled meanwhile" });
  }
  if (message.kind === "failureCall") {
    return decideEndFailureCall({ message, deadLetter }, command, context);
  }
  if (message.kind === "call") {
    return decideEndCall({ ...state, message, book }, command, context);
  }
  if (!needsRun(message, command.outcome)) {
    return settle(message, command, { type: "delivered", error: null, move: "delivered" });
  }
  if (run === null || config === null || run.state !== "started") {
    const error = errorText(command.outcome);
    return settle(message, command, {
      type: "delivered",
      error,
      move: "the run had ended already",
    });
  }
  const delivery: LiveDelivery = { message, run, config, state, command, book };
  const verdict = judge(delivery, context);
  switch (verdict.type) {
    case "delivered":
      return settle(message, command, verdict);
    case "retry":
      return retry(message, command, verdict);
    case "failed":
      return failRun(delivery, verdict, context);
  }
}

function judge(delivery: LiveDelivery, context: Context): Verdict {
  const { message, state, command } = delivery;
  const { outcome } = command;
  // A success behind the first record has been settled without a look at the run.
  if (isSuccess(outcome)) {
    const fault = firstDeliveryFault(delivery);
    if (fault !== null) return { type: "failed", error: fault, move: `failed: ${fault}` };
    if (isSilentStall(delivery)) return judgeFailure(delivery, NOT_FROM_SDK, context);
    if (message.kind === "hop" && delivery.config.hop === "pending") {
      return judgeFailure(delivery, NOT_TRIGGERED, context);
    }
    return { type: "delivered", error: null, move: "delivered" };
  }
  const error = errorText(outcome) ?? "";
  // A hop has done its work once the SDK has triggered again.
  const isHopDone = message.kind === "hop" && delivery.config.hop === "done";
  if (state.hasContinuation || isHopDone) {
    return {
      type: "delivered",
      error,
      move: "delivered: its continuation had been accepted before the answer",
    };
  }
  return judgeFailure(delivery, error, context);
}

function judgeFailure(
  { message, config, state, command }: LiveDelivery,
  error: string,
  context: Context,
): Verdict {
  const own = parseMessageConfig(state.step?.config ?? message.config);
  const settings = { run: config, own };
  const { retryDelay } = settingsOf(message.kind, settings, context.attemptTimeoutMs);
  return judgeAttempt({ message, retryDelay, outcome: command.outcome, error }, context.now);
}

/** Retry or failure of one failed attempt, by the message's own budget. */
export function judgeAttempt(
  attempt: {
    readonly message: MessageRow;
    readonly retryDelay: string | null;
    readonly outcome: Outcome;
    readonly error: string;
  },
  now: number,
): Verdict {
  const { message, retryDelay, outcome, error } = attempt;
  const { retried } = message;
  const retries = retriesOf(message, outcome);
  const next = nextAttempt({ now, retried, retries, retryDelay, outcome });
  return next.type === "retry"
    ? { type: "retry", error, dueAt: next.dueAt, move: next.reason }
    : { type: "failed", error, move: next.reason };
}

/** A success behind which nothing follows, from somebody who is no SDK: left at that, the run would hang for ever. */
function isSilentStall({ config, command, message, state }: LiveDelivery): boolean {
  const { outcome } = command;
  const isLater =
    message.kind === "callResult" || (message.kind === "step" && message.stepPosition !== 0);
  return (
    isLater &&
    config.isDetecting &&
    isSuccess(outcome) &&
    !isFromSdk(outcome) &&
    !state.hasContinuation
  );
}

/** What is wrong with the first 2xx of a run: it must come from a workflow, and over REST from a new enough SDK. */
function firstDeliveryFault({ config, command, message }: LiveDelivery): string | null {
  const { outcome } = command;
  if (outcome.type !== "response" || message.stepPosition !== 0) return null;
  if (config.requiresSdkHeader && !(message.kind === "hop" && config.hop === "done")) {
    const version = responseHeader(outcome, HEADER.workflowSdk);
    if (version !== null || responseHeader(outcome, HEADER.workflowSdkVersion) !== null) {
      return isVersionOne(version) ? null : SDK_TOO_OLD;
    }
  }
  if (config.isDetecting && responseHeader(outcome, HEADER.workflowSdkVersion) === null) {
    return NOT_A_WORKFLOW;
  }
  return null;
}

function isVersionOne(version: string | null): boolean {
  const major = /^v?(\d{1,6})\./.exec(version ?? "")?.[1];
  return major !== undefined && Number(major) >= 1;
}

/** The attempt is recorded and the message is done. */
export function settle(
  message: MessageRow,
  command: EndDelivery,
  verdict: Verdict,
): Transition<null> {
  return {
    changes: [
      insert("attempts", toAttempt(message, command, verdict)),
      remove("messages", message.key),
    ],
    effects: [],
    answer: null,
  };
}

/** The attempt is recorded and the message waits for the next one. */
export function retry(
  message: MessageRow,
  command: EndDelivery,
  verdict: Verdict & { readonly type: "retry" },
): Transition<null> {
  return {
    changes: [
      insert("attempts", toAttempt(message, command, verdict)),
      update("messages", message, {
        ...scheduleRetry(message, verdict.dueAt),
        retries: retriesOf(message, command.outcome),
      }),
    ],
    effects: [{ type: "wake", dueAt: verdict.dueAt }],
    answer: null,
  };
}

/** `500 Internal Server Error`, or what went wrong before a response arrived; null for a 2xx. */
export function errorText(outcome: Outcome): string | null {
  if (outcome.type === "error") return outcome.message;
  if (outcome.refusal !== undefined) return outcome.refusal;
  if (outcome.status >= 200 && outcome.status < 300) return null;
  const text = STATUS_TEXT[outcome.status];
  return text === undefined ? String(outcome.status) : `${outcome.status} ${text}`;
}
