import { QstashError } from "../errors.ts";
import type { Http, QueryValue } from "../wire/http.ts";
import type { HeaderLists } from "../wire/options.ts";
import { eachItem } from "../wire/pages.ts";
import { checkIds, filterQuery } from "../wire/selection.ts";
import { type LogFilter, type State, toWireFilter } from "./filters.ts";
import { type Message, withGroup } from "./message.ts";

/** One thing that happened to a message; it repeats what the message was given. */
export interface Log
  extends Omit<Message, "body" | "bodyBase64" | "callbackHeader" | "failureCallbackHeader"> {
  /** Epoch milliseconds. */
  readonly time: number;
  readonly state: Exclude<State, "IN_PROGRESS">;
  /** As base64. */
  readonly body?: string;
  readonly callerIp?: string;
  readonly callbackHeaders?: HeaderLists;
  readonly failureCallbackHeaders?: HeaderLists;
  /** Of the message that this one, a callback, reports about. */
  readonly sourceMessageId?: string;
  /** Failed attempts before this. */
  readonly retried?: number;
  /** Epoch milliseconds. */
  readonly nextDeliveryTime?: number;
  /** Why the attempt failed. */
  readonly error?: string;
  /** Why there was no response: `refused`, `timeout`, ... */
  readonly cause?: string;
  /** Epoch milliseconds of the begin of the attempt. */
  readonly startedAt?: number;
  readonly responseStatus?: number;
  readonly responseHeader?: HeaderLists;
  /** As base64. */
  readonly responseBody?: string;
  readonly isResponseTruncated?: boolean;
  /** What the server did next, and why. */
  readonly move?: string;
}

/** Which entries, and how many: those of these messages, or those that match a filter. */
export interface LogsRequest {
  readonly count?: number | undefined;
  readonly messageIds?: readonly string[] | undefined;
  readonly filter?: LogFilter | undefined;
  readonly cursor?: string | number | undefined;
  /** The newest first when not given. */
  readonly order?: "earliestFirst" | "latestFirst" | undefined;
  /** Bytes of each body that are shown; -1 for none. */
  readonly trimBody?: number | undefined;
}

/** A page of the logs. */
export interface GetLogsResponse {
  /** None at the end. */
  readonly cursor?: string;
  readonly logs: Log[];
  /** As `logs`. */
  readonly events: Log[];
}

/** What happened to one message. */
export interface MessageLog {
  readonly messageId: string;
  readonly events: Log[];
}

type PageOptions = Pick<LogsRequest, "count" | "order" | "trimBody">;

/** Asks for pages of the log; `all` and `allByMessage` walk through them. */
export interface Logs {
  /** A page of entries, newest first. */
  (request?: LogsRequest): Promise<GetLogsResponse>;
  /** Every entry that matches: `for await (const entry of client.logs.all({ state: "FAILED" }))`. */
  all(filter?: LogFilter, options?: PageOptions): AsyncGenerator<Log, void, undefined>;
  /** A page of messages with all that happened to each. */
  byMessage(request?: LogsRequest): Promise<{ messages: MessageLog[]; cursor?: string }>;
  /** Every message that matches, with all that happened to it. */
  allByMessage(
    filter?: LogFilter,
    options?: PageOptions,
  ): AsyncGenerator<MessageLog, void, undefined>;
}

/** A function with functions on it, so that `client.logs()` goes on working. */
export function makeLogs(http: Http): Logs {
  const page = async (request: LogsRequest = {}): Promise<GetLogsResponse> => {
    const { events, ...rest } = await http.json<{ events: Log[]; cursor?: string }>({
      method: "GET",
      path: ["v2", "events"],
      query: toQuery(request),
    });
    const logs = events.map(withGroup);
    return { ...rest, logs, events: logs };
  };
  const byMessage = (request: LogsRequest = {}) => {
    const query = { groupBy: "messageId", ...toQuery(request) };
    return http.json<{ messages: MessageLog[]; cursor?: string }>({
      method: "GET",
      path: ["v2", "logs"],
      query,
    });
  };
  return Object.assign(page, {
    byMessage,
    all: (filter: LogFilter = {}, options: PageOptions = {}) =>
      eachItem(
        (cursor) => page({ ...options, filter, cursor }),
        ({ logs }) => logs,
      ),
    allByMessage: (filter: LogFilter = {}, options: PageOptions = {}) =>
      eachItem(
        (cursor) => byMessage({ ...options, filter, cursor }),
        ({ messages }) => messages,
      ),
  });
}

function toQuery({ messageIds, filter, ...paging }: LogsRequest): Record<string, QueryValue> {
  if (messageIds === undefined) return { ...paging, ...filterQuery(toWireFilter(filter ?? {})) };
  if (filter !== undefined) throw new QstashError("ask by messageIds or by filter, not by both");
  return {
    ...paging,
    messageIds: checkIds(messageIds, "message"),
  };
}
