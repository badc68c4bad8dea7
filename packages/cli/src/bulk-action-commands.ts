// `reprise bulk-actions`: changes of many messages that the server works on in the background.

import { setTimeout as pause } from "node:timers/promises";
import { BULK_ACTION_STATES, type BulkActionResource } from "@reprise/protocol";
import type { Command } from "commander";
import { addJsonOption, type JsonOption, printAnswer, printDone, printList } from "./answer.ts";
import { type Api, ask, connectApi } from "./api-client.ts";
import { addFilters, type FilterOptions, type FilterSet, toQuery } from "./filters.ts";
import { formatInstant, formatMs } from "./instant.ts";
import { addListOptions, type ListOptions } from "./list-options.ts";
import { listFirst } from "./pages.ts";
import { PROGRESS_MS } from "./parts.ts";
import { segment } from "./paths.ts";
import { note, type Terminal } from "./terminal.ts";
import { formatFields, formatTable, ifGiven, oneLine } from "./text.ts";

const PATH = "/v2/bulkActions";
const PAGE_SIZE_MAX = 100;

const filters: FilterSet = {
  parameters: { state: "state" },
  state: { description: "in this state: progress or finished", states: BULK_ACTION_STATES },
};

export function addBulkActionCommands(program: Command, terminal: Terminal): void {
  const actions = program
    .command("bulk-actions")
    .description("look at changes of many messages in the background");
  const list = actions.command("list").description("list them, newest first");
  addListOptions(addFilters(list, terminal, filters)).action(
    async (options: FilterOptions & ListOptions) => {
      const query = toQuery(options, filters);
      const request = { path: PATH, query, field: "bulkActions", pageSizeMax: PAGE_SIZE_MAX };
      const { items, hasMore } = await listFirst<BulkActionResource>(
        connectApi(terminal),
        request,
        options.limit,
      );
      printList(items, { ...options, noun: "bulk action", hasMore }, formatActionTable, terminal);
    },
  );
  const show = actions.command("show").description("show how far one is").argument("<actionId>");
  const stop = actions
    .command("stop")
    .description("end one before everything is changed; what it has changed stays so")
    .argument("<actionId>");
  addJsonOption(stop).action(async (actionId: string, options: JsonOption) => {
    const path = `${PATH}/${segment(actionId, "the id")}`;
    const action = await ask<BulkActionResource>(connectApi(terminal), { method: "DELETE", path });
    const how = `${action.actionId}: ended, ${action.processed} of ${action.total} done`;
    printDone(action, options, how, terminal);
  });
  addJsonOption(show).action(async (actionId: string, options: JsonOption) => {
    const action = await getBulkAction(connectApi(terminal), actionId);
    printAnswer(action, options, formatAction, terminal);
  });
}

function getBulkAction(api: Api, actionId: string): Promise<BulkActionResource> {
  return ask<BulkActionResource>(api, { path: `${PATH}/${segment(actionId, "the id")}` });
}

const POLL_MS = 200;

/** Waits for the end of an action and says how far it is. Whoever interrupts this does not stop the action. */
export async function awaitBulkAction(
  api: Api,
  actionId: string,
  terminal: Terminal,
): Promise<BulkActionResource> {
  let saidAt = terminal.now();
  for (;;) {
    const action = await getBulkAction(api, actionId);
    if (action.state === "FINISHED") return action;
    if (terminal.now() - saidAt >= PROGRESS_MS) {
      saidAt = terminal.now();
      note(terminal, `${action.processed} of ${action.total} (${actionId}) ...`);
    }
    await pause(POLL_MS);
  }
}

function formatActionTable(actions: readonly BulkActionResource[]): string {
  const rows = actions.map((action) => [
    action.actionId,
    action.kind,
    action.state,
    `${action.processed} of ${action.total}`,
    formatInstant(action.createdAt),
    filterOf(action),
  ]);
  return formatTable(["bulk action", "kind", "state", "done", "created", "filter"], rows);
}

function formatAction(action: BulkActionResource): string {
  const { createdAt, completedAt } = action;
  return formatFields([
    ["bulk action", action.actionId],
    ["kind", action.kind],
    ["state", action.state],
    ["done", `${action.processed} of ${action.total}`],
    ["created", formatInstant(createdAt)],
    [
      "ended",
      ifGiven(completedAt, (at) => `${formatInstant(at)} (after ${formatMs(at - createdAt)})`),
    ],
    ["filter", filterOf(action)],
  ]);
}

function filterOf({ filter }: BulkActionResource): string {
  const parts = Object.entries(filter).map(([name, values]) => `${name}=${values.join(",")}`);
  return parts.length === 0 ? "everything" : oneLine(parts.join(" "), 100);
}
