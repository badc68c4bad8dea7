// `reprise runs`: reads the log of workflow runs.

import { PATH, type RunResource } from "@reprise/protocol";
import type { Command } from "commander";
import { addJsonOption, type JsonOption, printAnswer, printList } from "./answer.ts";
import { type Api, connectApi, type Query } from "./api-client.ts";
import { failure } from "./fault.ts";
import { runFilters } from "./filter-sets.ts";
import { addFilters, type FilterOptions, toQuery } from "./filters.ts";
import { addListOptions, type ListOptions } from "./list-options.ts";
import { type ListRequest, listFirst } from "./pages.ts";
import { formatRun, formatRunTable } from "./run-view.ts";
import type { Terminal } from "./terminal.ts";

const RUN_PAGE_SIZE_MAX = 10;

export function addRunCommands(program: Command, terminal: Terminal): void {
  const runs = program.command("runs").description("read the log of workflow runs");
  const list = runs.command("list").description("list runs, newest first");
  addListOptions(addFilters(list, terminal, runFilters)).action(
    (options: FilterOptions & ListOptions) => listRuns(options, terminal),
  );
  const show = runs
    .command("show")
    .description("show the steps of a run, every failed attempt and the failure function")
    .argument("<runId>");
  addJsonOption(show).action((runId: string, options: JsonOption) =>
    showRun(runId, options, terminal),
  );
}

function runList(query: Query): ListRequest {
  return { path: PATH.workflowLogs, query, field: "runs", pageSizeMax: RUN_PAGE_SIZE_MAX };
}

async function listRuns(options: FilterOptions & ListOptions, terminal: Terminal): Promise<void> {
  const request = runList(toQuery(options, runFilters));
  const { items, hasMore } = await listFirst<RunResource>(
    connectApi(terminal),
    request,
    options.limit,
  );
  printList(items, { ...options, noun: "run", hasMore }, formatRunTable, terminal);
}

async function showRun(runId: string, options: JsonOption, terminal: Terminal): Promise<void> {
  printAnswer(await findRun(connectApi(terminal), runId), options, formatRun, terminal);
}

async function findRun(api: Api, runId: string): Promise<RunResource> {
  const request = runList([["workflowRunId", runId]]);
  const { items } = await listFirst<RunResource>(api, request, 1);
  const [run] = items;
  if (run === undefined)
    throw failure(`there is no run with the id ${runId} (see: reprise runs list)`);
  return run;
}
