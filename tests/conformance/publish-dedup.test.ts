// One message within the window: by id, by content, in URL groups, in batches, and when two come at the same time.

import { beforeEach, expect, test } from "vitest";
import { bodyOf, deliveryAt, idOf, idsOf, qstash } from "./publisher.ts";
import { until } from "./until.ts";
import { type Answer, type CallOptions, useWorld } from "./world.ts";

const world = useWorld();
let url: string;
let later: string;

beforeEach(() => {
  url = world.app.on("/once", () => new Response());
  later = `${world.app.url}/later`;
});

const publish = (target: string, options: CallOptions = {}): Promise<Answer> =>
  world.call("POST", `/v2/publish/${target}`, options);

test("the second publish with an id is 202 with the first id, even after delivery", async () => {
  const client = qstash(world);
  const first = await client.publish({ url, deduplicationId: "id-1" });
  await deliveryAt(world, "/once");
  const second = await client.publish({ url, deduplicationId: "id-1", body: "other" });
  expect(first).toEqual({ messageId: expect.stringMatching(/^msg_/), url });
  expect(second).toEqual({ messageId: first.messageId, url, deduplicated: true });
  const third = await publish(url, { headers: { "Upstash-Deduplication-Id": "id-1" } });
  expect([third.status, idOf(third.json)]).toEqual([202, first.messageId]);
  // The id is the account's, wherever the message goes.
  const elsewhere = await publish(later, { headers: { "Upstash-Deduplication-Id": "id-1" } });
  expect([elsewhere.status, idOf(elsewhere.json)]).toEqual([202, first.messageId]);
  const other = await publish(later, { headers: { "Upstash-Deduplication-Id": "id-2" } });
  expect(other.status).toBe(200);
});

test("a cancelled message still holds its id", async () => {
  const client = qstash(world);
  const first = await client.publish({ url, deduplicationId: "id-1", delay: "1d" });
  await client.messages.cancel(first.messageId);
  const second = await client.publish({ url, deduplicationId: "id-1" });
  expect(second).toMatchObject({ messageId: first.messageId, deduplicated: true });
});

test("twenty publishes at once with one id are one message", async () => {
  const headers = { "Upstash-Deduplication-Id": "same" };
  const answers = await Promise.all(Array.from({ length: 20 }, () => publish(url, { headers })));
  expect(new Set(answers.map(({ json }) => idOf(json))).size).toBe(1);
  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, ...Array(19).fill(202)]);
  await deliveryAt(world, "/once");
  await until("no message left", async () => (await world.store.count("messages", [])) === 0);
  expect(world.app.at("/once")).toHaveLength(1);
});

test("content is the destination, the body, its type and the forwarded headers; nothing else", async () => {
  const headers = { "Upstash-Content-Based-Deduplication": "True", "Upstash-Delay": "1h" };
  const base = {
    body: "body",
    headers: { ...headers, "Upstash-Forward-X-A": "1", "Upstash-Forward-X-B": "2" },
  };
  expect((await publish(later, base)).status).toBe(200);
  const same: readonly CallOptions[] = [
    base,
    // Neither the order nor the letters of names count.
    {
      ...base,
      headers: { ...headers, "upstash-forward-x-b": "2", "upstash-forward-x-a": "1" },
    },
    { ...base, headers: { ...base.headers, "Upstash-Retries": "9", "Upstash-Method": "PUT" } },
    { ...base, headers: { ...base.headers, "X-Not-Forwarded": "1", "Upstash-Label": "l" } },
  ];
  for (const options of same) expect((await publish(later, options)).status).toBe(202);
  const different: readonly (readonly [string, CallOptions])[] = [
    [later, { ...base, body: "other" }],
    [`${later}?x`, base],
    [later, { ...base, headers: { ...base.headers, "Upstash-Forward-X-A": "2" } }],
    [later, { ...base, headers: { ...base.headers, "Content-Type": "a/b" } }],
    [later, { ...base, headers: { ...base.headers, "Upstash-Deduplication-Id": "explicit" } }],
  ];
  for (const [target, options] of different) {
    expect((await publish(target, options)).status).toBe(200);
    expect((await publish(target, options)).status).toBe(202);
  }
});

test("the JavaScript client's option and two bodies of bytes", async () => {
  const client = qstash(world);
  const send = (body: Uint8Array<ArrayBuffer>) =>
    client.publish({
      url: later,
      body: bodyOf(body),
      delay: "1h",
      contentBasedDeduplication: true,
    });
  const first = await send(Uint8Array.of(0xff, 1));
  expect(await send(Uint8Array.of(0xff, 1))).toMatchObject({
    messageId: first.messageId,
    deduplicated: true,
  });
  expect(await send(Uint8Array.of(0xfe, 1))).not.toHaveProperty("deduplicated");
});

test("a URL group does not deduplicate itself; its duplicates are 202 endpoint by endpoint", async () => {
  const client = qstash(world);
  await client.urlGroups.addEndpoints({
    name: "pair",
    endpoints: [{ url: `${later}/a` }, { url: `${later}/b` }],
  });
  const headers = { "Upstash-Deduplication-Id": "id-1", "Upstash-Delay": "1h" };
  const first = await publish("pair", { headers });
  expect([first.status, first.json]).toEqual([
    200,
    [
      { messageId: expect.stringMatching(/^msg_/), url: `${later}/a` },
      { messageId: expect.stringMatching(/^msg_/), url: `${later}/b` },
    ],
  ]);
  const duplicates = idsOf(first.json).map((messageId, index) => ({
    messageId,
    url: `${later}/${index === 0 ? "a" : "b"}`,
    deduplicated: true,
  }));
  const second = await publish("pair", { headers });
  expect([second.status, second.json]).toEqual([202, duplicates]);
  await client.urlGroups.addEndpoints({ name: "pair", endpoints: [{ url: `${later}/c` }] });
  const third = await publish("pair", { headers });
  expect([third.status, third.json]).toEqual([
    200,
    [...duplicates, { messageId: expect.stringMatching(/^msg_/), url: `${later}/c` }],
  ]);
});

test("one id twice in a batch is one message; the batch stays 200", async () => {
  const item = {
    destination: later,
    headers: { "Upstash-Deduplication-Id": "id-1", "upstash-delay": "1h" },
  };
  const answer = await world.call("POST", "/v2/batch", { body: JSON.stringify([item, item]) });
  expect(answer.status).toBe(200);
  const [messageId] = idsOf(answer.json);
  expect(answer.json).toEqual([
    { messageId, url: later },
    { messageId, url: later, deduplicated: true },
  ]);
  expect(await world.store.count("messages", [])).toBe(1);
});

test("duplicates leave no trace in the log", async () => {
  const client = qstash(world);
  await client.publish({ url: later, deduplicationId: "id-1", delay: "1h" });
  await client.publish({ url: later, deduplicationId: "id-1", delay: "1h" });
  const { logs } = await until("the log", async () => {
    const page = await client.logs();
    return page.logs.length > 0 && page;
  });
  expect(logs.map(({ state }) => state)).toEqual(["CREATED"]);
});
