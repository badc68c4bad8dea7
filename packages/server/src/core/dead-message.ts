import { deadLetterId, RepriseError } from "@reprise/protocol";
import type { DeleteDeadMessage, HoldDeadMessage, RetryDeadMessage } from "./commands.ts";
import { isSpared } from "./dead-letter.ts";
import { type Envelope, type EnvelopeOverrides, parseEnvelope } from "./envelope.ts";
import type { GateBook } from "./gate-book.ts";
import { Acceptance } from "./publish.ts";
import type { DeadMessageRow, EnvelopeRow } from "./rows.ts";
import { type Context, type Transition, unchanged, update } from "./transition.ts";

/** What people do with a message whose retries are used up. See docs/state-machines.md#dead-message. */

export interface DeadMessageState {
  /** Null when there is no such row. */
  readonly deadMessage: DeadMessageRow | null;
}

export interface RetryState extends DeadMessageState {
  readonly envelopeRow: EnvelopeRow | null;
  /** Those that the new message names. */
  readonly gates: GateBook;
}

/**
 * Sends a dead message again, as a new message with a new id and all its attempts, and closes the entry. It joins its queue at
 * the end. Its deduplication id is not claimed again: whoever retries by hand wants a second delivery.
 */
export function decideRetryDeadMessage(
  { deadMessage, envelopeRow, gates }: RetryState,
  command: RetryDeadMessage,
  context: Context,
): Transition<{ readonly messageKey: number }> {
  if (!isOpen(deadMessage) || envelopeRow === null) throw notFound(deadMessage, command);
  const stored = parseEnvelope(envelopeRow.config);
  const envelope = retryEnvelope(stored, command.overrides);
  const kind = stored.callbackOf === undefined ? "plain" : "callback";
  const acceptance = new Acceptance(gates, context);
  const { url, body } = envelopeRow;
  const messageKey = acceptance.accept({ url, envelope, body }, kind);
  const accepted = acceptance.finish();
  return {
    changes: [
      ...accepted.changes,
      update("deadMessages", deadMessage, {
        ...deadMessage,
        state: "retried",
        closedAt: context.now,
        nextMessageKey: messageKey,
      }),
    ],
    effects: accepted.effects,
    answer: { messageKey },
  };
}

/** The envelope of the message that a retry makes. */
export function retryEnvelope(stored: Envelope, overrides: EnvelopeOverrides): Envelope {
  if (stored.callbackOf === undefined) return { ...stored, ...overrides };
  // A report is not reported about, and the place in the queue that it shared was given back when it failed.
  const { callback, failureCallback, ...others } = overrides;
  const { queueName, ...report } = stored;
  return { ...report, ...others };
}

export function decideDeleteDeadMessage(
  { deadMessage }: DeadMessageState,
  command: DeleteDeadMessage,
  context: Context,
): Transition<null> {
  if (isSpared(deadMessage, command)) return unchanged(null);
  if (!isOpen(deadMessage)) throw notFound(deadMessage, command);
  const state = command.failedBefore === undefined ? "deleted" : "expired";
  const closed: DeadMessageRow = { ...deadMessage, state, closedAt: context.now };
  return { changes: [update("deadMessages", deadMessage, closed)], effects: [], answer: null };
}

export function decideHoldDeadMessage(
  { deadMessage }: DeadMessageState,
  command: HoldDeadMessage,
): Transition<null> {
  if (!isOpen(deadMessage)) throw notFound(deadMessage, command);
  const held: DeadMessageRow = { ...deadMessage, isHeld: command.isHeld ? 1 : 0 };
  return { changes: [update("deadMessages", deadMessage, held)], effects: [], answer: null };
}

function isOpen(deadMessage: DeadMessageRow | null): deadMessage is DeadMessageRow {
  return deadMessage?.state === "open";
}

function notFound(
  deadMessage: DeadMessageRow | null,
  { deadMessageKey }: { readonly deadMessageKey: number },
): RepriseError {
  const name =
    deadMessage === null
      ? "such dead message"
      : `dead message ${deadLetterId({ failedAt: deadMessage.createdAt, key: deadMessage.key })}`;
  return new RepriseError("dead_letter_not_found", {
    message: `there is no ${name} any more; it has been retried or deleted, or its time is over`,
    details: { key: deadMessageKey },
  });
}
