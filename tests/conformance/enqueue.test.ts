// The JavaScript client's `queue().enqueue` and `enqueueJSON`: one after the other, over retries and callbacks.

import { expect, test } from "vitest";
import { bodyOf, deliveryAt, idOf, logUntil, messageOf, qstash } from "./publisher.ts";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

test("a queue is made by its first message, which arrives with its options", async () => {
  const queue = qstash(world).queue({ queueName: "orders.1" });
  const url = world.app.on("/order", () => new Response());
  const answer = await queue.enqueueJSON({
    url,
    body: { n: 1 },
    headers: { "X-Order": "1" },
    method: "PATCH",
    label: "l",
  });
  expect(answer).toEqual({ messageId: expect.stringMatching(/^msg_/), url });
  const delivery = await deliveryAt(world, "/order");
  expect(delivery).toMatchObject({ method: "PATCH", body: '{"n":1}' });
  expect(delivery.headers).toMatchObject({ "content-type": "application/json", "x-order": "1" });
  expect(await messageOf(world, answer.messageId)).toMatchObject({ queueName: "orders.1" });
  expect(await queue.get()).toMatchObject({ name: "orders.1", parallelism: 1, paused: false });
  const log = await logUntil(world, answer.messageId, "DELIVERED");
  expect(new Set(log.map(({ queueName }) => queueName))).toEqual(new Set(["orders.1"]));
});

test("bytes and no body at all go through a queue unchanged", async () => {
  const queue = qstash(world).queue({ queueName: "bytes" });
  const url = world.app.on("/bytes", () => new Response());
  await queue.enqueue({ url, body: bodyOf(Uint8Array.of(0, 255, 10)) });
  await queue.enqueue({ url });
  await deliveryAt(world, "/bytes", 1);
  expect(world.app.at("/bytes").map(({ bytes }) => [...bytes])).toEqual([[0, 255, 10], []]);
});

test("messages arrive in the order of their acceptance, one at a time", async () => {
  const queue = qstash(world).queue({ queueName: "line" });
  let running = 0;
  let most = 0;
  const url = world.app.on("/line", async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    return new Response();
  });
  for (let index = 0; index < 10; index += 1) await queue.enqueue({ url, body: String(index) });
  await deliveryAt(world, "/line", 9);
  expect(world.app.at("/line").map(({ body }) => Number(body))).toEqual([
    ...[0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  ]);
  expect(most).toBe(1);
});

test("a retry keeps its place in front of what waits behind it", async () => {
  const queue = qstash(world).queue({ queueName: "stubborn" });
  const url = world.app.on("/stubborn", (_request, { headers, body }) => {
    const isFailing = body === "first" && headers["upstash-retried"] !== "2";
    return new Response("", { status: isFailing ? 500 : 200, headers: { "Retry-After": "0" } });
  });
  await queue.enqueue({ url, body: "first" });
  await queue.enqueue({ url, body: "second" });
  await deliveryAt(world, "/stubborn", 3);
  const order = world.app.at("/stubborn").map(({ body, headers }) => {
    return `${body} ${headers["upstash-retried"]}`;
  });
  expect(order).toEqual(["first 0", "first 1", "first 2", "second 0"]);
});

test("the next one waits for the callbacks of the last one, of a failed one too", async () => {
  const queue = qstash(world).queue({ queueName: "reporting" });
  const held: (() => void)[] = [];
  const url = world.app.on("/reporting", (_request, { body }) => {
    return new Response("", { status: body === "first" ? 500 : 200 });
  });
  const callback = world.app.on("/report", async () => {
    await new Promise<void>((resolve) => held.push(resolve));
    return new Response();
  });
  await queue.enqueue({ url, body: "first", retries: 0, callback, failureCallback: callback });
  const second = idOf(await queue.enqueue({ url, body: "second" }));
  for (const openCount of [3, 2]) {
    await until(`${openCount} open`, async () => {
      return held.length > 0 && (await world.store.count("messages", [])) === openCount;
    });
    expect(world.app.at("/reporting")).toHaveLength(1);
    held.shift()?.();
  }
  await logUntil(world, second, "DELIVERED");
  expect(world.app.at("/reporting").map(({ body }) => body)).toEqual(["first", "second"]);
  await until("an empty queue", async () => (await queue.get()).lag === 0);
});

test("a paused queue takes messages and delivers none until it is resumed", async () => {
  const queue = qstash(world).queue({ queueName: "paused" });
  await queue.upsert({ parallelism: 2, paused: true });
  const url = world.app.on("/paused", () => new Response());
  const ids = [idOf(await queue.enqueue({ url })), idOf(await queue.enqueue({ url }))];
  expect(await queue.get()).toMatchObject({ paused: true, parallelism: 2, lag: 2 });
  expect((await messageOf(world, ids[0] ?? "")).queueName).toBe("paused");
  expect(world.app.at("/paused")).toEqual([]);
  await queue.resume();
  await deliveryAt(world, "/paused", 1);
  for (const id of ids) await logUntil(world, id, "DELIVERED");
});

test("a group behind a queue: one message for each endpoint, all in the same line", async () => {
  const client = qstash(world);
  const urls = ["/one", "/two"].map((path) => world.app.on(path, () => new Response()));
  await client.urlGroups.addEndpoints({ name: "both", endpoints: urls.map((url) => ({ url })) });
  const answer = await client.queue({ queueName: "fan" }).enqueue({ urlGroup: "both", body: "b" });
  expect(answer).toEqual(urls.map((url) => ({ messageId: expect.stringMatching(/^msg_/), url })));
  const [delivery] = [await deliveryAt(world, "/one"), await deliveryAt(world, "/two")];
  expect(delivery.headers["upstash-topic-name"]).toBe("both");
  expect((await client.queue({ queueName: "fan" }).get()).parallelism).toBe(1);
});

test("a publish with Upstash-Queue-Name is an enqueue, and the path wins over the header", async () => {
  const headers = { "Upstash-Queue-Name": "by-header", "Upstash-Delay": "1h" };
  const ways = [
    ["/v2/publish/https://example.com", "by-header"],
    ["/v2/enqueue/by-path/https://example.com", "by-path"],
    ["/v2/publish/https://example.com?upstash-queue-name=by-query", "by-header"],
  ] as const;
  for (const [path, queueName] of ways) {
    const answer = await world.call("POST", path, { headers });
    expect(await messageOf(world, idOf(answer.json))).toMatchObject({ queueName });
  }
});

test("enqueueing leaves settings of an existing queue alone", async () => {
  const queue = qstash(world).queue({ queueName: "kept" });
  await queue.upsert({ parallelism: 7, paused: true });
  await queue.enqueue({ url: "https://example.com" });
  expect(await queue.get()).toMatchObject({ parallelism: 7, paused: true, lag: 1 });
});

test("a duplicate takes no place in the queue", async () => {
  const queue = qstash(world).queue({ queueName: "once" });
  await queue.upsert({ paused: true });
  const send = () => queue.enqueue({ url: "https://example.com", deduplicationId: "d" });
  const first = await send();
  expect(await send()).toMatchObject({ messageId: first.messageId, deduplicated: true });
  expect((await queue.get()).lag).toBe(1);
});
