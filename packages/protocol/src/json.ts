/** JSON from outside, parsed with its dangers bounded. */

import { RepriseError } from "./errors.ts";
import { JSON_DEPTH_MAX } from "./limits.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Parses the JSON text of a request.
 * @param what names the text in the error message, such as `body` or `batch item 3`.
 * @throws RepriseError `invalid_json` when it is no JSON, no UTF-8, or nested deeper than `JSON_DEPTH_MAX`.
 */
export function parseJson(source: string | Uint8Array, what: string): unknown {
  const text = typeof source === "string" ? source : decodeUtf8(source, what);
  if (isDeeperThan(text, JSON_DEPTH_MAX)) {
    throw new RepriseError("invalid_json", {
      message: `${what} must not be nested deeper than ${JSON_DEPTH_MAX} levels`,
    });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new RepriseError("invalid_json", { message: `${what} must be valid JSON`, cause });
  }
}

/** Narrows a parsed value to a JSON object: not null, not a list. */
export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function decodeUtf8(bytes: Uint8Array, what: string): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new RepriseError("invalid_json", { message: `${what} must be UTF-8`, cause });
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * Tells whether brackets are nested deeper than `depthMax`, in one pass: a deep text costs the parser its stack.
 * Strings are skipped with `indexOf`, since nearly all of a large body is inside them.
 */
function isDeeperThan(text: string, depthMax: number): boolean {
  // Few texts have that many brackets at all, and counting those is several times as fast as reading every character.
  if (count(text, "{", depthMax) + count(text, "[", depthMax) <= depthMax) return false;
  let depth = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === QUOTE) {
      index = endOfString(text, index);
      if (index < 0) return false; // An open string: the parser refuses it.
    } else if (code === 0x7b || code === 0x5b) {
      depth += 1;
      if (depth > depthMax) return true;
    } else if (code === 0x7d || code === 0x5d) {
      depth -= 1;
    }
  }
  return false;
}

/** How often `mark` stands in the text; counts no further than one above `max`. */
function count(text: string, mark: string, max: number): number {
  let found = 0;
  for (let at = text.indexOf(mark); at >= 0 && found <= max; at = text.indexOf(mark, at + 1)) {
    found += 1;
  }
  return found;
}

/** Index of the quote that closes the string opened at `start`, or -1. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end >= 0 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end;
}

/** A quote is part of its string when an odd number of backslashes stands before it. */
function isEscaped(text: string, quoteIndex: number): boolean {
  let first = quoteIndex;
  while (first > 0 && text.charCodeAt(first - 1) === BACKSLASH) first -= 1;
  return (quoteIndex - first) % 2 === 1;
}
