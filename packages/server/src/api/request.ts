import {
  canonicalHeaderName,
  type FlatHeaders,
  flatHeaders,
  flatHeadersFromRaw,
  HEADER_COUNT_MAX,
  isRepriseError,
  quoted,
  RepriseError,
  URL_BYTES_MAX,
} from "@reprise/protocol";
import type { ApiSettings, Peer } from "./room.ts";

/** Facts of a request that came without a transport: two functions face each other, in tests and in the simulation. */
export function peerOf(request: Request): Peer {
  const { pathname, search } = new URL(request.url);
  return { address: "127.0.0.1", rawTarget: pathname + search, rawHeaders: [] };
}

/**
 * Refuses what the transport lets through: see docs/errors.md.
 * @throws RepriseError `uri_too_long`, `headers_too_large` or `invalid_request`.
 */
export function checkTransport({ rawTarget, rawHeaders }: Peer): void {
  if (rawTarget.length > 2 * URL_BYTES_MAX) {
    throw new RepriseError("uri_too_long", {
      message: `the request target must have at most ${2 * URL_BYTES_MAX} characters, got ${rawTarget.length}`,
    });
  }
  if (!rawTarget.startsWith("/")) {
    throw new RepriseError("invalid_request", {
      message: "the request target must be a path that starts with /",
    });
  }
  if (rawHeaders.length / 2 >= HEADER_COUNT_MAX) {
    throw new RepriseError("headers_too_large", {
      message: `a request must have fewer than ${HEADER_COUNT_MAX} headers`,
    });
  }
  checkRepeated(rawHeaders);
}

/** Headers whose repetitions make one list; those that are forwarded have the meaning that the app gives them. */
const LIST_HEADERS =
  /^upstash-(?:label|redact-fields|feature-set|telemetry-.*|(?:callback-|failure-callback-)?(?:label|redact-fields|forward-.*))$/;

/** Joined, two values of a header that has one would make a third that nobody has sent. */
function checkRepeated(rawHeaders: readonly string[]): void {
  const names = new Set<string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? "";
    if (name !== "host" && !name.startsWith("upstash-")) continue;
    if (!names.has(name)) {
      names.add(name);
      continue;
    }
    if (name === "host") {
      throw new RepriseError("invalid_request", { message: "the header Host must be given once" });
    }
    if (LIST_HEADERS.test(name)) continue;
    throw new RepriseError("invalid_header", {
      message: `${canonicalHeaderName(name)} must be given once, got it more than once`,
      details: { header: name },
    });
  }
}

/** How often a header was sent; joined values do not show it. */
export function countHeader(rawHeaders: readonly string[], lowerCaseName: string): number {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.toLowerCase() === lowerCaseName) count += 1;
  }
  return count;
}

/**
 * A development server accepts a published token, so any web page that the developer opens could use it: by a name that resolves
 * to this machine, or by a plain form. Such a page shows in `Host` or `Origin`.
 * @throws RepriseError `forbidden`.
 */
export function checkLoopback(request: Request): void {
  const host = request.headers.get("host");
  if (host !== null && !isLoopbackAuthority(host)) throw notLoopback("Host", host);
  const origin = request.headers.get("origin");
  if (origin !== null && !isLoopbackAuthority(origin.replace(/^https?:\/\//, ""))) {
    throw notLoopback("Origin", origin);
  }
}

function isLoopbackAuthority(authority: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i.test(authority);
}

function notLoopback(header: string, value: string): RepriseError {
  return new RepriseError("forbidden", {
    message: `a development server answers on this machine only; ${header} must name localhost, got ${quoted(value)}`,
  });
}

/** The headers of a request as one flat set. */
export function requestHeaders(request: Request, peer: Peer): FlatHeaders {
  return peer.rawHeaders.length > 0
    ? flatHeadersFromRaw(peer.rawHeaders)
    : flatHeaders(request.headers);
}

/**
 * The whole body.
 * @param tooLarge words the refusal.
 * @throws RepriseError `body_too_large` as soon as more than `bytesMax` are announced or have arrived, or `invalid_request` when
 * the connection ends before the body.
 */
export async function readBody(
  request: Request,
  bytesMax: number,
  tooLarge: (bytesMax: number) => RepriseError = bodyTooLarge,
): Promise<Uint8Array> {
  const announced = request.headers.get("content-length");
  if (announced !== null && Number(announced) > bytesMax) throw tooLarge(bytesMax);
  try {
    return announced === null
      ? await readChunks(request, bytesMax, tooLarge)
      : new Uint8Array(await request.arrayBuffer());
  } catch (cause) {
    if (isRepriseError(cause)) throw cause;
    const message = "the connection ended before the body was complete";
    throw new RepriseError("invalid_request", { message, cause });
  }
}

async function readChunks(
  request: Request,
  bytesMax: number,
  tooLarge: (bytesMax: number) => RepriseError,
): Promise<Uint8Array> {
  if (request.body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body) {
    size += chunk.byteLength;
    if (size > bytesMax) throw tooLarge(bytesMax);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

/** For bodies that are a message; programs look for these words. */
export function messageTooLarge(bytesMax: number): RepriseError {
  return new RepriseError("body_too_large", {
    message: `quota maxMessageSize exceeded, current limit: ${bytesMax} bytes`,
    details: { limit: bytesMax },
  });
}

function bodyTooLarge(bytesMax: number): RepriseError {
  return new RepriseError("body_too_large", {
    message: `the body must have at most ${bytesMax} bytes`,
    details: { limit: bytesMax },
  });
}

/** Scheme and host under which callers reach this server: as configured, as a trusted proxy says, or as the request does. */
export function externalOrigin(
  request: Request,
  peer: Peer,
  { publicUrl, trustedProxies }: Pick<ApiSettings, "publicUrl" | "trustedProxies">,
): { readonly proto: string; readonly host: string } {
  if (publicUrl !== null) {
    const { protocol, host } = new URL(publicUrl);
    return { proto: protocol.slice(0, -1), host };
  }
  const isProxied = trustedProxies.includes(peer.address);
  const said = (name: string) =>
    isProxied ? (request.headers.get(name)?.split(",")[0]?.trim() ?? "") : "";
  const [proto, host] = [said("x-forwarded-proto").toLowerCase(), said("x-forwarded-host")];
  return {
    proto: proto === "https" ? proto : "http",
    // A proxy may pass on what its caller has made up: whoever makes a URL of it must not fail.
    host: isAuthority(host) ? host : (request.headers.get("host") ?? new URL(request.url).host),
  };
}

function isAuthority(host: string): boolean {
  return /^[A-Za-z0-9.:_[\]-]+$/.test(host) && URL.canParse(`http://${host}`);
}

/** The caller's address; behind a trusted proxy the one that the proxy names. */
export function callerIp(
  request: Request,
  peer: Peer,
  settings: Pick<ApiSettings, "trustedProxies">,
): string {
  if (!settings.trustedProxies.includes(peer.address)) return peer.address;
  const forwarded = request.headers.get("x-forwarded-for")?.split(",").at(-1)?.trim();
  return forwarded === undefined || forwarded === "" ? peer.address : forwarded;
}
