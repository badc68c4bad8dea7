/** Durations: the form that requests use, and the forms in which an app asks for a later retry. */

import { RepriseError } from "./errors.ts";
import { HEADER, quoted } from "./headers.ts";
import { DAY_MS, DURATION_CHARS_MAX, RETRY_DELAY_MS_MAX } from "./limits.ts";

/** Units of a Go duration and `d`, which the workflow SDK sends. "µ" also arrives as its UTF-8 bytes read one by one. */
const RESPONSE_UNIT_MS: ReadonlyMap<string, number> = new Map([
  ["ns", 1e-6],
  ["us", 1e-3],
  ["\u00b5s", 1e-3],
  ["\u03bcs", 1e-3],
  ["\u00c2\u00b5s", 1e-3],
  ["\u00ce\u00bcs", 1e-3],
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", DAY_MS],
]);

/** Units of requests: those of answers and longer ones. A month is 30 days and a year 365 days, as a duration has no calendar. */
const REQUEST_UNIT_MS: ReadonlyMap<string, number> = new Map([
  ...RESPONSE_UNIT_MS,
  ["w", 7 * DAY_MS],
  ["mo", 30 * DAY_MS],
  ["y", 365 * DAY_MS],
]);

/** One number with its unit. Sticky, and no part can match in two ways, so a text is read in linear time. */
const PART = /(\d+(?:\.\d*)?|\.\d+)([a-z\u00b5\u03bc\u00c2\u00ce]+)/y;
const BARE_NUMBER = /^(?:\d+(?:\.\d*)?|\.\d+)$/;

const ALLOWED =
  "a number of seconds or numbers with the units ms, s, m, h, d, w, mo, y, such as 30, 10s or 1d10h30m";

/**
 * Reads a duration of a request; the result is in milliseconds. A bare number is seconds.
 * @param fieldName the header or field, for the error message.
 * @throws RepriseError `invalid_duration` that names field, value and the form allowed.
 */
export function parseDurationMs(text: string, fieldName: string): number {
  const durationMs =
    text.length > DURATION_CHARS_MAX
      ? null
      : BARE_NUMBER.test(text)
        ? Number(text) * 1000
        : sumOfParts(text, REQUEST_UNIT_MS);
  if (durationMs === null || !Number.isSafeInteger(Math.round(durationMs))) {
    throw new RepriseError("invalid_duration", {
      message: `${fieldName} must be ${ALLOWED}, got ${quoted(text)}`,
      details: { field: fieldName, value: text.slice(0, DURATION_CHARS_MAX) },
    });
  }
  return Math.round(durationMs);
}

/** Adds up `1h30m` with the given units; null when the text is anything else. */
function sumOfParts(text: string, unitMs: ReadonlyMap<string, number>): number | null {
  let sumMs = 0;
  PART.lastIndex = 0;
  while (PART.lastIndex < text.length) {
    const match = PART.exec(text);
    const perUnitMs = match === null ? undefined : unitMs.get(match[2] ?? "");
    if (match === null || perUnitMs === undefined) return null;
    sumMs += Number(match[1]) * perUnitMs;
  }
  return text === "" ? null : sumMs;
}

/** Writes a duration the way `parseDurationMs` reads it: `1d10h30m`, `2.5s`, `0s`. */
export function formatDuration(durationMs: number): string {
  const wholeMs = Math.max(0, Math.round(durationMs));
  const days = Math.floor(wholeMs / DAY_MS);
  const hours = Math.floor((wholeMs % DAY_MS) / 3_600_000);
  const minutes = Math.floor((wholeMs % 3_600_000) / 60_000);
  const seconds = (wholeMs % 60_000) / 1000;
  const parts = [
    days > 0 ? `${days}d` : "",
    hours > 0 ? `${hours}h` : "",
    minutes > 0 ? `${minutes}m` : "",
    seconds > 0 || wholeMs === 0 ? `${seconds}s` : "",
  ];
  return parts.join("");
}

/** A response may ask for a wait no longer than this many characters can say; longer values are ignored. */
const RETRY_AFTER_CHARS_MAX = 64;

/**
 * Reads the value of `Retry-After` or `X-RateLimit-Reset*`: seconds, an RFC 1123 date, or a duration such as `6m5s`.
 * Milliseconds to wait from `now`, rounded up so that a retry is never early; a date that has passed gives 0.
 * Null when the value is to be ignored: garbage, negative, or more than one day.
 */
export function parseRetryAfterMs(value: string, now: number): number | null {
  const text = value.trim();
  if (text.length > RETRY_AFTER_CHARS_MAX) return null;
  const waitMs = BARE_NUMBER.test(text)
    ? Number(text) * 1000
    : (sumOfParts(text, RESPONSE_UNIT_MS) ?? waitUntilMs(text, now));
  if (waitMs === null || waitMs > RETRY_DELAY_MS_MAX) return null;
  return Math.ceil(waitMs);
}

const RFC_1123 =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) (?:GMT|UTC)$/;
const MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec";

function waitUntilMs(text: string, now: number): number | null {
  const match = RFC_1123.exec(text);
  if (match === null) return null;
  // Only an aligned place starts with a capital letter, so what is found is a month.
  const month = MONTHS.indexOf(match[2] ?? "") / 3;
  const [day = 0, , year = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  if (month < 0 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60) return null;
  const at =
    daysSinceEpoch(year, month + 1, day) * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1000;
  return Math.max(0, at - now);
}

/** Days from 1970-01-01 in the Gregorian calendar; years start in March so that the leap day is their last. */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const marchYear = month > 2 ? year : year - 1;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const leapDays =
    Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400);
  return marchYear * 365 + leapDays + dayOfYear - 719_468;
}

/** Headers in which an app says when to try again, in the order in which they count. */
const RETRY_AFTER_HEADERS = [
  HEADER.retryAfter,
  HEADER.rateLimitReset,
  HEADER.rateLimitResetRequests,
  HEADER.rateLimitResetTokens,
] as const;

/** A wait that a response asked for, and the header that did. */
export interface RetryAfter {
  readonly header: string;
  readonly delayMs: number;
}

/** Headers of a response, in lower case; of several values of one name the first counts. */
export type ResponseHeaders = Readonly<Record<string, string | readonly string[]>>;

/** The wait that a failed response asks for: the first of its headers with a usable value, or null. */
export function findRetryAfter(headers: ResponseHeaders, now: number): RetryAfter | null {
  for (const header of RETRY_AFTER_HEADERS) {
    const value = headers[header];
    const text = typeof value === "string" ? value : value?.[0];
    const delayMs = text === undefined ? null : parseRetryAfterMs(text, now);
    if (delayMs !== null) return { header, delayMs };
  }
  return null;
}
