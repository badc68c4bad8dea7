import { describe, expect, test } from "vitest";
import { type Api, createApi } from "./app.ts";
import type { ApiSettings, Peer } from "./room.ts";
import { createWorld } from "./test-world.suite.ts";

interface Call {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: RequestInit["body"];
  readonly peer?: Partial<Peer>;
}

async function open(settings: Partial<ApiSettings> = {}) {
  const world = await createWorld();
  const { room } = world;
  const scopeOf = (token: string) => (token === "secret" ? "full" : null);
  const api = createApi({
    ...room,
    credentials: { ...room.credentials, scopeOf },
    settings: { ...room.settings, ...settings },
  });
  return { world, api };
}

async function send(api: Api, target: string, call: Call = {}) {
  const headers = { authorization: "Bearer secret", ...call.headers };
  const init: RequestInit = { method: call.method ?? "GET", headers, body: call.body ?? null };
  const request = new Request("http://localhost:8080/v2/keys", {
    ...init,
    duplex: "half",
  } as RequestInit); // A stream needs `duplex`.
  const rawHeaders = Object.entries(headers).flat();
  const peer = { address: "127.0.0.1", rawTarget: target, rawHeaders, ...call.peer };
  const response = await api.fetch(request, peer);
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === "" ? null : JSON.parse(text),
  };
}

test("words that stand where an id could are no ids", async () => {
  const { api } = await open();
  const counts = ["workflows/dlq", "dlq", "workflows/runs", "messages"];
  for (const path of counts) {
    const { body } = await send(api, `/v2/${path}/count`);
    expect(body).toEqual({ count: 0, isExact: true });
  }
  for (const path of ["workflows/dlq", "dlq"]) {
    expect((await send(api, `/v2/${path}/groups`)).body).toEqual({ groups: [] });
  }
});

describe("what is open to everybody", () => {
  test("is whether the server lives and is ready", async () => {
    const { api } = await open();
    for (const path of ["/livez", "/readyz", "/livez?x=1"]) {
      const headers = { authorization: "" };
      expect(await send(api, path, { headers })).toMatchObject({
        status: 200,
        body: { status: "ok" },
      });
    }
  });

  test("is nothing else: without a token not even a path tells whether it exists", async () => {
    const { api } = await open();
    const headers = { authorization: "Bearer wrong" };
    for (const path of [
      "/v2/keys",
      "/v2/nothing",
      "/v2/",
      "/v2/workflows/runs/wfr_a",
      "/v2/batch",
    ]) {
      for (const method of ["GET", "POST", "DELETE"]) {
        expect(await send(api, path, { method, headers })).toMatchObject({
          status: 401,
          body: { code: "unauthorized" },
        });
      }
    }
  });

  test("is not ready when the store cannot be read", async () => {
    const { api, world } = await open();
    await world.store.close();
    expect(await send(api, "/readyz")).toMatchObject({
      status: 503,
      body: { status: "unavailable", reasons: ["storage_unavailable"] },
    });
    expect(await send(api, "/livez")).toMatchObject({ status: 200 });
  });
});

describe("paths and methods", () => {
  test("an unknown path is answered with 404 and its name", async () => {
    const { api } = await open();
    expect(await send(api, "/v2/nothing?x=1")).toMatchObject({
      status: 404,
      body: { code: "not_found", error: "there is nothing at GET /v2/nothing" },
    });
    expect(await send(api, "/")).toMatchObject({ status: 404 });
  });

  test.each([
    ["GET", "/v2/batch", "POST"],
    ["PUT", "/v2/workflows/runs/wfr_a", "GET, DELETE"],
    ["DELETE", "/v2/keys", "GET"],
    ["GET", "/v2/trigger/https://app.test/x", "POST"],
    ["POST", "/livez", "GET"],
  ])("%s %s is answered with 405 and what is allowed", async (method, path, allow) => {
    const { api } = await open();
    const answer = await send(api, path, { method });
    expect(answer).toMatchObject({ status: 405, body: { code: "method_not_allowed" } });
    expect(answer.headers.get("allow")).toBe(allow);
  });

  test.each(["http://localhost:8080/v2/keys", "https://other.test/v2/batch", "*", "v2/keys"])(
    "the target %s is no path and reaches no route",
    async (target) => {
      const { api } = await open();
      expect(await send(api, target)).toMatchObject({
        status: 400,
        body: { code: "invalid_request", error: expect.stringContaining("must be a path") },
      });
    },
  );

  test.each(["//v2/keys", "/v2//keys", "/V2/keys", "/v2/keys/", "/v2/%6beys", "/x/../v2/keys"])(
    "the target %s is not the path that it resembles",
    async (target) => {
      const { api } = await open();
      expect((await send(api, target)).status).toBe(404);
    },
  );
});

