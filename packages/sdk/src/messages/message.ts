import type { HeaderLists, HTTPMethods } from "../wire/options.ts";

/** Messages as the server shows them. Fields are absent when they were not given. */

export interface Message {
  readonly messageId: string;
  /** Exactly as it was given. */
  readonly url: string;
  readonly urlGroup?: string;
  /** As `urlGroup`. */
  readonly topicName?: string;
  readonly endpointName?: string;
  readonly method?: HTTPMethods;
  /** What the destination receives from the publisher. */
  readonly header?: HeaderLists;
  /** The body when it is text. */
  readonly body?: string;
  /** The body when it is not, as base64. */
  readonly bodyBase64?: string;
  readonly maxRetries?: number;
  readonly retryDelayExpression?: string;
  /** Epoch milliseconds of the first attempt. */
  readonly notBefore?: number;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Limit of an attempt, in milliseconds. */
  readonly timeout?: number;
  readonly callback?: string;
  readonly callbackHeader?: HeaderLists;
  readonly failureCallback?: string;
  readonly failureCallbackHeader?: HeaderLists;
  readonly queueName?: string;
  readonly scheduleId?: string;
  /** Of the publisher. */
  readonly callerIP?: string;
  readonly flowControlKey?: string;
  readonly parallelism?: number;
  readonly rate?: number;
  /** As `rate`. */
  readonly ratePerSecond?: number;
  /** Seconds. */
  readonly period?: number;
  /** The first of `labels`. */
  readonly label?: string;
  readonly labels?: string[];
}

/** How far a message that is not through has come. */
export type OpenMessageState = "SCHEDULED" | "WAITING" | "ACTIVE" | "CANCEL_REQUESTED";

/** What a message has only as long as it has not ended. */
export interface OpenFields {
  readonly state: OpenMessageState;
  /** Failed attempts so far. */
  readonly retried: number;
  /** Epoch milliseconds of the next attempt; none when it does not depend on the clock alone. */
  readonly nextDeliveryTime?: number;
  /** What the message waits for, in one sentence for people. */
  readonly waitingFor: string;
}

/** A message that is not through, with its state. */
export type OpenMessage = Message & OpenFields;

/** A message whose retries are used up. */
export interface DlqMessage extends Message {
  readonly dlqId: string;
  /** When the server takes it out of the queue, epoch milliseconds; null while it is held. */
  readonly expiresAt?: number | null;
  /** Of the last attempt; 0 when there was no response. */
  readonly responseStatus?: number;
  readonly responseHeader?: HeaderLists;
  /** The response when it is text. */
  readonly responseBody?: string;
  /** The response when it is not, as base64. */
  readonly responseBodyBase64?: string;
  /** The response was longer than the server keeps. */
  readonly isResponseTruncated?: boolean;
  /** Why the last attempt failed. */
  readonly reason?: string;
}

/** Two fields have older or clearer names as well. */
export function withAliases<T extends Message>(message: T): T {
  const { rate } = message;
  return { ...withGroup(message), ...(rate === undefined ? {} : { ratePerSecond: rate }) };
}

/** What the wire calls a topic is a URL group. */
export function withGroup<T extends { readonly topicName?: string }>(one: T): T {
  return one.topicName === undefined ? one : { ...one, urlGroup: one.topicName };
}
