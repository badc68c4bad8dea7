/** The part of a message's headers that only messages without a workflow run have. */

import { isName } from "./destination.ts";
import { RepriseError } from "./errors.ts";
import {
  canonicalHeaderName,
  type FlatHeaders,
  filterHeaders,
  HEADER,
  isForwardable,
  isHeaderValue,
  NO_HEADERS,
  quoted,
} from "./headers.ts";
import { CRON_CHARS_MAX, DEDUPLICATION_ID_CHARS_MAX, NAME_CHARS_MAX } from "./limits.ts";

export interface PlainOptions {
  readonly queueName: string | null;
  readonly deduplicationId: string | null;
  readonly isContentDeduplicated: boolean;
  /** Headers of the request itself that go to the destination, lower-case names; empty when that was not asked for. */
  readonly passedHeaders: FlatHeaders;
  /** The cron expression as it came, trimmed; not checked. */
  readonly cron: string | null;
  /** Not checked beyond its being a name. */
  readonly scheduleId: string | null;
}

/**
 * Reads them.
 * @throws RepriseError `invalid_header` that names the header, its fault and what is allowed.
 */
export function parsePlainOptions(headers: FlatHeaders): PlainOptions {
  const isForwardingAll = readBoolean(headers, HEADER.headerForward);
  return {
    queueName: readName(headers, HEADER.queueName),
    deduplicationId: readDeduplicationId(headers),
    isContentDeduplicated: readBoolean(headers, HEADER.contentBasedDeduplication),
    passedHeaders: isForwardingAll ? filterHeaders(headers, isPassed) : NO_HEADERS,
    cron: readCron(headers),
    scheduleId: readName(headers, HEADER.scheduleId),
  };
}

/** Added on the way by proxies in front of the server; the destination must not take them for the sender's. */
const PROXY_PREFIXES = ["x-forwarded-", "x-real-ip", "forwarded", "via", "cf-", "x-amzn-trace-id"];

function isPassed(name: string): boolean {
  return (
    isForwardable(name) &&
    !name.startsWith("upstash-") &&
    name !== HEADER.authorization &&
    name !== HEADER.contentType &&
    !PROXY_PREFIXES.some((prefix) => name.startsWith(prefix))
  );
}

function readName(headers: FlatHeaders, name: string): string | null {
  const text = headers[name];
  if (text === undefined) return null;
  if (isName(text)) return text;
  const allowed = `1 to ${NAME_CHARS_MAX} letters, digits, hyphens, underscores or dots`;
  return refuse(name, text, allowed);
}

function readDeduplicationId(headers: FlatHeaders): string | null {
  const name = HEADER.deduplicationId;
  const text = headers[name];
  if (text === undefined) return null;
  if (text.includes(":")) {
    throw new RepriseError("invalid_header", {
      message: `DeduplicationId cannot contain ':', got ${quoted(text)} in Upstash-Deduplication-Id`,
      details: { header: canonicalHeaderName(name) },
    });
  }
  const isFine = text !== "" && text.length <= DEDUPLICATION_ID_CHARS_MAX && isHeaderValue(text);
  return isFine ? text : refuse(name, text, `1 to ${DEDUPLICATION_ID_CHARS_MAX} characters`);
}

function readCron(headers: FlatHeaders): string | null {
  const text = headers[HEADER.cron]?.trim();
  if (text === undefined) return null;
  if (text.length <= CRON_CHARS_MAX) return text;
  return refuse(HEADER.cron, text, `at most ${CRON_CHARS_MAX} characters`);
}

/** One client writes `True` and `False`. */
function readBoolean(headers: FlatHeaders, name: string): boolean {
  const text = headers[name]?.toLowerCase() ?? "false";
  if (text === "true" || text === "false") return text === "true";
  return refuse(name, headers[name] ?? "", "true or false");
}

function refuse(name: string, value: string, expectation: string): never {
  throw new RepriseError("invalid_header", {
    message: `${canonicalHeaderName(name)} must be ${expectation}, got ${quoted(value)}`,
    details: { header: canonicalHeaderName(name) },
  });
}
