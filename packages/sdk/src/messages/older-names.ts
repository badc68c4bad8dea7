import type { RatelimitNumbers } from "../errors.ts";
import type { GetLogsResponse, Log, LogsRequest } from "./logs.ts";
import type { Message } from "./message.ts";

/** Names of types that others wrote down in their code, and that mean the same as a newer one. */

export type Event = Log;
export type LogPayload = Log;
export type EventPayload = Log;
export type EventsRequest = LogsRequest;
export type GetEventsResponse = GetLogsResponse;
export type GetLogsPayload = GetLogsResponse;
export type GetEventsPayload = GetLogsResponse;
export type MessagePayload = Message;
export type RateLimit = RatelimitNumbers;
export type WithCursor<T> = T & { readonly cursor?: number };
