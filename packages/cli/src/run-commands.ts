// `reprise runs`: reads the log of workflow runs.

import { PATH, RUN_STATES, type RunResource } from "@reprise/protocol";
import type { Command } from "commander";
import { type Api, connectApi, type Query } from "./api-client.ts";
import { failure } from "./fault.ts";
import { addFilters, type FilterOptions, type StateFilter, toQuery } from "./filters.ts";
import { addListOptions, type ListOptions } from "./list-options.ts";
import { type ListRequest, listFirst } from "./pages.ts";
import { formatRun, formatRunTable } from "./run-view.ts";
import { note, printJson, printLine, type Terminal } from "./terminal.ts";
import { plural } from "./text.ts";

const RUN_PAGE_SIZE_MAX = 10;
const runState: StateFilter = {
  name: "state",
  description: "in this state: started, success, failed or canceled",
  states: RUN_STATES,
};

export function addRunCommands(program: Command, terminal: Terminal): void {
  const runs = program.command("runs").description("read the log of workflow runs");
  const list = runs.command("list").description("list runs, newest first");
  addListOptions(addFilters(list, terminal, runState)).action(
    (options: FilterOptions & ListOptions) => listRuns(options, terminal),
  );
  runs
    .command("show")
    .description("show the steps of a run, every failed attempt and the failure function")
    .argument("<runId>")
    .option("--json", "print the answer of the API")
    .action((runId: string, options: { readonly json?: true }) =>
      showRun(runId, options, terminal),
    );
}

function runList(query: Query): ListRequest {
  return { path: PATH.workflowLogs, query, field: "runs", pageSizeMax: RUN_PAGE_SIZE_MAX };
}

async function listRuns(options: FilterOptions & ListOptions, terminal: Terminal): Promise<void> {
  const api = connectApi(terminal);
  const request = runList(toQuery(options, runState));
  const { items, hasMore } = await listFirst<RunResource>(api, request, options.limit);
  if (options.json === true) printJson(terminal, items);
  else if (items.length > 0) printLine(terminal, formatRunTable(items));
  note(terminal, `${plural(items.length, "run")}${hasMore ? "; there are more, see --limit" : ""}`);
}

async function showRun(
  runId: string,
  options: { readonly json?: true },
  terminal: Terminal,
): Promise<void> {
  const run = await findRun(connectApi(terminal), runId);
  if (options.json === true) printJson(terminal, run);
  else printLine(terminal, formatRun(run));
}

async function findRun(api: Api, runId: string): Promise<RunResource> {
  const request = runList([["workflowRunId", runId]]);
  const { items } = await listFirst<RunResource>(api, request, 1);
  const [run] = items;
  if (run === undefined) throw failure(`there is no run with the id ${runId}`);
  return run;
}
