// Filters that `runs` and `dlq` share, and the query parameters that they become. Different filters must all hold;
// of several values of one filter, any may.

import { type Command, InvalidArgumentError } from "commander";
import type { Query } from "./api-client.ts";
import { parseInstant } from "./instant.ts";
import type { Terminal } from "./terminal.ts";

export interface FilterOptions {
  readonly url?: readonly string[];
  readonly runId?: string;
  readonly label?: readonly string[];
  readonly flowKey?: readonly string[];
  readonly callerIp?: readonly string[];
  readonly state?: readonly string[];
  readonly since?: number;
  readonly until?: number;
}

/** The filter whose meaning depends on what is listed. */
export interface StateFilter {
  /** Its parameter on the wire. */
  readonly name: string;
  readonly description: string;
  readonly states: readonly string[];
}

/** Adds the filters to `command`. */
export function addFilters(command: Command, terminal: Terminal, state: StateFilter): Command {
  const repeatable = (text: string, before: readonly string[] = []) => [...before, text];
  const stateName = (text: string, before: readonly string[] = []) => [
    ...before,
    parseState(text, state.states),
  ];
  const instant = (text: string) => parseInstant(text, terminal.now());
  return command
    .option("--url <url>", "of this workflow (repeatable)", repeatable)
    .option("--run-id <id>", "of this run")
    .option("--label <label>", "with this label (repeatable)", repeatable)
    .option("--flow-key <key>", "with this flow-control key (repeatable)", repeatable)
    .option("--caller-ip <address>", "triggered from this address (repeatable)", repeatable)
    .option("--state <state>", `${state.description} (repeatable)`, stateName)
    .option("--since <when>", "from then on: 2h (ago), 2026-01-31T10:00Z, epoch ms", instant)
    .option("--until <when>", "up to then", instant);
}

/** Takes a state as it is on the wire, or its last word in any case: `failed` for `RUN_FAILED`. */
function parseState(text: string, states: readonly string[]): string {
  const word = text.toUpperCase();
  const found = states.find((state) => state === word || state.endsWith(`_${word}`));
  if (found !== undefined) return found;
  throw new InvalidArgumentError(`Allowed are ${states.join(", ")}.`);
}

export function toQuery(options: FilterOptions, state: StateFilter): Query {
  const all = (name: string, values: readonly string[] | undefined) =>
    (values ?? []).map((value) => [name, value] as const);
  const one = (name: string, value: string | number | undefined) =>
    value === undefined ? [] : [[name, String(value)] as const];
  return [
    ...all("workflowUrl", options.url),
    ...one("workflowRunId", options.runId),
    ...all("label", options.label),
    ...all("flowControlKey", options.flowKey),
    ...all("callerIp", options.callerIp),
    ...all(state.name, options.state),
    ...one("fromDate", options.since),
    ...one("toDate", options.until),
  ];
}
