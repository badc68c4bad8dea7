import { messageId } from "@reprise/protocol";
import { describe, expect, test } from "vitest";
import { createMessageWorld, DESTINATION, type PublishOptions } from "../message-world.suite.ts";
import { respond } from "../test-world.suite.ts";

/** `/v2/dlq`: looking at messages whose retries are used up, and deleting them. */

const remove = { method: "DELETE" };

const sendJson = (value: unknown): RequestInit => ({
  method: "DELETE",
  body: typeof value === "string" ? value : JSON.stringify(value),
  headers: { "content-type": "application/json" },
});

/** Dead messages named by a letter each. */
async function failing(messages: Readonly<Record<string, PublishOptions>>) {
  const known = await createMessageWorld();
  const ids: Record<string, string> = {};
  for (const [body, options] of Object.entries(messages)) {
    ids[body] = (await known.fail({ ...options, body })).dlqId;
    await known.world.host.advance(10);
  }
  const left = async () => {
    const { body } = await known.call("/v2/dlq");
    return body.messages.map((entry) => entry.body).join("");
  };
  return { ...known, ids, left };
}

const many = (count: number) =>
  failing(Object.fromEntries(Array.from({ length: count }, (_, index) => [`m${index}`, {}])));

describe("one entry", () => {
  test("shows the message and the answer of its last attempt", async () => {
    const { world, fail, call } = await createMessageWorld();
    world.host.app = () => respond(404, "404 Not Found", { "x-why": ["because"] });
    const dead = await fail({
      body: "hello",
      headers: { "content-type": "text/plain" },
      labels: ["a", "b"],
      retryDelay: "1000",
      flowControl: { key: "k", parallelism: null, rate: 5, periodMs: 60_000 },
      topicName: "t",
    });
    const { body } = await call(`/v2/dlq/${dead.dlqId}`);
    expect(body).toEqual({
      dlqId: dead.dlqId,
      cause: "client_error",
      groupId: expect.stringMatching(/^grp_/),
      messageId: messageId(dead.messageKey),
      url: DESTINATION,
      method: "POST",
      header: { "Content-Type": ["text/plain"] },
      body: "hello",
      maxRetries: 0,
      retryDelayExpression: "1000",
      notBefore: world.host.now(),
      createdAt: world.host.now(),
      expiresAt: world.host.now() + 90 * 86_400_000,
      callerIP: "203.0.113.7",
      topicName: "t",
      label: "a",
      labels: ["a", "b"],
      flowControlKey: "k",
      rate: 5,
      period: 60,
      responseStatus: 404,
      responseHeader: { "X-Why": ["because"] },
      responseBody: "404 Not Found",
      reason: expect.stringContaining("404"),
    });
    expect((await call("/v2/dlq")).body).toEqual({ messages: [body] });
  });

  test("without an answer has the status 0; bytes that are no text are base64", async () => {
    const { world, fail, call } = await createMessageWorld();
    world.host.app = () => ({ type: "error", cause: "refused", message: "connection refused" });
    const first = (await call(`/v2/dlq/${(await fail()).dlqId}`)).body;
    expect(first.responseStatus).toBe(0);
    expect(first).not.toHaveProperty("responseBody");
    expect(first.reason).toContain("refused");
    world.host.app = () => respond(500, new Uint8Array([0xff]));
    const second = (await call(`/v2/dlq/${(await fail()).dlqId}`)).body;
    expect(second.responseBodyBase64).toBe("/w==");
  });

  test("hides what the publisher has redacted, and nothing else does", async () => {
    const { fail, call } = await createMessageWorld();
    const redaction = { isBodyRedacted: true, headers: ["x-secret"] };
    const headers = { "x-secret": "pa55word" };
    const { dlqId } = await fail({ body: "pa55word", headers, redaction });
    for (const target of ["/v2/dlq", `/v2/dlq/${dlqId}`]) {
      expect(JSON.stringify((await call(target)).body)).not.toContain("pa55word");
    }
  });

  test.each([
    "0-0",
    "1-1",
    "x",
    "msg_1",
    "1-",
    "-1",
    "1-1-1",
    "1725323658779-99999999999999999999",
  ])("is nowhere under the id %s", async (id) => {
    const { call, fail } = await createMessageWorld();
    await fail();
    for (const method of ["GET", "DELETE"]) {
      const reply = await call(`/v2/dlq/${id}`, { method });
      expect(reply.status).toBe(404);
      expect(reply.body.error).toContain("no dead letter");
    }
    expect((await call(`/v2/dlq/retry/${id}`, { method: "POST" })).status).toBe(404);
  });

  test("an id with another instant is another id", async () => {
    const { call, fail } = await createMessageWorld();
    const { key } = await fail();
    expect((await call(`/v2/dlq/1-${key}`, remove)).status).toBe(404);
  });

  test("is deleted once", async () => {
    const { world, call, fail } = await createMessageWorld();
    const { dlqId, key } = await fail();
    expect(await call(`/v2/dlq/${dlqId}`, remove)).toEqual({ status: 200, body: { deleted: 1 } });
    for (const method of ["GET", "DELETE"]) {
      expect((await call(`/v2/dlq/${dlqId}`, { method })).status).toBe(404);
    }
    const [row] = await world.store.get("deadMessages", [key]);
    expect(row).toMatchObject({ state: "deleted", closedAt: world.host.now() });
  });
});

