// `reprise dlq`: reads the dead letter queue and acts on it. Failed runs and failed messages stand in it together.

import type { Command } from "commander";
import { addJsonOption, type JsonOption, printAnswer, printList } from "./answer.ts";
import { connectApi } from "./api-client.ts";
import {
  changeFailureCalls,
  deleteDeadLetters,
  holdDeadLetters,
  retryMessages,
  reviveRuns,
} from "./dead-letter-actions.ts";
import {
  type DeadKind,
  findDeadIds,
  getDead,
  isOfRun,
  type KindOptions,
  kindsOf,
  listNewestDead,
} from "./dead-letter-lists.ts";
import { formatDeadLetter, formatDeadMessage, formatDeadTable } from "./dead-letter-view.ts";
import { addGroupsCommand } from "./failure-groups.ts";
import { usageFault } from "./fault.ts";
import { deadMessageFilters, deadRunFilters } from "./filter-sets.ts";
import { addFilters, type FilterOptions, type FilterSet, joinFilters, toQuery } from "./filters.ts";
import { addListOptions, type ListOptions, parseCount } from "./list-options.ts";
import { addOverrides, toOverrideHeaders } from "./message-options.ts";
import { afterDeadLetter, noteNextSteps } from "./next-steps.ts";
import { takeFirst } from "./pages.ts";
import { type ActionOptions, addActionOptions, type Selection, select } from "./selection.ts";
import type { Terminal } from "./terminal.ts";

type Options = FilterOptions & ActionOptions & KindOptions & { readonly limit?: number };

const bothFilters = joinFilters(deadRunFilters, deadMessageFilters);

export function addDeadLetterCommands(program: Command, terminal: Terminal): void {
  const dlq = program.command("dlq").description("read the dead letter queue and act on it");
  const list = dlq
    .command("list")
    .description("list failed runs and failed messages, newest first");
  addListOptions(addKindOptions(addFilters(list, terminal, bothFilters))).action(
    (options: FilterOptions & KindOptions & ListOptions) => listDeadLetters(options, terminal),
  );
  addGroupsCommand(dlq, { filters: bothFilters, addKinds: addKindOptions }, terminal);
  const show = dlq.command("show").description("show everything that is kept of a failure");
  addJsonOption(show.argument("<dlqId>")).action((dlqId: string, options: JsonOption) =>
    showDeadLetter(dlqId, options, terminal),
  );
  addReviveCommand(dlq, "resume", terminal);
  addReviveCommand(dlq, "restart", terminal);
  addRetryCommand(dlq, terminal);
  addFailureCallCommands(dlq, terminal);
  addHoldCommand(dlq, "hold", terminal);
  addHoldCommand(dlq, "release", terminal);
  addDeleteCommand(dlq, terminal);
}

function addKindOptions(command: Command): Command {
  return command
    .option("--runs", "failed runs of workflows only")
    .option("--messages", "failed messages only");
}

async function listDeadLetters(
  options: FilterOptions & KindOptions & ListOptions,
  terminal: Terminal,
): Promise<void> {
  const { items, hasMore } = await listNewestDead(connectApi(terminal), options, options.limit);
  printList(items, { ...options, noun: "dead letter", hasMore }, formatDeadTable, terminal);
}

async function showDeadLetter(
  dlqId: string,
  options: JsonOption,
  terminal: Terminal,
): Promise<void> {
  const answer = await getDead(connectApi(terminal), dlqId);
  const format = () => (isOfRun(answer) ? formatDeadLetter(answer) : formatDeadMessage(answer));
  printAnswer(answer, options, format, terminal);
  if (options.json !== true) noteNextSteps(afterDeadLetter(answer), terminal);
}

interface ActionText {
  readonly name: string;
  readonly description: string;
  readonly filters: FilterSet;
}

/** A command that takes ids, or filters, or `--all`. */
function addAction(dlq: Command, text: ActionText, terminal: Terminal): Command {
  const command = dlq
    .command(text.name)
    .description(text.description)
    .argument("[dlqId...]", "dead letters; without them the filters choose");
  const filtered = addFilters(command, terminal, text.filters).option(
    "--limit <number>",
    "at most this many of those that the filters leave, the oldest",
    parseCount,
  );
  return addActionOptions(
    filtered,
    "every dead letter that the filters leave, without any filter the whole queue",
  );
}

