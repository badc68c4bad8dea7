import {
  isJsonObject,
  isRepriseError,
  parseJson,
  quoted,
  RepriseError,
  type Session,
  TOKEN_BYTES_MAX,
} from "@reprise/protocol";
import { type Context, Hono } from "hono";
import type { Authenticator } from "../authenticator.ts";
import { checkLoopback, checkTransport, readBody } from "../request.ts";
import type { ApiEnv, ApiRoom, Peer } from "../room.ts";
import { checkOwnPage, ENDED_COOKIE, type OpenSession, type SessionDoor } from "../session.ts";

/** `/v2/session`: a person logs in at the dashboard with a token, and out. */
export function sessionRoutes(
  room: ApiRoom,
  { counted }: Pick<Authenticator, "counted">,
  door: SessionDoor,
): Hono<ApiEnv> {
  const { settings } = room;
  const check = (c: Context<ApiEnv>) => {
    checkTransport(c.env);
    if (settings.isLoopbackOnly) checkLoopback(c.req.raw);
  };
  const answer = (c: Context<ApiEnv>, session: OpenSession) => {
    const headers = { "cache-control": "no-store", "set-cookie": door.cookieOf(session) };
    return c.json(toResource(session, room), 200, headers);
  };
  /** A development server asks nobody who they are, so that its page has a session from the first look on. */
  const unasked = (c: Context<ApiEnv>): OpenSession | null => {
    if (!settings.isLoopbackOnly) return null;
    checkOwnPage(c.req.raw, c.env, room);
    return door.login(null, c.req.raw, c.env);
  };
  return new Hono<ApiEnv>()
    .post("/v2/session", async (c) => {
      check(c);
      const { raw } = c.req;
      checkOwnPage(raw, c.env, room);
      const token = readToken(await readBody(raw, BODY_BYTES_MAX));
      return answer(
        c,
        counted(raw, c.env, () => door.login(token, raw, c.env)),
      );
    })
    .get("/v2/session", (c) => {
      check(c);
      const { raw } = c.req;
      const session = counted(raw, c.env, () => door.sessionOf(raw, c.env)) ?? unasked(c);
      // Whoever opens the page first has no session, which is no failed attempt at one.
      if (session === null) {
        throw new RepriseError("unauthorized", { message: "there is no session; log in" });
      }
      return answer(c, door.renew(session));
    })
    .delete("/v2/session", async (c) => {
      check(c);
      const { raw } = c.req;
      checkOwnPage(raw, c.env, room);
      const session = openSession(raw, c.env, door);
      if (session !== null) {
        await door.end(session);
        room.changes?.endForbidden();
      }
      const headers = { "cache-control": "no-store", "set-cookie": ENDED_COOKIE };
      return c.body(null, 204, headers);
    });
}

const BODY_BYTES_MAX = 4 * 1024;

/** Null when there is none that could be ended; whoever logs out need not hear of that. */
function openSession(request: Request, peer: Peer, door: SessionDoor): OpenSession | null {
  try {
    return door.sessionOf(request, peer);
  } catch (error) {
    if (isRepriseError(error)) return null;
    throw error;
  }
}

function toResource(session: OpenSession, { host, settings, sessions }: ApiRoom): Session {
  const { scope, tokenName, expiresAt } = session;
  return {
    ...{ scope, tokenName, expiresAt },
    isDevelopment: settings.isLoopbackOnly,
    version: sessions?.version ?? "unknown",
    now: host.now(),
  };
}

/** Null when nothing is sent: a development server asks for nothing. */
function readToken(bytes: Uint8Array): string | null {
  if (bytes.byteLength === 0) return null;
  const body = parseJson(bytes, "the body");
  if (!isJsonObject(body)) throw invalidBody("the body must be a JSON object");
  const foreign = Object.keys(body).find((key) => key !== "token");
  if (foreign !== undefined)
    throw invalidBody(`${quoted(foreign)} is not known here; known is token`);
  const { token } = body;
  if (token === undefined) return null;
  if (typeof token !== "string" || token === "" || token.length > TOKEN_BYTES_MAX) {
    throw invalidBody(`token must be a text of 1 to ${TOKEN_BYTES_MAX} characters`);
  }
  return token;
}

function invalidBody(message: string): RepriseError {
  return new RepriseError("invalid_request", { message });
}
