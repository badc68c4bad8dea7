import type { UrlGroupResource } from "@reprise/protocol";
import { beforeEach, describe, expect, test } from "vitest";
import { type Client, openClient } from "./api-client.suite.ts";

const A = "https://a.test/hook";
const B = "https://b.test/hook";

let client: Client;

beforeEach(async () => {
  client = await openClient();
  client.world.host.app = () => new Promise(() => {});
});

function change(method: string, path: string, body: unknown) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return client.send(method, `/v2/topics/${path}`, { body: text });
}

const add = (name: string, ...endpoints: unknown[]) =>
  change("POST", `${name}/endpoints`, { endpoints });

async function get(name: string): Promise<UrlGroupResource | null> {
  const { status, json } = await client.send("GET", `/v2/topics/${name}`);
  if (status === 404) return null;
  expect(status).toBe(200);
  return json as UrlGroupResource; // The shape is what the tests check.
}

describe("a URL group", () => {
  test("is made with its first endpoints and shown as it was sent", async () => {
    const endpoints = [{ name: "a", url: A }, { url: B }];
    expect((await add("orders", ...endpoints)).status).toBe(200);
    const now = client.world.host.now();
    const group = { name: "orders", createdAt: now, updatedAt: now, endpoints };
    expect(await get("orders")).toEqual(group);
    expect((await client.send("GET", "/v2/topics")).json).toEqual([group]);
  });

  test("goes with its last endpoint", async () => {
    await add("orders", { name: "a", url: A }, { url: B });
    await client.world.host.advance(1_000);
    await change("DELETE", "orders/endpoints", { endpoints: [{ name: "a" }] });
    expect(await get("orders")).toMatchObject({
      endpoints: [{ url: B }],
      updatedAt: client.world.host.now(),
      createdAt: client.world.host.now() - 1_000,
    });
    await change("DELETE", "orders/endpoints", { endpoints: [{ url: B }] });
    expect(await get("orders")).toBeNull();
    expect((await client.send("GET", "/v2/topics")).json).toEqual([]);
  });

  test("is deleted, whether it exists or not", async () => {
    await add("orders", { url: A });
    for (let time = 0; time < 2; time += 1) {
      expect((await client.send("DELETE", "/v2/topics/orders")).status).toBe(200);
      expect(await get("orders")).toBeNull();
    }
  });

  test("takes unknown fields and null for none", async () => {
    const answer = await change("POST", "orders/endpoints", {
      endpoints: [{ name: null, url: A, weight: 3 }],
      color: "red",
    });
    expect(answer.status, answer.text).toBe(200);
    expect(await get("orders")).toMatchObject({ endpoints: [{ url: A }] });
  });
});

describe("endpoints are refused", () => {
  test.each<[string, unknown, string]>([
    ["no JSON", "{", "JSON"],
    ["no object", "[]", "the body must be a JSON object"],
    ["no list", {}, "endpoints must be a list of 1 to 100 endpoints, got nothing"],
    ["an empty list", { endpoints: [] }, "endpoints must be a list of 1 to 100 endpoints, got 0"],
    ["a text", { endpoints: A }, "endpoints must be"],
    ["a text in the list", { endpoints: [A] }, "endpoints[0] must be an object"],
    ["no URL", { endpoints: [{ url: A }, { name: "x" }] }, "endpoints[1].url must be a text"],
    ["a number as URL", { endpoints: [{ url: 1 }] }, "endpoints[0].url must be a text, got 1"],
    ["a list as name", { endpoints: [{ name: [], url: A }] }, "endpoints[0].name must be a text"],
    ["a bad name", { endpoints: [{ name: "a b", url: A }] }, "endpoints[0].name must be 1 to 128"],
    ["another scheme", { endpoints: [{ url: "ftp://a.test" }] }, "endpoints[0].url"],
    ["no scheme", { endpoints: [{ url: "a.test" }] }, "endpoints[0].url"],
    ["credentials", { endpoints: [{ url: "https://u:p@a.test" }] }, "endpoints[0].url"],
  ])("with %s", async (_, body, error) => {
    expect(await change("POST", "orders/endpoints", body)).toMatchObject({
      status: 400,
      json: { error: expect.stringContaining(error) },
    });
    expect(await get("orders")).toBeNull();
  });

  test("above a hundred", async () => {
    const many = Array.from({ length: 100 }, (_, index) => ({ url: `${A}/${index}` }));
    expect((await add("orders", ...many)).status).toBe(200);
    expect(await add("orders", { url: B })).toMatchObject({
      status: 412,
      json: { code: "quota_exceeded", error: expect.stringContaining("limit: 100") },
    });
    expect((await add("others", ...many, { url: B })).status).toBe(400);
  });

  test.each(["a b", "a%2Fb", "%2E%2E", "a".repeat(129), "%C3%BC"])(
    "for a group of the name %s",
    async (name) => {
      expect((await add(name, { url: A })).status).toBe(400);
      expect((await client.send("DELETE", `/v2/topics/${name}`)).status).toBe(400);
      expect((await client.send("GET", `/v2/topics/${name}`)).status).toBe(400);
    },
  );

  test("when they are to be removed from a group that does not exist", async () => {
    expect(await change("DELETE", "orders/endpoints", { endpoints: [{ url: A }] })).toMatchObject({
      status: 404,
      json: { code: "url_group_not_found" },
    });
  });

  test("when a removal names none", async () => {
    await add("orders", { url: A });
    for (const body of ["{}", '{"endpoints":[]}', '{"endpoints":[{}]}', "", "null"]) {
      const answer = await client.send("DELETE", "/v2/topics/orders/endpoints", { body });
      expect(answer.status, `${body} ${answer.text}`).toBe(400);
    }
    expect(await get("orders")).toMatchObject({ endpoints: [{ url: A }] });
  });
});

