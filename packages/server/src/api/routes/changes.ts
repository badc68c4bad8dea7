import { Hono } from "hono";
import type { Authenticator } from "../authenticator.ts";
import type { ChangeStreams } from "../change-streams.ts";
import type { ApiEnv } from "../room.ts";

/** `GET /v2/changes`: server-sent events that say what has changed, for pages that show it. */
export function changeRoutes(
  streams: ChangeStreams,
  { holds, nameOf }: Pick<Authenticator, "holds" | "nameOf">,
): Hono<ApiEnv> {
  const headers = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    // Some proxies wait for more than there is.
    "x-accel-buffering": "no",
  };
  return new Hono<ApiEnv>().get("/v2/changes", (c) => {
    const { raw } = c.req;
    if (raw.method === "HEAD") return c.body(null, 200, headers);
    const peer = c.env;
    return c.body(
      streams.open(nameOf(raw, peer), () => holds(raw, peer)),
      200,
      headers,
    );
  });
}