describe("the list", () => {
  test("has pages without gaps, oldest first, and no cursor at the end", async () => {
    const { call } = await many(7);
    const names: (string | undefined)[] = [];
    let cursor = "";
    let pages = 0;
    do {
      const { body } = await call(`/v2/dlq?count=3&cursor=${cursor}`);
      names.push(...body.messages.map((entry) => entry.body));
      cursor = body.cursor ?? "";
      pages += 1;
    } while (cursor !== "");
    expect(names).toEqual(["m0", "m1", "m2", "m3", "m4", "m5", "m6"]);
    expect(pages).toBe(3);
    const latest = (await call("/v2/dlq?order=latestFirst&count=2")).body;
    expect(latest.messages.map((entry) => entry.body)).toEqual(["m6", "m5"]);
    const exact = (await call("/v2/dlq?count=7")).body;
    expect(exact).not.toHaveProperty("cursor");
    expect((await call("/v2/dlq?count=5000")).body.messages).toHaveLength(7);
  });

  test("by ids passes over those that are not there, and over every filter", async () => {
    const { call, ids } = await failing({ a: {}, b: {}, c: {} });
    const target = `/v2/dlq?dlqIds=${ids.c}&dlqIds=${ids.a},0-0&label=none`;
    const { body } = await call(target);
    expect(body.messages.map((entry) => entry.body)).toEqual(["a", "c"]);
    expect(body).not.toHaveProperty("cursor");
    expect((await call("/v2/dlq?dlqIds=0-0")).body).toEqual({ messages: [] });
  });

  test("passes over names that it does not know", async () => {
    const { call } = await failing({ a: {} });
    expect((await call("/v2/dlq?labeel=x&trimBody=0")).body.messages).toHaveLength(1);
  });

  test.each(["host=a", "path=/", "order=upwards", "count=0", "cursor=x", "label=", "source=plain"])(
    "refuses %s",
    async (search) => {
      const { call } = await createMessageWorld();
      expect((await call(`/v2/dlq?${search}`)).status).toBe(400);
    },
  );

  test("shows no dead letters of runs, and theirs none of messages", async () => {
    const { world, call, fail } = await createMessageWorld();
    const ofRun = await world.fail();
    const ofMessage = await fail();
    expect((await call("/v2/dlq")).body.messages.map((entry) => entry.dlqId)).toEqual([
      ofMessage.dlqId,
    ]);
    const runs = await call("/v2/dlq?source=workflow");
    expect(runs.body.messages.map((entry) => entry.dlqId)).toEqual([ofRun.dlqId]);
    expect((await call(`/v2/dlq/${ofRun.dlqId}`)).status).toBe(404);
    expect((await call(`/v2/workflows/dlq/${ofMessage.dlqId}`)).status).toBe(404);
    expect((await call("/v2/dlq?count=100", remove)).body).toEqual({ deleted: 1 });
    expect((await call("/v2/dlq?source=workflow")).body.messages).toHaveLength(1);
  });
});

const flow = (key: string) => ({ key, parallelism: 9, rate: null, periodMs: 1_000 });

