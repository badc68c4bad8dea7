import type { SigningKeysResource } from "@reprise/protocol";
import { Hono } from "hono";
import type { RingKeys } from "../../engine/key-ring.ts";
import {
  invalid,
  type Parameters,
  queryParameters,
  readText,
  refuseUnknown,
} from "../parameters.ts";
import type { ApiEnv, ApiRoom } from "../room.ts";

/** `/v2/keys`: the keys that deliveries are signed with, now and after the next rotation. */
export function keyRoutes({ credentials, host }: ApiRoom): Hono<ApiEnv> {
  return new Hono<ApiEnv>()
    .get("/v2/keys", (c) => c.json(toResource(credentials.signingKeys())))
    .post("/v2/keys/rotate", async (c) => {
      const parameters = queryParameters(c.req.raw);
      refuseUnknown(parameters, ["force"]);
      const isForced = readForce(parameters);
      const keys = await credentials.rotateSigningKeys(isForced);
      host.log("info", "signing_keys_rotated", { isForced });
      return c.json(toResource(keys));
    });
}

function readForce(parameters: Parameters): boolean {
  const text = readText(parameters, "force");
  if (text !== null && text !== "true" && text !== "false") {
    throw invalid("force", "must be true or false");
  }
  return text === "true";
}

function toResource({ current, next, rotatedAt }: RingKeys): SigningKeysResource {
  return { current, next, ...(rotatedAt === null ? {} : { rotatedAt }) };
}
