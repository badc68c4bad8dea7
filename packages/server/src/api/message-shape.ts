import {
  CALLBACK_PREFIX,
  FAILURE_CALLBACK_PREFIX,
  FORWARD_PREFIX,
  HEADER,
  RepriseError,
} from "@reprise/protocol";
import { type Endpoint, pathOf } from "./endpoints.ts";
import type { Peer } from "./room.ts";

/**
 * Official clients put destinations and ids into paths as they are and let the URL parser resolve dots: a publish to
 * `https://host/../../../keys/rotate` arrives as `POST /v2/keys/rotate`. What betrays it is what a publish carries and no call of
 * this endpoint does. See docs/decisions/0007-tokens-and-traversal.md.
 */
export function checkMessageShape(
  request: Request,
  peer: Pick<Peer, "rawTarget">,
  endpoint: Endpoint,
): void {
  if (!endpoint.hasDestination) checkPath(pathOf(peer.rawTarget));
  if (request.method === "GET" || request.method === "HEAD") return;
  const betraying = betrayingHeader(request, endpoint.headers);
  if (betraying !== undefined) throw misplaced(betraying);
  if (endpoint.body === "none" && hasBody(request)) {
    throw new RepriseError("invalid_request", {
      message:
        "this takes no body; is it meant for a message? Then percent-encode the destination in the path",
    });
  }
  if (endpoint.body === "json") checkEncoding(request);
  if (endpoint.isBulk) checkBulk(request, peer);
}

/** Headers that override settings of something stored tell nothing: a retry takes them as a publish does. */
const OVERRIDES: ReadonlySet<string> = new Set([
  HEADER.retries,
  HEADER.retryDelay,
  HEADER.delay,
  HEADER.notBefore,
  HEADER.timeout,
  HEADER.label,
  HEADER.flowControlKey,
  HEADER.flowControlValue,
  HEADER.redactFields,
  HEADER.callback,
  HEADER.failureCallback,
]);

/** What else only a message or a schedule has. */
const MESSAGE_NAMES: ReadonlySet<string> = new Set([
  HEADER.method,
  HEADER.deduplicationId,
  HEADER.contentBasedDeduplication,
  HEADER.cron,
  HEADER.queueName,
  HEADER.headerForward,
]);

const CALLBACK_PREFIXES = [CALLBACK_PREFIX, FAILURE_CALLBACK_PREFIX] as const;

function betrayingHeader({ headers }: Request, meant: Endpoint["headers"]): string | undefined {
  switch (meant) {
    case "message":
      return undefined;
    case "envelope":
      // Every step of every run comes this way: two questions cost less than a list of all headers.
      return [HEADER.method, HEADER.cron].find((name) => headers.has(name));
    case "overrides":
      return [...headers.keys()].find(isOfMessage);
    case "none":
      return [...headers.keys()].find((name) => isOfMessage(name) || isSetting(name));
  }
}

function isOfMessage(name: string): boolean {
  return MESSAGE_NAMES.has(name) || name.startsWith(FORWARD_PREFIX);
}

function isSetting(name: string): boolean {
  return OVERRIDES.has(name) || CALLBACK_PREFIXES.some((prefix) => name.startsWith(prefix));
}

function misplaced(name: string): RepriseError {
  return new RepriseError("invalid_header", {
    message: `${name} is not allowed here: this is no address for messages; percent-encode the destination`,
    details: { header: name },
  });
}

function hasBody({ headers }: Request): boolean {
  const length = headers.get("content-length");
  return length === null ? headers.has("transfer-encoding") : Number(length) > 0;
}

function checkEncoding({ headers }: Request): void {
  const encoding = headers.get("content-encoding");
  if (encoding === null || encoding.toLowerCase() === "identity") return;
  throw new RepriseError("unsupported_media_type", {
    message: "the body must come without Content-Encoding",
  });
}

/** Ids in a path are decoded once; what does not decode to text, or to control characters, is no id of anything. */
function checkPath(path: string): void {
  if (!/[^!-$&-~]/.test(path)) return;
  if (isText(path)) return;
  throw new RepriseError("invalid_request", {
    message: "the path must be percent-encoded UTF-8 without control characters",
  });
}

function isText(path: string): boolean {
  if (/[^!-~]/.test(path)) return false;
  try {
    return !/\p{Cc}/u.test(decodeURIComponent(path));
  } catch {
    return false; // Not an encoding of UTF-8: that is the question.
  }
}

/**
 * A bulk action that says nothing acts on everything. An empty id leaves just that, with a slash at the end: whoever means
 * everything says so.
 */
function checkBulk(request: Request, { rawTarget }: Pick<Peer, "rawTarget">): void {
  const path = pathOf(rawTarget);
  if (path.endsWith("/")) {
    throw new RepriseError("invalid_request", {
      message:
        "an id is missing behind the last slash; without the slash, give ids, a filter or a count",
    });
  }
  const query = new URLSearchParams(rawTarget.slice(path.length));
  query.delete("qstash_token");
  if (query.size > 0 || hasBody(request) || isCancelAll(path, request)) return;
  throw new RepriseError("invalid_request", {
    message: "give ids, a filter or a count: a request with none of them would act on everything",
  });
}

/**
 * Python and Go cancel all messages with a bare request, and so does the documented call with curl. The JavaScript client says
 * `count`: a bare request that the Fetch API has sent is left over from a path with dots.
 */
function isCancelAll(path: string, { headers }: Request): boolean {
  return path.toLowerCase() === "/v2/messages" && !headers.has("sec-fetch-mode");
}
