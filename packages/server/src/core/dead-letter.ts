import { RepriseError } from "@reprise/protocol";
import type { DeleteDeadLetter } from "./commands.ts";
import type { Change, DeadLetterRow, DeadLetterState, MessageRow } from "./rows.ts";
import { type Context, remove, type Transition, update } from "./transition.ts";

/** A dead letter is `open` until it is resumed, restarted or deleted; a closed one is history. See docs/state-machines.md#dead-letter. */

export interface DeadLetterCommandState {
  readonly deadLetter: DeadLetterRow | null;
  readonly failedMessage: MessageRow | null;
}

export function decideDeleteDeadLetter(
  { deadLetter, failedMessage }: DeadLetterCommandState,
  command: DeleteDeadLetter,
  context: Context,
): Transition<null> {
  if (deadLetter?.state !== "open") throw deadLetterNotFound(command.deadLetterKey);
  return {
    changes: closeDeadLetter(
      deadLetter,
      failedMessage,
      { state: "deleted", nextRunKey: null },
      context,
    ),
    effects: [],
    answer: null,
  };
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
    message: "there is no such dead letter; it may have been resumed, restarted or deleted",
    details: { key },
  });
}
