import { RepriseError, TOKEN_BYTES_MAX, type TokenScope } from "@reprise/protocol";
import type { Endpoint } from "./endpoints.ts";
import { countHeader } from "./request.ts";
import type { Credentials, Peer } from "./room.ts";

/**
 * Checks the bearer token of a request, from the `Authorization` header or the query parameter `qstash_token`.
 * @returns what the token may do.
 * @throws RepriseError `unauthorized` when it is missing, wrong, given twice, or different in the two places.
 */
export function checkToken(
  request: Request,
  peer: Peer,
  credentials: Pick<Credentials, "scopeOf">,
): TokenScope {
  const tokens = [...headerTokens(request, peer), ...queryTokens(peer)];
  const token = tokens[0];
  if (token === undefined) {
    throw unauthorized("send the token as `Authorization: Bearer <token>`");
  }
  if (tokens.some((other) => other !== token)) throw unauthorized("two different tokens were sent");
  const isReadable = token !== "" && token.length <= TOKEN_BYTES_MAX;
  const scope = isReadable ? credentials.scopeOf(token) : null;
  if (scope === null) throw unauthorized("invalid token");
  return scope;
}

/** The token that a request has shown; null when it came with none. */
export function tokenOf(request: Request, peer: Peer): string | null {
  return [...headerTokens(request, peer), ...queryTokens(peer)][0] ?? null;
}

/** Whether a request brings a token of any kind, good or bad. */
export function bringsToken({ headers }: Request, peer: Peer): boolean {
  return headers.has("authorization") || queryTokens(peer).length > 0;
}

const ALLOWED: Readonly<Record<Endpoint["need"], readonly TokenScope[]>> = {
  full: ["full"],
  read: ["full", "read-only"],
  send: ["full", "publish-only"],
  either: ["full", "read-only", "publish-only"],
};

/** @throws RepriseError `forbidden` when the token may not call the endpoint. */
export function checkScope(scope: TokenScope, need: Endpoint["need"]): void {
  const allowed = ALLOWED[need];
  if (allowed.includes(scope)) return;
  throw new RepriseError("forbidden", {
    message: `this needs a token with the scope ${allowed.join(" or ")}; the scope of this one is ${scope}`,
    details: { scope },
  });
}

function headerTokens(request: Request, peer: Peer): readonly string[] {
  if (countHeader(peer.rawHeaders, "authorization") > 1)
    throw unauthorized("the Authorization header was sent more than once");
  const header = request.headers.get("authorization");
  if (header === null) return [];
  const match = /^bearer +(\S+) *$/i.exec(header);
  if (match?.[1] === undefined) {
    throw unauthorized("the Authorization header must have the form `Bearer <token>`");
  }
  return [match[1]];
}

function queryTokens({ rawTarget }: Peer): readonly string[] {
  const start = rawTarget.indexOf("?");
  if (start === -1 || !rawTarget.includes("qstash_token=", start)) return [];
  return new URLSearchParams(rawTarget.slice(start + 1)).getAll("qstash_token");
}

function unauthorized(reason: string): RepriseError {
  return new RepriseError("unauthorized", { message: `unable to authenticate: ${reason}` });
}
