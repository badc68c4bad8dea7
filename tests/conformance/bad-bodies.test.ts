// Bodies that are too large, no JSON, or JSON of another kind: refused by name, and nothing is stored.

import { describe, expect, test } from "vitest";
import { deliveryAt, idsOf, messageOf, qstash } from "./publisher.ts";
import { sendRaw } from "./raw-http.ts";
import { type Case, expectRefusals } from "./refusals.ts";
import { countWritten } from "./snapshot.ts";
import { until } from "./until.ts";
import { type CallOptions, useWorld, World } from "./world.ts";

const LATER = "https://a.test/later";

const json = (value: unknown): CallOptions => ({ body: JSON.stringify(value) });

describe("with a limit of 1,000 bytes a message", () => {
  const world = useWorld({ config: { bodyBytesMax: 1_000 } });

  test("one byte below and the limit itself are accepted, one above is not", async () => {
    const url = world.app.on("/sized", () => new Response());
    for (const size of [0, 1, 999, 1_000]) {
      await qstash(world).publish({ url, body: "x".repeat(size) });
    }
    await deliveryAt(world, "/sized", 3);
    const sizes = world.app.at("/sized").map(({ bytes }) => bytes.byteLength);
    expect(sizes.toSorted((a, b) => a - b)).toEqual([0, 1, 999, 1_000]);
    await until("nothing under way", async () => (await world.store.count("messages", [])) === 0);
    const large = { body: "x".repeat(1_001) };
    const refusal = {
      options: large,
      status: 413,
      names: /quota maxMessageSize exceeded, current limit: 1000 bytes/,
    };
    await expectRefusals(world, {
      publish: { path: `/v2/publish/${LATER}`, ...refusal },
      enqueue: { path: `/v2/enqueue/q/${LATER}`, ...refusal },
      "an item of a batch": {
        path: "/v2/batch",
        options: json([{ destination: LATER }, { destination: LATER, ...large }]),
        status: 413,
        names: /item 1: quota maxMessageSize exceeded, current limit: 1000 bytes/,
      },
      "an item whose bytes are too many, not its characters": {
        path: "/v2/batch",
        options: json([{ destination: LATER, body: "ü".repeat(501) }]),
        status: 413,
        names: /item 0: quota maxMessageSize/,
      },
    });
  });

  test("a body without a length is refused as soon as it is too long", async () => {
    const rowsWritten = await countWritten(world.store);
    const answer = await sendRaw(
      world.server.port,
      [
        `POST /v2/publish/${LATER} HTTP/1.1`,
        `host: 127.0.0.1:${world.server.port}`,
        `authorization: Bearer ${world.token}`,
        ...["transfer-encoding: chunked", "", `7d0\r\n${"x".repeat(2_000)}`, ""],
      ].join("\r\n"),
    );
    expect([answer.status, answer.body]).toEqual([413, expect.stringMatching(/1000 bytes/)]);
    expect(answer.headers.get("connection")).toBe("close");
    expect(await countWritten(world.store)).toBe(rowsWritten);
  });
});

const world = useWorld();

/** Bodies that no endpoint takes which reads JSON. */
const NO_JSON: readonly (readonly [body: string | Uint8Array<ArrayBuffer>, names: RegExp])[] = [
  ["{", /JSON/],
  ["[", /JSON/],
  ["nonsense", /JSON/],
  ["{'a': 1}", /JSON/],
  ["[1,]", /JSON/],
  ['{"a": NaN}', /JSON/],
  ['{"a": 1}{"a": 1}', /JSON/],
  ["\ufeff{}", /JSON/],
  ['"a\nb"', /JSON/],
  ["[1] // why not", /JSON/],
  [Uint8Array.of(0x7b, 0xff, 0x7d), /UTF-8/],
  [Uint8Array.of(0x1f, 0x8b, 8, 0), /UTF-8|JSON/],
  [`${"[".repeat(65)}${"]".repeat(65)}`, /nested deeper than 64/],
  [`${'{"a":'.repeat(1_000)}1${"}".repeat(1_000)}`, /nested deeper than 64/],
  ["[".repeat(500_000), /nested deeper than 64/],
];

