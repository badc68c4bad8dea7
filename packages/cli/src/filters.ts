// Filters that lists and bulk actions share, and the query parameters that they become. A flag means the same
// everywhere; what is listed decides which flags there are. Different filters must all hold; of several values of
// one filter, any may.

import { type Command, InvalidArgumentError } from "commander";
import type { Query } from "./api-client.ts";
import { parseInstant } from "./instant.ts";
import type { Terminal } from "./terminal.ts";

export interface FilterOptions {
  readonly url?: readonly string[];
  readonly urlPrefix?: readonly string[];
  readonly host?: readonly string[];
  readonly path?: readonly string[];
  readonly runId?: readonly string[];
  readonly createdAt?: readonly string[];
  readonly messageId?: readonly string[];
  readonly group?: readonly string[];
  readonly label?: readonly string[];
  readonly queue?: readonly string[];
  readonly urlGroup?: readonly string[];
  readonly schedule?: readonly string[];
  readonly flowControlKey?: readonly string[];
  readonly callerIp?: readonly string[];
  readonly status?: readonly string[];
  readonly state?: readonly string[];
  readonly from?: number;
  readonly to?: number;
  readonly stuck?: true;
}

export type FilterName = keyof FilterOptions;

/** What can be listed by which filters. */
export interface FilterSet {
  /** Names of the filters on the wire. */
  readonly parameters: Readonly<Partial<Record<FilterName, string>>>;
  /** The states that `--state` knows here. */
  readonly state?: { readonly description: string; readonly states: readonly string[] };
}

const FLAGS: Readonly<Record<FilterName, readonly [flag: string, description: string]>> = {
  url: ["--url <url>", "to this URL, which is the workflow's for runs"],
  urlPrefix: ["--url-prefix <url>", "to a URL that begins like this"],
  host: ["--host <host>", "to a URL of this host"],
  path: ["--path <path>", "to a URL with this path"],
  runId: ["--run, --run-id <id>", "of this run"],
  createdAt: ["--created-at <when>", "of a run made in this millisecond, for ids that came twice"],
  messageId: ["--message-id <id>", "of this message"],
  group: ["--group <id>", "that failed alike: of this group of failures"],
  label: ["--label <label>", "with this label"],
  queue: ["--queue <name>", "of this queue"],
  urlGroup: ["--url-group <name>", "published to this URL group"],
  schedule: ["--schedule <id>", "made by this schedule"],
  flowControlKey: ["--flow-control-key <key>", "with this flow-control key"],
  callerIp: ["--caller-ip <address>", "sent from this address"],
  status: ["--status <number>", "whose last answer had this status; 0 is no answer"],
  state: ["--state <state>", "in this state"],
  from: ["--from <when>", "from then on: 2h (ago), 2026-01-31T10:00Z, epoch ms"],
  to: ["--to <when>", "up to then"],
  stuck: ["--stuck", "that nothing open can wake any more"],
};

/** Adds the filters of `set` to `command`. */
export function addFilters(command: Command, terminal: Terminal, set: FilterSet): Command {
  for (const name of namesOf(set)) {
    const [flag, description] = FLAGS[name];
    if (name === "stuck") {
      command.option(flag, description);
    } else if (name === "from" || name === "to") {
      command.option(flag, description, (text) => parseInstant(text, terminal.now()));
    } else {
      const told = name === "state" ? (set.state?.description ?? description) : description;
      command.option(flag, `${told} (repeatable)`, appendWith(parserOf(name, set)));
    }
  }
  return command;
}

type Parser = (text: string) => string;

function parserOf(name: FilterName, { state }: FilterSet): Parser {
  if (name === "state") return (text) => parseState(text, state?.states ?? []);
  if (name === "status") return parseStatus;
  return name === "createdAt" ? parseMillisecond : (text) => text;
}

const appendWith =
  (parse: Parser) =>
  (text: string, before: readonly string[] = []): readonly string[] => [...before, parse(text)];

function namesOf({ parameters }: FilterSet): readonly FilterName[] {
  // The record has exactly the filters as its keys.
  return (Object.keys(FLAGS) as FilterName[]).filter((name) => parameters[name] !== undefined);
}

/** Takes a state as it is on the wire, or its last word in any case: `failed` for `RUN_FAILED`. */
function parseState(text: string, states: readonly string[]): string {
  const word = text.toUpperCase();
  const found =
    states.find((state) => state === word) ?? states.find((state) => state.endsWith(`_${word}`));
  if (found !== undefined) return found;
  throw new InvalidArgumentError(`Allowed are ${states.join(", ")}.`);
}

function parseStatus(text: string): string {
  if (/^\d{1,3}$/.test(text)) return text;
  throw new InvalidArgumentError("It must be a status such as 404, or 0.");
}

/** An instant to the millisecond: it names a run together with its id, so "two hours ago" would name none. */
function parseMillisecond(text: string): string {
  if (/^\d{4}-\d{2}-\d{2}T|^\d+$/.test(text)) return String(parseInstant(text, 0));
  throw new InvalidArgumentError("Allowed are epoch milliseconds and 2026-01-31T10:00:00.123Z.");
}

/** The parameters on the wire; what `set` does not know is left out. */
export function toQuery(options: FilterOptions, set: FilterSet): Query {
  return namesOf(set).flatMap((name) => {
    const parameter = set.parameters[name] ?? name;
    const given = options[name];
    if (given === undefined) return [];
    const values = typeof given === "object" ? given : [given];
    return values.map((value) => [parameter, String(value)] as const);
  });
}

/** Flags of given filters that `set` does not know: nothing in it can match them. */
export function foreignFlags(options: FilterOptions, set: FilterSet): readonly string[] {
  // As above.
  return (Object.keys(FLAGS) as FilterName[])
    .filter((name) => options[name] !== undefined && set.parameters[name] === undefined)
    .map((name) => /--[a-z-]+(?= <|$)/.exec(FLAGS[name][0])?.[0] ?? name);
}

/** Everything that one of the sets knows. */
export function joinFilters(first: FilterSet, second: FilterSet): FilterSet {
  return { ...first, ...second, parameters: { ...first.parameters, ...second.parameters } };
}