describe("default headers", () => {
  const patch = (headers: unknown) => change("PATCH", "orders", { headers });

  beforeEach(async () => {
    await add("orders", { url: A });
  });

  /** What a publish to the group keeps. */
  async function published(headers: Readonly<Record<string, string>> = {}) {
    const answer = await client.send("POST", "/v2/publish/orders", { headers, body: "x" });
    expect(answer.status, answer.text).toBe(200);
    const rows = await client.world.store.list("envelopes", {
      where: [],
      order: "descending",
      limit: 1,
    });
    return JSON.parse(rows[0]?.config ?? "");
  }

  test("apply to every publish that does not bring its own", async () => {
    const answer = await patch({
      "Upstash-Retries": "7",
      "Upstash-Header-Forward": ["true"],
      "Upstash-Forward-X-Group": ["orders"],
    });
    expect(answer.status, answer.text).toBe(200);
    expect(await published({ "x-own": "1" })).toMatchObject({
      retries: 7,
      headers: { "x-own": "1", "x-group": "orders" },
    });
    expect(await published({ "upstash-retries": "2" })).toMatchObject({ retries: 2 });
    expect(await get("orders")).toMatchObject({
      headers: {
        "Upstash-Retries": ["7"],
        "Upstash-Header-Forward": ["true"],
        "Upstash-Forward-X-Group": ["orders"],
      },
    });
  });

  test("are hidden where messages hide them, and sent as they are", async () => {
    await patch({
      "Upstash-Redact-Fields": "header[Authorization]",
      "Upstash-Forward-Authorization": "secret",
      "Upstash-Callback": A,
      "Upstash-Callback-Forward-Authorization": "secret",
      "Upstash-Forward-X-Group": "orders",
    });
    const hidden = [expect.stringMatching(/^REDACTED:[0-9a-f]{64}$/)];
    expect(await get("orders")).toMatchObject({
      headers: {
        "Upstash-Forward-Authorization": hidden,
        "Upstash-Callback": [A],
        "Upstash-Callback-Forward-Authorization": hidden,
        "Upstash-Forward-X-Group": ["orders"],
      },
    });
    expect(await published()).toMatchObject({ headers: { authorization: "secret" } });
    await patch({ "Upstash-Redact-Fields": "header", "Upstash-Forward-X-Group": "orders" });
    expect(await get("orders")).toMatchObject({ headers: { "Upstash-Forward-X-Group": hidden } });
  });

  test("are replaced as a whole and taken away by none", async () => {
    await patch({ "Upstash-Retries": "7" });
    await patch({ "Upstash-Label": "a" });
    expect(await published()).toMatchObject({ retries: 3, labels: ["a"] });
    await patch({});
    expect(await get("orders")).not.toHaveProperty("headers");
  });

  test.each<[string, unknown, string]>([
    ["no object", "Upstash-Retries: 3", "headers must be an object"],
    ["none", undefined, "headers must be an object, got nothing"],
    ["a number", { "Upstash-Retries": 3 }, "upstash-retries"],
    ["a line break", { "Upstash-Forward-A": "x\r\ny" }, "upstash-forward-a"],
    ["a blank in a name", { "Upstash Retries": "3" }, "header name"],
    ["a bad value", { "Upstash-Retries": "many" }, "Upstash-Retries"],
    ["a bad queue", { "Upstash-Queue-Name": "a b" }, "Upstash-Queue-Name"],
    ["a schedule", { "Upstash-Cron": "@daily" }, "upstash-cron"],
    ["a token", { Authorization: "Bearer x" }, "authorization"],
  ])("are refused with %s", async (_, headers, error) => {
    const answer = await patch(headers);
    expect(answer.status, answer.text).toBe(400);
    expect(answer.text.toLowerCase()).toContain(error.toLowerCase());
    expect(await get("orders")).not.toHaveProperty("headers");
  });

  test("need a group", async () => {
    expect(await change("PATCH", "others", { headers: {} })).toMatchObject({ status: 404 });
  });
});

test("a publish to a group answers with a list, one message for each endpoint", async () => {
  await add("orders", { name: "a", url: A }, { url: B });
  const { status, json } = await client.send("POST", "/v2/publish/orders?x=1", { body: "x" });
  expect(status).toBe(200);
  expect(json).toEqual([
    { messageId: expect.stringMatching(/^msg_/), url: A },
    { messageId: expect.stringMatching(/^msg_/), url: B },
  ]);
});
