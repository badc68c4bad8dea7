import type { Duration, FlowControl, HeaderLists, HTTPMethods } from "../wire/options.ts";
import type { CallbackState } from "./run-log.ts";

/** Failed runs, as the server shows them, and what a run that goes on is given. */

export interface FailureCallbackInfo {
  readonly state?: CallbackState;
  readonly responseStatus?: number;
  readonly responseBody?: string;
  readonly responseHeaders?: HeaderLists;
}

/** A failed run. */
export interface PublicDLQMessage {
  readonly dlqId: string;
  readonly messageId: string;
  readonly url: string;
  readonly method: HTTPMethods;
  readonly header: HeaderLists;
  /** The payload of the run when it is text. */
  readonly body: string;
  /** The payload when it is not, as base64. */
  readonly bodyBase64?: string;
  readonly maxRetries: number;
  readonly retryDelayExpression?: string;
  /** Epoch milliseconds. */
  readonly notBefore: number;
  /** Epoch milliseconds of the failure. */
  readonly createdAt: number;
  /** When the server takes it out of the queue, epoch milliseconds; null while it is held. */
  readonly expiresAt?: number | null;
  readonly callerIP: string;
  readonly workflowRunId: string;
  /** Epoch milliseconds. */
  readonly workflowCreatedAt: number;
  readonly workflowUrl: string;
  /** 0 when the last attempt had no response. */
  readonly responseStatus: number;
  readonly responseHeader: HeaderLists;
  readonly responseBody: string;
  readonly responseBodyBase64?: string;
  /** The response was longer than the server keeps. */
  readonly isResponseTruncated?: boolean;
  /** What went wrong in the last attempt, and who answered if it was not the app. */
  readonly reason?: string;
  readonly failureCallback?: string;
  readonly failureCallbackHeader?: HeaderLists;
  readonly failureCallbackInfo?: FailureCallbackInfo;
  readonly failureFunctionState?: CallbackState;
  /** The first of `labels`. */
  readonly label?: string;
  readonly labels?: string[];
  readonly flowControlKey?: string;
  readonly parallelism?: number;
  readonly rate?: number;
  /** Seconds. */
  readonly period?: number;
}

/** One entry with everything that was tried. */
export interface DLQEntry extends PublicDLQMessage {
  /** Oldest first. */
  readonly attempts?: DLQAttempt[];
}

/** One finished try to deliver the failed message. */
export interface DLQAttempt {
  /** From 0. */
  readonly retried: number;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  /** Epoch milliseconds. */
  readonly endedAt: number;
  readonly requestHeader: HeaderLists;
  /** 0 when there was no response. */
  readonly responseStatus: number;
  readonly responseHeader: HeaderLists;
  readonly responseBody?: string;
  readonly responseBodyBase64?: string;
  readonly isTruncated: boolean;
  readonly error?: string;
  /** Why there was no response: `refused`, `timeout`, ... */
  readonly cause?: string;
  /** What the server did next, and why. */
  readonly move: string;
}

/** Settings of the new run, in place of those that the failed one had. */
export interface ResumeRestartOptions {
  /** Of each step that is left. */
  readonly retries?: number | undefined;
  /** Milliseconds between two attempts, as an expression over `retried`. */
  readonly retryDelay?: string | undefined;
  /** Wait before the next step; a number is seconds. */
  readonly delay?: Duration | number | undefined;
  readonly flowControl?: FlowControl | undefined;
  readonly label?: string | readonly string[] | undefined;
  /** Who is told when the new run fails. */
  readonly failureUrl?: string | undefined;
}

/** Give the ids themselves: `resume(dlqId)`. */
export type DLQResumeRestartOptions<T extends string | string[] = string | string[]> = {
  readonly dlqId: T;
} & ResumeRestartOptions;

/** The run that goes on. */
export interface DLQResumeRestartResponse {
  readonly workflowRunId: string;
  /** Epoch milliseconds. */
  readonly workflowCreatedAt: number;
}
