import { Hono } from "hono";
import { openApiDocument } from "../openapi/document.ts";
import type { ApiEnv } from "../room.ts";

/** `/openapi.json`: the description of the API, for everybody: it says what the documentation says. */
export function openApiRoutes(version: string): Hono<ApiEnv> {
  const text = JSON.stringify(openApiDocument(version));
  const headers = { "content-type": "application/json", "cache-control": "max-age=300" };
  return new Hono<ApiEnv>().get("/openapi.json", (c) => c.body(text, 200, headers));
}