function addReviveCommand(dlq: Command, verb: "resume" | "restart", terminal: Terminal): void {
  const from = verb === "resume" ? "the failing step, with all results kept" : "the first step";
  const description = `run a failed run again from ${from}, as a new run`;
  const command = addAction(dlq, { name: verb, description, filters: deadRunFilters }, terminal);
  addOverrides(command, "run").action(async (ids: string[], options: Options) => {
    const headers = toOverrideHeaders(options);
    const selection = await selectDead({ ids, options, verb, kinds: ["run"] }, terminal);
    await reviveRuns(selection, { verb, headers }, terminal);
  });
}

function addRetryCommand(dlq: Command, terminal: Terminal): void {
  const description = "send failed messages again, as new messages";
  const filters = deadMessageFilters;
  const command = addAction(dlq, { name: "retry", description, filters }, terminal);
  addOverrides(command, "message").action(async (ids: string[], options: Options) => {
    const headers = toOverrideHeaders(options);
    const plan = { ids, options, verb: "retry", kinds: ["message"] } as const;
    await retryMessages(await selectDead(plan, terminal), headers, terminal);
  });
}

/** The server refuses other states, so a wider choice would contain what can only fail. */
function addFailureCallCommands(dlq: Command, terminal: Terminal): void {
  const add = (name: string, verb: "call" | "cancel", text: Record<"what" | "does", string>) => {
    const state = verb === "call" ? "CALLBACK_FAIL" : "CALLBACK_INPROGRESS";
    const action = { name, description: text.does, filters: deadRunFilters };
    addAction(dlq, action, terminal).action(async (ids: string[], options: Options) => {
      const plan = { ids, options, verb: text.what, kinds: ["run"], state } as const;
      await changeFailureCalls(await selectDead(plan, terminal), verb, terminal);
    });
  };
  add("callback", "call", {
    what: "call the failure function of",
    does: "call the failure function of runs again, where that call has failed",
  });
  add("cancel-callback", "cancel", {
    what: "no longer call the failure function of",
    does: "give up calls of failure functions that are still tried",
  });
}

function addDeleteCommand(dlq: Command, terminal: Terminal): void {
  const description = "give failures up: they can no longer be resumed, restarted or retried";
  const action = { name: "delete", description, filters: bothFilters };
  addKindOptions(addAction(dlq, action, terminal)).action(
    async (ids: string[], options: Options) => {
      const kinds = kindsOf(options);
      const plan = { ids, options, verb: "delete", kinds, isAlwaysAsked: true };
      await deleteDeadLetters(await selectDead(plan, terminal), kinds, terminal);
    },
  );
}

function addHoldCommand(dlq: Command, verb: "hold" | "release", terminal: Terminal): void {
  const description =
    verb === "hold"
      ? "keep failures until they are released or handled, however old they get"
      : "let failures go again when their time is over";
  const action = { name: verb, description, filters: bothFilters };
  addKindOptions(addAction(dlq, action, terminal)).action(
    async (ids: string[], options: Options) => {
      const kinds = kindsOf(options);
      const selection = await selectDead({ ids, options, verb, kinds }, terminal);
      await holdDeadLetters(selection, { verb, kinds }, terminal);
    },
  );
}

interface Plan {
  readonly ids: readonly string[];
  readonly options: Options;
  readonly verb: string;
  readonly kinds: readonly DeadKind[];
  readonly isAlwaysAsked?: boolean;
  /** The state that filters are narrowed to, unless the person named one. */
  readonly state?: string;
}

function selectDead(plan: Plan, terminal: Terminal): Promise<Selection> {
  const { ids, options, verb, kinds, isAlwaysAsked = false } = plan;
  if (ids.length > 0 && options.limit !== undefined) {
    throw usageFault("--limit is for filters; of dead letters that are named, all are meant");
  }
  const state = options.state ?? (plan.state === undefined ? undefined : [plan.state]);
  const narrowed = state === undefined ? options : { ...options, state };
  const api = connectApi(terminal);
  return select(
    {
      api,
      ids,
      find: () => takeFirst(findDeadIds(api, kinds, narrowed), options.limit),
      hasFilter: toQuery(options, bothFilters).length > 0,
      options,
      verb,
      noun: "dead letter",
      isAlwaysAsked,
    },
    terminal,
  );
}
