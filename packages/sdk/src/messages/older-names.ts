import type { RatelimitNumbers } from "../errors.ts";
import type { GetLogsResponse, Log, LogsRequest } from "./logs.ts";
import type { Message } from "./message.ts";

/** Names of types that others wrote down in their code, and that mean the same as a newer one. */

/** An older name of `Log`. */
export type Event = Log;
/** An older name of `Log`. */
export type LogPayload = Log;
/** An older name of `Log`. */
export type EventPayload = Log;
/** An older name of `LogsRequest`. */
export type EventsRequest = LogsRequest;
/** An older name of `GetLogsResponse`. */
export type GetEventsResponse = GetLogsResponse;
/** An older name of `GetLogsResponse`. */
export type GetLogsPayload = GetLogsResponse;
/** An older name of `GetLogsResponse`. */
export type GetEventsPayload = GetLogsResponse;
/** An older name of `Message`. */
export type MessagePayload = Message;
/** An older name of `RatelimitNumbers`. */
export type RateLimit = RatelimitNumbers;
/** With the cursor of a next page. */
export type WithCursor<T> = T & { readonly cursor?: number };
