import { deadLetterId } from "@reprise/protocol";
import { createCallbacks } from "./callback.ts";
import type { CancelMessage, EndDelivery } from "./commands.ts";
import { errorText } from "./end-delivery.ts";
import type { Envelope } from "./envelope.ts";
import { kindOfFailure } from "./failure.ts";
import { GateBook } from "./gate-book.ts";
import { type Gates, gateChanges, leaveGates, leaveQueue, openings } from "./gates.ts";
import { isCurrentAttempt, scheduleRetry } from "./message.ts";
import { type AttemptEnd, logAttempt, logMoment } from "./message-log.ts";
import { isSuccess } from "./outcome.ts";
import { Acceptance } from "./publish.ts";
import { nextAttempt } from "./retry-schedule.ts";
import type { DeadMessageRow, EnvelopeRow, FlowControlRow, MessageRow } from "./rows.ts";
import { type Context, insert, remove, type Transition, unchanged, update } from "./transition.ts";

/** What becomes of a message with an envelope: its attempts end, or it is cancelled. See docs/state-machines.md#published-message. */

export interface EndMessageState extends MessageCommandState {
  readonly message: MessageRow;
  /** Loaded when the attempt failed or somebody wants to hear of it. */
  readonly envelopeRow: EnvelopeRow | null;
  readonly envelope: Envelope | null;
  /** Flow controls that its callbacks name. */
  readonly callbackFlows: readonly (FlowControlRow | null)[];
}

/** Whether the decision needs the envelope: everything but an unobserved success does. */
export function needsEnvelope(message: MessageRow, command: EndDelivery): boolean {
  return message.hasCallback === 1 || !isSuccess(command.outcome);
}

export function decideEndMessage(
  state: EndMessageState,
  command: EndDelivery,
  context: Context,
): Transition<null> {
  const { message, gates } = state;
  if (!isCurrentAttempt(message, command.leaseToken)) return unchanged(null);
  const book = new GateBook(gates.queue, [...state.callbackFlows, gates.flow]);
  book.put(leaveGates(message, gates));
  const ending = { ...state, book, command };
  if (isSuccess(command.outcome)) {
    const end = { moment: "delivered", error: null, move: "delivered", nextAt: null } as const;
    return finish(ending, end, context);
  }
  const error = errorText(command.outcome) ?? "";
  if (message.state === "canceling") {
    const move = "cancelled: no further attempt";
    return finish(ending, { moment: "canceledLate", error, move, nextAt: null }, context);
  }
  const next = nextAttempt({
    now: context.now,
    retried: message.retried,
    retries: message.retries,
    retryDelay: state.envelope?.retryDelay ?? null,
    outcome: command.outcome,
  });
  return next.type === "retry"
    ? retryLater(ending, { moment: "retry", error, move: next.reason, nextAt: next.dueAt }, context)
    : finish(ending, { moment: "failed", error, move: next.reason, nextAt: null }, context);
}

interface Ending extends EndMessageState {
  readonly book: GateBook;
  readonly command: EndDelivery;
}

function retryLater(
  ending: Ending,
  end: AttemptEnd & { readonly nextAt: number },
  context: Context,
): Transition<null> {
  const { message, command, book } = ending;
  const acceptance = new Acceptance(book, context);
  createCallbacks({ ...ending, acceptance, dlqId: null }, context);
  const accepted = acceptance.finish();
  return {
    changes: [
      logAttempt(message, command, end, context),
      update("messages", message, scheduleRetry(message, end.nextAt)),
      ...accepted.changes,
    ],
    effects: [...accepted.effects, { type: "wake", dueAt: end.nextAt }],
    answer: null,
  };
}

/** The last attempt: the message is gone; a failed one leaves a dead letter, in the same transaction. */
function finish(ending: Ending, end: AttemptEnd, context: Context): Transition<null> {
  const { message, command, book, sharers } = ending;
  const dead = end.moment === "failed" ? toDeadMessage(ending, end, context) : null;
  const dlqId = dead === null ? null : deadLetterId({ failedAt: dead.createdAt, key: dead.key });
  const acceptance = new Acceptance(book, context);
  const isReported = end.moment !== "canceledLate";
  const reports = isReported ? createCallbacks({ ...ending, acceptance, dlqId }, context) : 0;
  if (reports === 0) {
    book.put(passPlace(message, sharers, { queue: book.queue, flow: null }));
  }
  const accepted = acceptance.finish();
  return {
    changes: [
      logAttempt(message, command, end, context),
      remove("messages", message.key),
      ...(dead === null ? [] : [insert("deadMessages", dead)]),
      ...accepted.changes,
    ],
    effects: accepted.effects,
    answer: null,
  };
}

