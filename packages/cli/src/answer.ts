// What a command prints when the API has answered: text for people, or with --json the answer itself.

import type { Command } from "commander";
import { note, printJson, printLine, type Terminal } from "./terminal.ts";
import { plural } from "./text.ts";

export interface JsonOption {
  readonly json?: true;
}

export function addJsonOption(command: Command): Command {
  return command.option("--json", "print the answer of the API");
}

/** Prints one thing. */
export function printAnswer<T>(
  answer: T,
  { json }: JsonOption,
  format: (answer: T) => string,
  terminal: Terminal,
): void {
  if (json === true) printJson(terminal, answer);
  else printLine(terminal, format(answer));
}

/** Prints a list; how many there are is a remark beside it. */
export function printList<T>(
  items: readonly T[],
  { json, noun, hasMore }: JsonOption & { readonly noun: string; readonly hasMore?: boolean },
  format: (items: readonly T[]) => string,
  terminal: Terminal,
): void {
  if (json === true) printJson(terminal, items);
  else if (items.length > 0) printLine(terminal, format(items));
  const more = hasMore === true ? "; there are more, see --limit" : "";
  note(terminal, `${plural(items.length, noun)}${more}`);
}

/** Says that something was done; with --json the answer is the only output that a program reads. */
export function printDone(
  answer: unknown,
  { json }: JsonOption,
  text: string,
  terminal: Terminal,
): void {
  if (json === true) printJson(terminal, answer);
  note(terminal, text);
}
