/** Reads the configuration headers of a message into one typed value. Everything is checked before it is stored. */

import { parseHttpUrl } from "./destination.ts";
import { formatDuration, parseDurationMs } from "./duration.ts";
import { RepriseError } from "./errors.ts";
import { type FlowControl, parseFlowControl } from "./flow-control.ts";
import {
  CALLBACK_PREFIX,
  callbackHeaders,
  canonicalHeaderName,
  checkHeaders,
  FAILURE_CALLBACK_PREFIX,
  type FlatHeaders,
  FORWARD_PREFIX,
  filterHeaders,
  HEADER,
  isForwardable,
  isHeaderValue,
  prefixedHeaders,
  quoted,
} from "./headers.ts";
import { MESSAGE_LIMITS, type MessageLimits, RETRIES_MAX } from "./limits.ts";
import { parseRedaction, type Redaction } from "./redaction.ts";
import { parseWorkflowOptions, type WorkflowOptions } from "./workflow-options.ts";

export const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;
/** Method of a delivery. */
export type Method = (typeof METHODS)[number];

/** A callback is a message of its own: where it goes, and the header set that configures it. */
export interface CallbackOptions {
  readonly url: string;
  /** A header set like that of any message: `upstash-callback-retries` stands here as `upstash-retries`. */
  readonly headers: FlatHeaders;
}

/** What the headers of one message ask for. Null is "not given": defaults and inheritance are the engine's. */
export interface MessageOptions {
  /** POST when not given. */
  readonly method: Method;
  /** Epoch milliseconds of the first attempt; the instant of acceptance when no delay is asked for. */
  readonly dueAt: number;
  /** The delay alone; null when `Upstash-Not-Before` decides or nothing was given. */
  readonly delayMs: number | null;
  /** Longest duration of one attempt; values above the server's limit are cut to it. */
  readonly timeoutMs: number | null;
  readonly retries: number | null;
  /** The expression as it came; it has been checked. */
  readonly retryDelay: string | null;
  readonly labels: readonly string[];
  readonly flowControl: FlowControl | null;
  readonly redaction: Redaction | null;
  readonly contentType: string | null;
  /** Headers for the destination, in lower case, without prefix, content type and what must not pass. */
  readonly forwardHeaders: FlatHeaders;
  readonly callback: CallbackOptions | null;
  readonly failureCallback: CallbackOptions | null;
  readonly workflow: WorkflowOptions;
}

/** What the reader of options needs from outside. */
export interface MessageContext {
  /** Epoch milliseconds. */
  readonly now: number;
  /** Throws RepriseError `invalid_retry_delay` when the expression is not valid; the parser lives in the server. */
  readonly checkRetryDelay: (expression: string) => void;
  /** Those of the protocol when not given. */
  readonly limits?: MessageLimits;
}

/**
 * Reads the headers of a publish, trigger, batch item or callback.
 * @throws RepriseError `invalid_header`, `invalid_duration`, `invalid_retry_delay`, `invalid_destination`,
 * `invalid_run_id`, `headers_too_large` or `quota_exceeded`; the message names header, value and what is allowed.
 */
export function parseMessageOptions(headers: FlatHeaders, context: MessageContext): MessageOptions {
  const { limits = MESSAGE_LIMITS } = context;
  checkSize(headers, limits);
  return readOptions(headers, { ...context, limits, depth: 0 });
}

function readOptions(headers: FlatHeaders, context: ReadContext): MessageOptions {
  const { limits } = context;
  const forwarded = prefixedHeaders(headers, FORWARD_PREFIX);
  checkHeaders(forwarded);
  return {
    method: readMethod(headers),
    ...readDueAt(headers, context),
    timeoutMs: readTimeout(headers, limits),
    retries: readRetries(headers),
    retryDelay: readRetryDelay(headers, context),
    labels: readLabels(headers, limits),
    flowControl: parseFlowControl(headers, limits.flowControlPeriodMsMax),
    redaction: readRedaction(headers),
    contentType: readContentType(headers, forwarded),
    forwardHeaders: filterHeaders(
      forwarded,
      (name) => isForwardable(name) && name !== HEADER.contentType,
    ),
    callback: readCallback(headers, CALLBACK_PREFIX, context),
    failureCallback: readCallback(headers, FAILURE_CALLBACK_PREFIX, context),
    workflow: parseWorkflowOptions(headers),
  };
}

function checkSize(headers: FlatHeaders, { headerBytesMax }: MessageLimits): void {
  let size = 0;
  for (const name in headers) size += name.length + (headers[name] ?? "").length + 4;
  if (size > headerBytesMax) {
    throw new RepriseError("headers_too_large", {
      message: `headers of a message must have at most ${headerBytesMax} bytes, got ${size}`,
      details: { limit: headerBytesMax },
    });
  }
}

function readMethod(headers: FlatHeaders): Method {
  const text = headers[HEADER.method];
  if (text === undefined) return "POST";
  const method = METHODS.find((known) => known === text.toUpperCase());
  return method ?? refuse(HEADER.method, text, `one of ${METHODS.join(", ")}`);
}