/** The place in the queue is free once nobody shares it any more. */
function passPlace(message: MessageRow, sharers: readonly MessageRow[], gates: Gates): Gates {
  const isShared = sharers.some((other) => other.key !== message.key);
  return message.ticketKey === null || isShared ? gates : leaveQueue(gates);
}

function toDeadMessage(
  { message, envelope, command }: Ending,
  end: AttemptEnd,
  context: Context,
): DeadMessageRow {
  const { outcome } = command;
  const response = outcome.type === "response" ? outcome : null;
  const responseHeaders = response === null ? null : JSON.stringify(response.headers);
  const reason = end.error ?? end.move;
  const errorCause = outcome.type === "error" ? outcome.cause : null;
  const { failureCause, failureText, groupId } = kindOfFailure(
    {
      url: message.url,
      isWorkflow: false,
      stepName: null,
      status: response?.status ?? 0,
      headers: responseHeaders,
      body: response?.body ?? null,
      reason,
      errorCause,
    },
    context.sha256,
  );
  return {
    key: context.newKey(),
    state: "open",
    messageKey: message.key,
    createdAt: context.now,
    closedAt: null,
    nextMessageKey: null,
    url: message.url,
    labels: message.labels,
    queueName: message.queueName,
    flowControlKey: message.flowControlKey,
    topicName: message.topicName,
    scheduleId: message.scheduleId,
    callerIp: message.callerIp ?? envelope?.callerIp ?? "",
    responseStatus: response?.status ?? 0,
    responseHeaders,
    responseBody: response?.body ?? null,
    isTruncated: response?.isTruncated === true ? 1 : 0,
    reason,
    cause: errorCause,
    isHeld: 0,
    failureCause,
    groupId,
    failureText,
  };
}

export interface MessageCommandState {
  /** Null when there is no such open message. */
  readonly message: MessageRow | null;
  readonly gates: Gates;
  readonly sharers: readonly MessageRow[];
}

/** A cancelled message starts no further attempt; one in flight ends by itself. It gets no dead letter and no failure callback. */
export function decideCancelMessage(
  state: MessageCommandState,
  _command: CancelMessage,
  context: Context,
): Transition<{ readonly wasOpen: boolean; readonly isNew: boolean }> {
  const { message, gates } = state;
  if (message === null || !hasEnvelope(message)) return unchanged({ wasOpen: false, isNew: false });
  if (message.state === "canceling") return unchanged({ wasOpen: true, isNew: false });
  if (message.state === "active") {
    return {
      changes: [
        update("messages", message, { ...message, state: "canceling" }),
        logMoment(message, "cancelRequested", context),
      ],
      effects: [{ type: "recall", messageKey: message.key }],
      answer: { wasOpen: true, isNew: true },
    };
  }
  const after = passPlace(message, state.sharers, leaveGates(message, gates));
  return {
    changes: [
      ...gateChanges(gates, after),
      remove("messages", message.key),
      logMoment(message, "canceled", context),
    ],
    effects: openings(gates, after),
    answer: { wasOpen: true, isNew: true },
  };
}

/** A cancelled message whose attempt was never made, or was cut off. */
export function endCanceled(
  state: MessageCommandState & { readonly message: MessageRow },
  counted: Gates,
  context: Context,
): Transition<null> {
  const { message, gates, sharers } = state;
  const after = passPlace(message, sharers, leaveGates(message, counted));
  return {
    changes: [
      ...gateChanges(gates, after),
      remove("messages", message.key),
      logMoment(message, "canceledLate", context, { error: "the attempt was not finished" }),
    ],
    effects: openings(gates, after),
    answer: null,
  };
}

/** Whether the message has no run. */
export function hasEnvelope(message: MessageRow): boolean {
  return message.kind === "plain" || message.kind === "callback";
}
