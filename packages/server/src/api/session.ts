import { hash } from "node:crypto";
import { type FlatHeaders, RepriseError, type TokenScope } from "@reprise/protocol";
import type { Holder } from "../engine/token-ring.ts";
import { externalOrigin } from "./request.ts";
import type { ApiRoom, Peer } from "./room.ts";
import {
  createSessionSeal,
  newSessionId,
  type SealedSession,
  type SessionSeal,
} from "./session-seal.ts";

/** Logins of people at the dashboard: docs/dashboard.md says what a session may do and what it is safe from. */

export const SESSION_MS = 12 * 60 * 60 * 1_000;
/** From the login on, however busy the page is: whoever has copied a cookie cannot keep it alive for ever. */
export const SESSION_WHOLE_MS = 7 * 24 * 60 * 60 * 1_000;
export const SESSION_COOKIE = "reprise_session";
/** What every request of the page that changes something brings; no form and no foreign page can send it. */
const PAGE_HEADER = "reprise-dashboard";
const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD"]);

/** Cookies of this name that are tried: another one comes from another path of the same host. */
const COOKIES_MAX = 4;

export interface OpenSession extends SealedSession {
  readonly scope: "full" | "read-only";
  readonly tokenName: string | null;
}

/** Opens and makes sessions. */
export interface SessionDoor {
  /**
   * The session of a request's cookie; null when it brings none.
   * @throws RepriseError `unauthorized` when it is over, its token is gone or it was never one, `cross_site_request` when another page
   * may have sent it.
   */
  readonly sessionOf: (request: Request, peer: Peer) => OpenSession | null;
  /** @throws RepriseError `unauthorized` or `forbidden`. */
  readonly login: (token: string | null, request: Request, peer: Peer) => OpenSession;
  /** The same session with its whole time before it, as far as there is some. */
  readonly renew: (session: OpenSession) => OpenSession;
  /** Nobody can use it any more, whatever cookies there are of it. */
  readonly end: (session: OpenSession) => Promise<void>;
  readonly cookieOf: (session: OpenSession) => string;
}

export function createSessionDoor(room: ApiRoom): SessionDoor | null {
  const { sessions, host, settings } = room;
  if (sessions === undefined) return null;
  const randomBytes = (count: number) => host.randomBytes(count);
  const seal = createSessionSeal(sessions.secret, randomBytes);
  const endOf = (startedAt: number) =>
    Math.min(host.now() + SESSION_MS, startedAt + SESSION_WHOLE_MS);
  const holderOf = (digest: Uint8Array | null): Holder | null => {
    if (digest !== null) return sessions.holderOf(digest);
    return settings.isLoopbackOnly ? { name: "", scope: "full" } : null;
  };
  const open = (sealed: SealedSession): OpenSession => {
    const holder = holderOf(sealed.digest);
    if (holder === null) throw unauthorized("the token of this session is gone; log in again");
    if (!isForPeople(holder.scope)) throw notForPeople(holder.scope);
    const tokenName = sealed.digest === null ? null : holder.name;
    return { ...sealed, scope: holder.scope, tokenName };
  };
  return {
    sessionOf: (request, peer) => {
      const texts = cookiesOf(request);
      if (texts.length === 0) return null;
      checkOwnPage(request, peer, room);
      const sealed = firstOpened(texts, seal);
      if (sealed === null)
        throw unauthorized("the session is not one of this server; log in again");
      const isOver = sealed.expiresAt <= host.now() || sessions.ended.has(sealed.id);
      if (isOver) throw unauthorized("the session is over; log in again");
      return open(sealed);
    },
    login: (token, request, peer) => {
      const digest = token === null ? null : digestOf(token);
      if (holderOf(digest) === null) {
        throw unauthorized(token === null ? 'send {"token": "..."}' : "invalid token");
      }
      const startedAt = host.now();
      return open({
        ...{ digest, startedAt, expiresAt: endOf(startedAt), id: newSessionId(randomBytes) },
        isSecure: cameSecurely(request, peer, room),
      });
    },
    renew: (session) => ({ ...session, expiresAt: endOf(session.startedAt) }),
    end: ({ id, startedAt }) => sessions.ended.end(id, startedAt + SESSION_WHOLE_MS),
    cookieOf: (session) => cookie(seal.seal(session), SESSION_MS / 1_000, session.isSecure),
  };
}

/** Digest by which a token is known. */
export function digestOf(token: string): Uint8Array {
  return hash("sha256", token, "buffer");
}

