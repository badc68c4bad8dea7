/**
 * Requests of `node:http`, and of the frameworks above it, as what the SDK reads: method, URL, headers and the body as it was sent. No
 * stream and no `Headers` are made, because both cost more than everything else that happens to a delivery.
 *
 * The types are shapes, so that neither an app nor its editor needs the types of Node or of a framework.
 */

import { WorkflowError } from "../errors.ts";
import type { HeadersLike, RequestLike } from "../workflow/request.ts";

/** What is read of an `IncomingMessage`, and what frameworks add to it. */
export interface NodeRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  /** The path before a framework has taken off where a router is mounted. */
  readonly originalUrl?: string | undefined;
  readonly headers: NodeHeaders;
  readonly socket?: object | null;
  /** The body when a framework has read it: bytes, text, or parsed. */
  readonly body?: unknown;
  /** The body as it was sent, kept by a framework that parses it. */
  readonly rawBody?: unknown;
  readonly readableEnded?: boolean;
  readonly destroyed?: boolean;
  on(event: string, listener: (value?: unknown) => void): unknown;
}

export type NodeHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** A body as it was sent; text when a framework has decoded it already. */
export type RawBody = string | Uint8Array;

/** Of a body: far above the lists of the largest runs. */
export const BODY_BYTES_MAX_DEFAULT = 100 * 1024 * 1024;

// A byte order mark is content here: the signature covers it.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The text of a body. */
export function textOf(body: RawBody): string {
  return typeof body === "string" ? body : decoder.decode(body);
}

/**
 * The body as it was sent, or the closest that is left of it.
 * @throws WorkflowError with status 413 above `bytesMax`, 400 when the sender went away, 500 when somebody else has read it.
 */
export function readBody(
  request: NodeRequest,
  bytesMax: number = BODY_BYTES_MAX_DEFAULT,
): RawBody | Promise<RawBody> {
  const kept = keptBody(request);
  if (kept !== undefined) return kept;
  if (request.readableEnded === true || request.destroyed === true) {
    if (isWithoutBody(request.headers)) return "";
    throw new WorkflowError(
      "the body of the request has been read already, and is not in request.rawBody or request.body; mount the workflow before the body parser, or let it keep rawBody",
      500,
    );
  }
  return collect(request, bytesMax);
}

/** The body when a framework has read it; undefined when it is still to be read. */
export function keptBody({
  rawBody,
  body,
  headers,
}: Pick<NodeRequest, "rawBody" | "body" | "headers">): RawBody | undefined {
  if (isRaw(rawBody)) return rawBody;
  if (isRaw(body)) return body;
  if (body === undefined || body === null || isUntouched(body)) return undefined;
  // Some parsers make `{}` of nothing.
  if (isWithoutBody(headers)) return "";
  // What is left of a parsed body. It equals what was sent when the sender wrote compact JSON, as Reprise does.
  return JSON.stringify(body);
}

/** Whether the body is as it was sent. */
export function isRaw(value: unknown): value is RawBody {
  return typeof value === "string" || value instanceof Uint8Array;
}

/** Frameworks that hand the stream itself over as the body have not read it. */
function isUntouched(body: unknown): boolean {
  // `in` has shown that it is an object with this property, whatever its type.
  return typeof body === "object" && body !== null && "pipe" in body;
}

function isWithoutBody(headers: NodeHeaders): boolean {
  if (headers["transfer-encoding"] !== undefined) return false;
  const length = headers["content-length"];
  return length === undefined || length === "0";
}

function collect(request: NodeRequest, bytesMax: number): Promise<RawBody> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let byteCount = 0;
    let isWhole = false;
    request.on("data", (chunk) => {
      const bytes = typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk;
      if (!(bytes instanceof Uint8Array)) return;
      byteCount += bytes.byteLength;
      // What comes after is read and dropped, so that the answer can still be sent.
      if (byteCount > bytesMax) {
        chunks.length = 0;
        reject(new WorkflowError(`the body is larger than ${bytesMax} bytes`, 413));
      } else chunks.push(bytes);
    });
    request.on("end", () => {
      isWhole = true;
      resolve(join(chunks, byteCount));
    });
    request.on("error", (cause) => {
      reject(new WorkflowError("the body of the request cannot be read", 400, { cause }));
    });
    request.on("close", () => {
      // It closes behind every request; to make an error takes long.
      if (isWhole) return;
      reject(new WorkflowError("the sender of the request went away before its body ended", 400));
    });
  });
}

function join(chunks: readonly Uint8Array[], byteCount: number): Uint8Array {
  const [first] = chunks;
  if (first !== undefined && chunks.length === 1) return first;
  const whole = new Uint8Array(byteCount);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}

/** A request whose body has been read, as `serve` takes it. */
export function toRequestLike(request: NodeRequest, body: RawBody): RequestLike {
  return { url: urlOf(request), headers: toHeadersLike(request.headers), text: textReader(body) };
}

/** Headers whose names Node has in lower case. */
export function toHeadersLike(headers: NodeHeaders): HeadersLike {
  return {
    get: (name) => toText(headers[name] ?? headers[name.toLowerCase()]),
    forEach(tell) {
      for (const name in headers) {
        const value = toText(headers[name]);
        // The names of HTTP/2 that begin with a colon are no headers.
        if (value !== null && !name.startsWith(":")) tell(value, name);
      }
    },
  };
}

/** The `text` of a request whose body has been read. */
export function textReader(body: RawBody): () => Promise<string> {
  return async () => textOf(body);
}

function toText(value: string | readonly string[] | undefined): string | null {
  if (value === undefined) return null;
  return typeof value === "string" ? value : value.join(", ");
}

/** The address that the sender has used, as proxies tell it. */
export function urlOf(request: NodeRequest): string {
  const { headers } = request;
  const host = hostOf(headers["x-forwarded-host"]) ?? hostOf(headers.host ?? headers[":authority"]);
  return `${protocolOf(request)}://${host ?? "localhost"}${pathOf(request.originalUrl ?? request.url)}`;
}

/** Of several proxies the first one talked to the sender. */
function firstOf(value: string | readonly string[] | undefined): string | undefined {
  const text = typeof value === "string" ? value : value?.[0];
  return text?.split(",", 1)[0]?.trim();
}

function hostOf(value: string | readonly string[] | undefined): string | undefined {
  const host = firstOf(value);
  return host !== undefined && /^[\w.\-:[\]]+$/.test(host) ? host : undefined;
}

function protocolOf({ headers, socket }: NodeRequest): "http" | "https" {
  const told = firstOf(headers["x-forwarded-proto"])?.toLowerCase();
  if (told === "http" || told === "https") return told;
  const isEncrypted = typeof socket === "object" && socket !== null && "encrypted" in socket;
  return isEncrypted && socket.encrypted === true ? "https" : "http";
}

function pathOf(url: string | undefined): string {
  if (url === undefined || url === "*" || url === "") return "/";
  if (url.startsWith("/")) return url;
  // Clients that take the app for a proxy send whole addresses.
  const origin = /^[a-z]+:\/\/[^/?]*/i.exec(url)?.[0] ?? "";
  const path = url.slice(origin.length);
  return path.startsWith("/") ? path : `/${path}`;
}
