import { type Command, InvalidArgumentError } from "commander";

const LIMIT_DEFAULT = 50;

export interface ListOptions {
  readonly limit: number;
  readonly json?: true;
}

/** Adds what every list takes. */
export function addListOptions(command: Command): Command {
  return command
    .option("--limit <number>", "at most this many", parseLimit, LIMIT_DEFAULT)
    .option("--json", "print an array of what the API answers");
}

function parseLimit(text: string): number {
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (limit >= 1) return limit;
  throw new InvalidArgumentError("It must be a whole number of 1 or more.");
}
