import type { Http } from "../wire/http.ts";
import type { HeaderLists } from "../wire/options.ts";
import { checkId } from "../wire/selection.ts";
import { payloadText } from "./trigger-item.ts";

/** Requests about runs that a workflow makes as well as a client. */

/** A run that waits for an event. */
export interface Waiter {
  readonly url: string;
  /** Epoch seconds. */
  readonly deadline: number;
  readonly headers: HeaderLists;
  readonly timeoutUrl: string;
  readonly timeoutBody: string;
  readonly timeoutHeaders: HeaderLists;
}

/** What became of a notification, for one run. */
export interface NotifyResponse {
  readonly waiter?: Waiter;
  /** Of what wakes the run; empty when the event is kept for it, or refused. */
  readonly messageId: string;
  readonly workflowRunId: string;
  /** Epoch milliseconds. */
  readonly workflowCreatedAt: number;
  readonly deduplicated?: boolean;
  /** Why the event was refused; else empty. */
  readonly error: string;
}

/** What a notification says, and to whom. */
export interface Notification {
  readonly eventId: string;
  /** Texts are sent as they are, everything else as JSON. */
  readonly eventData?: unknown;
  /** Only this run is told, and the event is kept when it does not wait yet. */
  readonly workflowRunId?: string | undefined;
}

/** Wakes the runs that wait for an event. */
export function notify(
  { eventId, eventData, workflowRunId }: Notification,
  http: Http,
): Promise<NotifyResponse[]> {
  const run = workflowRunId === undefined ? [] : [checkId(workflowRunId, "workflow run")];
  return http.json({
    method: "POST",
    path: ["v2", "notify", ...run, eventId],
    body: payloadText(eventData),
  });
}

/** The runs that wait for an event. */
export function getWaiters(eventId: string, http: Http): Promise<Waiter[]> {
  return http.json({ method: "GET", path: ["v2", "waiters", eventId] });
}
