import { type Command, InvalidArgumentError } from "commander";

const LIMIT_DEFAULT = 50;

export interface ListOptions {
  /** Infinity is all. */
  readonly limit: number;
  readonly json?: true;
}

/** Adds what every list takes that has pages. */
export function addListOptions(command: Command): Command {
  return command
    .option("--limit <number>", "at most this many, or all", parseLimit, LIMIT_DEFAULT)
    .option("--json", "print an array of what the API answers");
}

function parseLimit(text: string): number {
  return text === "all" ? Number.POSITIVE_INFINITY : parseCount(text);
}

export function parseCount(text: string): number {
  const count = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (count >= 1) return count;
  throw new InvalidArgumentError("It must be a whole number of 1 or more.");
}