/** The cookie that takes the session's place when it has ended. */
export const ENDED_COOKIE = cookie("", 0, false);

/**
 * Without a path: a browser then keeps it for the directory of the request, which is `/v2` behind whatever prefix a proxy has put
 * before it. Only answers at `/v2/<name>` may set it, therefore.
 */
function cookie(text: string, seconds: number, isSecure: boolean): string {
  const parts = [`${SESSION_COOKIE}=${text}`, `Max-Age=${seconds}`, "HttpOnly", "SameSite=Strict"];
  return [...parts, ...(isSecure ? ["Secure"] : [])].join("; ");
}

function cookiesOf(request: Request): readonly string[] {
  const header = request.headers.get("cookie");
  if (header === null || !header.includes(SESSION_COOKIE)) return [];
  const found = header.split(";").flatMap((part) => {
    const [name, ...value] = part.trim().split("=");
    return name === SESSION_COOKIE ? [value.join("=")] : [];
  });
  return found.slice(0, COOKIES_MAX);
}

/** Headers that are handed on: whoever opens the URL in a browser is not to give a session away. */
export function withoutSession(headers: FlatHeaders): FlatHeaders {
  const { cookie: header, ...others } = headers;
  if (header === undefined || !header.includes(SESSION_COOKIE)) return headers;
  const kept = header.split(";").filter((part) => part.trim().split("=")[0] !== SESSION_COOKIE);
  return kept.length === 0 ? others : { ...others, cookie: kept.join(";").trim() };
}

function firstOpened(texts: readonly string[], seal: SessionSeal): SealedSession | null {
  for (const text of texts) {
    const opened = seal.open(text);
    if (opened !== null) return opened;
  }
  return null;
}

/**
 * A browser sends its cookies whatever page asks for it, so the request itself has to show that it is the dashboard's.
 * @throws RepriseError `cross_site_request`.
 */
export function checkOwnPage(request: Request, peer: Peer, { settings }: ApiRoom): void {
  const { headers, method } = request;
  const isSafe = SAFE_METHODS.has(method);
  const site = headers.get("sec-fetch-site");
  const origin = headers.get("origin");
  if (site !== null) {
    if (site !== "same-origin") throw crossSite(`Sec-Fetch-Site must be same-origin, got ${site}`);
  } else if (origin !== null) {
    if (!isOwnOrigin(origin, request, peer, settings)) {
      throw crossSite(`Origin must name the host of this server, got ${origin}`);
    }
  } else if (!isSafe) {
    // Over plain HTTP browsers send neither with a read; other pages cannot see its answer, and get no cookie of SameSite=Strict.
    throw crossSite("a request that changes something must bring Origin or Sec-Fetch-Site");
  }
  if (!isSafe && headers.get(PAGE_HEADER) !== "1") {
    throw crossSite("a request that changes something must bring the header Reprise-Dashboard: 1");
  }
}

function isOwnOrigin(
  origin: string,
  request: Request,
  peer: Peer,
  settings: ApiRoom["settings"],
): boolean {
  if (!/^https?:\/\//i.test(origin) || !URL.canParse(origin)) return false;
  const { protocol, host } = new URL(origin);
  const own = [request.headers.get("host"), externalOrigin(request, peer, settings).host];
  // A port that is the scheme's own may be written or not.
  return own.some((name) => name !== null && hostOf(`${protocol}//${name}`) === host);
}

function hostOf(url: string): string | null {
  return URL.canParse(url) ? new URL(url).host : null;
}

/** The page's own word is the best: behind a proxy that nobody has named, the server cannot know. */
function cameSecurely(request: Request, peer: Peer, { settings }: ApiRoom): boolean {
  const origin = request.headers.get("origin");
  if (origin !== null) return origin.startsWith("https:");
  return externalOrigin(request, peer, settings).proto === "https";
}

function isForPeople(scope: TokenScope): scope is OpenSession["scope"] {
  return scope !== "publish-only";
}

function notForPeople(scope: TokenScope): RepriseError {
  return new RepriseError("forbidden", {
    message: `the dashboard needs a token with the scope full or read-only; the scope of this one is ${scope}`,
    details: { scope },
  });
}

function crossSite(reason: string): RepriseError {
  return new RepriseError("cross_site_request", {
    message: `the session counts for requests of the dashboard alone: ${reason}`,
  });
}

function unauthorized(reason: string): RepriseError {
  return new RepriseError("unauthorized", { message: `unable to authenticate: ${reason}` });
}