function readDueAt(
  headers: FlatHeaders,
  { now, limits }: ReadContext,
): { readonly dueAt: number; readonly delayMs: number | null } {
  const notBefore = headers[HEADER.notBefore];
  const delay = headers[HEADER.delay];
  const delayMs = delay === undefined ? null : parseDurationMs(delay, "Upstash-Delay");
  if (notBefore === undefined) {
    checkDelay(delayMs ?? 0, limits);
    return { dueAt: now + (delayMs ?? 0), delayMs };
  }
  const at = readInstant(notBefore);
  checkDelay(at - now, limits);
  return { dueAt: Math.max(now, at), delayMs: null };
}

/** Seconds above this are the year 5138: somebody sent milliseconds. */
const NOT_BEFORE_SECONDS_MAX = 100_000_000_000;

function readInstant(text: string): number {
  const expectation = "Unix time in whole seconds";
  if (!/^\d{1,20}$/.test(text)) refuse(HEADER.notBefore, text, expectation);
  const seconds = Number(text);
  if (seconds <= NOT_BEFORE_SECONDS_MAX) return seconds * 1000;
  return refuse(HEADER.notBefore, text, `${expectation}, not milliseconds`);
}

function checkDelay(delayMs: number, { delayMsMax }: MessageLimits): void {
  if (delayMs <= delayMsMax) return;
  throw new RepriseError("quota_exceeded", {
    message: `quota maxDelay exceeded, current limit: ${formatDuration(delayMsMax)}`,
    details: { quota: "maxDelay", limitMs: delayMsMax },
  });
}

function readTimeout(headers: FlatHeaders, { attemptTimeoutMsMax }: MessageLimits): number | null {
  const text = headers[HEADER.timeout];
  if (text === undefined) return null;
  const timeoutMs = parseDurationMs(text, "Upstash-Timeout");
  if (timeoutMs === 0) refuse(HEADER.timeout, text, "longer than 0");
  return Math.min(timeoutMs, attemptTimeoutMsMax);
}

function readRetries(headers: FlatHeaders): number | null {
  const text = headers[HEADER.retries];
  if (text === undefined) return null;
  if (!/^\d{1,20}$/.test(text)) {
    refuse(HEADER.retries, text, `a whole number from 0 to ${RETRIES_MAX}`);
  }
  if (Number(text) <= RETRIES_MAX) return Number(text);
  throw new RepriseError("quota_exceeded", {
    message: `quota maxRetries exceeded, current limit: ${RETRIES_MAX} (Upstash-Retries is ${text})`,
    details: { quota: "maxRetries", limit: RETRIES_MAX },
  });
}

function readRetryDelay(headers: FlatHeaders, context: MessageContext): string | null {
  const expression = headers[HEADER.retryDelay];
  if (expression === undefined) return null;
  context.checkRetryDelay(expression);
  return expression;
}

function readLabels(
  headers: FlatHeaders,
  { labelsMax, labelCharsMax }: MessageLimits,
): readonly string[] {
  const text = headers[HEADER.label];
  if (text === undefined) return [];
  const labels = new Set(text.split(",").map((label) => label.trim()));
  labels.delete("");
  if (labels.size > labelsMax) refuse(HEADER.label, text, `at most ${labelsMax} labels`);
  for (const label of labels) {
    if (label.length > labelCharsMax || !isHeaderValue(label)) {
      refuse(HEADER.label, label, `labels of at most ${labelCharsMax} visible characters`);
    }
  }
  return [...labels];
}

function readRedaction(headers: FlatHeaders): Redaction | null {
  const text = headers[HEADER.redactFields];
  return text === undefined ? null : parseRedaction(text);
}

/** A forwarded content type is the more specific wish: one client forwards every header, this one included. */
function readContentType(headers: FlatHeaders, forwarded: FlatHeaders): string | null {
  const text = forwarded[HEADER.contentType] ?? headers[HEADER.contentType];
  if (text === undefined) return null;
  return isHeaderValue(text) ? text : refuse(HEADER.contentType, text, "a header value");
}

/** The failure callback of a callback is the deepest that clients send. */
const CALLBACK_DEPTH_MAX = 2;

interface ReadContext extends MessageContext {
  readonly limits: MessageLimits;
  /** Callbacks around this set of headers. */
  readonly depth: number;
}

/** Configuration without the URL is ignored: one client sends it on every step. */
function readCallback(
  headers: FlatHeaders,
  prefix: typeof CALLBACK_PREFIX | typeof FAILURE_CALLBACK_PREFIX,
  context: ReadContext,
): CallbackOptions | null {
  const name = prefix.slice(0, -1);
  const text = headers[name];
  if (text === undefined) return null;
  const shownName = canonicalHeaderName(name);
  if (context.depth >= CALLBACK_DEPTH_MAX) {
    refuse(name, text, "absent here: callbacks nest no deeper");
  }
  const url = parseHttpUrl(text, shownName);
  const config = callbackHeaders(headers, prefix);
  if (config[HEADER.delay] !== undefined || config[HEADER.notBefore] !== undefined) {
    const fault = `${shownName}-Delay and ${shownName}-Not-Before are not allowed`;
    throw new RepriseError("invalid_header", { message: `${fault}: a callback is sent at once` });
  }
  readOptions(config, { ...context, depth: context.depth + 1 });
  return { url, headers: config };
}

function refuse(name: string, value: string, expectation: string): never {
  throw new RepriseError("invalid_header", {
    message: `${canonicalHeaderName(name)} must be ${expectation}, got ${quoted(value)}`,
    details: { header: canonicalHeaderName(name) },
  });
}