const JSON_ENDPOINTS = [
  "POST /v2/batch",
  "POST /v2/queues",
  "POST /v2/topics/group/endpoints",
  "DELETE /v2/topics/group/endpoints",
  "PATCH /v2/topics/group",
  "DELETE /v2/messages",
  "DELETE /v2/dlq",
  "POST /v2/dlq/retry",
];

test.each(JSON_ENDPOINTS)("%s takes nothing that is no JSON", async (endpoint) => {
  const [method = "", path = ""] = endpoint.split(" ");
  const cases: Record<string, Case> = {};
  for (const [body, names] of NO_JSON) {
    const name = `${body.length}: ${String(body).slice(0, 30)}`;
    cases[name] = { method, path, options: { body }, status: 400, names };
  }
  cases.compressed = {
    ...{ method, path, status: 415, names: /Content-Encoding/ },
    options: { body: "{}", headers: { "content-encoding": "gzip" } },
  };
  await expectRefusals(world, cases);
});

test.each(JSON_ENDPOINTS)("%s takes no JSON of another kind", async (endpoint) => {
  const [method = "", path = ""] = endpoint.split(" ");
  const isBatch = path === "/v2/batch";
  const values = ["1", "null", "true", '"text"', isBatch ? "{}" : "[]", isBatch ? "[]" : "[{}]"];
  const cases: Record<string, Case> = {};
  for (const body of values) {
    cases[body] = {
      method,
      path,
      options: { body },
      status: 400,
      names: /JSON|object|array|items/,
    };
  }
  await expectRefusals(world, cases);
});

