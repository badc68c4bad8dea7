import type { SettingResource, SettingsAnswer } from "@reprise/protocol";
import { Hono } from "hono";
import type { ApiEnv } from "../room.ts";

/** `GET /v2/settings`: what this server was started with, as `reprise config print` shows it. */
export function settingsRoutes(settings: readonly SettingResource[]): Hono<ApiEnv> {
  return new Hono<ApiEnv>().get("/v2/settings", (c) => {
    const answer: SettingsAnswer = { settings };
    return c.json(answer, 200, { "cache-control": "no-store" });
  });
}
