import type { Command } from "../core/commands.ts";
import { handlerOf } from "./handlers.ts";
import { ifReadable } from "./load.ts";
import type { WorkingSet } from "./working-set.ts";

/** The outcome of a message with two callbacks draws most: log and dead letter, and of each callback itself, log, place and gate. */
const KEYS_PER_COMMAND = 10;

/** An upper bound of the keys that the commands can draw. */
export function keysNeeded(commands: readonly Command[], work: WorkingSet): number {
  let count = 0;
  for (const command of commands) {
    const handler = handlerOf(command);
    ifReadable(() => {
      count += handler === null ? KEYS_PER_COMMAND : handler.keysNeeded(command, work);
    });
    if (command.type !== "reviveRun") continue;
    const deadLetter = work.peek("deadLetters", command.deadLetterKey);
    if (deadLetter === null) continue;
    // The copies, a first contact, and the places in line of those that are open.
    count += 3 * work.allSteps(deadLetter.runKey).length;
    count += 3 * work.group("waitsOfRun", deadLetter.runKey).length;
  }
  return count;
}
