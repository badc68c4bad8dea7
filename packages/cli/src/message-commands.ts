// `reprise messages`: lists those that are open, looks at one, cancels them, or sends one now that waits.

import type {
  BulkActionResource,
  BulkCancelAnswer,
  MessageResource,
  OpenMessageFields,
} from "@reprise/protocol";
import type { Command } from "commander";
import { addJsonOption, type JsonOption, printAnswer, printDone, printList } from "./answer.ts";
import { type Api, ask, connectApi } from "./api-client.ts";
import { awaitBulkAction } from "./bulk-action-commands.ts";
import { confirm } from "./confirm.ts";
import { failure } from "./fault.ts";
import { listedMessageFilters, openMessageFilters } from "./filter-sets.ts";
import { addFilters, type FilterOptions, toQuery } from "./filters.ts";
import { addListOptions, type ListOptions } from "./list-options.ts";
import { listEntries, logTable } from "./log-lists.ts";
import { formatMessage, section } from "./message-view.ts";
import { countOpen, formatOpenTable, listOpen, MESSAGES_PATH } from "./open-messages.ts";
import { forEachPart, reportOutcomes } from "./parts.ts";
import { segment } from "./paths.ts";
import {
  type ActionOptions,
  addActionOptions,
  checkSelection,
  type Selection,
  selectNamed,
} from "./selection.ts";
import { note, printJson, type Terminal } from "./terminal.ts";
import { plural } from "./text.ts";

const NOUN = "message";

export function addMessageCommands(program: Command, terminal: Terminal): void {
  const messages = program.command("messages").description("look at messages and cancel them");
  const list = messages
    .command("list")
    .description("list messages that have not ended and what each waits for, newest first");
  addListOptions(addFilters(list, terminal, listedMessageFilters)).action(
    (options: FilterOptions & ListOptions) => listMessages(options, terminal),
  );
  const show = messages
    .command("show")
    .description("show a message and what has happened to it")
    .argument("<messageId>");
  addJsonOption(show).action((id: string, options: JsonOption) =>
    showMessage(id, options, terminal),
  );
  const cancel = messages
    .command("cancel")
    .description("cancel messages that have not ended")
    .argument("[messageId...]", "messages; without them the filters choose");
  addActionOptions(
    addFilters(cancel, terminal, openMessageFilters),
    "every message that the filters leave, without any filter all that have not ended",
  ).action((ids: string[], options: FilterOptions & ActionOptions) =>
    cancelMessages(ids, options, terminal),
  );
  const retry = messages
    .command("retry")
    .description("send messages now that wait for their time or for a retry")
    .argument("<messageId...>");
  addJsonOption(retry).action((ids: string[], options: JsonOption) =>
    retryMessages(ids, options, terminal),
  );
}

async function listMessages(
  options: FilterOptions & ListOptions,
  terminal: Terminal,
): Promise<void> {
  const { items, hasMore } = await listOpen(connectApi(terminal), options);
  printList(items, { ...options, noun: "open message", hasMore }, formatOpenTable, terminal);
}

/** As text with its log, as JSON the message alone: `reprise logs --message-id` has the rest. */
async function showMessage(id: string, options: JsonOption, terminal: Terminal): Promise<void> {
  const api = connectApi(terminal);
  const path = `${MESSAGES_PATH}/${segment(id, "the id")}`;
  const message = await ask<MessageResource & Partial<OpenMessageFields>>(api, { path });
  if (options.json === true) return printJson(terminal, message);
  const { items } = await listEntries(api, { messageId: [message.messageId] }, LOG_ENTRIES_MAX);
  const format = () => `${formatMessage(message)}\n\n${section("log", logTable(items))}`;
  printAnswer(message, options, format, terminal);
}

const LOG_ENTRIES_MAX = 100;

/** The server finds what filters choose; whoever agrees in advance need not be told how many that are. */
async function cancelMessages(
  ids: readonly string[],
  options: FilterOptions & ActionOptions,
  terminal: Terminal,
): Promise<void> {
  const api = connectApi(terminal);
  const hasFilter = toQuery(options, openMessageFilters).length > 0;
  checkSelection({ ids, hasFilter, options, noun: NOUN });
  if (ids.length > 0) {
    const request = { api, ids, options, verb: "cancel", noun: NOUN };
    return cancelChosen(await selectNamed(request, terminal), terminal);
  }
  if (options.yes === true) return cancelMatching(api, options, terminal);
  const counted = await countOpen(api, options);
  const what = plural(counted.count, NOUN);
  if (counted.count === 0)
    return printDone({ cancelled: 0 }, options, `cancelled ${what}`, terminal);
  await confirm(`cancel ${what}`, options, terminal);
  await cancelMatching(api, { ...options, ...counted.options }, terminal);
}

/** The most that one request of the wire names. */
const PART_SIZE_MAX = 500;

async function cancelChosen({ api, ids, isJson }: Selection, terminal: Terminal): Promise<void> {
  let cancelled = 0;
  const work = async (messageIds: readonly string[]) => {
    const request = { method: "DELETE", path: MESSAGES_PATH, body: { messageIds } } as const;
    cancelled += (await ask<BulkCancelAnswer>(api, request)).cancelled;
    return messageIds.map(() => null);
  };
  await forEachPart({ ids, sizeMax: PART_SIZE_MAX, past: "cancelled", work }, terminal);
  if (isJson) printJson(terminal, { cancelled });
  const missing = ids.length - cancelled;
  const gone = missing > 0 ? `; ${missing} of the chosen had ended or never been` : "";
  note(terminal, `cancelled ${plural(cancelled, NOUN)}${gone}`);
  if (cancelled === 0 && missing > 0) throw failure("nothing was cancelled");
}

/** In the background of the server, which says how far it is. */
async function cancelMatching(
  api: Api,
  options: FilterOptions & ActionOptions,
  terminal: Terminal,
): Promise<void> {
  const query = [["async", "true"] as const, ...toQuery(options, openMessageFilters)];
  const { actionId = "" } = await ask<BulkCancelAnswer>(api, {
    method: "DELETE",
    path: MESSAGES_PATH,
    query,
  });
  const action: BulkActionResource = await awaitBulkAction(api, actionId, terminal);
  printDone(action, options, `cancelled ${plural(action.processed, NOUN)}`, terminal);
}

async function retryMessages(
  ids: readonly string[],
  { json }: JsonOption,
  terminal: Terminal,
): Promise<void> {
  const api = connectApi(terminal);
  const past = "sent";
  const work = async ([id = ""]: readonly string[]) => {
    const path = `${MESSAGES_PATH}/${segment(id, "the id")}/retry`;
    return [await ask<object>(api, { method: "POST", path })];
  };
  const outcomes = await forEachPart({ ids, sizeMax: 1, past, work }, terminal);
  const fields = { list: "messages", id: "messageId" };
  const report = { past, noun: NOUN, isJson: json === true, fields, format: () => "" };
  reportOutcomes(outcomes, report, terminal);
}
