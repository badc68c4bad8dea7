/** Shapes of answers about events and those who wait for them. */

import type { HeaderMap } from "./headers.ts";

/** A step that waits for an event. */
export interface WaiterResource {
  /** Where its result goes. */
  readonly url: string;
  /** Epoch seconds. */
  readonly deadline: number;
  readonly headers: HeaderMap;
  readonly timeoutUrl: string;
  readonly timeoutBody: string;
  readonly timeoutHeaders: HeaderMap;
}

/** What became of a notification for one run. */
export interface NotifiedResource {
  /** The message that wakes the run; empty when the event is kept for it, or refused. */
  readonly messageId: string;
  readonly workflowRunId: string;
  /** Epoch milliseconds. */
  readonly workflowCreatedAt: number;
  readonly deduplicated: boolean;
  /** Why the event was refused; else empty. */
  readonly error: string;
  /** Absent unless somebody waited. */
  readonly waiter?: WaiterResource;
}
