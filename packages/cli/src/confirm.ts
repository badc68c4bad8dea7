import type { Command } from "commander";
import { failure, usageFault } from "./fault.ts";
import type { Terminal } from "./terminal.ts";
import { oneLine } from "./text.ts";

export interface SureOption {
  readonly yes?: true;
}

export function addSureOption(command: Command): Command {
  return command.option("--yes", "ask nothing");
}

/**
 * Has a person agree to `what`, as in "delete 3 dead letters".
 * @throws CommanderError when nobody can be asked (exit code 2), or when the answer is no (exit code 1).
 */
export async function confirm(
  what: string,
  { yes }: SureOption,
  terminal: Terminal,
): Promise<void> {
  if (yes === true) return;
  const shown = oneLine(what);
  if (!terminal.isInteractive) {
    throw usageFault(`this would ${shown}; add --yes to do it without a question`);
  }
  const answer = await terminal.ask(`${shown}? [y/N] `);
  if (!/^y(es)?$/i.test(answer.trim())) throw failure("nothing was changed");
}
