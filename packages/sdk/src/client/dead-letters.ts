import { bulkRequest } from "../wire/bulk-request.ts";
import { HEADER } from "../wire/headers.ts";
import type { Http } from "../wire/http.ts";
import { entry, type FlatHeaders, settingHeaders } from "../wire/message-headers.ts";
import { eachItem, withoutEmptyCursor } from "../wire/pages.ts";
import { checkId, countInPieces, filterQuery, selectionQuery } from "../wire/selection.ts";
import type {
  DLQEntry,
  DLQResumeRestartOptions,
  DLQResumeRestartResponse,
  PublicDLQMessage,
  ResumeRestartOptions,
} from "./dead-letter.ts";
import type { WorkflowDLQActionFilters, WorkflowDLQListFilters } from "./filters.ts";

/** A list of entries to ask for. */
export interface DLQListOptions {
  readonly filter?: WorkflowDLQListFilters | undefined;
  readonly cursor?: string | undefined;
  readonly count?: number | undefined;
  /** The oldest failures first when not given. */
  readonly order?: "earliestFirst" | "latestFirst" | undefined;
}

/** The entries that a request about many has changed. */
export interface BulkRuns {
  /** Where the next request goes on; none when nothing is left. */
  readonly cursor?: string;
  readonly workflowRuns: DLQResumeRestartResponse[];
}

type Mode = "resume" | "restart";
type Many = Exclude<WorkflowDLQActionFilters, { readonly dlqIds: unknown }>;
type Request = string | readonly string[] | WorkflowDLQActionFilters;

interface HoldAnswers {
  readonly hold: { held: number; cursor?: string };
  readonly release: { released: number; cursor?: string };
}

const IDS = { parameter: "dlqIds", noun: "dead letter" } as const;
const COUNT_DEFAULT = 100;

