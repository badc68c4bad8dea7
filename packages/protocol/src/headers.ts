/** Header names of the wire, in one place and in lower case, and the algebra of header sets. */

import { RepriseError } from "./errors.ts";

/** Header names that the server reads from requests or sends with deliveries, in lower case. */
export const HEADER = {
  authorization: "authorization",
  contentType: "content-type",
  method: "upstash-method",
  delay: "upstash-delay",
  notBefore: "upstash-not-before",
  retries: "upstash-retries",
  retryDelay: "upstash-retry-delay",
  timeout: "upstash-timeout",
  label: "upstash-label",
  flowControlKey: "upstash-flow-control-key",
  flowControlValue: "upstash-flow-control-value",
  redactFields: "upstash-redact-fields",
  callback: "upstash-callback",
  failureCallback: "upstash-failure-callback",
  deduplicationId: "upstash-deduplication-id",
  contentBasedDeduplication: "upstash-content-based-deduplication",
  queueName: "upstash-queue-name",
  cron: "upstash-cron",
  headerForward: "upstash-header-forward",
  featureSet: "upstash-feature-set",
  workflowInit: "upstash-workflow-init",
  workflowRunId: "upstash-workflow-runid",
  workflowUrl: "upstash-workflow-url",
  workflowCreatedAt: "upstash-workflow-createdat",
  workflowSdkVersion: "upstash-workflow-sdk-version",
  workflowCallType: "upstash-workflow-calltype",
  workflowInvoke: "upstash-workflow-invoke",
  workflowInvokeCount: "upstash-workflow-invoke-count",
  workflowTriggerBySdk: "upstash-workflow-trigger-by-sdk",
  workflowUnknownSdk: "upstash-workflow-unknown-sdk",
  workflowIsFailure: "upstash-workflow-is-failure",
  workflowFailureCallback: "upstash-workflow-failure-callback",
  workflowCallback: "upstash-workflow-callback",
  workflowStepId: "upstash-workflow-stepid",
  workflowStepName: "upstash-workflow-stepname",
  workflowStepType: "upstash-workflow-steptype",
  workflowConcurrent: "upstash-workflow-concurrent",
  workflowContentType: "upstash-workflow-contenttype",
  signature: "upstash-signature",
  messageId: "upstash-message-id",
  retried: "upstash-retried",
  callerIp: "upstash-caller-ip",
  scheduleId: "upstash-schedule-id",
  topicName: "upstash-topic-name",
  region: "upstash-region",
  userAgent: "user-agent",
  // Headers of an app's answer.
  nonRetryable: "upstash-nonretryable-error",
  errorStepName: "upstash-error-step-name",
  failureFunctionNotFound: "upstash-workflow-failure-callback-notfound",
  /** Version of the workflow SDK behind an endpoint, such as `v1.3.2`. */
  workflowSdk: "upstash-workflow-sdk",
  retryAfter: "retry-after",
  rateLimitReset: "x-ratelimit-reset",
  rateLimitResetRequests: "x-ratelimit-reset-requests",
  rateLimitResetTokens: "x-ratelimit-reset-tokens",
  // Between this server and its own SDK; see fast-modes.ts.
  repriseDelivery: "reprise-delivery",
  repriseAnswer: "reprise-answer",
  repriseHold: "reprise-hold",
} as const;

export const FORWARD_PREFIX = "upstash-forward-";
export const CALLBACK_PREFIX = "upstash-callback-";
export const FAILURE_CALLBACK_PREFIX = "upstash-failure-callback-";
const CONFIG_PREFIX = "upstash-";
const WORKFLOW_PREFIX = "upstash-workflow-";
const TELEMETRY_PREFIX = "upstash-telemetry-";
/** What the two ends tell each other of one delivery: forwarded, it would make an app believe in an offer that nobody made. */
const REPRISE_PREFIX = "reprise-";

/** `User-Agent` of every delivery; apps and firewalls recognise it. */
export const DELIVERY_USER_AGENT = "Upstash-QStash";

/** A header set as the server computes with it: lower-case names, one text per name, no prototype. */
export type FlatHeaders = Readonly<Record<string, string>>;

/** A header set as JSON answers show it: canonical names, every value a list. */
export type HeaderMap = Readonly<Record<string, readonly string[]>>;

/** An empty set that names from outside can be put into: `__proto__` is a key like any other. */
function emptyRecord<T>(): Record<string, T> {
  // A new object without properties is an empty record of anything.
  return Object.create(null) as Record<string, T>;
}

