// The log of messages, as it is read and shown.

import type { LogResource } from "@reprise/protocol";
import type { Api } from "./api-client.ts";
import { logFilters } from "./filter-sets.ts";
import { type FilterOptions, toQuery } from "./filters.ts";
import { formatMs } from "./instant.ts";
import { type ListRequest, listFirst } from "./pages.ts";
import { describeBody } from "./step-view.ts";
import { oneLine } from "./text.ts";

export const LOG_PATH = "/v2/events";
export const LOG_PAGE_SIZE_MAX = 1_000;

/** An answer in a line of text; more of it is in the JSON. */
const ANSWER_BYTES_MAX = 2_000;

export function logList(options: FilterOptions, isJson: boolean): ListRequest {
  const filters = toQuery(options, logFilters);
  const query = isJson ? filters : [...filters, ["trimBody", String(ANSWER_BYTES_MAX)] as const];
  return { path: LOG_PATH, query, field: "events", pageSizeMax: LOG_PAGE_SIZE_MAX };
}

/** The last `limit` entries, in the order in which they happened. */
export async function listEntries(
  api: Api,
  options: FilterOptions & { readonly json?: true },
  limit: number,
): Promise<{ readonly items: readonly LogResource[]; readonly hasMore: boolean }> {
  const request = { ...logList(options, options.json === true), pageSizeMax: pageSize(limit) };
  const { items, hasMore } = await listFirst<LogResource>(api, request, limit);
  return { items: items.toReversed(), hasMore };
}

/** One more proves that there are more. */
function pageSize(limit: number): number {
  return Math.min(limit + 1, LOG_PAGE_SIZE_MAX);
}

export function logTable(entries: readonly LogResource[]): string {
  return entries.map(logLine).join("\n");
}

/** One entry; lines of the same log stand below each other as they come. */
export function logLine(entry: LogResource): string {
  const { time, state, messageId, url } = entry;
  const instant = new Date(time).toISOString().replace("T", " ");
  const detail = detailOf(entry);
  const end = detail === "" ? "" : `  ${detail}`;
  return `${instant}  ${state.padEnd(STATE_WIDTH)}  ${messageId}  ${oneLine(url)}${end}`;
}

const STATE_WIDTH = "CANCEL_REQUESTED".length;

function detailOf(entry: LogResource): string {
  switch (entry.state) {
    case "CREATED":
    case "RETRY":
      return entry.nextDeliveryTime === undefined
        ? ""
        : `next attempt at ${new Date(entry.nextDeliveryTime).toISOString()}`;
    case "DELIVERED":
      return `${entry.responseStatus ?? ""}${tookOf(entry)}`.trim();
    case "ERROR":
      return `${whyOf(entry)}${tookOf(entry)}`;
    case "FAILED":
      return oneLine(entry.error ?? "");
    case "ACTIVE":
      return entry.retried === 0 ? "" : `retry ${entry.retried}`;
    case "CANCEL_REQUESTED":
    case "CANCELED":
      return "";
  }
}

function whyOf({ error, responseBody }: LogResource): string {
  const answer = Buffer.from(responseBody ?? "", "base64").toString();
  const said = answer === "" ? "" : `: ${oneLine(describeBody(answer))}`;
  return `${oneLine(error ?? "failed")}${said}`;
}

function tookOf({ time, startedAt }: LogResource): string {
  return startedAt === undefined ? "" : ` after ${formatMs(time - startedAt)}`;
}
