/** Bodies of answers about messages that belong to no workflow run, as the wire writes them. */

import type { FailureCause } from "./failure-resources.ts";
import type { HeaderMap } from "./headers.ts";

/** A message as `GET /v2/messages/{messageId}` answers it. Absent fields were not given. */
export interface MessageResource {
  readonly messageId: string;
  /** The destination exactly as it was given. */
  readonly url: string;
  readonly method: string;
  /** What the destination receives from the publisher. */
  readonly header?: HeaderMap;
  /** The body when it is UTF-8; an empty one is absent. */
  readonly body?: string;
  /** The body when it is not. */
  readonly bodyBase64?: string;
  readonly maxRetries: number;
  readonly retryDelayExpression?: string;
  /** Epoch milliseconds of the first attempt. */
  readonly notBefore: number;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Limit of one attempt, in milliseconds. */
  readonly timeout?: number;
  readonly callerIP: string;
  readonly topicName?: string;
  readonly endpointName?: string;
  readonly queueName?: string;
  readonly scheduleId?: string;
  readonly callback?: string;
  readonly callbackHeader?: HeaderMap;
  readonly failureCallback?: string;
  readonly failureCallbackHeader?: HeaderMap;
  readonly label?: string;
  readonly labels?: readonly string[];
  readonly flowControlKey?: string;
  readonly rate?: number;
  readonly parallelism?: number;
  /** Seconds. */
  readonly period?: number;
  /** The message that a retry of this one's dead letter has made. */
  readonly retriedAs?: string;
}

export const OPEN_MESSAGE_STATES = ["SCHEDULED", "WAITING", "ACTIVE", "CANCEL_REQUESTED"] as const;

export type OpenMessageState = (typeof OPEN_MESSAGE_STATES)[number];

/** What a message has only as long as it has not ended. */
export interface OpenMessageFields {
  readonly state: OpenMessageState;
  /** Failed attempts so far. */
  readonly retried: number;
  /** Epoch milliseconds of the next attempt; absent when it does not depend on the clock alone. */
  readonly nextDeliveryTime?: number;
  /** What the message waits for, in one sentence for people. */
  readonly waitingFor: string;
}

export interface OpenMessageResource extends MessageResource, OpenMessageFields {}

/** A page of open messages; no cursor at the end. */
export interface OpenMessagePage {
  readonly messages: readonly OpenMessageResource[];
  readonly cursor?: string;
}

/** How many messages a list would have. */
export interface CountAnswer {
  readonly count: number;
}

/** A message whose retries are used up. */
export interface DeadMessageResource extends MessageResource {
  readonly dlqId: string;
  /** When retention takes it out of the queue, epoch milliseconds; null while somebody holds it. */
  readonly expiresAt: number | null;
  /** 0 when the last attempt had no response. */
  readonly responseStatus: number;
  readonly responseHeader?: HeaderMap;
  readonly responseBody?: string;
  readonly responseBodyBase64?: string;
  /** True when the response was longer than the server keeps. */
  readonly isResponseTruncated?: boolean;
  /** Why the last attempt failed. */
  readonly reason: string;
  /** What went wrong, in one word; absent for a moment after an update from an older version, as is the next. */
  readonly cause?: FailureCause;
  /** Those that went wrong alike have the same; a filter of lists and bulk actions. */
  readonly groupId?: string;
}

/** A page of dead messages; no cursor at the end. */
export interface DeadMessagePage {
  readonly messages: readonly DeadMessageResource[];
  readonly cursor?: string;
}

/** The answer to a retry of one dead message. */
export interface RetryAnswer {
  /** Of the new message. */
  readonly messageId: string;
}

/** The answer to a retry of several; the cursor is empty when nothing is left. */
export interface BulkRetryAnswer {
  readonly responses: readonly RetryAnswer[];
  readonly cursor: string;
}

export type BulkActionState = "IN_PROGRESS" | "FINISHED";

export const BULK_ACTION_STATES: readonly BulkActionState[] = ["IN_PROGRESS", "FINISHED"];

/** A change of many messages that goes on in the background. */
export interface BulkActionResource {
  readonly actionId: string;
  readonly kind: "cancel";
  readonly state: BulkActionState;
  /** Messages that matched when it was accepted. */
  readonly total: number;
  /** Messages that it has changed so far. */
  readonly processed: number;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Epoch milliseconds; absent while it goes on. */
  readonly completedAt?: number;
  /** Name of a filter -> its values. */
  readonly filter: Readonly<Record<string, readonly string[]>>;
}

/** A page of bulk actions; no cursor at the end. */
export interface BulkActionPage {
  readonly bulkActions: readonly BulkActionResource[];
  readonly cursor?: string;
}

/** The answer to a bulk cancel; the id is there when the cancel goes on in the background. */
export interface BulkCancelAnswer {
  readonly cancelled: number;
  readonly actionId?: string;
}
