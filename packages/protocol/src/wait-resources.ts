/** Shapes of lists that people's tools ask for: what runs wait for, events that were kept, and the ticks of cron expressions. */

import type { RunState } from "./resources.ts";

export const WAIT_KINDS = ["event", "webhook", "call", "invoke"] as const;

/** A step whose result comes from outside its run. */
export interface WaitResource {
  readonly kind: (typeof WAIT_KINDS)[number];
  /** `answered`: a called service has answered, and the app is being told or will be when its run is resumed. */
  readonly state: "open" | "answered";
  readonly workflowRunId: string;
  readonly workflowUrl: string;
  readonly workflowState: RunState;
  readonly stepId: number;
  readonly stepName: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Epoch milliseconds. Of events and webhooks. */
  readonly deadline?: number;
  /** Of events and webhooks. */
  readonly eventId?: string;
  /** Of calls and invoked runs. */
  readonly url?: string;
  /** Of invoked runs. */
  readonly childRunId?: string;
}

/** A page of waits; no cursor at the end. */
export interface WaitPage {
  readonly waits: readonly WaitResource[];
  readonly cursor?: string;
}

/** What came for a run before any of its steps waited for it. */
export interface KeptEventResource {
  readonly eventId: string;
  readonly source: "notify" | "webhook";
  readonly workflowRunId: string;
  readonly workflowUrl: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Length of the event's data. */
  readonly bytes: number;
}

/** A page of kept events; no cursor at the end. */
export interface KeptEventPage {
  readonly events: readonly KeptEventResource[];
  readonly cursor?: string;
}

/** When a cron expression fires next. */
export interface CronAnswer {
  readonly expression: string;
  /** Name of the IANA database. */
  readonly timeZone: string;
  /** Epoch milliseconds, ascending; fewer than asked for when it fires no more within five years. */
  readonly times: readonly number[];
}
