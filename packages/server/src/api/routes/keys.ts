import { Hono } from "hono";
import type { ApiEnv, ApiRoom } from "../room.ts";

/** `/v2/keys`: the keys that deliveries are signed with, now and after the next rotation. */
export function keyRoutes({ credentials }: ApiRoom): Hono<ApiEnv> {
  return new Hono<ApiEnv>()
    .get("/v2/keys", (c) => c.json(credentials.signingKeys()))
    .post("/v2/keys/rotate", async (c) => c.json(await credentials.rotateSigningKeys()));
}