export const NO_HEADERS: FlatHeaders = Object.freeze(emptyRecord<string>());

/** Names already made canonical: apps send the same few for ever. Bounded, since anyone can invent more. */
const CANONICAL_NAMES = new Map<string, string>();
const CANONICAL_NAMES_MAX = 500;
const CANONICAL_NAME_CHARS_MAX = 64;

/** MIME form of a header name: `upstash-workflow-runid` becomes `Upstash-Workflow-Runid`. */
export function canonicalHeaderName(name: string): string {
  const known = CANONICAL_NAMES.get(name);
  if (known !== undefined) return known;
  const canonical = toCanonical(name);
  if (CANONICAL_NAMES.size < CANONICAL_NAMES_MAX && name.length <= CANONICAL_NAME_CHARS_MAX) {
    CANONICAL_NAMES.set(name, canonical);
  }
  return canonical;
}

function toCanonical(name: string): string {
  return name.toLowerCase().replace(/(^|-)[a-z]/g, (start) => start.toUpperCase());
}

/** Makes a header set from pairs as a request carries them; repeated names are joined with a comma. */
export function flatHeaders(pairs: Iterable<readonly [string, string]>): FlatHeaders {
  const headers = emptyRecord<string>();
  for (const [name, value] of pairs) {
    const key = name.toLowerCase();
    const before = headers[key];
    headers[key] = before === undefined ? value : `${before}, ${value}`;
  }
  return headers;
}

/** Makes a header set from the flat list `[name, value, name, value, ...]` of Node and undici. */
export function flatHeadersFromRaw(raw: readonly string[]): FlatHeaders {
  const headers = emptyRecord<string>();
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const key = (raw[index] as string).toLowerCase(); // index + 1 < length: both exist.
    const value = raw[index + 1] as string;
    const before = headers[key];
    headers[key] = before === undefined ? value : `${before}, ${value}`;
  }
  return headers;
}

/**
 * Makes a header set from a JSON object of texts or lists of texts.
 * Clients repeat a name in two spellings with one value (`RunId` and `Runid`): equal values are one value.
 * @throws RepriseError `invalid_header` when a value is neither a text nor a list of texts.
 */
export function flatHeadersFromRecord(record: Readonly<Record<string, unknown>>): FlatHeaders {
  const headers = emptyRecord<string>();
  for (const name of Object.keys(record)) {
    const text = valueText(name, record[name]);
    if (text === null) continue;
    const key = name.toLowerCase();
    const before = headers[key];
    if (before === undefined) headers[key] = text;
    else if (before !== text) headers[key] = `${before}, ${text}`;
  }
  return headers;
}

function valueText(name: string, value: unknown): string | null {
  if (typeof value === "string") return value;
  if (value === null || value === undefined) return null;
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) {
    return value.length === 0 ? null : value.join(", ");
  }
  throw new RepriseError("invalid_header", {
    message: `header ${quoted(name)} must be a text or a list of texts, got ${typeof value}`,
    details: { header: name },
  });
}

/** What `toHeaderMap` takes: a record of texts or lists, or pairs. */
export type HeaderSource =
  | Readonly<Record<string, string | readonly string[] | undefined>>
  | Iterable<readonly [string, string]>;

/** Makes the JSON form of a header set: canonical names, lists of values, names merged case-insensitively. */
export function toHeaderMap(source: HeaderSource): HeaderMap {
  const map = emptyRecord<string[]>();
  for (const [name, value] of headerEntries(source)) {
    if (value === undefined) continue;
    const key = canonicalHeaderName(name);
    const list = map[key] ?? [];
    map[key] = list;
    for (const item of typeof value === "string" ? [value] : value) {
      if (!list.includes(item)) list.push(item);
    }
  }
  return map;
}

function headerEntries(
  source: HeaderSource,
): Iterable<readonly [string, string | readonly string[] | undefined]> {
  if (Symbol.iterator in source) {
    // Header records have text keys only: what can be iterated is the list of pairs.
    return source as Iterable<readonly [string, string]>;
  }
  return Object.entries(source);
}

/** The headers whose name starts with `prefix`, without it. Strips one prefix, never two. */
export function prefixedHeaders(headers: FlatHeaders, prefix: string): FlatHeaders {
  const found = emptyRecord<string>();
  for (const name in headers) {
    if (name.startsWith(prefix)) found[name.slice(prefix.length)] = headers[name] as string; // Own key.
  }
  return found;
}

