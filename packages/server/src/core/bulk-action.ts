import { RepriseError } from "@reprise/protocol";
import type { AdvanceBulkAction, StartBulkAction } from "./commands.ts";
import { hasEnvelope } from "./end-message.ts";
import type { BulkActionRow, MessageRow } from "./rows.ts";
import { type Context, insert, type Transition, update } from "./transition.ts";

/**
 * A cancel of all messages that match, chunk by chunk. How far it has come is written in the transaction that cancels a chunk, so
 * that it goes on behind the last one after a restart, and counts nothing twice. It goes from the newest message to the oldest, and
 * begins below the key that it is given: messages that are accepted later stay.
 */

export function decideStartBulkAction(
  { kind, filter, total, afterKey }: StartBulkAction,
  context: Context,
): Transition<BulkActionRow> {
  const isEmpty = total === 0;
  const action: BulkActionRow = {
    key: context.newKey(),
    kind,
    state: isEmpty ? "finished" : "inProgress",
    createdAt: context.now,
    completedAt: isEmpty ? context.now : null,
    filter,
    total,
    processed: 0,
    afterKey,
  };
  return { changes: [insert("bulkActions", action)], effects: [], answer: action };
}

export interface AdvanceState {
  /** Null when there is no such row. */
  readonly action: BulkActionRow | null;
  /** The messages of the chunk, as they are before it; null for those that have ended meanwhile. */
  readonly messages: readonly (MessageRow | null)[];
}

/** Comes before the cancels of its chunk: what it finds open is what they are about to change. */
export function decideAdvanceBulkAction(
  { action, messages }: AdvanceState,
  command: AdvanceBulkAction,
  context: Context,
): Transition<BulkActionRow> {
  if (action?.state !== "inProgress" || action.afterKey !== command.fromKey) {
    throw new RepriseError("bulk_action_not_found", {
      message: "the bulk action is not where this chunk begins",
      details: { key: command.actionKey },
    });
  }
  const advanced: BulkActionRow = {
    ...action,
    ...(command.isLast ? { state: "finished", completedAt: context.now } : {}),
    processed: action.processed + messages.filter(isCancelable).length,
    afterKey: command.afterKey,
  };
  return { changes: [update("bulkActions", action, advanced)], effects: [], answer: advanced };
}

function isCancelable(message: MessageRow | null): boolean {
  return message !== null && hasEnvelope(message) && message.state !== "canceling";
}
