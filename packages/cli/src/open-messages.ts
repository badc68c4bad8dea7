// Which messages have not ended. The API has no list of them; the log of each message says so.

import type { LogState, MessageLogResource } from "@reprise/protocol";
import type { Api } from "./api-client.ts";
import { openMessageFilters } from "./filter-sets.ts";
import { type FilterOptions, toQuery } from "./filters.ts";
import { listPages } from "./pages.ts";

const PAGE_SIZE_MAX = 100;

/** States behind which nothing more can be cancelled. */
const ENDED: ReadonlySet<LogState> = new Set([
  "DELIVERED",
  "FAILED",
  "CANCEL_REQUESTED",
  "CANCELED",
]);

/** Yields ids of what matches and has not ended, page after page. */
export async function* findOpenIds(
  api: Api,
  options: FilterOptions,
): AsyncGenerator<readonly string[]> {
  const query = [
    ...toQuery(options, openMessageFilters),
    ["groupBy", "messageId"] as const,
    // An instant is about when the message was made, not about its last attempt.
    ["state", "CREATED"] as const,
    ["trimBody", "-1"] as const,
  ];
  const list = { path: "/v2/logs", query, field: "messages", pageSizeMax: PAGE_SIZE_MAX };
  for await (const page of listPages<MessageLogResource>(api, list)) {
    yield page.filter(isOpen).map(({ messageId }) => messageId);
  }
}

function isOpen({ events }: MessageLogResource): boolean {
  const [newest] = events;
  return newest !== undefined && !ENDED.has(newest.state);
}
