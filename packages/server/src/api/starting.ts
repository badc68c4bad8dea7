import { RepriseError } from "@reprise/protocol";
import { Hono } from "hono";
import type { Host } from "../host/host.ts";
import type { Health } from "../observe/health.ts";
import type { Api } from "./app.ts";
import { errorResponse } from "./errors.ts";
import { peerOf } from "./request.ts";
import type { ApiEnv } from "./room.ts";
import { healthRoutes } from "./routes/health.ts";

/** The API of a server that has not found its storage yet: probes are answered, and everything else may come again. */
export function createStartingApi(health: Health, host: Host): Api {
  const app = new Hono<ApiEnv>();
  // Who may see details stands in the storage.
  app.route(
    "/",
    healthRoutes(health, () => false),
  );
  app.notFound(() => {
    const message = "the server is starting and waits for its storage; try again";
    return errorResponse(new RepriseError("storage_unavailable", { message }), host);
  });
  return { fetch: async (request, peer) => app.fetch(request, peer ?? peerOf(request)) };
}
