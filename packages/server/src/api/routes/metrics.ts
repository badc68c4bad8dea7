import { Hono } from "hono";
import { CONTENT_TYPE } from "../../observe/exposition.ts";
import type { ApiEnv } from "../room.ts";

export const METRICS_PATH = "/metrics";

/** What monitoring systems collect. Whoever asks has shown a token that may look. */
export function metricsRoutes(expose: () => Promise<string>): Hono<ApiEnv> {
  return new Hono<ApiEnv>().get(METRICS_PATH, async (c) =>
    c.body(await expose(), 200, { "content-type": CONTENT_TYPE, "cache-control": "no-store" }),
  );
}
