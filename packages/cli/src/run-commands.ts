// `reprise runs`: looks at workflow runs, cancels them, and wakes those that are stuck.

import { PATH, type RunAnswer, type RunResource } from "@reprise/protocol";
import type { Command } from "commander";
import { addJsonOption, type JsonOption, printAnswer, printList } from "./answer.ts";
import { ask, connectApi } from "./api-client.ts";
import { runFilters } from "./filter-sets.ts";
import { addFilters, type FilterOptions, toQuery } from "./filters.ts";
import { addListOptions, type ListOptions } from "./list-options.ts";
import { afterRun, noteNextSteps } from "./next-steps.ts";
import { listUpTo } from "./pages.ts";
import { forEachPart, reportOutcomes } from "./parts.ts";
import { segment } from "./paths.ts";
import { addCancelCommand } from "./run-cancel.ts";
import { findRun, runList, WITHOUT_BODIES } from "./run-lists.ts";
import { addRunLogCommand } from "./run-log-command.ts";
import { addTriggerCommand } from "./run-trigger.ts";
import { formatRun, formatRunTable } from "./run-view.ts";
import { note, type Terminal } from "./terminal.ts";

export function addRunCommands(program: Command, terminal: Terminal): void {
  const runs = program
    .command("runs")
    .description("look at workflow runs, start, cancel and nudge them");
  addListCommand(runs, terminal);
  addShowCommand(runs, terminal);
  addRunLogCommand(runs, terminal);
  addTriggerCommand(runs, terminal);
  addCancelCommand(runs, terminal);
  addNudgeCommand(runs, terminal);
}

type RunListOptions = FilterOptions & ListOptions & { readonly cursor?: string };

function addListCommand(runs: Command, terminal: Terminal): void {
  const list = runs
    .command("list")
    .description("list runs and what those that have not ended wait for, newest first")
    .option("--cursor <cursor>", "go on behind an earlier list");
  addListOptions(addFilters(list, terminal, runFilters)).action((options: RunListOptions) =>
    listRuns(options, terminal),
  );
}

async function listRuns(options: RunListOptions, terminal: Terminal): Promise<void> {
  const bodies = options.json === true ? [] : [WITHOUT_BODIES];
  const request = runList([...toQuery(options, runFilters), ...bodies]);
  const { items, cursor } = await listUpTo<RunResource>(
    connectApi(terminal),
    { ...request, cursor: options.cursor },
    options.limit,
  );
  const hasMore = cursor !== "";
  printList(items, { ...options, noun: "run", hasMore }, formatRunTable, terminal);
  if (hasMore) note(terminal, `they begin at: --cursor ${cursor}`);
}

interface ShowOptions extends JsonOption {
  readonly createdAt?: readonly string[];
}

function addShowCommand(runs: Command, terminal: Terminal): void {
  const show = runs
    .command("show")
    .description("show the steps of a run, every failed attempt and the failure function")
    .argument("<runId>");
  addJsonOption(
    addFilters(show, terminal, { parameters: { createdAt: "workflowCreatedAt" } }),
  ).action((runId: string, options: ShowOptions) => showRun(runId, options, terminal));
}

async function showRun(runId: string, options: ShowOptions, terminal: Terminal): Promise<void> {
  const { run, hasEarlier } = await findRun(connectApi(terminal), runId, options.createdAt?.at(-1));
  printAnswer(run, options, formatRun, terminal);
  if (hasEarlier) {
    note(terminal, `earlier runs had this id; see: reprise runs list --run-id ${runId}`);
  }
  if (options.json !== true) noteNextSteps(afterRun(run), terminal);
}

interface NudgeAnswer extends RunAnswer {
  /** What is delivered once more. */
  readonly messageIds: readonly string[];
}

function addNudgeCommand(runs: Command, terminal: Terminal): void {
  const nudge = runs
    .command("nudge")
    .description("wake runs that are stuck: deliver the last step once more")
    .argument("<runId...>", "runs; see: reprise runs list --stuck");
  addJsonOption(nudge).action((ids: string[], options: JsonOption) =>
    nudgeRuns(ids, options, terminal),
  );
}

async function nudgeRuns(
  ids: readonly string[],
  { json }: JsonOption,
  terminal: Terminal,
): Promise<void> {
  const api = connectApi(terminal);
  const past = "nudged";
  const work = async ([id = ""]: readonly string[]) => {
    const path = `${PATH.workflowRuns}/${segment(id, "the id")}/nudge`;
    return [await ask<NudgeAnswer>(api, { method: "POST", path })];
  };
  const outcomes = await forEachPart({ ids, sizeMax: 1, past, work }, terminal);
  const fields = { list: "workflowRuns", id: "workflowRunId" };
  const format = ({ messageIds }: NudgeAnswer) => messageIds.join(" ");
  reportOutcomes(outcomes, { past, noun: "run", isJson: json === true, fields, format }, terminal);
}
