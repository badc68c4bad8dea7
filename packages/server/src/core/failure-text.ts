import { isJsonObject } from "@reprise/protocol";

/** What an answer says went wrong, and the same without what differs from one failure of a kind to the next. */

/** Bytes of an answer that are looked at. */
const BYTES_MAX = 16_384;
/** Characters that are kept of what it says. */
const CHARS_MAX = 1_000;
const NORMAL_CHARS_MAX = 300;

export interface SaidError {
  /** The beginning of the body as text. */
  readonly text: string;
  /** `name` of the error when the body is that of an SDK: `{"error": ..., "message": ...}`. */
  readonly name: string | null;
  /** What a person would read first; null when the body says nothing. */
  readonly message: string | null;
  readonly isPage: boolean;
}

export function readError(body: Uint8Array | null): SaidError {
  const text = new TextDecoder().decode(body?.subarray(0, BYTES_MAX) ?? new Uint8Array()).trim();
  const isPage = /^<(?:!doctype|html|head|body)\b/i.test(text);
  if (isPage) return { text, name: null, message: titleOf(text), isPage };
  const json = text.startsWith("{") ? parse(text) : null;
  if (isJsonObject(json)) {
    const { name, message } = spoken(json);
    return { text, name, message, isPage };
  }
  const [line = ""] = text.split("\n", 1);
  return { text, name: null, message: line.trim() === "" ? null : cut(line.trim()), isPage };
}

/** Apps say it under one of a few names; an object in their place has them inside. */
function spoken(json: Readonly<Record<string, unknown>>) {
  const inner = isJsonObject(json.error) ? json.error : json;
  const error = typeof json.error === "string" ? json.error : null;
  const said = [inner.message, inner.detail, inner.title, inner.reason].find(
    (value) => typeof value === "string" && value !== "",
  );
  const hasBoth = error !== null && typeof json.message === "string";
  const message = typeof said === "string" ? said : error;
  return { name: hasBoth ? cut(error) : null, message: message === null ? null : cut(message) };
}

function titleOf(page: string): string | null {
  const title = /<title[^<>]{0,200}>([^<]{1,300})/i.exec(page)?.[1]?.trim() ?? "";
  return title === "" ? null : cut(title);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // Text that only looks like JSON, or the beginning of a long one.
  }
}

function cut(text: string): string {
  return text.slice(0, CHARS_MAX);
}

/** Each pattern reads its text once: none can be made slow by what an app says. */
const VARYING: readonly (readonly [RegExp, string])[] = [
  [/\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s"'`<>)]+/gi, "<url>"],
  [/\b[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]{1,64}/g, "<address>"],
  [/"[^"]{0,300}"|`[^`]{0,300}`|(?<!\w)'[^']{0,300}'(?!\w)/g, "<text>"],
  [/\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b/gi, "<id>"],
  [/\b0x[0-9a-f]+\b/gi, "<id>"],
  // A word of letters and digits is an id, unless it is written as codes of errors are: `ERR_NGROK_3200`.
  [/\b(?![A-Z]{2,40}_[A-Z\d_]{1,60}\b)(?=[\w-]*\d)(?=[\w-]*[A-Za-z_])[\w-]{6,100}\b/g, "<id>"],
  [/(?:\b|-)\d+(?:[.,:]\d+)*/g, "<n>"],
  // What is no text becomes a space as well.
  [/[\s\p{Cc}\ufffd]+/gu, " "],
];

/** The same for failures that differ in numbers, ids, addresses and quoted parts alone. */
export function normalizeMessage(message: string): string {
  const text = VARYING.reduce(
    (before, [pattern, word]) => before.replace(pattern, word),
    message.slice(0, CHARS_MAX),
  );
  return text.trim().slice(0, NORMAL_CHARS_MAX).toWellFormed();
}