/**
 * The header set that configures a callback: what has `prefix`, with `upstash-` in its place.
 * The result is a header set like that of any message, so the rule can be applied to it again.
 */
export function callbackHeaders(
  headers: FlatHeaders,
  prefix: typeof CALLBACK_PREFIX | typeof FAILURE_CALLBACK_PREFIX,
): FlatHeaders {
  const found = emptyRecord<string>();
  for (const name in headers) {
    if (name.startsWith(prefix))
      found[CONFIG_PREFIX + name.slice(prefix.length)] = headers[name] as string; // Own key.
  }
  return found;
}

/** Joins header sets; a later set wins over an earlier one, name by name. What is alone is given back as it is. */
export function mergeHeaders(...sets: readonly FlatHeaders[]): FlatHeaders {
  const [first = NO_HEADERS, ...others] = sets.filter(hasHeaders);
  if (others.length === 0) return first;
  // Every source is a header set, and so is their sum.
  return Object.assign(emptyRecord<string>(), first, ...others) as FlatHeaders;
}

function hasHeaders(headers: FlatHeaders): boolean {
  for (const _ in headers) return true;
  return false;
}

/** Keeps the headers whose name satisfies `keep`. */
export function filterHeaders(headers: FlatHeaders, keep: (name: string) => boolean): FlatHeaders {
  const kept = emptyRecord<string>();
  for (const name in headers) {
    if (keep(name)) kept[name] = headers[name] as string; // Own key.
  }
  return kept;
}

const NAME_PATTERN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Visible characters, blanks and bytes 0x80 to 0xFF; anything else throws when the request is written. */
const VALUE_PATTERN = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Tells whether `name` can be the name of an HTTP header. */
export function isHeaderName(name: string): boolean {
  return NAME_PATTERN.test(name);
}

/** Tells whether `value` can be sent as the value of an HTTP header: no control characters, nothing above U+00FF. */
export function isHeaderValue(value: string): boolean {
  return VALUE_PATTERN.test(value);
}

/**
 * Checks a header set that did not come through an HTTP parser (batch items, query parameters): stored unchecked,
 * a bad one would fail on every attempt.
 * @throws RepriseError `invalid_header` that names the header.
 */
export function checkHeaders(headers: FlatHeaders): void {
  for (const name in headers) {
    if (!isHeaderName(name)) {
      throw new RepriseError("invalid_header", {
        message: `header name ${quoted(name)} is not allowed; names have letters, digits and !#$%&'*+-.^_\`|~`,
        details: { header: name },
      });
    }
    if (!isHeaderValue(headers[name] ?? "")) {
      throw new RepriseError("invalid_header", {
        message: `header ${name} has a control character or one above U+00FF; encode the value`,
        details: { header: name },
      });
    }
  }
}

/** Framing and hop-by-hop headers: they describe one connection and are set by the sender of each request alone. */
const CONNECTION_HEADERS: ReadonlySet<string> = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "connection",
  "keep-alive",
  "te",
  "trailer",
  "upgrade",
  "expect",
  "accept-encoding",
  "http2-settings",
]);

/** Headers that only the server may put on a delivery: a forwarded one would forge it or break the signature. */
const SERVER_HEADERS: ReadonlySet<string> = new Set([
  HEADER.signature,
  HEADER.messageId,
  HEADER.retried,
  HEADER.callerIp,
  HEADER.scheduleId,
  HEADER.topicName,
  HEADER.region,
]);

/** Tells whether a header that a publisher asks to forward may reach the destination; `name` in lower case. */
export function isForwardable(name: string): boolean {
  return !(
    CONNECTION_HEADERS.has(name) ||
    SERVER_HEADERS.has(name) ||
    name.startsWith("proxy-") ||
    name.startsWith(TELEMETRY_PREFIX) ||
    name.startsWith(REPRISE_PREFIX)
  );
}

/**
 * Tells whether a forwarded header of the trigger stays with the run; `name` in lower case.
 * `Upstash-Workflow-*` belongs to one message: kept for the run, the SDK version would break callback deliveries
 * and the unknown-SDK mark would loop.
 */
export function isPersistable(name: string): boolean {
  return isForwardable(name) && !name.startsWith(WORKFLOW_PREFIX);
}

/** Quotes text of the caller for an error message: short, and without control characters. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text);
}
