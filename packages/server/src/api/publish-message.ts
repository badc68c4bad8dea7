import { hash } from "node:crypto";
import {
  type CallbackOptions,
  type Destination,
  type FlatHeaders,
  HEADER,
  type MessageOptions,
  mergeHeaders,
  messageId,
  type PlainOptions,
  parsePlainOptions,
  RETRIES_DEFAULT,
  RepriseError,
} from "@reprise/protocol";
import type { Answers, Dedup, PublishMessage } from "../core/commands.ts";
import type { CallbackTarget, Envelope } from "../core/envelope.ts";
import type { UrlGroupRow } from "../core/rows.ts";
import type { ApiRoom } from "./room.ts";
import { readOptions } from "./workflow-message.ts";

/** Turns what came over the wire into messages without a run: everything is checked here, before anything is stored. */

export interface PlainSubmission {
  readonly destination: Destination;
  /** Configuration, and for `Upstash-Header-Forward` the request's own headers. */
  readonly headers: FlatHeaders;
  readonly body: Uint8Array;
  readonly callerIp: string;
  /** The queue that the path or the batch item names; it wins over the header. */
  readonly queueName: string | null;
}

/** @throws RepriseError that names the header, its fault and what is allowed. */
export function toPublish(submission: PlainSubmission, room: ApiRoom): PublishMessage {
  const { destination, headers, body } = submission;
  const options = readOptions(headers, room);
  const plain = parsePlainOptions(headers);
  if (destination.kind === "url") room.settings.checkEgress(destination.url);
  const envelope = toEnvelope(submission, { options, plain }, room);
  return {
    type: "publish",
    destination:
      destination.kind === "url"
        ? { kind: "url", url: destination.url }
        : { kind: "urlGroup", name: destination.name },
    envelope,
    ...(options.delayMs === null ? {} : { delayMs: options.delayMs }),
    body,
    dedup: toDedup(plain, envelope, body),
    dedupUntil: room.host.now() + room.settings.dedupWindowMs,
  };
}

export interface ReadHeaders {
  readonly options: MessageOptions;
  readonly plain: PlainOptions;
}

/** What a message keeps of its headers. */
export function toEnvelope(
  submission: Pick<PlainSubmission, "callerIp" | "queueName">,
  { options, plain }: ReadHeaders,
  room: ApiRoom,
): Envelope {
  const { retryDelay, timeoutMs, labels, flowControl, redaction } = options;
  const queueName = submission.queueName ?? plain.queueName;
  const callback = toCallback(options.callback, "Upstash-Callback", room);
  const failureCallback = toCallback(options.failureCallback, "Upstash-Failure-Callback", room);
  return {
    method: options.method,
    headers: withContentType(
      mergeHeaders(plain.passedHeaders, options.forwardHeaders),
      options.contentType,
    ),
    retries: checkedRetries(options.retries, room),
    ...(retryDelay === null ? {} : { retryDelay }),
    ...(timeoutMs === null ? {} : { timeoutMs }),
    notBefore: options.dueAt,
    callerIp: submission.callerIp,
    ...(labels.length === 0 ? {} : { labels }),
    ...(flowControl === null ? {} : { flowControl }),
    ...(redaction === null ? {} : { redaction }),
    ...(callback === null ? {} : { callback }),
    ...(failureCallback === null ? {} : { failureCallback }),
    ...(queueName === null ? {} : { queueName }),
  };
}

/** A message without a content type is delivered without one. */
function withContentType(headers: FlatHeaders, contentType: string | null): FlatHeaders {
  return contentType === null ? headers : { ...headers, [HEADER.contentType]: contentType };
}

function checkedRetries(retries: number | null, room: ApiRoom): number {
  const { retriesMax } = room.settings;
  if (retries === null) return Math.min(RETRIES_DEFAULT, retriesMax);
  if (retries <= retriesMax) return retries;
  throw new RepriseError("quota_exceeded", {
    message: `quota maxRetries exceeded, current limit: ${retriesMax} (Upstash-Retries is ${retries})`,
    details: { quota: "maxRetries", limit: retriesMax },
  });
}

function toCallback(
  callback: CallbackOptions | null,
  field: string,
  room: ApiRoom,
): CallbackTarget | null {
  if (callback === null) return null;
  const { url, headers } = callback;
  room.settings.checkEgress(url, field);
  const options = readOptions(headers, room);
  const { retries, retryDelay, timeoutMs, flowControl, labels } = options;
  return {
    url,
    method: options.method,
    headers: withContentType(options.forwardHeaders, options.contentType),
    ...(retries === null ? {} : { retries: checkedRetries(retries, room) }),
    ...(retryDelay === null ? {} : { retryDelay }),
    ...(timeoutMs === null ? {} : { timeoutMs }),
    ...(flowControl === null ? {} : { flowControl }),
    ...(labels.length === 0 ? {} : { labels }),
  };
}

/** The explicit id wins; content is the body, its type and the forwarded headers, whatever their order. */
export function toDedup(plain: PlainOptions, envelope: Envelope, body: Uint8Array): Dedup | null {
  if (plain.deduplicationId !== null) return { kind: "id", id: plain.deduplicationId };
  if (!plain.isContentDeduplicated) return null;
  const headers = Object.entries(envelope.headers).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify([headers, hash("sha256", body)]);
  return { kind: "content", hash: hash("sha256", text) };
}

/** As {@link withDefaults}, for a destination whose group is not known yet. */
export async function withGroupHeaders(
  destination: Destination,
  headers: FlatHeaders,
  room: ApiRoom,
): Promise<FlatHeaders> {
  if (destination.kind === "url") return headers;
  const [group] = await room.store.find("urlGroups", "byName", [[destination.name]]);
  return withDefaults(group ?? null, headers);
}

/** The headers that a message to a URL group has without saying so; what it says itself wins. */
export function withDefaults(group: UrlGroupRow | null, headers: FlatHeaders): FlatHeaders {
  if (group === null || group.headers === null) return headers;
  // Written by `JSON.stringify` of a header set.
  return mergeHeaders(JSON.parse(group.headers) as FlatHeaders, headers);
}

/** An object for a URL; for a URL group always a list. */
export function toPublishAnswer({ isGroup, messages }: Answers["publish"]) {
  const answers = messages.map(({ messageKey, url, deduplicated }) => ({
    messageId: messageId(messageKey),
    url,
    ...(deduplicated ? { deduplicated: true } : {}),
  }));
  return isGroup ? answers : answers[0];
}

/** 202 says that nothing new was stored. */
export function publishStatus({ messages }: Answers["publish"]): 200 | 202 {
  return messages.length > 0 && messages.every(({ deduplicated }) => deduplicated) ? 202 : 200;
}
