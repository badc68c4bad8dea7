import { RepriseError, toHeaderMap } from "@reprise/protocol";
import { type Context, Hono } from "hono";
import {
  checkTransport,
  externalOrigin,
  messageTooLarge,
  readBody,
  requestHeaders,
} from "../request.ts";
import type { ApiEnv, ApiRoom } from "../room.ts";
import { withoutSession } from "../session.ts";

/**
 * `ANY /v2/workflows/hooks/{user}/{workflowRunId}/{eventId}`: the URL that `createWebhook` hands out. It needs no token; its random
 * event id is the secret, so it wakes nothing but steps that wait for webhooks.
 */
export function hookRoutes(room: ApiRoom): Hono<ApiEnv> {
  return new Hono<ApiEnv>().all("/v2/workflows/hooks/:user/:runId/:eventId", async (c) => {
    checkTransport(c.env);
    checkMethod(c.req.method);
    const runId = c.req.param("runId");
    const eventId = c.req.param("eventId");
    const body = await readBody(c.req.raw, room.settings.bodyBytesMax, messageTooLarge);
    const data = new TextEncoder().encode(JSON.stringify(toRequestData(c, body, room)));
    const command = { type: "notifyRun", source: "webhook", runId, eventId, data } as const;
    const [answer] = await room.engine.execute([command]);
    switch (answer?.outcome) {
      case "woken":
      case "kept":
        return c.json({ status: "ok" });
      case "full":
        throw new RepriseError("rate_limited", {
          message:
            "webhooks of this workflow run have been called too often without the workflow waiting for them",
        });
      default:
        throw new RepriseError("not_found", {
          message: "there is no such webhook, or its run has ended",
        });
    }
  });
}

/** Methods that no `Request` can have: the step that gets one would fail, and every resume of it. */
const IMPOSSIBLE_METHODS = ["CONNECT", "TRACE", "TRACK"];

function checkMethod(method: string): void {
  if (!IMPOSSIBLE_METHODS.includes(method.toUpperCase())) return;
  const allow = "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS";
  throw new RepriseError("method_not_allowed", {
    message: `a webhook cannot be called with the method ${method}; allowed: ${allow}`,
    details: { allow },
  });
}

/** The request as the step gets it (workflow protocol, 6.8). */
function toRequestData(c: Context<ApiEnv>, body: Uint8Array, { settings }: ApiRoom) {
  const { proto, host } = externalOrigin(c.req.raw, c.env, settings);
  return {
    method: c.req.method,
    header: toHeaderMap(withoutSession(requestHeaders(c.req.raw, c.env))),
    body: Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("base64"),
    proto,
    host,
    url: c.env.rawTarget,
  };
}
