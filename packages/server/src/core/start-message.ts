import { RepriseError } from "@reprise/protocol";
import type { ReleaseMessage, StartDelivery } from "./commands.ts";
import { endCanceled, hasEnvelope, type MessageCommandState } from "./end-message.ts";
import {
  type Entry,
  enter,
  type Gates,
  gateChanges,
  openings,
  reenter,
  withoutStart,
} from "./gates.ts";
import { logMoment } from "./message-log.ts";
import type { MessageRow } from "./rows.ts";
import { deliverOrWake } from "./start-run.ts";
import { type Context, type Transition, unchanged, update } from "./transition.ts";

export interface StartMessageState {
  readonly message: MessageRow;
  readonly gates: Gates;
  /** Open messages that share the place in the queue, this one included. */
  readonly sharers: readonly MessageRow[];
}

/**
 * Starts an attempt of a message with an envelope: it is due, it is the next in a line, or nobody makes the attempt that it is in.
 * Such an orphan is tried again under the same number, because nobody knows whether the last try counted.
 */
export function decideStartMessage(
  state: StartMessageState,
  command: StartDelivery,
  context: Context,
): Transition<null> {
  const { message, gates } = state;
  if (message.state === "scheduled" && message.dueAt > context.now) {
    return { changes: [], effects: [{ type: "wake", dueAt: message.dueAt }], answer: null };
  }
  const isInFlight = message.state === "active" || message.state === "canceling";
  if (isInFlight && !command.isOrphan) return unchanged(null);
  const counted = withoutStart(gates, command.unusedUntil);
  if (message.state === "canceling") return endCanceled(state, counted, context);
  const pass = message.state === "active" ? reenter : enter;
  return toTransition(state, pass(message, counted, context), context);
}

/** Ends the wait for a delay or a retry; the count of attempts goes on as it was. */
export function decideReleaseMessage(
  { message, gates }: MessageCommandState,
  command: ReleaseMessage,
  context: Context,
): Transition<null> {
  if (message === null || message.state !== "scheduled" || !hasEnvelope(message)) {
    throw new RepriseError("message_not_found", {
      message: "there is no such message that waits for its delay or for a retry",
      details: { key: command.messageKey },
    });
  }
  if (message.queueName !== null) {
    throw new RepriseError("invalid_request", {
      message: `the message is in the queue ${message.queueName}, which decides when its turn comes; only messages outside queues can be sent now`,
    });
  }
  const entry = enter({ ...message, dueAt: context.now }, gates, context);
  return toTransition({ message, gates }, entry, context);
}

function toTransition(
  { message, gates }: Pick<StartMessageState, "message" | "gates">,
  entry: Entry,
  context: Context,
): Transition<null> {
  const isActive = entry.message.state === "active";
  const isMoved = entry.message !== message;
  return {
    changes: [
      ...gateChanges(gates, entry.gates),
      ...(isMoved ? [update("messages", message, entry.message)] : []),
      ...(isActive ? [logMoment(entry.message, "active", context)] : []),
    ],
    effects: [...(isActive ? [deliverOrWake(entry.message)] : []), ...openings(gates, entry.gates)],
    answer: null,
  };
}
