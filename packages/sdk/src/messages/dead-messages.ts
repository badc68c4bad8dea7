import { QstashError } from "../errors.ts";
import { bulkRequest } from "../wire/bulk-request.ts";
import type { Http, QueryValue } from "../wire/http.ts";
import { eachItem, withoutEmptyCursor } from "../wire/pages.ts";
import {
  checkId,
  checkIds,
  countInPieces,
  filterQuery,
  selectionQuery,
} from "../wire/selection.ts";
import { type DLQBulkActionFilters, type DlqFilter, toWireFilter } from "./filters.ts";
import { type DlqMessage, withAliases } from "./message.ts";
import { type MessageOptions, optionHeaders } from "./publish-request.ts";

/** A list of entries to ask for. */
export interface DlqListOptions {
  readonly filter?: DlqFilter | undefined;
  /** In place of a filter. */
  readonly dlqIds?: string | readonly string[] | undefined;
  readonly cursor?: string | undefined;
  readonly count?: number | undefined;
  /** The oldest failures first when not given. */
  readonly order?: "earliestFirst" | "latestFirst" | undefined;
}

/** Settings of the new message, in place of those that the dead one had. */
export type RetryOptions = Pick<
  MessageOptions,
  | "retries"
  | "retryDelay"
  | "delay"
  | "notBefore"
  | "timeout"
  | "label"
  | "flowControl"
  | "redact"
  | "callback"
  | "failureCallback"
>;

/** The new messages of a retry. */
export interface RetryAnswer {
  /** Where the next request goes on; none when nothing is left. */
  readonly cursor?: string;
  readonly responses: { readonly messageId: string }[];
}

type Request = string | readonly string[] | DLQBulkActionFilters;
type Many = Exclude<DLQBulkActionFilters, { readonly dlqIds: unknown }>;

interface HoldAnswers {
  readonly hold: { held: number; cursor?: string };
  readonly release: { released: number; cursor?: string };
}

const IDS = { parameter: "dlqIds", noun: "dead letter" } as const;
const COUNT_DEFAULT = 100;

/** Messages whose retries are used up: look at them, send them again, or delete them. */
export class DLQ {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** A page of entries. */
  async listMessages(
    options: DlqListOptions = {},
  ): Promise<{ messages: DlqMessage[]; cursor?: string }> {
    const { cursor, count, order } = options;
    const page = await this.#http.json<{ messages: DlqMessage[]; cursor?: string }>({
      method: "GET",
      path: ["v2", "dlq"],
      query: { ...listQuery(options), cursor, count, order },
    });
    return { ...page, messages: page.messages.map(withAliases) };
  }

  /** Every entry that matches, page by page: `for await (const entry of client.dlq.all({ label: "winter" }))`. */
  all(
    filter: DlqFilter = {},
    options: Pick<DlqListOptions, "count" | "order"> = {},
  ): AsyncGenerator<DlqMessage, void, undefined> {
    const read = (cursor: string | undefined) => this.listMessages({ ...options, filter, cursor });
    return eachItem(read, (page) => page.messages);
  }

  /** One entry. */
  async get(dlqId: string): Promise<DlqMessage> {
    const path = ["v2", "dlq", checkId(dlqId, IDS.noun)];
    return withAliases(await this.#http.json<DlqMessage>({ method: "GET", path }));
  }

  /**
   * Sends dead messages again, as new ones: one id, several, those that match a filter, or all. One request handles at most `count`;
   * `cursor` of the answer goes on. An empty list of ids does nothing.
   */
  async retry(request: Request, options: RetryOptions = {}): Promise<RetryAnswer> {
    if (isList(request) && request.length === 0) return { responses: [] };
    const bulk = bulkRequest({
      method: "POST",
      path: ["v2", "dlq", "retry"],
      query: toQuery(request),
      headers: optionHeaders(options),
    });
    return withoutEmptyCursor(await this.#http.json<RetryAnswer>(bulk));
  }

  /** Retries everything that matches, page by page. It goes as far as somebody takes the messages: `for await`. */
  retryAll(
    request: Many,
    options: RetryOptions = {},
  ): AsyncGenerator<{ readonly messageId: string }, void, undefined> {
    const next = (cursor: string | undefined) =>
      this.retry({ ...request, cursor: cursor ?? request.cursor }, options);
    return eachItem(next, (page) => page.responses);
  }

  /** Deletes dead messages, chosen as in {@link retry}. */
  async delete(request: Request): Promise<{ deleted: number; cursor?: string }> {
    if (typeof request === "string") {
      const path = ["v2", "dlq", checkId(request, IDS.noun)];
      await this.#http.done({ method: "DELETE", path });
      return { deleted: 1 };
    }
    if (!isList(request)) return this.#deleteMany(request);
    const remove = async (some: readonly string[]) => (await this.#deleteMany(some)).deleted;
    return { deleted: await countInPieces(request, remove) };
  }

  async #deleteMany(request: Request): Promise<{ deleted: number; cursor?: string }> {
    const bulk = bulkRequest({ method: "DELETE", path: ["v2", "dlq"], query: toQuery(request) });
    return withoutEmptyCursor(await this.#http.json<{ deleted: number; cursor?: string }>(bulk));
  }

  /** Keeps dead messages from the retention of the server, however old they get. Chosen as in {@link retry}. */
  async hold(request: Request): Promise<{ held: number; cursor?: string }> {
    if (!isList(request)) return this.#change("hold", request);
    const hold = async (some: readonly string[]) => (await this.#change("hold", some)).held;
    return { held: await countInPieces(request, hold) };
  }

  /** Gives dead messages back to the retention of the server: the time counts from the failure. Chosen as in {@link retry}. */
  async release(request: Request): Promise<{ released: number; cursor?: string }> {
    if (!isList(request)) return this.#change("release", request);
    const release = async (some: readonly string[]) =>
      (await this.#change("release", some)).released;
    return { released: await countInPieces(request, release) };
  }

  async #change<V extends keyof HoldAnswers>(verb: V, request: Request): Promise<HoldAnswers[V]> {
    const path = ["v2", "dlq", verb];
    const bulk = bulkRequest({ method: "POST", path, query: toQuery(request) });
    return withoutEmptyCursor(await this.#http.json<HoldAnswers[V]>(bulk));
  }

  /** Deletes these: an older name of {@link delete}. */
  async deleteMany(request: {
    readonly dlqIds: readonly string[];
  }): Promise<{ deleted: number; cursor?: string }> {
    return this.delete(request);
  }
}

function isList(request: Request): request is readonly string[] {
  return Array.isArray(request);
}

function toQuery(request: Request): Record<string, QueryValue> {
  if (typeof request === "string" || isList(request)) return selectionQuery({ ids: request }, IDS);
  const {
    dlqIds: ids,
    filter,
    all,
    count,
    cursor,
  } = { count: undefined, cursor: undefined, ...request };
  const paging = ids === undefined ? { count: count ?? COUNT_DEFAULT, cursor } : {};
  if (filter === undefined) return selectionQuery({ ...paging, ids, all }, IDS);
  return selectionQuery({ ...paging, ids, all, filter: toWireFilter(filter) }, IDS);
}

function listQuery({ dlqIds, filter }: DlqListOptions): Record<string, QueryValue> {
  if (dlqIds === undefined) return filterQuery(toWireFilter(filter ?? {}));
  if (filter !== undefined)
    throw new QstashError("name dead letters by dlqIds or by filter, not by both");
  return { dlqIds: checkIds(dlqIds, IDS.noun) };
}
