// `reprise logs`: what happened to messages, in the order in which it happened; with --follow also what happens next.

import { setTimeout as pause } from "node:timers/promises";
import type { LogPage, LogResource } from "@reprise/protocol";
import type { Command } from "commander";
import { printList } from "./answer.ts";
import { type Api, ask, connectApi, type Query } from "./api-client.ts";
import { isUnreachable, usageFault } from "./fault.ts";
import { logFilters } from "./filter-sets.ts";
import { addFilters, type FilterOptions } from "./filters.ts";
import { addListOptions, type ListOptions } from "./list-options.ts";
import { LOG_PATH, listEntries, logLine, logList, logTable } from "./log-lists.ts";
import { note, printJsonLine, printLine, type Terminal } from "./terminal.ts";

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
  const controller = new AbortController();
  const ignoreSignals = terminal.onStopSignal(() => controller.abort());
  const { signal } = controller;
  const connected = connectApi(terminal);
  const api: Api = (request) => connected({ ...request, signal });
  try {
    await printAsItComes({ api, options, signal }, terminal);
  } catch (error) {
    // Whoever asked for the end got it; a request that it cut off is no failure.
    if (!signal.aborted) throw error;
  } finally {
    ignoreSignals();
  }
}

const POLL_MS = 500;

interface Following {
  readonly api: Api;
  readonly options: LogOptions;
  readonly signal: AbortSignal;
}

async function printAsItComes(following: Following, terminal: Terminal): Promise<void> {
  const { api, options, signal } = following;
  let place = await newestPlace(api);
  const { items } = await listEntries(api, options, options.limit);
  let printed = printNew(items, new Set(), options, terminal);
  let isAway = false;
  while (!signal.aborted) {
    await pause(POLL_MS, undefined, { signal });
    try {
      // Asked before the entries are: what comes in between is seen twice rather than never.
      const next = await newestPlace(api);
      printed = await printBehind({ ...following, place, printed }, terminal);
      place = next;
      isAway = false;
    } catch (error) {
      if (signal.aborted || !isUnreachable(error)) throw error;
      if (!isAway) note(terminal, "the server does not answer; trying again until Ctrl-C ...");
      isAway = true;
    }
  }
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

interface Behind extends Following {
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
