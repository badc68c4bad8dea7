import { describe, expect, test } from "vitest";
import { Timeline } from "../../observe/timeline.ts";
import { buildApp } from "../app.ts";
import { createMessageWorld } from "../message-world.suite.ts";
import type { ApiRoom } from "../room.ts";
import { createWorld, respond } from "../test-world.suite.ts";
import { mismatches } from "./compare.suite.ts";
import { openApiDocument } from "./document.ts";
import { endpoints } from "./endpoints.ts";
import { schemas } from "./schemas.ts";
import { type JsonSchema, toSchema } from "./to-schema.ts";

/** The description of the API holds against the routes and against what they answer. */

async function appWithAll(room: ApiRoom) {
  const nobody = () => Promise.reject(new Error("nobody asks for it here"));
  return buildApp({ ...room, expose: nobody });
}

/** Served for people and browsers, and no part of the API. */
const PAGES = /^GET \/(?:$|assets\/|favicon)/;

/** Parts that are there when the server is put together whole. */
const OPTIONAL = /\/v2\/(?:session|changes|audit|settings)$/;

/** One route takes whatever is behind it, and tells these from destinations itself. */
const BEHIND_ANOTHER = /^POST \/v2\/schedules\/:id\/(?:pause|resume)$/;

test("every route is described, and everything described is a route", async () => {
  const { room } = await createWorld();
  const app = await appWithAll(room);
  const isRoute = ({ path, method }: { readonly path: string; readonly method: string }) =>
    !(method === "ALL" && (path === "/*" || path === "/v2/*" || path === "/metrics"));
  const routes = app.routes.filter(isRoute).map(({ method, path }) => `${method} ${path}`);
  const described = endpoints.map(({ route }) => route);
  expect(described.length).toBe(new Set(described).size);
  const known = new Set(described);
  const isApi = (route: string) => !PAGES.test(route);
  expect([...new Set(routes)].filter((route) => isApi(route) && !known.has(route))).toEqual([]);
  const found = new Set(routes);
  const isAbsent = (route: string) => OPTIONAL.test(route) || BEHIND_ANOTHER.test(route);
  expect(described.filter((route) => !found.has(route) && !isAbsent(route))).toEqual([]);
});

test("it is served to everybody, and every reference of it leads somewhere", async () => {
  const { room } = await createWorld();
  const app = await appWithAll(room);
  const answer = await app.request("/openapi.json", {}, { rawTarget: "/openapi.json" });
  expect(answer.status).toBe(200);
  const text = await answer.text();
  expect(JSON.parse(text)).toEqual(openApiDocument("0.0.0"));
  const names = new Set([...Object.keys(schemas), "Refusal"]);
  const asked = [...text.matchAll(/#\/components\/schemas\/(\w+)/g)].map(([, name = ""]) => name);
  expect(asked.length).toBeGreaterThan(100);
  expect(asked.filter((name) => !names.has(name))).toEqual([]);
});

describe("the text of a type", () => {
  test.each<[string, JsonSchema]>([
    ["string", { type: "string" }],
    ["'a'|'b'", { enum: ["a", "b"] }],
    ["number|null", { anyOf: [{ type: "number" }, { type: "null" }] }],
    ["A[]", { type: "array", items: { $ref: "#/components/schemas/A" } }],
    ["map<string[]>", { type: "object", additionalProperties: toSchema("string[]") }],
    ["= A|B", { anyOf: [toSchema("A"), toSchema("B")] }],
    [
      "a: string; b?: { c: true }",
      {
        type: "object",
        required: ["a"],
        properties: {
          a: { type: "string" },
          b: { type: "object", required: ["c"], properties: { c: { const: true } } },
        },
      },
    ],
  ])("%s", (text, schema) => {
    expect(toSchema(text)).toEqual(schema);
  });
});

test("answers are as they are described", async () => {
  const known = await createMessageWorld();
  const { world } = known;
  world.host.app = () => respond(500, '{"error":"Error","message":"boom"}');
  const run = await world.fail({ config: { labels: ["red"] } });
  const message = await known.fail();
  const waiting = await known.hold();
  await world.start({ delayMs: 60_000 });
  const overview = { timeline: new Timeline(), stuckCount: () => 0 };
  const app = buildApp({ ...world.room, overview });
  const asked: Record<string, string> = {
    "GET /v2/workflows/dlq/:dlqId": `/v2/workflows/dlq/${run.dlqId}`,
    "GET /v2/dlq/:dlqId": `/v2/dlq/${message.dlqId}`,
    "GET /v2/messages/:messageId": `/v2/messages/${waiting}`,
  };
  const seen: string[] = [];
  for (const { route, answer } of endpoints) {
    const target = asked[route] ?? route.replace("GET ", "");
    if (!route.startsWith("GET /v2/") || /[:*]|cron|connect|lines$/.test(target)) continue;
    const peer = { address: "127.0.0.1", rawTarget: target, rawHeaders: [] };
    const headers = { authorization: "Bearer any" };
    const reply = await app.request(target, { headers }, peer);
    if (reply.status === 404 && OPTIONAL.test(target)) continue;
    expect([target, reply.status]).toEqual([target, 200]);
    expect([target, ...mismatches(await reply.json(), toSchema(answer ?? "any"))]).toEqual([
      target,
    ]);
    seen.push(route);
  }
  expect(seen.length).toBeGreaterThan(20);
});
