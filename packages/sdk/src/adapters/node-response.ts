/** Answers as `node:http` sends them: plain ones in one piece, and those of Web handlers as a stream that waits for its reader. */

import type { Answer } from "../workflow/answer.ts";

/** What is used of a `ServerResponse`. */
export interface NodeResponse {
  readonly headersSent?: boolean;
  readonly destroyed?: boolean;
  writeHead(status: number, headers?: NodeResponseHeaders): unknown;
  write(chunk: Uint8Array): boolean;
  end(body?: string): unknown;
  destroy?(error?: Error): unknown;
  once(event: string, listener: () => void): unknown;
}

export type NodeResponseHeaders = Record<string, string | string[]>;

const encoder = new TextEncoder();

/** Statuses whose answers have no body, and no length either. */
const isBodiless = (status: number): boolean => status < 200 || status === 204 || status === 304;

/** Sends the answer, unless nobody waits for it any more or somebody has answered already. */
export function sendAnswer(response: NodeResponse, { status, headers, body }: Answer): void {
  if (response.destroyed === true || response.headersSent === true) return;
  if (isBodiless(status)) {
    response.writeHead(status, { ...headers });
    response.end();
    return;
  }
  response.writeHead(status, { ...headers, "content-length": String(byteLengthOf(body)) });
  response.end(body);
}

function byteLengthOf(text: string): number {
  return text === "" ? 0 : encoder.encode(text).byteLength;
}

/** Sends the answer of a Web handler as it comes, no faster than it is read. */
export async function sendResponse(target: NodeResponse, answer: Response): Promise<void> {
  if (target.destroyed === true || target.headersSent === true) {
    await answer.body?.cancel();
    return;
  }
  target.writeHead(answer.status, toNodeHeaders(answer.headers));
  if (answer.body !== null) await pump(target, answer.body.getReader());
  target.end();
}

function toNodeHeaders(headers: Headers): NodeResponseHeaders {
  const result: NodeResponseHeaders = {};
  headers.forEach((value, name) => {
    if (name !== "set-cookie") result[name] = value;
  });
  const cookies = headers.getSetCookie();
  if (cookies.length > 0) result["set-cookie"] = cookies;
  return result;
}

async function pump(
  target: NodeResponse,
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<void> {
  let isGone = false;
  let wake = (): void => {};
  target.once("close", () => {
    isGone = true;
    wake();
  });
  try {
    while (!isGone) {
      const { done, value } = await reader.read();
      if (done) return;
      if (target.write(value) || isGone) continue;
      await new Promise<void>((resolve) => {
        wake = resolve;
        target.once("drain", resolve);
      });
    }
    await reader.cancel();
  } catch (cause) {
    // The status is sent already: that the answer is not whole can only be said by ending the connection.
    target.destroy?.(cause instanceof Error ? cause : new Error(String(cause)));
  }
}
