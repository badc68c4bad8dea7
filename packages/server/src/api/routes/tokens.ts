import {
  isJsonObject,
  type NewTokenResource,
  parseJson,
  quoted,
  RepriseError,
  type TokenResource,
  type TokenScope,
} from "@reprise/protocol";
import { Hono } from "hono";
import type { Token } from "../../engine/token-ring.ts";
import { readBody } from "../request.ts";
import type { ApiEnv, ApiRoom } from "../room.ts";

/** `/v2/tokens`: who may call this server, and for what. Changes hold for the next request. */
export function tokenRoutes({ credentials: { tokens }, host, changes }: ApiRoom): Hono<ApiEnv> {
  return new Hono<ApiEnv>()
    .get("/v2/tokens", (c) => c.json(tokens.list().map(toResource)))
    .post("/v2/tokens", async (c) => {
      const { name, scope } = readNew(await readBody(c.req.raw, BODY_BYTES_MAX));
      const { token, text } = await tokens.create(name, scope);
      host.log("info", "token_created", { tokenId: token.id, scope });
      const created: NewTokenResource = { ...toResource(token), token: text };
      return c.json(created, 201, { "cache-control": "no-store" });
    })
    .delete("/v2/tokens/:tokenId", async (c) => {
      const tokenId = c.req.param("tokenId");
      await tokens.revoke(tokenId);
      changes?.endForbidden();
      host.log("info", "token_revoked", { tokenId });
      return c.json({});
    });
}

const BODY_BYTES_MAX = 4 * 1024;
const SCOPES: readonly TokenScope[] = ["full", "read-only", "publish-only"];

function toResource({ id, name, scope, source, createdAt }: Token): TokenResource {
  return { id, name, scope, source, ...(createdAt === null ? {} : { createdAt }) };
}

function readNew(bytes: Uint8Array): { readonly name: string; readonly scope: TokenScope } {
  const body = parseJson(bytes, "the body");
  if (!isJsonObject(body)) throw invalidBody("the body must be a JSON object");
  const foreign = Object.keys(body).find((key) => key !== "name" && key !== "scope");
  if (foreign !== undefined) {
    throw invalidBody(`${quoted(foreign)} is not known here; known are name, scope`);
  }
  const { name, scope } = body;
  if (typeof name !== "string" || !/^[\w.-]{1,64}$/.test(name)) {
    throw invalidBody("name must have 1 to 64 of A-Z a-z 0-9 . _ -");
  }
  const known = SCOPES.find((other) => other === scope);
  if (known === undefined) throw invalidBody(`scope must be one of ${SCOPES.join(", ")}`);
  return { name, scope: known };
}

function invalidBody(message: string): RepriseError {
  return new RepriseError("invalid_request", { message });
}
