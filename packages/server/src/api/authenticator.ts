import { isRepriseError, type TokenScope } from "@reprise/protocol";
import { bringsToken, checkToken, tokenOf } from "./auth.ts";
import { AuthFailures } from "./auth-failures.ts";
import { callerIp } from "./request.ts";
import type { ApiRoom, Peer } from "./room.ts";
import { createSessionDoor, digestOf, type OpenSession, type SessionDoor } from "./session.ts";

/** Who sends a request. */
export interface Caller {
  readonly scope: TokenScope;
  /** Null for who has sent a token. */
  readonly session: OpenSession | null;
}

/** Checks tokens and sessions, and counts those who have none that is good. */
export interface Authenticator {
  /** @throws RepriseError when there is neither a good token nor a session. */
  readonly authenticate: (request: Request, peer: Peer) => Caller;
  /** Whether what a request came with is still good; nothing is counted. */
  readonly holds: (request: Request, peer: Peer) => boolean;
  /** The same text for all requests of a login, and for all of a token. */
  readonly nameOf: (request: Request, peer: Peer) => string;
  /** Runs a check of its own; its refusal counts like that of a bad token. */
  readonly counted: <R>(request: Request, peer: Peer, check: () => R) => R;
  /** Null where nobody can log in. */
  readonly door: SessionDoor | null;
}

export function createAuthenticator(room: ApiRoom): Authenticator {
  const { credentials, host, settings, observer } = room;
  const failures = new AuthFailures(() => host.now(), settings.authFailuresMax);
  const door = createSessionDoor(room);
  const counted = <R>(request: Request, peer: Peer, check: () => R): R => {
    try {
      return check();
    } catch (error) {
      if (!isRepriseError(error) || error.code !== "unauthorized") throw error;
      observer?.authFailed();
      failures.add(callerIp(request, peer, settings));
      throw error;
    }
  };
  const callerOf = (request: Request, peer: Peer): Caller => {
    // A token says more than a cookie, which browsers send by themselves.
    const session = bringsToken(request, peer) ? null : (door?.sessionOf(request, peer) ?? null);
    const scope = session?.scope ?? checkToken(request, peer, credentials);
    return { scope, session };
  };
  return {
    authenticate: (request, peer) => counted(request, peer, () => callerOf(request, peer)),
    holds: (request, peer) => {
      try {
        return callerOf(request, peer).scope !== "publish-only";
      } catch (error) {
        if (isRepriseError(error)) return false;
        throw error;
      }
    },
    nameOf: (request, peer) => {
      const token = tokenOf(request, peer);
      if (token !== null) return Buffer.from(digestOf(token)).toString("base64url");
      return callerOf(request, peer).session?.id ?? "";
    },
    counted,
    door,
  };
}
