import type { StepRecord, StepType } from "./records.ts";

/** A step as the function asks for it. */
export interface StepCall<T = unknown> {
  readonly name: string;
  readonly type: StepType;
  /** What its plan and its record say besides name and type. */
  readonly fields?: StepFields;
  readonly work: Work;
  /** The value that the function gets for the record. */
  readonly read: (record: StepRecord) => T;
  readonly limits?: StepLimits;
}

export interface StepFields {
  readonly sleepFor?: number | string;
  readonly sleepUntil?: number;
  readonly waitEventId?: string;
  readonly timeout?: string;
}

/** Limits of one step, in place of the run's. */
export interface StepLimits {
  /** Attempts after the first one. */
  readonly retries?: number;
  /** Pause before the next attempt: seconds, a duration, or milliseconds made from the number of retries so far. */
  readonly retryDelay?: number | string | ((retried: number) => number);
  /** Time for one attempt: seconds or a duration. */
  readonly timeout?: number | string;
}

/** What has to happen for the step. */
export type Work = LocalWork | SleepWork | CallWork | WaitWork | InvokeWork;

/** The app does it; what it gives is the result. */
export interface LocalWork {
  readonly type: "local";
  readonly run: (attempt: StepAttempt) => unknown;
}

/** What a step's function is told. */
export interface StepAttempt {
  /** From 0: attempts of this step that have failed. */
  readonly retried: number;
  /** Aborts when the attempt's time is up, or when nobody waits for it any more. */
  readonly signal: AbortSignal;
}

/** The server lets time pass. */
export interface SleepWork {
  readonly type: "sleep";
}

/** The server calls a service. */
export interface CallWork {
  readonly type: "call";
  readonly url: string;
  readonly method: string;
  readonly body: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly retries: number;
  readonly retryDelay: string | undefined;
  readonly timeout: number | string | undefined;
  readonly flowControl: FlowControl | undefined;
}

/** The server waits for a notification or a request. */
export interface WaitWork {
  readonly type: "wait";
  readonly eventId: string;
  readonly timeout: string;
}

/** The server starts another workflow and waits for its end. */
export interface InvokeWork {
  readonly type: "invoke";
  /** Last segment of its URL; the rest is that of the invoking workflow. */
  readonly workflowId: string;
  readonly workflowRunId: string | undefined;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
  readonly retries: number | undefined;
  readonly retryDelay: string | undefined;
  readonly flowControl: FlowControl | undefined;
  readonly labels: readonly string[];
  readonly failureUrl: string | undefined;
  readonly useJson: boolean;
}

/** Limits that all messages with this key share. */
export interface FlowControl {
  readonly key: string;
  /** Attempts at once. */
  readonly parallelism?: number;
  /** Starts within one period. */
  readonly rate?: number;
  /** Seconds or a duration; one second when not given. */
  readonly period?: number | string;
}
