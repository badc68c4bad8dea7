// `reprise runs logs`: what happened in runs; with --follow also what happens next.

import type { Command } from "commander";
import { printList } from "./answer.ts";
import { connectApi } from "./api-client.ts";
import { usageFault } from "./fault.ts";
import { runEventFilters } from "./filter-sets.ts";
import { addFilters, type FilterOptions } from "./filters.ts";
import { followUntilStopped } from "./follow.ts";
import { addListOptions, type ListOptions } from "./list-options.ts";
import { eventTable, listEvents } from "./run-events.ts";
import { followRuns } from "./run-follow.ts";
import type { Terminal } from "./terminal.ts";

type LogOptions = FilterOptions & ListOptions & { readonly follow?: true };

export function addRunLogCommand(runs: Command, terminal: Terminal): void {
  const logs = runs
    .command("logs")
    .description("read the events of the newest runs, newest last")
    .option(
      "--follow",
      "go on with what happens, until Ctrl-C or, with --run, until those runs have ended",
    );
  addListOptions(addFilters(logs, terminal, runEventFilters)).action((options: LogOptions) =>
    options.follow === true ? followLog(options, terminal) : listLog(options, terminal),
  );
}

async function listLog(options: LogOptions, terminal: Terminal): Promise<void> {
  const { items, hasMore } = await listEvents(connectApi(terminal), options, options.limit);
  printList(items, { ...options, noun: "event", hasMore }, eventTable, terminal);
}

async function followLog(options: LogOptions, terminal: Terminal): Promise<void> {
  if (options.to !== undefined) throw usageFault("--follow has no end, so it takes no --to");
  await followUntilStopped((following) => followRuns(following, options, terminal), terminal);
}