test("fields of a wrong type are named", async () => {
  const bad = (method: string, path: string, body: unknown, names: RegExp): Case => {
    return { method, path, options: json(body), status: 400, names };
  };
  const endpoints = "/v2/topics/group/endpoints";
  await expectRefusals(world, {
    "a queue without a name": bad("POST", "/v2/queues", {}, /queueName/),
    "a name that is a number": bad("POST", "/v2/queues", { queueName: 1 }, /queueName/),
    "a bad name": bad("POST", "/v2/queues", { queueName: "a b" }, /queue/),
    "no parallelism": bad("POST", "/v2/queues", { queueName: "q", parallelism: 0 }, /parallelism/),
    "half a place": bad("POST", "/v2/queues", { queueName: "q", parallelism: 1.5 }, /parallelism/),
    "a text": bad("POST", "/v2/queues", { queueName: "q", parallelism: "2" }, /parallelism/),
    "beyond 2^53": bad(
      "POST",
      "/v2/queues",
      { queueName: "q", parallelism: 2 ** 60 },
      /parallelism/,
    ),
    "a pause that is a text": bad(
      "POST",
      "/v2/queues",
      { queueName: "q", paused: "yes" },
      /paused/,
    ),
    "no endpoints": bad("POST", endpoints, {}, /endpoints/),
    "endpoints that are none": bad("POST", endpoints, { endpoints: ["x"] }, /endpoint/),
    "an endpoint without a URL": bad("POST", endpoints, { endpoints: [{ name: "a" }] }, /url/),
    "an endpoint at another scheme": bad(
      ...(["POST", endpoints, { endpoints: [{ url: "ftp://a.test" }] }, /http:\/\//] as const),
    ),
    "headers that are a list": bad("PATCH", "/v2/topics/group", { headers: [] }, /headers/),
    "a header that is a number": bad("PATCH", "/v2/topics/group", { headers: { a: 1 } }, /header/),
    "ids that are an object": bad("DELETE", "/v2/messages", { messageIds: {} }, /messageIds/),
    "ids that are objects": bad("DELETE", "/v2/messages", { messageIds: [{}] }, /messageIds/),
    "other ids": bad("DELETE", "/v2/messages", { dlqIds: ["1-1"] }, /messageIds|dlqIds/),
    "dead letters by nothing": bad("DELETE", "/v2/dlq", { dlqIds: [null] }, /dlqIds/),
    "dead letters by another name": bad("DELETE", "/v2/dlq", { ids: ["1-1"] }, /ids/),
  });
});

test("keys of prototypes are keys like any other", async () => {
  const item = `{"destination":"${LATER}","headers":{"upstash-delay":"1h"},"__proto__":{"queue":"q"},"constructor":1}`;
  const headers = `{"destination":"${LATER}","headers":{"upstash-delay":"1h","upstash-forward-__proto__":"v","constructor":"c"}}`;
  const answer = await world.call("POST", "/v2/batch", { body: `[${item},${headers}]` });
  expect(answer.status, answer.text).toBe(200);
  const [first, second] = idsOf(answer.json);
  expect(await messageOf(world, first ?? "")).not.toHaveProperty("queueName");
  const shown = await world.call("GET", `/v2/messages/${second}`);
  expect(shown.text).toContain('"__proto__":["v"]');
  expect(Object.prototype).not.toHaveProperty("queue");
});

test("of two equal keys the last one counts, as in every JSON parser", async () => {
  const body = `[{"destination":"ftp://x","destination":"${LATER}","headers":{"upstash-delay":"1h"}}]`;
  const answer = await world.call("POST", "/v2/batch", { body });
  expect(answer.status, answer.text).toBe(200);
  const [id] = idsOf(answer.json);
  expect((await messageOf(world, id ?? "")).url).toBe(LATER);
});

test("an empty list of ids is nobody, and not everybody", async () => {
  await qstash(world).publish({ url: LATER, delay: "1h" });
  const answers = [
    ["DELETE", "/v2/messages", { messageIds: [] }, { cancelled: 0 }],
    ["DELETE", "/v2/dlq", { dlqIds: [] }, { deleted: 0 }],
  ] as const;
  for (const [method, path, body, expected] of answers) {
    const answer = await world.call(method, path, json(body));
    expect([path, answer.json]).toEqual([path, expected]);
  }
  expect(await world.store.count("messages", [])).toBe(1);
});

test("a batch has bounds", async () => {
  const item = { destination: LATER, headers: { "upstash-delay": "1h" } };
  const path = "/v2/batch";
  const bad = (body: unknown, names: RegExp): Case => ({
    path,
    options: json(body),
    status: 400,
    names,
  });
  await expectRefusals(world, {
    nothing: bad([], /1 to 1000 items, got 0/),
    "a thousand and one": bad(Array(1_001).fill(item), /1 to 1000 items, got 1001/),
    "a million numbers": bad(Array(1_000_000).fill(1), /1 to 1000 items/),
    "a number": bad([item, 1], /item 1: .*object/),
    "a list": bad([item, []], /item 1: .*object/),
    "headers as pairs": bad([{ ...item, headers: [["a", "b"]] }], /item 0: headers/),
    "a header as an object": bad([{ ...item, headers: { a: {} } }], /item 0: header "a"/),
    "a body that is no text": bad([{ ...item, body: { a: 1 } }], /item 0: body/),
    "a queue that is a number": bad([{ ...item, queue: 5 }], /item 0: queue/),
    "a queue with a bad name": bad([{ ...item, queue: "a b" }], /item 0: .*queue/),
    "a cron": bad([{ ...item, headers: { "upstash-cron": "* * * * *" } }], /item 0: Upstash-Cron/),
  });
});

test("every refusal of a server that is asked for nothing sensible is one line of JSON", async () => {
  const alone = new World();
  await alone.open();
  // At the root is the dashboard.
  const paths = ["/v2", "/v2/", "/v2/nothing", "/v1/publish/x", "/v2/batch/x", "/favicon.ico"];
  for (const path of paths) {
    for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"]) {
      const answer = await alone.call(method, path);
      expect([path, method, answer.status]).toEqual([path, method, expect.toBeOneOf([404, 405])]);
      expect(answer.text).toMatch(/^\{"error":"[^\n]+","code":"[a-z_]+"\}$/);
    }
  }
  await alone.close();
});
