// Messages that have not ended: the list of them, and how many a cancel by filters would take.

import {
  type CountAnswer,
  OPEN_MESSAGE_STATES,
  type OpenMessageResource,
  type OpenMessageState,
} from "@reprise/protocol";
import { type Api, ask, type Query } from "./api-client.ts";
import { listedMessageFilters, openMessageFilters } from "./filter-sets.ts";
import { type FilterOptions, toQuery } from "./filters.ts";
import { formatInstant } from "./instant.ts";
import type { ListOptions } from "./list-options.ts";
import { listFirst, listPages } from "./pages.ts";
import { formatTable, oneLine } from "./text.ts";

export const MESSAGES_PATH = "/v2/messages";

/** Each brings its body along. */
const PAGE_SIZE_MAX = 100;

export function listOpen(api: Api, options: FilterOptions & ListOptions) {
  const query = toQuery(options, listedMessageFilters);
  // One more proves that there are more.
  const pageSizeMax = Math.min(options.limit + 1, PAGE_SIZE_MAX);
  const request = { path: MESSAGES_PATH, query, field: "messages", pageSizeMax };
  return listFirst<OpenMessageResource>(api, request, options.limit);
}

export function formatOpenTable(messages: readonly OpenMessageResource[]): string {
  const rows = messages.map(({ messageId, state, createdAt, url, waitingFor }) => [
    messageId,
    state,
    formatInstant(createdAt),
    oneLine(url),
    oneLine(waitingFor, 2000),
  ]);
  return formatTable(["message", "state", "created", "destination", "waiting for"], rows);
}

/** What has been cancelled already cannot be cancelled again. */
const CANCELLABLE: Query = OPEN_MESSAGE_STATES.filter(
  (state: OpenMessageState) => state !== "CANCEL_REQUESTED",
).map((state) => ["state", state] as const);

export interface Counted {
  readonly count: number;
  /** The filters that choose what was counted, and nothing that has arrived since. */
  readonly options: FilterOptions;
}

/** Counts what a cancel would take. The newest message bounds it, by the clock of the server. */
export async function countOpen(api: Api, options: FilterOptions): Promise<Counted> {
  const newest = await findNewest(api, options);
  if (newest === null) return { count: 0, options };
  const bounded = { ...options, to: newest.createdAt };
  const query = [...cancellable(bounded), ["countOnly", "true"] as const];
  const { count } = await ask<CountAnswer>(api, { path: MESSAGES_PATH, query });
  return { count, options: bounded };
}

/** A page may be empty although there is something on the next one. */
async function findNewest(api: Api, options: FilterOptions): Promise<OpenMessageResource | null> {
  const query = cancellable(options);
  const request = { path: MESSAGES_PATH, query, field: "messages", pageSizeMax: 1 };
  for await (const [newest] of listPages<OpenMessageResource>(api, request)) {
    if (newest !== undefined) return newest;
  }
  return null;
}

function cancellable(options: FilterOptions): Query {
  return [...toQuery(options, openMessageFilters), ...CANCELLABLE];
}
