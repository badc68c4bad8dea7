import { hash } from "node:crypto";
import {
  type HeaderMap,
  isHeaderRedacted,
  isJsonObject,
  type Redaction,
  redactedText,
  toHeaderMap,
} from "@reprise/protocol";

/** How stored bytes and headers appear in answers: as text or base64, cut, or hidden behind their hash. */

export interface Lens {
  readonly redaction: Redaction | null;
  /** Bytes of a body that are shown; null shows all, -1 none. */
  readonly bodyBytesMax: number | null;
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lenient = new TextDecoder("utf-8", { ignoreBOM: true });

export interface BodyView {
  /** Null when the bytes are no UTF-8, or are left out. */
  readonly text: string | null;
  /** Null unless the bytes are no UTF-8. */
  readonly base64: string | null;
}

/** A body that keeps every byte. */
export function viewBody(bytes: Uint8Array | null, lens: Lens): BodyView {
  if (bytes === null || lens.bodyBytesMax === -1) return { text: null, base64: null };
  if (lens.redaction?.isBodyRedacted === true) return { text: hidden(bytes), base64: null };
  try {
    return { text: strict.decode(bytes), base64: null };
  } catch {
    // The only thing that a strict decoder throws: the bytes are no UTF-8.
    const { buffer, byteOffset, byteLength } = bytes;
    return { text: null, base64: Buffer.from(buffer, byteOffset, byteLength).toString("base64") };
  }
}

/** A body as text for people; bytes that are no UTF-8 appear as replacement characters. Undefined when left out. */
export function viewText(content: Uint8Array | string | null, lens: Lens): string | undefined {
  const { bodyBytesMax, redaction } = lens;
  if (content === null || bodyBytesMax === -1) return undefined;
  if (redaction?.isBodyRedacted === true) return hidden(content);
  if (bodyBytesMax === null) return typeof content === "string" ? content : lenient.decode(content);
  return cutText(typeof content === "string" ? Buffer.from(content) : content, bodyBytesMax);
}

/** At most `bytesMax` bytes, without half a character at the end. */
function cutText(bytes: Uint8Array, bytesMax: number): string {
  let end = Math.min(bytes.byteLength, bytesMax);
  // Bytes 10xxxxxx continue a character, so the cut moves in front of the one that it would split.
  while (end > 0 && end < bytes.byteLength && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return lenient.decode(bytes.subarray(0, end));
}

/** Headers with canonical names and lists of values. */
export function viewHeaders(
  headers: Readonly<Record<string, string | readonly string[]>>,
  { redaction }: Lens,
): HeaderMap {
  const map = toHeaderMap(headers);
  if (redaction === null) return map;
  return Object.fromEntries(
    Object.entries(map).map(([name, values]) => [
      name,
      isHeaderRedacted(redaction, name) ? values.map(hidden) : values,
    ]),
  );
}

/** The hash tells two values apart without telling what they are. */
export function hidden(content: Uint8Array | string): string {
  return redactedText(hash("sha256", content, "hex"));
}

/** Headers as a row keeps them. An unreadable column shows none: a damaged row must not hide the others. */
export function storedHeaders(
  json: string | null,
): Readonly<Record<string, string | readonly string[]>> {
  const value = readJson(json);
  if (!isJsonObject(value)) return {};
  const headers: Record<string, string | readonly string[]> = {};
  for (const [name, field] of Object.entries(value)) {
    if (typeof field === "string") headers[name] = field;
    else if (Array.isArray(field)) headers[name] = field.filter((item) => typeof item === "string");
  }
  return headers;
}

/** A JSON column, or null when it is empty or cannot be read. */
export function readJson(json: string | null): unknown {
  if (json === null) return null;
  try {
    return JSON.parse(json);
  } catch {
    return null; // The view shows what can be read.
  }
}

/** The labels of the column `,a,b,`. */
export function labelList(column: string | null): readonly string[] {
  return column === null ? [] : column.split(",").filter((label) => label !== "");
}

/** The two fields in which answers carry labels; neither when there is none. */
export function labelFields(
  column: string | null,
): { readonly label: string; readonly labels: readonly string[] } | Record<never, never> {
  const labels = labelList(column);
  const [first] = labels;
  return first === undefined ? {} : { label: first, labels };
}

/** As `T`, but an optional field may also be undefined. */
type Sparse<T> = {
  readonly [K in keyof T]: Record<never, never> extends Pick<T, K> ? T[K] | undefined : T[K];
};

/** Leaves out the fields without a value: answers carry no empty optional field. */
export function withoutAbsent<T extends object>(fields: Sparse<T>): T {
  const present = Object.entries(fields).filter(([, value]) => value !== undefined);
  // What is left satisfies `T`: only optional fields may be undefined.
  return Object.fromEntries(present) as T;
}
