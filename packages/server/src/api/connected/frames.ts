import { isUtf8 } from "node:buffer";
import { isJsonObject, quoted, RepriseError } from "@reprise/protocol";
import type { ConnectedDelivery } from "../../engine/connected-apps.ts";

/** What goes over a connection: messages of one line of JSON and the lines that belong to it. See docs/fast-modes.md#connected. */

export type AppMessage =
  | {
      readonly type: "hello";
      readonly token: string;
      readonly app: string;
      readonly parallelism: number;
    }
  | { readonly type: "submit"; readonly delivery: number; readonly lines: readonly Uint8Array[] }
  | AppEnd
  | { readonly type: "parallelism"; readonly count: number }
  | { readonly type: "ping"; readonly number: number };

export interface AppEnd {
  readonly type: "end";
  readonly delivery: number;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** Lines that belong to one message: a whole submission, see `LINES_MAX` of read-lines. */
const LINES_MAX = 2_100;

const LINE_BREAK = 10;

/** The characters of a message without its lines: the headers and the text of an answer are in them. */
const HEAD_QUOTED_MAX = 100;

/**
 * Calls `take` with each message of a frame, in order.
 * @throws RepriseError `invalid_request` at the first thing that is none; what was in front of it has been taken.
 */
export function readFrame(frame: Uint8Array, take: (message: AppMessage) => void): void {
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  let at = 0;
  while (at < bytes.length) {
    const end = endOfLine(bytes, at);
    const head = parseHead(bytes.toString("utf8", at, end));
    at = end + 1;
    const lines = readLines(bytes, at, lineCount(head));
    at = lines.next;
    take(toMessage(head, bytes, lines));
  }
}

type Head = Readonly<Record<string, unknown>>;

interface Lines {
  readonly start: number;
  /** Where each line ends. */
  readonly ends: readonly number[];
  /** Where the next message begins. */
  readonly next: number;
}

function endOfLine(bytes: Buffer, from: number): number {
  const end = bytes.indexOf(LINE_BREAK, from);
  return end === -1 ? bytes.length : end;
}

function parseHead(text: string): Head {
  try {
    const head: unknown = JSON.parse(text);
    if (isJsonObject(head)) return head;
  } catch {
    // Said below, together with everything else that is no object.
  }
  throw invalid(`a message must be one line with a JSON object, got ${shortened(text)}`);
}

function lineCount({ lines }: Head): number {
  if (lines === undefined) return 0;
  if (isWhole(lines) && lines <= LINES_MAX) return lines;
  throw invalid(`lines must be a whole number from 0 to ${LINES_MAX}, got ${shown(lines)}`);
}

function readLines(bytes: Buffer, start: number, count: number): Lines {
  const ends: number[] = [];
  let at = start;
  for (let index = 0; index < count; index++) {
    if (at > bytes.length) {
      throw invalid(`a message said lines: ${count}, and ${index} followed in its frame`);
    }
    const end = endOfLine(bytes, at);
    ends.push(end);
    at = end + 1;
  }
  return { start, ends, next: at };
}

function toMessage(head: Head, bytes: Buffer, lines: Lines): AppMessage {
  if (head.submit !== undefined) {
    return { type: "submit", delivery: toId("submit", head.submit), lines: split(bytes, lines) };
  }
  if (head.end !== undefined) return toEnd(head, bytes, lines);
  if (head.parallelism !== undefined) {
    return { type: "parallelism", count: toParallelism(head.parallelism) };
  }
  if (head.ping !== undefined) return { type: "ping", number: toNumber("ping", head.ping) };
  if (isJsonObject(head.hello)) return toHello(head.hello);
  throw invalid(
    `a message must have the field hello, submit, end, parallelism or ping, got ${shown(Object.keys(head))}`,
  );
}

function toHello({ token, app, parallelism }: Head): AppMessage {
  if (typeof token !== "string") throw invalid("hello.token must be a text");
  if (typeof app !== "string") throw invalid("hello.app must be a text");
  return { type: "hello", token, app, parallelism: toParallelism(parallelism) };
}

function toEnd(head: Head, bytes: Buffer, lines: Lines): AppEnd {
  const { status, headers = {}, body } = head;
  if (!isWhole(status) || status < 200 || status > 599) {
    throw invalid(`end.status must be a whole number from 200 to 599, got ${shown(status)}`);
  }
  if (body !== undefined && typeof body !== "string") throw invalid("end.body must be a text");
  return {
    type: "end",
    delivery: toId("end", head.end),
    status,
    headers: toHeaders(headers),
    body: body === undefined ? whole(bytes, lines) : Buffer.from(body),
  };
}

function toHeaders(given: unknown): Readonly<Record<string, string>> {
  if (!isJsonObject(given)) throw invalid("end.headers must be an object");
  // Names are the app's choice, so the object has no prototype that one of them could touch.
  const headers: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(given)) {
    if (typeof value !== "string") {
      throw invalid(`end.headers must hold texts alone, got ${shown(value)} for ${quoted(name)}`);
    }
    headers[name.toLowerCase()] = value;
  }
  return headers;
}

