import type { Filter } from "../wire/selection.ts";
import type { OpenMessageState } from "./message.ts";

/** Filters of messages. Several values of one are alternatives, different filters must all hold. */

type OneOrMany = string | readonly string[];

interface SharedFilter {
  /** Epoch milliseconds; included. */
  readonly fromDate?: Date | number | undefined;
  /** Epoch milliseconds; included. */
  readonly toDate?: Date | number | undefined;
  /** Of the publisher. */
  readonly callerIp?: OneOrMany | undefined;
  readonly label?: OneOrMany | undefined;
  readonly flowControlKey?: OneOrMany | undefined;
  /** Exactly as it was given. */
  readonly url?: OneOrMany | undefined;
  readonly urlGroup?: OneOrMany | undefined;
  readonly scheduleId?: OneOrMany | undefined;
  readonly queueName?: OneOrMany | undefined;
}

interface HostPathFilter {
  /** Of the destination, with or without its port. */
  readonly host?: OneOrMany | undefined;
  /** Of the destination, without its query. */
  readonly path?: OneOrMany | undefined;
}

/** Filters of messages that have not ended. */
export interface MessageFilter extends SharedFilter, HostPathFilter {}

/** Which of the messages that are not through. */
export interface OpenMessageFilter extends MessageFilter {
  readonly state?: OpenMessageState | readonly OpenMessageState[] | undefined;
}

/** Filters of messages whose retries are used up. */
export interface DlqFilter extends SharedFilter {
  /** Ignored: there are no providers. */
  readonly api?: string | undefined;
  readonly messageId?: OneOrMany | undefined;
  /** Those that failed alike. */
  readonly groupId?: OneOrMany | undefined;
  /** Of the last attempt; 0 when there was no response. */
  readonly responseStatus?: number | readonly number[] | undefined;
}

/** How far a message has come. */
export type State =
  | "CREATED"
  | "ACTIVE"
  | "DELIVERED"
  | "ERROR"
  | "RETRY"
  | "FAILED"
  | "CANCEL_REQUESTED"
  | "CANCELED"
  | "IN_PROGRESS";

/** Filters of the log. */
export interface LogFilter extends SharedFilter, HostPathFilter {
  /** Ignored: there are no providers. */
  readonly api?: string | undefined;
  readonly state?: State | readonly State[] | undefined;
  /** Use `messageIds` beside the filter. */
  readonly messageId?: string | undefined;
  /** Use `urlGroup`. */
  readonly topicName?: string | undefined;
  /** Use `count` beside the filter. */
  readonly count?: number | undefined;
}

interface Paging {
  /** Entries that one request handles; 100 when not given. */
  readonly count?: number | undefined;
  /** Where the last request ended. */
  readonly cursor?: string | undefined;
}

/** Entries by their ids, by a filter, or all of them. */
export type DLQBulkActionFilters =
  | { readonly dlqIds: OneOrMany; readonly filter?: never; readonly all?: never }
  | ({ readonly filter: DlqFilter; readonly dlqIds?: never; readonly all?: never } & Paging)
  | ({ readonly all: true; readonly dlqIds?: never; readonly filter?: never } & Paging);

/** Messages by their ids, by a filter, or all of them. */
export type MessageCancelFilters =
  | { readonly messageIds: readonly string[]; readonly filter?: never; readonly all?: never }
  | ({ readonly filter: MessageFilter; readonly messageIds?: never; readonly all?: never } & Bound)
  | ({ readonly all: true; readonly messageIds?: never; readonly filter?: never } & Bound);

interface Bound {
  /** Messages that are cancelled at most, the newest first; all that match when not given. */
  readonly count?: number | undefined;
}

/** On the wire a URL group is called topic. */
export function toWireFilter(filter: object): Filter {
  // Filters are made of values that a query can hold.
  const { urlGroup, api: _, ...rest } = filter as Filter;
  return urlGroup === undefined ? rest : { ...rest, topicName: urlGroup };
}
