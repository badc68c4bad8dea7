import { bulkRequest } from "../wire/bulk-request.ts";
import type { Http, QueryValue } from "../wire/http.ts";
import { eachItem } from "../wire/pages.ts";
import { checkId, countInPieces, filterQuery, selectionQuery } from "../wire/selection.ts";
import { type MessageCancelFilters, type OpenMessageFilter, toWireFilter } from "./filters.ts";
import { type Message, type OpenFields, type OpenMessage, withAliases } from "./message.ts";

/** A list of open messages to ask for. */
export interface MessageListOptions {
  readonly filter?: OpenMessageFilter | undefined;
  /** Win over every filter. */
  readonly messageIds?: readonly string[] | undefined;
  readonly cursor?: string | undefined;
  readonly count?: number | undefined;
  /** The newest first when not given. */
  readonly order?: "earliestFirst" | "latestFirst" | undefined;
}

/** What is cancelled. */
export interface CancelOptions {
  /** Does not wait for the end of a cancel by filter: `actionId` of the answer leads to its progress. */
  readonly async?: boolean | undefined;
}

/** How many were cancelled, or are being cancelled by this action. */
export interface CancelAnswer {
  readonly cancelled: number;
  readonly actionId?: string;
}

type CancelRequest = string | readonly string[] | MessageCancelFilters;

const IDS = { parameter: "messageIds", noun: "message" } as const;

/** Messages that belong to no run. */
export class Messages {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** A message as it was published; while it is open, also what it waits for. */
  async get(messageId: string): Promise<Message & Partial<OpenFields>> {
    const path = ["v2", "messages", checkId(messageId, IDS.noun)];
    return withAliases(
      await this.#http.json<Message & Partial<OpenFields>>({ method: "GET", path }),
    );
  }

  /** A page of messages that have not ended, and what each waits for. */
  async list(
    options: MessageListOptions = {},
  ): Promise<{ messages: OpenMessage[]; cursor?: string }> {
    const { cursor, count, order } = options;
    const query = { ...listQuery(options), cursor, count, order };
    const page = await this.#http.json<{ messages: OpenMessage[]; cursor?: string }>({
      method: "GET",
      path: ["v2", "messages"],
      query,
    });
    return { ...page, messages: page.messages.map(withAliases) };
  }

  /** Every open message that matches: `for await (const message of client.messages.all({ queueName: "q" }))`. */
  all(
    filter: OpenMessageFilter = {},
    options: Pick<MessageListOptions, "count" | "order"> = {},
  ): AsyncGenerator<OpenMessage, void, undefined> {
    return eachItem(
      (cursor) => this.list({ ...options, filter, cursor }),
      (page) => page.messages,
    );
  }

  /** How many open messages match. */
  async count(filter: OpenMessageFilter = {}): Promise<number> {
    const query = { ...listQuery({ filter }), countOnly: true };
    const path = ["v2", "messages"];
    return (await this.#http.json<{ count: number }>({ method: "GET", path, query })).count;
  }

  /** Sends a message now that waits for its delay or for a retry. */
  async release(messageId: string): Promise<void> {
    const path = ["v2", "messages", checkId(messageId, IDS.noun), "retry"];
    await this.#http.done({ method: "POST", path });
  }

  /**
   * Cancels open messages: one id, several, those that match a filter, or all. One that has ended is an error when it is named alone;
   * among several it is not counted. An empty list of ids does nothing.
   */
  async cancel(request: CancelRequest, options: CancelOptions = {}): Promise<CancelAnswer> {
    if (typeof request === "string") {
      const path = ["v2", "messages", checkId(request, IDS.noun)];
      return this.#http.json({ method: "DELETE", path });
    }
    if (!isList(request)) return this.#cancelMany(request, options);
    const cancel = async (some: readonly string[]) => (await this.#cancelMany(some)).cancelled;
    return { cancelled: await countInPieces(request, cancel) };
  }

  #cancelMany(
    request: Exclude<CancelRequest, string>,
    options: CancelOptions = {},
  ): Promise<CancelAnswer> {
    const wait = options.async === true ? { async: true } : {};
    const query = { ...cancelQuery(request), ...wait };
    return this.#http.json(bulkRequest({ method: "DELETE", path: ["v2", "messages"], query }));
  }

  /** Cancels one message: an older name of {@link cancel}. */
  async delete(messageId: string): Promise<void> {
    const path = ["v2", "messages", checkId(messageId, IDS.noun)];
    await this.#http.done({ method: "DELETE", path });
  }

  /** Cancels these messages: an older name of {@link cancel}. */
  async deleteMany(messageIds: readonly string[]): Promise<number> {
    return (await this.cancel(messageIds)).cancelled;
  }

  /** Cancels every message: an older name of {@link cancel}. */
  async deleteAll(): Promise<number> {
    return (await this.cancel({ all: true })).cancelled;
  }
}

function isList(request: CancelRequest): request is readonly string[] {
  return Array.isArray(request);
}

function cancelQuery(request: Exclude<CancelRequest, string>): Record<string, QueryValue> {
  if (isList(request)) return selectionQuery({ ids: request }, IDS);
  const { messageIds: ids, filter, all, count } = { count: undefined, ...request };
  if (filter === undefined) {
    // A count would be a bound: without one the request still has to say that it means something.
    const everything = all === true && count === undefined ? { fromDate: 0 } : {};
    return { ...selectionQuery({ ids, all, count }, IDS), ...everything };
  }
  return selectionQuery({ ids, all, count, filter: toWireFilter(filter) }, IDS);
}

function listQuery({ messageIds, filter = {} }: MessageListOptions): Record<string, QueryValue> {
  return messageIds === undefined ? filterQuery(toWireFilter(filter)) : { messageIds };
}
