import { QstashError } from "../errors.ts";
import { bulkRequest } from "../wire/bulk-request.ts";
import type { QueryValue } from "../wire/http.ts";
import { Http, type HttpOptions } from "../wire/http.ts";
import type { SharedSettings } from "../wire/options.ts";
import { eachItem } from "../wire/pages.ts";
import { randomId } from "../wire/random-id.ts";
import { checkId, countInPieces, filterQuery, selectionQuery } from "../wire/selection.ts";
import { DLQ } from "./dead-letters.ts";
import type { WorkflowLogsListFilters, WorkflowRunCancelFilters } from "./filters.ts";
import type { WorkflowEvent, WorkflowEvents, WorkflowRunLog, WorkflowRunLogs } from "./run-log.ts";
import {
  getWaiters,
  type Notification,
  type NotifyResponse,
  notify,
  type Waiter,
} from "./run-requests.ts";
import { sendBatch } from "./trigger.ts";
import { triggerItem } from "./trigger-item.ts";

/** How a client reaches the server. */
export interface ClientConfig extends HttpOptions {
  /** Nothing is measured: it is taken so that callers need not be changed. */
  readonly enableTelemetry?: boolean | undefined;
}

/** A run to start. */
export interface TriggerOptions extends SharedSettings {
  /** Of the workflow. */
  readonly url: string;
  /** The payload: texts as they are, everything else as JSON. */
  readonly body?: unknown;
  /** The workflow gets them with each delivery. */
  readonly headers?: Record<string, string> | undefined;
  /** Without its `wfr_`; random when not given. */
  readonly workflowRunId?: string | undefined;
  /** Who is told when the run fails; the failure function of the workflow when not given. */
  readonly failureUrl?: string | undefined;
  /** Nothing is measured: it is taken so that callers need not be changed. */
  readonly disableTelemetry?: boolean | undefined;
}

/** Which runs of the logs, and how many. The filters beside `filter` are older names. */
export interface LogsOptions
  extends Pick<
    WorkflowLogsListFilters,
    "workflowRunId" | "state" | "workflowUrl" | "label" | "workflowCreatedAt"
  > {
  readonly cursor?: string | undefined;
  readonly count?: number | undefined;
  readonly filter?: WorkflowLogsListFilters | undefined;
  /** Bytes of each body that are shown; -1 for none. */
  readonly trimBody?: number | undefined;
}

/** What a stuck run was given. */
export interface NudgeResponse {
  readonly workflowRunId: string;
  /** Epoch milliseconds. */
  readonly workflowCreatedAt: number;
  /** Of the deliveries that make it go on. */
  readonly messageIds: string[];
}

/** Asks for pages of runs; `all` walks through them. */
export interface Logs {
  /** A page of runs, newest first. */
  (options?: LogsOptions): Promise<WorkflowRunLogs>;
  /** Every run that matches: `for await (const run of client.logs.all({ state: "RUN_FAILED" }))`. */
  all(
    filter?: WorkflowLogsListFilters,
    options?: LogPageOptions,
  ): AsyncGenerator<WorkflowRunLog, void, undefined>;
}

/** How big pages are, and how much of each body they show. */
export type LogPageOptions = Pick<LogsOptions, "count" | "trimBody">;

type Cancel = string | readonly string[] | WorkflowRunCancelFilters;
type CancelRequest = Cancel | OldCancel;

interface OldCancel {
  readonly ids?: string | readonly string[] | undefined;
  readonly urlStartingWith?: string | undefined;
  readonly all?: true | undefined;
}

const IDS = { parameter: "workflowRunIds", noun: "workflow run" } as const;
const CANCEL_COUNT_DEFAULT = 100;

/** Starts runs, and looks after them. */
export class Client {
  readonly http: Http;
  /** Failed runs. */
  readonly dlq: DLQ;
  /** What happened in runs. */
  readonly logs: Logs;

  constructor(config: ClientConfig = {}) {
    this.http = new Http(config);
    this.dlq = new DLQ(this.http);
    const page = (options: LogsOptions = {}) => this.#logPage(options);
    const all = (filter: WorkflowLogsListFilters = {}, options: LogPageOptions = {}) =>
      eachItem(
        (cursor) => page({ ...options, filter, cursor }),
        ({ runs }) => runs,
      );
    this.logs = Object.assign(page, { all });
  }