describe("filters", () => {
  const messages: Readonly<Record<string, PublishOptions>> = {
    a: { url: "https://one.example/a,b", labels: ["red", "big"], flowControl: flow("k/1") },
    b: { url: "https://one.example/a", labels: ["blue"], topicName: "t", queueName: "q" },
    c: { url: "https://two.example/", scheduleId: "s", callerIp: "192.0.2.9" },
    d: { url: "https://two.example/?404", flowControl: flow("k,2"), labels: ["bigger"] },
  };
  const cases: readonly (readonly [string, string])[] = [
    ["url=https://one.example/a,b", "a"],
    ["url=https://one.example/a&url=https://two.example/", "bc"],
    ["topicName=t", "b"],
    ["queueName=q", "b"],
    ["scheduleId=s", "c"],
    ["callerIp=192.0.2.9", "c"],
    ["callerIP=192.0.2.9", "c"],
    ["label=big", "a"],
    ["label=blue,bigger", "bd"],
    ["flowControlKey=k/1&flowControlKey=k,2", "ad"],
    ["flowControlKey=k,2", "d"],
    ["responseStatus=404", "d"],
    ["responseStatus=404,500", "abcd"],
    ["responseStatus=999", ""],
    ["toDate=946684800000", ""],
    ["label=blue&topicName=other", ""],
  ];
  const build = async () => {
    const known = await createMessageWorld();
    known.world.host.app = ({ url }) => respond(url.includes("404") ? 404 : 500);
    for (const [body, options] of Object.entries(messages)) await known.fail({ ...options, body });
    return known;
  };

  test.each(cases)("%s shows and deletes %s", async (search, found) => {
    const { call } = await build();
    const listed = (await call(`/v2/dlq?${search}`)).body.messages;
    expect(listed.map((entry) => entry.body).join("")).toBe(found);
    const reply = await call(`/v2/dlq?${search}&count=100`, remove);
    expect(reply).toEqual({ status: 200, body: { deleted: found.length } });
    expect((await call("/v2/dlq")).body.messages).toHaveLength(4 - found.length);
  });

  test("by the id of the message, and by the dates of the failures", async () => {
    const { call, fail, world } = await build();
    await world.host.advance(1_000);
    const { messageKey: key } = await fail({ body: "e" });
    const [wanted] = (await call(`/v2/dlq?messageId=${messageId(key)}`)).body.messages;
    expect(wanted?.body).toBe("e");
    expect((await call("/v2/dlq?messageId=nonsense")).body.messages).toEqual([]);
    const later = (await call(`/v2/dlq?fromDate=${world.host.now()}`)).body.messages;
    expect(later.map((entry) => entry.body)).toEqual(["e"]);
  });
});

describe("deleting many", () => {
  test("by ids, in the query or in a body; unknown ones are no error", async () => {
    const { call, ids, left } = await failing({ a: {}, b: {}, c: {}, d: {} });
    const target = `/v2/dlq?dlqIds=${ids.a}&dlqIds=0-0,${ids.a}&label=none`;
    expect((await call(target, remove)).body).toEqual({ deleted: 1 });
    expect((await call(target, remove)).body).toEqual({ deleted: 0 });
    const reply = await call("/v2/dlq", sendJson({ dlqIds: [ids.b, ids.d, "x"] }));
    expect(reply.body).toEqual({ deleted: 2 });
    expect(await left()).toBe("c");
  });

  test("an empty list deletes nothing", async () => {
    const { call, left } = await failing({ a: {} });
    expect((await call("/v2/dlq", sendJson({ dlqIds: [] }))).body).toEqual({ deleted: 0 });
    expect(await left()).toBe("a");
  });

  test("all of them, count by count, with a cursor or without", async () => {
    const { call, left } = await many(5);
    const first = (await call("/v2/dlq?count=1", remove)).body;
    expect(first).toEqual({ deleted: 1, cursor: expect.any(String) });
    const second = (await call(`/v2/dlq?count=2&cursor=${first.cursor}`, remove)).body;
    expect(second.deleted).toBe(2);
    expect(await left()).toBe("m3m4");
    expect((await call("/v2/dlq?count=100", remove)).body).toEqual({ deleted: 2 });
    expect((await call("/v2/dlq?count=100", remove)).body).toEqual({ deleted: 0 });
  });

  test.each([
    ["?labeel=x", undefined],
    ["?host=a", undefined],
    ["?count=0", undefined],
    ["?dlqIds=", undefined],
    ["", "{"],
    ["", "{}"],
    ["", '{"dlqIds":null}'],
    ["", '{"dlqIDs":["a"]}'],
  ])("refuses %s %s with nothing changed", async (search, body) => {
    const { call, left } = await failing({ a: {} });
    const init = body === undefined ? remove : sendJson(body);
    expect((await call(`/v2/dlq${search}`, init)).status).toBe(400);
    expect(await left()).toBe("a");
  });
});

test("an entry whose envelope is gone is shown as far as it goes", async () => {
  const { world, call, fail } = await createMessageWorld();
  const { dlqId, messageKey: key } = await fail({ body: "x" });
  await world.store.transaction((transaction) =>
    transaction.write([{ type: "delete", table: "envelopes", key }]),
  );
  const { body } = await call(`/v2/dlq/${dlqId}`);
  expect(body).toMatchObject({ dlqId, messageId: messageId(key), url: DESTINATION });
  expect((await call(`/v2/dlq/retry/${dlqId}`, { method: "POST" })).status).toBe(404);
});
