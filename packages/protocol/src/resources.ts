/** Shapes of the JSON answers. Optional fields are left out when they have no value, never sent as null. */

import type { FailureCause } from "./failure-resources.ts";
import type { HeaderMap } from "./headers.ts";
import type { Method } from "./publish.ts";

export type RunState = "RUN_STARTED" | "RUN_SUCCESS" | "RUN_FAILED" | "RUN_CANCELED";
export type StepState =
  | "STEP_PROGRESS"
  | "STEP_SUCCESS"
  | "STEP_RETRY"
  | "STEP_FAILED"
  | "STEP_CANCELED";
export type CallbackState =
  | "CALLBACK_INPROGRESS"
  | "CALLBACK_SUCCESS"
  | "CALLBACK_FAIL"
  | "CALLBACK_CANCELED";

export const RUN_STATES: readonly RunState[] = [
  "RUN_STARTED",
  "RUN_SUCCESS",
  "RUN_FAILED",
  "RUN_CANCELED",
];
export const CALLBACK_STATES: readonly CallbackState[] = [
  "CALLBACK_INPROGRESS",
  "CALLBACK_SUCCESS",
  "CALLBACK_FAIL",
  "CALLBACK_CANCELED",
];

/** Answer of a batch item or a publish. */
export interface PublishAnswer {
  readonly messageId: string;
  readonly deduplicated?: boolean;
  readonly url?: string;
  readonly workflowRunId?: string;
  readonly workflowCreatedAt?: number;
}

/** Answer of trigger, resume, restart and callback: a run, named by id and creation. */
export interface RunAnswer {
  readonly workflowRunId: string;
  /** Epoch milliseconds. */
  readonly workflowCreatedAt: number;
  readonly deduplicated?: boolean;
}

/** Answer of a bulk resume or restart; an empty cursor means that nothing is left. */
export interface BulkRunsAnswer {
  readonly workflowRuns: readonly RunAnswer[];
  readonly cursor: string;
}

/** Answer of a bulk delete of dead letters. */
export interface BulkDeleteAnswer {
  readonly deleted: number;
  readonly cursor?: string;
}

/** Answer when dead letters are held. */
export interface BulkHoldAnswer {
  readonly held: number;
  readonly cursor?: string;
}

/** Answer when dead letters are released. */
export interface BulkReleaseAnswer {
  readonly released: number;
  readonly cursor?: string;
}

/** Answer of a bulk cancel. */
export interface CancelAnswer {
  readonly cancelled: number;
}

/** Where the failure call of a dead letter stands. */
export interface FailureCallbackInfo {
  readonly state?: CallbackState;
  readonly responseStatus?: number;
  readonly responseBody?: string;
  readonly responseHeaders?: HeaderMap;
}

/** A dead letter of a workflow. */
export interface DeadLetterResource {
  readonly dlqId: string;
  readonly messageId: string;
  readonly url: string;
  readonly workflowUrl: string;
  readonly method: Method;
  readonly header: HeaderMap;
  /** The initial payload when it is UTF-8. */
  readonly body?: string;
  /** The initial payload when it is not. */
  readonly bodyBase64?: string;
  readonly maxRetries: number;
  readonly retryDelayExpression?: string;
  /** Epoch milliseconds. */
  readonly notBefore: number;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** When retention takes it out of the queue, epoch milliseconds; null while somebody holds it. */
  readonly expiresAt: number | null;
  readonly callerIP: string;
  readonly workflowRunId: string;
  /** Epoch milliseconds. */
  readonly workflowCreatedAt: number;
  readonly failureCallback?: string;
  readonly failureCallbackHeader?: HeaderMap;
  readonly failureCallbackInfo?: FailureCallbackInfo;
  readonly failureFunctionState?: CallbackState;
  readonly label?: string;
  readonly labels?: readonly string[];
  readonly flowControlKey?: string;
  readonly rate?: number;
  readonly parallelism?: number;
  /** Seconds. */
  readonly period?: number;
  /** 0 when the last attempt had no response. */
  readonly responseStatus: number;
  readonly responseHeader: HeaderMap;
  readonly responseBody?: string;
  readonly responseBodyBase64?: string;
  /** True when the response was longer than the server keeps. */
  readonly isResponseTruncated?: boolean;
  /** Why the last attempt failed, and why none followed. */
  readonly reason?: string;
  /** What went wrong, in one word; absent for a moment after an update from an older version, as are the next two. */
  readonly cause?: FailureCause;
  /** Those that went wrong alike have the same; a filter of lists and bulk actions. */
  readonly groupId?: string;
  /** The step that failed, where that is known. */
  readonly stepName?: string;
  /** Every try to deliver the failed message, oldest first. A single entry carries it, a page does not. */
  readonly attempts?: readonly AttemptResource[];
}

/** One finished try to deliver a message: what was sent, what came back, and what the engine did next. */
export interface AttemptResource {
  /** From 0; the value of `Upstash-Retried`. */
  readonly retried: number;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  /** Epoch milliseconds. */
  readonly endedAt: number;
  readonly requestHeader: HeaderMap;
  /** 0 when there was no response. */
  readonly responseStatus: number;
  readonly responseHeader: HeaderMap;
  readonly responseBody?: string;
  readonly responseBodyBase64?: string;
  /** True when the response was longer than the server keeps. */
  readonly isTruncated: boolean;
  readonly error?: string;
  /** Why there was no response: `refused`, `timeout`, ... */
  readonly cause?: string;
  /** What the engine did next, and why. */
  readonly move: string;
}

/** A page of dead letters; no cursor at the end. */
export interface DeadLetterPage {
  readonly messages: readonly DeadLetterResource[];
  readonly cursor?: string;
}

/** Body of a failure call. */
export interface FailureCallBody {
  readonly status: number;
  readonly header: HeaderMap;
  /** base64 of the complete response body. */
  readonly body: string;
  readonly retried: number;
  readonly maxRetries: number;
  readonly dlqId: string;
  readonly sourceMessageId: string;
  readonly topicName?: string;
  readonly endpointName?: string;
  readonly url: string;
  readonly method: Method;
  readonly sourceHeader: HeaderMap;
  /** base64 of the initial payload. */
  readonly sourceBody: string;
  /** Epoch milliseconds. */
  readonly notBefore: number;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly scheduleId?: string;
  readonly callerIP: string;
  readonly workflowRunId: string;
  /** Epoch milliseconds. */
  readonly workflowCreatedAt: number;
  readonly workflowUrl?: string;
  readonly label?: string;
  readonly labels?: readonly string[];
}

/** The signing keys: `current` signs, `next` takes its place at the next rotation. */
export interface SigningKeysResource {
  readonly current: string;
  readonly next: string;
  /** Milliseconds; absent before the first rotation. */
  readonly rotatedAt?: number;
}

/**
 * What a token may do: everything; look at everything but signing keys and tokens; or send messages and go on with runs.
 */
export type TokenScope = "full" | "read-only" | "publish-only";

/** A token without its text. */
export interface TokenResource {
  readonly id: string;
  readonly name: string;
  readonly scope: TokenScope;
  /** `settings` come with each start of the server, `start` was made at the first one. */
  readonly source: "settings" | "start" | "api";
  /** Milliseconds; absent for those from the settings. */
  readonly createdAt?: number;
}

/** The answer to the creation of a token: the only time that its text is shown. */
export interface NewTokenResource extends TokenResource {
  readonly token: string;
}