/** Failed runs: look at them, let them go on, or give them up. */
export class DLQ {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** A page of entries. */
  async list(
    options: DLQListOptions = {},
  ): Promise<{ messages: PublicDLQMessage[]; cursor?: string }> {
    const { filter = {}, cursor, count, order } = options;
    return this.#http.json({
      method: "GET",
      path: ["v2", "dlq"],
      query: { source: "workflow", ...filterQuery({ ...filter }), cursor, count, order },
    });
  }

  /** Every entry that matches, page by page: `for await (const entry of client.dlq.all({ label: "winter" }))`. */
  all(
    filter: WorkflowDLQListFilters = {},
    options: Pick<DLQListOptions, "count" | "order"> = {},
  ): AsyncGenerator<PublicDLQMessage, void, undefined> {
    const read = (cursor: string | undefined) => this.list({ ...options, filter, cursor });
    return eachItem(read, (page) => page.messages);
  }

  /** One entry with all of its attempts. */
  async get(dlqId: string): Promise<DLQEntry> {
    return this.#http.json({
      method: "GET",
      path: ["v2", "workflows", "dlq", checkId(dlqId, IDS.noun)],
    });
  }

  /**
   * Lets failed runs go on from the failed step, as new runs: one id, several, those that match a filter, or all. One request handles at
   * most `count`; `cursor` of the answer goes on. An empty list of ids does nothing.
   */
  resume(request: Request, options?: ResumeRestartOptions): Promise<BulkRuns>;
  resume(request: DLQResumeRestartOptions<string>): Promise<DLQResumeRestartResponse>;
  resume(request: DLQResumeRestartOptions<string[]>): Promise<DLQResumeRestartResponse[]>;
  async resume(request: Request | DLQResumeRestartOptions, options: ResumeRestartOptions = {}) {
    return this.#revive("resume", request, options);
  }

  /** Begins failed runs again, with their payloads. As {@link resume} in everything else. */
  restart(request: Request, options?: ResumeRestartOptions): Promise<BulkRuns>;
  restart(request: DLQResumeRestartOptions<string>): Promise<DLQResumeRestartResponse>;
  restart(request: DLQResumeRestartOptions<string[]>): Promise<DLQResumeRestartResponse[]>;
  async restart(request: Request | DLQResumeRestartOptions, options: ResumeRestartOptions = {}) {
    return this.#revive("restart", request, options);
  }

  /** Resumes everything that matches, page by page. It goes as far as somebody takes the runs: `for await`. */
  resumeAll(
    request: Many,
    options: ResumeRestartOptions = {},
  ): AsyncGenerator<DLQResumeRestartResponse, void, undefined> {
    const next = (cursor: string | undefined) =>
      this.resume({ ...request, cursor: cursor ?? request.cursor }, options);
    return eachItem(next, (page) => page.workflowRuns);
  }

  /** Restarts everything that matches, as {@link resumeAll}. */
  restartAll(
    request: Many,
    options: ResumeRestartOptions = {},
  ): AsyncGenerator<DLQResumeRestartResponse, void, undefined> {
    const next = (cursor: string | undefined) =>
      this.restart({ ...request, cursor: cursor ?? request.cursor }, options);
    return eachItem(next, (page) => page.workflowRuns);
  }

  /** Makes the call that reports the failure once more, when it has failed itself. */
  async retryFailureFunction({
    dlqId,
  }: {
    readonly dlqId: string;
  }): Promise<DLQResumeRestartResponse> {
    return this.#http.json({ method: "POST", path: this.#callbackPath(dlqId) });
  }

  /** Ends the call that reports the failure, when it is in progress. */
  async cancelFailureFunction({
    dlqId,
  }: {
    readonly dlqId: string;
  }): Promise<DLQResumeRestartResponse> {
    return this.#http.json({ method: "DELETE", path: this.#callbackPath(dlqId) });
  }

  /** Gives failed runs up: they stay in the logs, and can no longer be resumed. Chosen as in {@link resume}. */
  async delete(request: Request): Promise<{ deleted: number; cursor?: string }> {
    if (!isList(request)) return this.#delete(request);
    const remove = async (some: readonly string[]) => (await this.#delete(some)).deleted;
    return { deleted: await countInPieces(request, remove) };
  }

  /** Keeps failed runs from the retention of the server, however old they get. Chosen as in {@link resume}. */
  async hold(request: Request): Promise<{ held: number; cursor?: string }> {
    if (!isList(request)) return this.#change("hold", request);
    const hold = async (some: readonly string[]) => (await this.#change("hold", some)).held;
    return { held: await countInPieces(request, hold) };
  }

  /** Gives failed runs back to the retention of the server: the time counts from the failure. Chosen as in {@link resume}. */
  async release(request: Request): Promise<{ released: number; cursor?: string }> {
    if (!isList(request)) return this.#change("release", request);
    const release = async (some: readonly string[]) =>
      (await this.#change("release", some)).released;
    return { released: await countInPieces(request, release) };
  }

  async #change<V extends keyof HoldAnswers>(verb: V, request: Request): Promise<HoldAnswers[V]> {
    const path = ["v2", "workflows", "dlq", verb];
    const bulk = bulkRequest({ method: "POST", path, query: toQuery(request) });
    return withoutEmptyCursor(await this.#http.json<HoldAnswers[V]>(bulk));
  }

  async #delete(request: Request): Promise<{ deleted: number; cursor?: string }> {
    const path = ["v2", "workflows", "dlq"];
    const bulk = bulkRequest({ method: "DELETE", path, query: toQuery(request) });
    return withoutEmptyCursor(await this.#http.json<{ deleted: number; cursor?: string }>(bulk));
  }

  #callbackPath(dlqId: string): readonly string[] {
    return ["v2", "workflows", "dlq", "callback", checkId(dlqId, IDS.noun)];
  }

  async #revive(
    mode: Mode,
    request: Request | DLQResumeRestartOptions,
    options: ResumeRestartOptions,
  ) {
    if (isOld(request)) {
      const { dlqId, ...overrides } = request;
      const { workflowRuns } = await this.#reviveMany(mode, { dlqIds: dlqId }, overrides);
      return Array.isArray(dlqId) ? workflowRuns : workflowRuns[0];
    }
    if (isEmptyList(request)) return { workflowRuns: [] };
    return this.#reviveMany(mode, request, options);
  }

  async #reviveMany(
    mode: Mode,
    request: Request,
    options: ResumeRestartOptions,
  ): Promise<BulkRuns> {
    const path = ["v2", "workflows", "dlq", mode];
    const headers = overrideHeaders(options);
    const bulk = bulkRequest({ method: "POST", path, query: toQuery(request), headers });
    return withoutEmptyCursor(await this.#http.json<BulkRuns>(bulk));
  }
}

function isOld(request: Request | DLQResumeRestartOptions): request is DLQResumeRestartOptions {
  return typeof request === "object" && "dlqId" in request;
}

function isEmptyList(request: Request): boolean {
  return Array.isArray(request) && request.length === 0;
}

function toQuery(request: Request) {
  if (typeof request === "string" || isList(request)) return selectionQuery({ ids: request }, IDS);
  const { dlqIds: ids, filter, ...rest } = request;
  const count = ids === undefined ? { count: COUNT_DEFAULT } : {};
  const selection = { ...count, ...withoutUndefined(rest), ids };
  return selectionQuery(
    filter === undefined ? selection : { ...selection, filter: { ...filter } },
    IDS,
  );
}

function isList(request: Request): request is readonly string[] {
  return Array.isArray(request);
}

function withoutUndefined<T extends object>(given: T): T {
  const entries = Object.entries(given).filter(([, value]) => value !== undefined);
  // The same fields but for those that have no value.
  return Object.fromEntries(entries) as T;
}

function overrideHeaders({ failureUrl, ...settings }: ResumeRestartOptions): FlatHeaders {
  return { ...settingHeaders(settings), ...entry(HEADER.failureCallback, failureUrl) };
}