  /** Starts one run, or several in one request: all of them, or none. A run that is live already is left alone. */
  trigger(run: TriggerOptions): Promise<{ workflowRunId: string }>;
  trigger(runs: readonly TriggerOptions[]): Promise<{ workflowRunId: string }[]>;
  async trigger(given: TriggerOptions | readonly TriggerOptions[]) {
    const runs = isList(given) ? given : [given];
    const starts = runs.map(({ workflowRunId, ...run }) => ({
      ...run,
      runId: `wfr_${workflowRunId ?? randomId()}`,
    }));
    await sendBatch(starts.map(triggerItem), this.http);
    const started = starts.map(({ runId }) => ({ workflowRunId: runId }));
    return isList(given) ? started : started[0];
  }

  /**
   * Cancels live runs: one id, several, those that match a filter, or all; by filter at most `count` of them. An empty list of ids does
   * nothing.
   */
  async cancel(given: CancelRequest): Promise<{ cancelled: number }> {
    const request = withoutOldNames(given);
    if (!isIds(request)) return this.#cancel(request);
    const cancel = async (some: readonly string[]) => (await this.#cancel(some)).cancelled;
    return { cancelled: await countInPieces(request, cancel) };
  }

  #cancel(request: Cancel): Promise<{ cancelled: number }> {
    const path = ["v2", "workflows", "runs"];
    return this.http.json(bulkRequest({ method: "DELETE", path, query: cancelQuery(request) }));
  }

  /** Wakes the runs that wait for an event; with `workflowRunId` that one alone, also when it waits only later. */
  async notify(notification: Notification): Promise<NotifyResponse[]> {
    return notify(notification, this.http);
  }

  /** The runs that wait for an event. */
  async getWaiters({ eventId }: { readonly eventId: string }): Promise<Waiter[]> {
    return getWaiters(eventId, this.http);
  }

  /** Makes a stuck run go on: see `isStuck` and `waitingFor` in the logs. */
  async nudge(workflowRunId: string): Promise<NudgeResponse> {
    const id = checkId(workflowRunId, IDS.noun);
    return this.http.json({ method: "POST", path: ["v2", "workflows", "runs", id, "nudge"] });
  }

  /** A page of single events, those of the newest run first. */
  async events(options: LogsOptions = {}): Promise<WorkflowEvents> {
    return this.http.json({
      method: "GET",
      path: ["v2", "workflows", "events"],
      query: logQuery(options),
    });
  }

  /** Every event that matches, page by page. */
  allEvents(
    filter: WorkflowLogsListFilters = {},
    options: LogPageOptions = {},
  ): AsyncGenerator<WorkflowEvent, void, undefined> {
    return eachItem(
      (cursor) => this.events({ ...options, filter, cursor }),
      ({ events }) => events,
    );
  }

  async #logPage(options: LogsOptions): Promise<WorkflowRunLogs> {
    const query = { groupBy: "workflowRunId", ...logQuery(options) };
    return this.http.json({ method: "GET", path: ["v2", "workflows", "events"], query });
  }
}

function isList(
  given: TriggerOptions | readonly TriggerOptions[],
): given is readonly TriggerOptions[] {
  return Array.isArray(given);
}

function logQuery({
  cursor,
  count,
  trimBody,
  filter = {},
  ...older
}: LogsOptions): Record<string, QueryValue> {
  return { ...filterQuery({ ...older, ...filter }), cursor, count, trimBody };
}

function withoutOldNames(request: CancelRequest): Cancel {
  if (typeof request === "string" || isIds(request)) return request;
  // Only the older form has one of these; what neither has is refused where it is read.
  const { ids, urlStartingWith } = request as OldCancel;
  if (ids !== undefined) return typeof ids === "string" ? [ids] : ids;
  if (urlStartingWith !== undefined)
    return { filter: { workflowUrlStartingWith: urlStartingWith } };
  return request as Cancel; // Neither older name is there.
}

function cancelQuery(request: Cancel): Record<string, QueryValue> {
  if (typeof request === "string" || isIds(request)) return selectionQuery({ ids: request }, IDS);
  const { workflowRunIds: ids, filter, all, count: most } = { count: undefined, ...request };
  const count = ids === undefined ? (most ?? CANCEL_COUNT_DEFAULT) : undefined;
  if (filter === undefined) return selectionQuery({ ids, all, count }, IDS);
  const { workflowUrl, workflowUrlStartingWith, ...others } = filter;
  if (workflowUrl !== undefined && workflowUrlStartingWith !== undefined) {
    throw new QstashError("workflowUrl and workflowUrlStartingWith exclude each other");
  }
  const exact = workflowUrl === undefined ? {} : { workflowUrlExactMatch: true };
  const url = { workflowUrl: workflowUrl ?? workflowUrlStartingWith, ...exact };
  return selectionQuery({ ids, all, count, filter: { ...others, ...url } }, IDS);
}

function isIds(request: CancelRequest): request is readonly string[] {
  return Array.isArray(request);
}
