// `reprise dlq`: reads the dead letter queue and acts on it.

import { CALLBACK_STATES, type DeadLetterResource, deadLetterPath, PATH } from "@reprise/protocol";
import type { Command } from "commander";
import { connectApi } from "./api-client.ts";
import { callFailureFunctions, deleteDeadLetters, reviveRuns } from "./dead-letter-actions.ts";
import { formatDeadLetter, formatDeadLetterTable } from "./dead-letter-view.ts";
import { addFilters, type FilterOptions, type StateFilter, toQuery } from "./filters.ts";
import { addListOptions, type ListOptions } from "./list-options.ts";
import { addOverrides, type OverrideOptions, toHeaders } from "./overrides.ts";
import { type ListRequest, listFirst } from "./pages.ts";
import { type Selection, selectDeadLetters } from "./selection.ts";
import { note, printJson, printLine, type Terminal } from "./terminal.ts";
import { plural } from "./text.ts";

const DEAD_LETTER_PAGE_SIZE_MAX = 100;
const callbackState: StateFilter = {
  name: "failureFunctionState",
  description: "with the failure function in this state: inprogress, success, fail or canceled",
  states: CALLBACK_STATES,
};

interface ActionOptions extends FilterOptions {
  readonly all?: true;
  readonly yes?: true;
  readonly json?: true;
}

export function addDeadLetterCommands(program: Command, terminal: Terminal): void {
  const dlq = program.command("dlq").description("read the dead letter queue and act on it");
  const list = dlq.command("list").description("list dead letters of workflows, newest first");
  addListOptions(addFilters(list, terminal, callbackState)).action(
    (options: FilterOptions & ListOptions) => listDeadLetters(options, terminal),
  );
  dlq
    .command("show")
    .description("show everything that is kept of a failed run")
    .argument("<dlqId>")
    .option("--json", "print the answer of the API")
    .action((dlqId: string, options: { readonly json?: true }) =>
      showDeadLetter(dlqId, options, terminal),
    );
  addReviveCommand(dlq, "resume", terminal);
  addReviveCommand(dlq, "restart", terminal);
  addCallbackCommand(dlq, terminal);
  addDeleteCommand(dlq, terminal);
}

async function listDeadLetters(
  options: FilterOptions & ListOptions,
  terminal: Terminal,
): Promise<void> {
  const all = deadLetterList(options);
  // The API lists the oldest first unless it is asked.
  const query = [...(all.query ?? []), ["order", "latestFirst"] as const];
  const request = { ...all, query };
  const api = connectApi(terminal);
  const { items, hasMore } = await listFirst<DeadLetterResource>(api, request, options.limit);
  if (options.json === true) printJson(terminal, items);
  else if (items.length > 0) printLine(terminal, formatDeadLetterTable(items));
  const more = hasMore ? "; there are more, see --limit" : "";
  note(terminal, `${plural(items.length, "dead letter")}${more}`);
}

function deadLetterList(options: FilterOptions): ListRequest {
  const query = toQuery(options, callbackState);
  const pageSizeMax = DEAD_LETTER_PAGE_SIZE_MAX;
  return { path: PATH.workflowDlq, query, field: "messages", pageSizeMax };
}

async function showDeadLetter(
  dlqId: string,
  options: { readonly json?: true },
  terminal: Terminal,
): Promise<void> {
  // The server of this version answers this path with this shape, and with an error otherwise.
  const answer = (await connectApi(terminal)({
    path: deadLetterPath(dlqId),
  })) as DeadLetterResource;
  if (options.json === true) printJson(terminal, answer);
  else printLine(terminal, formatDeadLetter(answer));
}

/** A command that takes ids, or filters, or `--all`. */
function addAction(dlq: Command, name: string, description: string, terminal: Terminal): Command {
  const command = dlq
    .command(name)
    .description(description)
    .argument("[dlqId...]", "dead letters; without them the filters choose");
  return addFilters(command, terminal, callbackState)
    .option("--all", "every dead letter that the filters leave, without any filter the whole queue")
    .option("--yes", "ask nothing")
    .option("--json", "print the result as JSON");
}

function addReviveCommand(dlq: Command, verb: "resume" | "restart", terminal: Terminal): void {
  const from = verb === "resume" ? "the failing step, with all results kept" : "the first step";
  const command = addAction(dlq, verb, `run again from ${from}, as a new run`, terminal);
  addOverrides(command).action(async (ids: string[], options: ActionOptions & OverrideOptions) => {
    const headers = toHeaders(options);
    const selection = await select(ids, options, { verb }, terminal);
    await reviveRuns(selection, { verb, headers }, terminal);
  });
}

function addCallbackCommand(dlq: Command, terminal: Terminal): void {
  const description = "call the failure function again, where that call has failed";
  addAction(dlq, "callback", description, terminal).action(
    async (ids: string[], options: ActionOptions) => {
      // The server refuses other states, so a wider choice would contain what can only fail.
      const plan = { verb: "call the failure function of", state: "CALLBACK_FAIL" };
      await callFailureFunctions(await select(ids, options, plan, terminal), terminal);
    },
  );
}

function addDeleteCommand(dlq: Command, terminal: Terminal): void {
  const description = "give failed runs up: they can no longer be resumed or restarted";
  addAction(dlq, "delete", description, terminal).action(
    async (ids: string[], options: ActionOptions) => {
      const plan = { verb: "delete", isAlwaysAsked: true };
      await deleteDeadLetters(await select(ids, options, plan, terminal), terminal);
    },
  );
}

interface Plan {
  readonly verb: string;
  /** Whether even a single one, named by id, is asked about. */
  readonly isAlwaysAsked?: boolean;
  /** The state that filters are narrowed to, unless the person named one. */
  readonly state?: string;
}

function select(
  ids: readonly string[],
  options: ActionOptions,
  plan: Plan,
  terminal: Terminal,
): Promise<Selection> {
  const state = options.state ?? (plan.state === undefined ? [] : [plan.state]);
  return selectDeadLetters(
    {
      api: connectApi(terminal),
      ids,
      list: deadLetterList({ ...options, state }),
      hasFilter: toQuery(options, callbackState).length > 0,
      isAll: options.all === true,
      isSure: options.yes === true,
      isJson: options.json === true,
      verb: plan.verb,
      isAlwaysAsked: plan.isAlwaysAsked === true,
    },
    terminal,
  );
}
