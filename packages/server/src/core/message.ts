import type { MessageRow } from "./rows.ts";
import { ATTEMPTS_PER_MESSAGE_MAX } from "./rows.ts";
import type { Context } from "./transition.ts";

/**
 * The lifecycle of a message: `scheduled` -> `active` -> gone (delivered), back to `scheduled` (retry) or `failed`.
 * See docs/state-machines.md#message.
 */

/** Time after an attempt's own limit in which its outcome may still be recorded before the lease ends. */
const LEASE_MARGIN_MS = 60_000;

/** A message that holds no place, waits in no line, and is found by its run alone. */
export const noPlaces = {
  gate: null,
  waitOrder: null,
  queueName: null,
  ticketKey: null,
  flowControlKey: null,
  hasCallback: 0,
  labels: null,
  topicName: null,
  scheduleId: null,
  callerIp: null,
  waitKey: null,
  nodeKey: null,
} as const satisfies Partial<MessageRow>;

export type NewMessage = Omit<
  MessageRow,
  "state" | "leaseToken" | "retried" | keyof typeof noPlaces
>;

/** A new message: `active` when it is due at once, so that no second transaction has to find it; else `scheduled`. */
export function createMessage(
  fields: NewMessage,
  { nodeKey, attemptTimeoutMs }: Pick<Context, "nodeKey" | "attemptTimeoutMs">,
): MessageRow {
  const message: MessageRow = {
    ...fields,
    ...noPlaces,
    state: "scheduled",
    leaseToken: 0,
    retried: 0,
  };
  return fields.dueAt <= fields.createdAt
    ? startAttempt(message, { now: fields.createdAt, nodeKey, attemptTimeoutMs })
    : message;
}

/** Takes the message for one attempt. The lease token fences every outcome of an earlier attempt. */
export function startAttempt(
  message: MessageRow,
  { now, nodeKey, attemptTimeoutMs }: Pick<Context, "now" | "nodeKey" | "attemptTimeoutMs">,
): MessageRow {
  return {
    ...message,
    state: "active",
    leaseToken: message.leaseToken + 1,
    nodeKey,
    dueAt: now + attemptTimeoutMs + LEASE_MARGIN_MS,
  };
}

/** Whether it holds a place that somebody else may be waiting for. */
export function isGated({ ticketKey, flowControlKey }: MessageRow): boolean {
  return ticketKey !== null || flowControlKey !== null;
}

/** When the attempt that is in flight began. */
export function attemptStartedAt({ dueAt }: MessageRow, attemptTimeoutMs: number): number {
  return dueAt - attemptTimeoutMs - LEASE_MARGIN_MS;
}

/** Whether an outcome that carries `leaseToken` still speaks for this message. */
export function isCurrentAttempt(message: MessageRow | null, leaseToken: number): boolean {
  const isInFlight = message?.state === "active" || message?.state === "canceling";
  return isInFlight && message.leaseToken === leaseToken;
}

/** Puts the message back until `dueAt`, one failed attempt richer. */
export function scheduleRetry(message: MessageRow, dueAt: number): MessageRow {
  return { ...message, state: "scheduled", nodeKey: null, retried: message.retried + 1, dueAt };
}

/** Keeps the message for the dead letter that refers to it. */
export function failMessage(message: MessageRow): MessageRow {
  return { ...message, state: "failed", nodeKey: null };
}

/** Key of the attempt that `message` is in; attempts of one message are neighbours. */
export function attemptKey(message: MessageRow): number {
  return (
    message.key * ATTEMPTS_PER_MESSAGE_MAX + Math.min(message.retried, ATTEMPTS_PER_MESSAGE_MAX - 1)
  );
}
