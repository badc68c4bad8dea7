import { type Context, Hono } from "hono";
import type { Health, Reason, Verdict } from "../../observe/health.ts";
import type { ApiEnv, Peer } from "../room.ts";

/** What supervisors, load balancers and operators ask. Everybody hears whether all is well, holders of a token also how it stands. */
export function healthRoutes(
  health: Health,
  isKnown: (request: Request, peer: Peer) => boolean,
): Hono<ApiEnv> {
  const answer = (c: Context<ApiEnv>, verdict: Verdict) => {
    const isWell = verdict.reasons.length === 0;
    const said: Said = isWell
      ? { status: "ok" }
      : { status: "unavailable", reasons: verdict.reasons };
    const body = isKnown(c.req.raw, c.env) ? { ...said, details: verdict.details } : said;
    const headers: Readonly<Record<string, string>> = isWell ? {} : { "retry-after": "1" };
    return c.json(body, isWell ? 200 : 503, { "cache-control": "no-store", ...headers });
  };
  return new Hono<ApiEnv>()
    .get("/livez", (c) => answer(c, health.live()))
    .get("/startupz", (c) => answer(c, health.hasStarted()))
    .get("/readyz", async (c) => answer(c, await health.ready()));
}

interface Said {
  readonly status: "ok" | "unavailable";
  readonly reasons?: readonly Reason[];
}
