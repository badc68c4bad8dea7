import { RepriseError } from "@reprise/protocol";
import { dropWaits } from "./answer-wait.ts";
import type { DeleteDeadLetter, HoldDeadLetter } from "./commands.ts";
import { GateBook } from "./gate-book.ts";
import type { Change, DeadLetterRow, DeadLetterState, DeadMessageRow, MessageRow } from "./rows.ts";
import { dropScheduled, type Leftovers } from "./run.ts";
import { type RunGates, withGates } from "./run-gates.ts";
import { type Context, remove, type Transition, unchanged, update } from "./transition.ts";

/** A dead letter is `open` until it is resumed, restarted or deleted, or its time is over; a closed one is history. See docs/state-machines.md#dead-letter. */

export interface DeadLetterCommandState extends RunGates {
  readonly deadLetter: DeadLetterRow | null;
  readonly failedMessage: MessageRow | null;
  /** What the run has left behind for its resume. */
  readonly leftovers: Leftovers;
}

export function decideDeleteDeadLetter(
  { deadLetter, failedMessage, leftovers, flows }: DeadLetterCommandState,
  command: DeleteDeadLetter,
  context: Context,
): Transition<null> {
  if (isSpared(deadLetter, command)) return unchanged(null);
  if (deadLetter?.state !== "open") throw deadLetterNotFound(command.deadLetterKey);
  const state = command.failedBefore === undefined ? "deleted" : "expired";
  const end = { state, nextRunKey: null } as const;
  const book = new GateBook(null, flows ?? []);
  const changes = [
    ...closeDeadLetter(deadLetter, failedMessage, end, context),
    ...dropLeftovers(leftovers, book, context),
  ];
  return withGates({ changes, effects: [], answer: null }, book);
}

/** What retention asks for is decided on the entry as it is now: it may have been handled or held meanwhile. */
export function isSpared(
  entry: Pick<DeadLetterRow | DeadMessageRow, "state" | "createdAt" | "isHeld"> | null,
  { failedBefore }: { readonly failedBefore?: number },
): boolean {
  if (failedBefore === undefined) return false;
  return entry?.state !== "open" || entry.isHeld === 1 || entry.createdAt > failedBefore;
}

export function decideHoldDeadLetter(
  { deadLetter }: Pick<DeadLetterCommandState, "deadLetter">,
  command: HoldDeadLetter,
): Transition<null> {
  if (deadLetter?.state !== "open") throw deadLetterNotFound(command.deadLetterKey);
  const held: DeadLetterRow = { ...deadLetter, isHeld: command.isHeld ? 1 : 0 };
  return { changes: [update("deadLetters", deadLetter, held)], effects: [], answer: null };
}

/** Nobody will resume the run: its calls that have not begun do not begin, and its waits are over. */
export function dropLeftovers(
  leftovers: Leftovers,
  book: GateBook,
  context: Context,
): readonly Change[] {
  return [...dropScheduled(leftovers.openMessages, book), ...dropWaits(leftovers, context)];
}

/** Takes the entry out of the queue, together with the failed message that it kept. */
export function closeDeadLetter(
  deadLetter: DeadLetterRow,
  failedMessage: MessageRow | null,
  end: { readonly state: DeadLetterState; readonly nextRunKey: number | null },
  context: Context,
): readonly Change[] {
  return [
    update("deadLetters", deadLetter, { ...deadLetter, ...end, closedAt: context.now }),
    ...(failedMessage === null ? [] : [remove("messages", failedMessage.key)]),
  ];
}

export function deadLetterNotFound(key: number): RepriseError {
  return new RepriseError("dead_letter_not_found", {
    message:
      "there is no such dead letter; it may have been resumed, restarted or deleted, or its time is over",
    details: { key },
  });
}
