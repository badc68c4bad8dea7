import type { Overview } from "@reprise/protocol";
import { Hono } from "hono";
import { WINDOW_MS } from "../../observe/timeline.ts";
import { invalid, queryParameters, readOneOf } from "../parameters.ts";
import { readOverview } from "../read-overview.ts";
import type { ApiEnv, ApiRoom } from "../room.ts";

/** An answer this old is given again: several who look cost as much as one. */
const AGE_MS_MAX = 1_000;

interface Known {
  readonly at: number;
  readonly overview: Promise<Overview>;
}

/** `/v2/overview`: the numbers of the front page, and what needs attention. */
export function overviewRoutes(room: ApiRoom): Hono<ApiEnv> {
  const known = new Map<string, Known>();
  return new Hono<ApiEnv>().get("/v2/overview", async (c) => {
    const names = readOneOf(queryParameters(c.req.raw), "window", Object.keys(WINDOW_MS));
    const [name = "1h", ...others] = names ?? [];
    if (others.length > 0) throw invalid("window", "must be given once");
    const now = room.host.now();
    const last = known.get(name);
    if (last !== undefined && Math.abs(now - last.at) < AGE_MS_MAX) {
      return c.json(await last.overview);
    }
    const overview = readOverview(WINDOW_MS[name] ?? 0, room);
    known.set(name, { at: now, overview });
    // A failure is for those who wait, not for those who come later.
    overview.catch(() => known.delete(name));
    return c.json(await overview);
  });
}