describe("what the transport lets through", () => {
  test("a target that is too long is answered with 414", async () => {
    const { api } = await open();
    const fits = `/v2/nothing?${"x".repeat(16_384 - 12)}`;
    expect((await send(api, fits)).status).toBe(404);
    expect(await send(api, `${fits}x`)).toMatchObject({
      status: 414,
      body: {
        code: "uri_too_long",
        error: "the request target must have at most 16384 characters, got 16385",
      },
    });
  });

  test("as many headers as Node drops the rest of are answered with 431", async () => {
    const { api } = await open();
    const many = (count: number) => ({
      rawHeaders: Array.from({ length: count }, (_, index) => [`x-${index}`, "1"]).flat(),
    });
    expect((await send(api, "/v2/keys", { peer: many(999) })).status).toBe(200);
    expect(await send(api, "/v2/keys", { peer: many(1_000) })).toMatchObject({
      status: 431,
      body: { code: "headers_too_large" },
    });
  });

  test("two hosts are answered with 400", async () => {
    const { api } = await open();
    const rawHeaders = ["Host", "a.test", "host", "b.test"];
    expect(await send(api, "/v2/keys", { peer: { rawHeaders } })).toMatchObject({
      status: 400,
      body: { code: "invalid_request" },
    });
  });
});

describe("a body that is too large", () => {
  const post = { method: "POST" };

  test("is refused by what it announces", async () => {
    const { api } = await open({ batchBytesMax: 100 });
    const headers = { "content-length": "101" };
    expect(await send(api, "/v2/batch", { ...post, headers, body: "[]" })).toMatchObject({
      status: 413,
      body: { code: "body_too_large", error: "the body must have at most 100 bytes" },
    });
  });

  test("is refused as soon as too much has come, without reading the rest", async () => {
    const { api } = await open({ batchBytesMax: 100 });
    let sent = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => {
          sent += 1;
          if (sent > 1_000) controller.close();
          else controller.enqueue(new Uint8Array(60));
        },
      },
      { highWaterMark: 0 },
    );
    expect(await send(api, "/v2/batch", { ...post, body })).toMatchObject({ status: 413 });
    expect(sent).toBeLessThan(10);
  });

  test("is taken up to its last byte, whichever way it comes", async () => {
    const { api } = await open({ batchBytesMax: 100 });
    const text = `[${" ".repeat(98)}]`;
    const empty = { code: "invalid_request", error: "a batch must have 1 to 1000 items, got 0" };
    const headers = { "content-length": "100" };
    expect(await send(api, "/v2/batch", { ...post, headers, body: text })).toMatchObject({
      body: empty,
    });
    const stream = new Blob([text]).stream();
    expect(await send(api, "/v2/batch", { ...post, body: stream })).toMatchObject({ body: empty });
  });
});

describe("a development server", () => {
  const isLoopbackOnly = true;

  test.each(["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:8080"])(
    "answers as %s",
    async (name) => {
      const { api } = await open({ isLoopbackOnly });
      expect((await send(api, "/v2/keys", { headers: { host: name } })).status).toBe(200);
    },
  );

  test.each([
    ["host", "attacker.test"],
    ["host", "localhost.attacker.test"],
    ["host", "127.0.0.1.attacker.test:8080"],
    ["origin", "https://attacker.test"],
    ["origin", "http://localhost.attacker.test"],
    ["origin", "null"],
  ])("refuses web pages that show as %s %s", async (name, value) => {
    const { api } = await open({ isLoopbackOnly });
    expect(await send(api, "/v2/keys", { headers: { [name]: value } })).toMatchObject({
      status: 403,
      body: { code: "forbidden" },
    });
  });
});

test("a fault of ours tells the caller nothing and the log everything", async () => {
  const { world } = await open();
  const { room } = world;
  const rotateSigningKeys = async () => {
    throw new TypeError("the secret inside");
  };
  const api = createApi({ ...room, credentials: { ...room.credentials, rotateSigningKeys } });
  const answer = await send(api, "/v2/keys/rotate", { method: "POST" });
  expect(answer).toMatchObject({ status: 500, body: { code: "internal" } });
  expect(JSON.stringify(answer.body)).not.toContain("secret inside");
  expect(world.host.logged.join()).toContain("secret inside");
});

test("a full store is answered with 503 and when to come again", async () => {
  const { api, world } = await open();
  world.isDiskFull = true;
  const items = [
    {
      destination: "https://app.test/x",
      headers: { "upstash-workflow-init": "true", "upstash-workflow-runid": "wfr_a" },
    },
  ];
  const answer = await send(api, "/v2/batch", { method: "POST", body: JSON.stringify(items) });
  expect(answer).toMatchObject({ status: 503, body: { code: "storage_unavailable" } });
  expect(answer.headers.get("retry-after")).toBe("1");
  world.isDiskFull = false;
});

test("the keys are those that deliveries are signed with", async () => {
  const { api } = await open();
  expect(await send(api, "/v2/keys")).toMatchObject({
    status: 200,
    body: { current: "sig_current", next: "sig_next" },
  });
});