/** Copies: a record is kept for longer than the frame that it came in. */
function split(bytes: Buffer, { start, ends }: Lines): readonly Uint8Array[] {
  let from = start;
  return ends.map((end) => {
    const line = Buffer.from(bytes.subarray(from, end));
    from = end + 1;
    return line;
  });
}

/** The lines with what stands between them. */
function whole(bytes: Buffer, { start, ends }: Lines): Uint8Array {
  const end = ends.at(-1);
  return end === undefined ? new Uint8Array(0) : Uint8Array.from(bytes.subarray(start, end));
}

function toId(name: string, value: unknown): number {
  if (isWhole(value)) return value;
  throw invalid(`${name} must be the number of a delivery, got ${shown(value)}`);
}

function toParallelism(value: unknown): number {
  return toNumber("parallelism", value);
}

function toNumber(name: string, value: unknown): number {
  if (isWhole(value)) return value;
  throw invalid(`${name} must be a whole number from 0, got ${shown(value)}`);
}

function isWhole(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function shown(value: unknown): string {
  return shortened(JSON.stringify(value) ?? "nothing");
}

function shortened(text: string): string {
  return quoted(text.length > HEAD_QUOTED_MAX ? `${text.slice(0, HEAD_QUOTED_MAX)}...` : text);
}

function invalid(message: string): RepriseError {
  return new RepriseError("invalid_request", { message });
}

/** The parts of a delivery as they stand in a frame, one behind the other with a line break between. */
export function deliverParts(
  id: number,
  delivery: ConnectedDelivery,
): readonly (string | Uint8Array)[] {
  const { path, method, headers } = delivery;
  const { body, encoding } = toText(delivery.body);
  const head = {
    deliver: id,
    path,
    ...(method === "POST" ? {} : { method }),
    headers,
    ...(encoding === null ? {} : { encoding }),
    lines: body.length === 0 ? 0 : 1 + lineBreaks(body),
  };
  const text = JSON.stringify(head);
  return body.length === 0 ? [text] : [text, body];
}

/** A frame is text: bytes that are none go as base64. */
function toText(body: Uint8Array | string): {
  readonly body: Buffer;
  readonly encoding: "base64" | null;
} {
  if (typeof body === "string") return { body: Buffer.from(body), encoding: null };
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (isUtf8(bytes)) return { body: bytes, encoding: null };
  return { body: Buffer.from(bytes.toString("base64")), encoding: "base64" };
}

function lineBreaks(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(LINE_BREAK); at !== -1; at = bytes.indexOf(LINE_BREAK, at + 1)) {
    count++;
  }
  return count;
}

const lineBreak = Buffer.from("\n");

/** Joins parts to one frame; texts alone stay a text, which is what most frames are. */
export function toFrame(parts: readonly (string | Uint8Array)[]): string | Uint8Array {
  if (parts.every((part) => typeof part === "string")) return parts.join("\n");
  const pieces: Uint8Array[] = [];
  for (const part of parts) {
    if (pieces.length > 0) pieces.push(lineBreak);
    pieces.push(typeof part === "string" ? Buffer.from(part) : part);
  }
  return Buffer.concat(pieces);
}
