import { bytesFromBase64 } from "../wire/base64.ts";

/** What the server says over a connection: docs/fast-modes.md of the server, "Connected". */

/** A message of the server; the fields of all of them together. */
export interface ServerMessage {
  readonly welcome?: { readonly connection: string };
  readonly deliver?: number;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly encoding?: "base64";
  readonly ack?: number;
  readonly hold?: number;
  readonly retries?: number;
  readonly stop?: boolean;
  readonly status?: number;
  /** Of an acknowledgement a text, of the connection an object. */
  readonly error?: string | { readonly code: string; readonly message: string };
  readonly abort?: number;
  readonly drain?: boolean;
  readonly pong?: number;
  readonly lines?: number;
}

/** Calls `take` with each message of a frame and the lines behind it, as one text. */
export function readFrame(
  frame: string,
  take: (message: ServerMessage, body: string) => void,
): void {
  let at = 0;
  while (at < frame.length) {
    const end = endOfLine(frame, at);
    // Written by the server; fields that this version does not know are passed over.
    const message = JSON.parse(frame.slice(at, end)) as ServerMessage;
    at = end + 1;
    const start = at;
    for (let left = message.lines ?? 0; left > 0; left--) at = endOfLine(frame, at) + 1;
    take(message, frame.slice(start, Math.max(start, at - 1)));
  }
}

function endOfLine(frame: string, from: number): number {
  const end = frame.indexOf("\n", from);
  return end === -1 ? frame.length : end;
}

/** The body of a delivery, as it was before it became a text. */
export function bodyOf(
  { encoding }: ServerMessage,
  body: string,
): string | Uint8Array<ArrayBuffer> {
  return encoding === "base64" ? bytesFromBase64(body) : body;
}

export interface EndOfDelivery {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** How many lines the server takes behind one message. */
const LINES_MAX = 2_100;

/** The answer to a delivery; its body goes as lines, which need no escapes, unless there are too many of them. */
export function endText(delivery: number, { status, headers, body }: EndOfDelivery): string {
  const head = { end: delivery, status, headers };
  if (body === "") return JSON.stringify(head);
  const lines = lineCount(body);
  if (lines > LINES_MAX) return JSON.stringify({ ...head, body });
  return `${JSON.stringify({ ...head, lines })}\n${body}`;
}

export function submitText(delivery: number, lines: readonly string[]): string {
  return `{"submit":${delivery},"lines":${lines.length}}\n${lines.join("\n")}`;
}

function lineCount(text: string): number {
  let count = 1;
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) count++;
  return count;
}
