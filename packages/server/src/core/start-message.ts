import type { StartDelivery } from "./commands.ts";
import { endCanceled } from "./end-message.ts";
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

function toTransition(
  { message, gates }: StartMessageState,
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
