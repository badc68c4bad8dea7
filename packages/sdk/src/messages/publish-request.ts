import { QstashError } from "../errors.ts";
import { checkDestination } from "../wire/destination.ts";
import {
  CALLBACK_PREFIX,
  FAILURE_CALLBACK_PREFIX,
  FORWARD_PREFIX,
  HEADER,
} from "../wire/headers.ts";
import {
  durationText,
  entry,
  type FlatHeaders,
  forwardHeaders,
  settingHeaders,
} from "../wire/message-headers.ts";
import type { Duration, HTTPMethods, SharedSettings } from "../wire/options.ts";
import { withPrefix } from "../wire/start-headers.ts";
import type { BodyInit, HeadersInit } from "../wire/web-types.ts";

/** What a message is given, and how it becomes headers. */

/** A callback with settings of its own. */
export interface CallbackOptions extends Omit<SharedSettings, "delay" | "notBefore"> {
  readonly url: string;
  /** The callback carries them. */
  readonly headers?: HeadersInit | undefined;
  readonly method?: HTTPMethods | undefined;
  /** Limit of an attempt; a number is seconds. */
  readonly timeout?: Duration | number | undefined;
}

/** How a message is delivered. */
export interface MessageOptions extends SharedSettings {
  /** The destination receives them; `Upstash-*` are settings. */
  readonly headers?: HeadersInit | undefined;
  /** Of the delivery; POST when not given. */
  readonly method?: HTTPMethods | undefined;
  /** Limit of an attempt; a number is seconds. */
  readonly timeout?: Duration | number | undefined;
  /** A second message with the same one within ten minutes is not sent. */
  readonly deduplicationId?: string | undefined;
  /** As a `deduplicationId` that is made of the message. */
  readonly contentBasedDeduplication?: boolean | undefined;
  /** Gets what the destination answered. */
  readonly callback?: string | CallbackOptions | undefined;
  /** Is told when the retries are used up. */
  readonly failureCallback?: string | CallbackOptions | undefined;
}

/** One destination: a URL, or a URL group, which used to be called topic. */
export type MessageDestination =
  | { readonly url: string; readonly urlGroup?: never; readonly topic?: never }
  | { readonly urlGroup: string; readonly url?: never; readonly topic?: never }
  | { readonly topic: string; readonly url?: never; readonly urlGroup?: never };

/** A message, and where it goes: a URL or a URL group. */
export type PublishRequest<TBody = BodyInit> = MessageOptions &
  MessageDestination & { readonly body?: TBody | null | undefined };

/** The body can be anything that JSON can write. */
export type PublishJsonRequest = PublishRequest<unknown>;

/** One message of a batch; with `queueName` it goes to that queue. */
export type PublishBatchRequest<TBody = BodyInit> = PublishRequest<TBody> & {
  readonly queueName?: string | undefined;
};

/** The message that was accepted. */
export interface PublishToApiResponse {
  readonly messageId: string;
}

/** The message that was accepted, or the earlier one that it repeats. */
export interface PublishToUrlResponse extends PublishToApiResponse {
  readonly url: string;
  /** A message with the same deduplication id was there; this is its id. */
  readonly deduplicated?: boolean;
}

/** One for each endpoint of the group. */
export type PublishToUrlGroupsResponse = PublishToUrlResponse[];

/** The answer to a message: one per endpoint when it goes to a URL group. */
export type PublishResponse<TRequest> = TRequest extends { readonly url: string }
  ? PublishToUrlResponse
  : TRequest extends { readonly urlGroup: string } | { readonly topic: string }
    ? PublishToUrlGroupsResponse
    : PublishToApiResponse;

/** @throws QstashError when there is none, or several. */
export function destinationOf({ url, urlGroup, topic }: Partial<MessageDestination>): string {
  const [first, ...others] = [url, urlGroup, topic].filter((one) => one !== undefined);
  if (others.length > 0) throw new QstashError("a message has one destination: url or urlGroup");
  return checkDestination(first ?? "");
}

/** The headers of a message: its settings, and under a prefix those for its destination. */
export function messageHeaders(message: MessageOptions): FlatHeaders {
  return {
    ...forwardHeaders(message.headers),
    [HEADER.method]: message.method ?? "POST",
    ...optionHeaders(message),
  };
}

/** Settings of messages and schedules; those that are not given are left out. */
export function optionHeaders(message: MessageOptions): FlatHeaders {
  const { timeout, deduplicationId, contentBasedDeduplication } = message;
  return {
    ...settingHeaders(message),
    ...entry(HEADER.timeout, durationText(timeout)),
    ...entry(HEADER.deduplicationId, deduplicationId),
    ...entry(
      HEADER.contentBasedDeduplication,
      contentBasedDeduplication === true ? "true" : undefined,
    ),
    ...callbackHeaders(message.callback, HEADER.callback, CALLBACK_PREFIX),
    ...callbackHeaders(message.failureCallback, HEADER.failureCallback, FAILURE_CALLBACK_PREFIX),
  };
}

/** A callback is a message of its own: its settings are those of a message behind a longer prefix. */
function callbackHeaders(
  callback: string | CallbackOptions | undefined,
  name: string,
  prefix: string,
): FlatHeaders {
  if (callback === undefined) return {};
  if (typeof callback === "string") return { [name]: callback };
  const { url, headers, method, timeout, ...settings } = callback;
  const set: FlatHeaders = {
    ...typeHeader(forwardHeaders(headers)),
    ...entry(HEADER.method, method),
    ...settingHeaders(settings),
    ...entry(HEADER.timeout, durationText(timeout)),
  };
  const named = Object.entries(set).map(([key, value]) => [key.replace(/^upstash-/, ""), value]);
  return { [name]: url, ...withPrefix(prefix, Object.fromEntries(named)) };
}

/** The type of a callback's body is a header like any other: the request's own is about the message. */
function typeHeader({ [HEADER.contentType]: type, ...headers }: FlatHeaders): FlatHeaders {
  return { ...headers, ...entry(FORWARD_PREFIX + HEADER.contentType, type) };
}
