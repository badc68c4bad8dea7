import { RepriseError } from "@reprise/protocol";
import { Hono } from "hono";
import type { ApiEnv } from "../room.ts";

/**
 * Endpoints of steps that this version does not have. A running workflow that uses one fails at once with 412; after a 404
 * it would be retried for half an hour.
 */
export function stepsToCome(): Hono<ApiEnv> {
  return new Hono<ApiEnv>()
    .post("/v2/wait/*", () => {
      throw notOfferedStep("steps that wait for events or webhooks");
    })
    .post("/v2/notify/*", () => {
      throw notOfferedStep("notifying runs of events");
    });
}

export function notOfferedStep(what: string): RepriseError {
  return new RepriseError("invalid_step", { message: `this version does not offer ${what}` });
}
