/** The log of messages that belong to no workflow run, as the wire writes it. */

import type { HeaderMap } from "./headers.ts";
import type { MessageResource } from "./message-resources.ts";

export const LOG_STATES = [
  "CREATED",
  "ACTIVE",
  "DELIVERED",
  "ERROR",
  "RETRY",
  "FAILED",
  "CANCEL_REQUESTED",
  "CANCELED",
] as const;

/** What happened to a message. The documentation writes `CANCELLED`, but one official client throws when it reads that. */
export type LogState = (typeof LOG_STATES)[number];

/** One entry. Every entry repeats what its message was given; names that the official clients spell differently come twice. */
export interface LogResource
  extends Omit<
    MessageResource,
    "body" | "bodyBase64" | "callbackHeader" | "failureCallbackHeader"
  > {
  /** Epoch milliseconds. */
  readonly time: number;
  readonly state: LogState;
  /** base64; an empty body is absent. */
  readonly body?: string;
  readonly callerIp: string;
  readonly retryDelayExpr?: string;
  readonly callbackHeaders?: HeaderMap;
  readonly failureCallbackHeaders?: HeaderMap;
  /** Of the message that this one reports about. */
  readonly sourceMessageId?: string;
  /** Failed attempts before this entry. */
  readonly retried: number;
  /** Epoch milliseconds of the next attempt. On RETRY, and on CREATED of a message with a delay. */
  readonly nextDeliveryTime?: number;
  /** Why the attempt failed. On ERROR and FAILED. */
  readonly error?: string;
  /** Why there was no response: `refused`, `timeout`, ... On ERROR. */
  readonly cause?: string;
  /** When the attempt that ended began, in epoch milliseconds. On ERROR and DELIVERED. */
  readonly startedAt?: number;
  /** On ERROR and DELIVERED; absent when there was no response. */
  readonly responseStatus?: number;
  readonly responseHeader?: HeaderMap;
  readonly responseHeaders?: HeaderMap;
  /** base64; an empty body is absent. On ERROR. */
  readonly responseBody?: string;
  /** True when the response was longer than the server keeps, or than an answer can show. */
  readonly isResponseTruncated?: boolean;
  /** What the server did next, and why. On ERROR. */
  readonly move?: string;
}

/** A page of the log; no cursor at the end. */
export interface LogPage {
  readonly events: readonly LogResource[];
  readonly cursor?: string;
}

/** The log of one message. */
export interface MessageLogResource {
  readonly messageId: string;
  readonly events: readonly LogResource[];
}

/** A page of the log by message; no cursor at the end. */
export interface MessageLogPage {
  readonly messages: readonly MessageLogResource[];
  readonly cursor?: string;
}
