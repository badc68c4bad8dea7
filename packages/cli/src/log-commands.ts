// `reprise logs`: what happened to messages, in the order in which it happened; with --follow also what happens next.

import type { LogPage, LogResource } from "@reprise/protocol";
import type { Command } from "commander";
import { printList } from "./answer.ts";
import { type Api, ask, connectApi, type Query } from "./api-client.ts";
import { usageFault } from "./fault.ts";
import { logFilters } from "./filter-sets.ts";
import { addFilters, type FilterOptions } from "./filters.ts";
import { type Following, followUntilStopped, lookAgain } from "./follow.ts";
import { addListOptions, type ListOptions } from "./list-options.ts";
import { LOG_PATH, listEntries, logLine, logList, logTable } from "./log-lists.ts";
import { printJsonLine, printLine, type Terminal } from "./terminal.ts";

type LogOptions = FilterOptions & ListOptions & { readonly follow?: true };

export function addLogCommands(program: Command, terminal: Terminal): void {
  const logs = program
    .command("logs")
    .description("read the log of messages, newest last")
    .option("--follow", "go on with what happens, until Ctrl-C; with --json one entry a line");
  addListOptions(addFilters(logs, terminal, logFilters)).action((options: LogOptions) =>
    options.follow === true ? followLog(options, terminal) : listLog(options, terminal),
  );
}

async function listLog(options: LogOptions, terminal: Terminal): Promise<void> {
  const { items, hasMore } = await listEntries(connectApi(terminal), options, options.limit);
  printList(items, { ...options, noun: "log line", hasMore }, logTable, terminal);
}

async function followLog(options: LogOptions, terminal: Terminal): Promise<void> {
  if (options.to !== undefined) throw usageFault("--follow has no end, so it takes no --to");
  await followUntilStopped((following) => printAsItComes(following, options, terminal), terminal);
}

async function printAsItComes(
  following: Following,
  options: LogOptions,
  terminal: Terminal,
): Promise<void> {
  const { api } = following;
  let place = await newestPlace(api);
  const { items } = await listEntries(api, options, options.limit);
  let printed = printNew(items, new Set(), options, terminal);
  const look = async () => {
    // Asked before the entries are: what comes in between is seen twice rather than never.
    const next = await newestPlace(api);
    printed = await printBehind({ api, options, place, printed }, terminal);
    place = next;
    return "more" as const;
  };
  await lookAgain(look, following, terminal);
}

/** Where the log ends now, as a cursor behind its newest entry; null while it has no two entries. */
async function newestPlace(api: Api): Promise<string | null> {
  const query: Query = [
    ["count", "1"],
    ["trimBody", "-1"],
  ];
  const { cursor } = await ask<LogPage>(api, { path: LOG_PATH, query });
  return cursor ?? null;
}

interface Behind {
  readonly api: Api;
  readonly options: LogOptions;
  readonly place: string | null;
  /** Keys of what has been printed already; takes those of what is printed now. */
  readonly printed: Set<string>;
}

/** Prints what was written behind `place` and has not been printed yet. Returns the keys of all of it. */
async function printBehind(
  { api, options, place, printed }: Behind,
  terminal: Terminal,
): Promise<Set<string>> {
  const { path, query = [], pageSizeMax } = logList(options, options.json === true);
  const seen = new Set<string>();
  let cursor = place;
  do {
    const page: LogPage = await ask<LogPage>(api, {
      path,
      query: [
        ...query,
        ["order", "earliestFirst"],
        ["count", String(pageSizeMax)],
        ...(cursor === null ? [] : [["cursor", cursor] as const]),
      ],
    });
    for (const key of printNew(page.events, printed, options, terminal)) {
      seen.add(key);
      printed.add(key);
    }
    cursor = page.cursor ?? null;
  } while (cursor !== null);
  return seen;
}

/** Returns the keys of all, the known ones included. */
function printNew(
  entries: readonly LogResource[],
  known: ReadonlySet<string>,
  { json }: LogOptions,
  terminal: Terminal,
): Set<string> {
  const keys = new Set<string>();
  for (const entry of entries) {
    const key = `${entry.messageId} ${entry.state} ${entry.time} ${entry.retried}`;
    keys.add(key);
    if (known.has(key)) continue;
    if (json === true) printJsonLine(terminal, entry);
    else printLine(terminal, logLine(entry));
  }
  return keys;
}
