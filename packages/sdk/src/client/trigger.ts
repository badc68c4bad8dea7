import type { Http } from "../wire/http.ts";
import { forwardHeaders } from "../wire/message-headers.ts";
import type { BatchItem } from "./trigger-item.ts";

/** What became of an item. */
export interface BatchAnswer {
  readonly messageId: string;
  /** The run was there already, and goes on. */
  readonly deduplicated?: boolean;
}

/** Sends them as one request: all are accepted, or none. Of an empty list nothing is sent. */
export async function sendBatch(
  items: readonly BatchItem[],
  http: Http,
): Promise<readonly BatchAnswer[]> {
  if (items.length === 0) return [];
  const all = forwardHeaders(http.headers);
  const body = items.map((item) => ({ ...item, headers: { ...all, ...item.headers } }));
  return http.json({
    method: "POST",
    path: ["v2", "batch"],
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}
