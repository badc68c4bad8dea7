// Messages, queues and the log through our client, with a real server.

import { expect, test } from "vitest";
import { deliveryAt, logUntil } from "../../conformance/publisher.ts";
import { until } from "../../conformance/until.ts";
import { useWorld } from "../../conformance/world.ts";
import { collect, messageClient, runClient } from "./clients.ts";

const world = useWorld();
const LATER = { url: "https://example.com/later", delay: "1h" } as const;

test("publish and publishJSON arrive as they were sent", async () => {
  const client = messageClient(world);
  const url = world.app.on("/in", () => new Response("ok"));
  const one = await client.publish({
    url,
    method: "PUT",
    body: "grüße",
    headers: { "X-Shop": "1", "Content-Type": "text/plain" },
  });
  expect(one.messageId).toMatch(/^msg_/);
  const first = await deliveryAt(world, "/in", 0);
  expect(first).toMatchObject({ method: "PUT", body: "grüße", signatureFault: null });
  expect(first.headers).toMatchObject({ "x-shop": "1", "content-type": "text/plain" });
  await client.publishJSON({ url, body: { a: [1] } });
  const second = await deliveryAt(world, "/in", 1);
  expect(second).toMatchObject({ method: "POST", body: '{"a":[1]}' });
  expect(second.headers["content-type"]).toBe("application/json");
});

test("bodies can be bytes and streams", async () => {
  const client = messageClient(world);
  const { messageId } = await client.publish({ ...LATER, body: new Uint8Array([0, 255]) });
  expect((await client.messages.get(messageId)).bodyBase64).toBe("AP8=");
  const stream = new Blob(["in ", "pieces"]).stream();
  const { messageId: streamed } = await client.publish({ ...LATER, body: stream });
  expect((await client.messages.get(streamed)).body).toBe("in pieces");
});

test("a batch is accepted as a whole", async () => {
  const client = messageClient(world);
  const answers = await client.batch([
    { ...LATER, body: "a", label: "b1" },
    { ...LATER, body: "b", queueName: "line", label: "b1" },
  ]);
  expect(answers.map(({ messageId }) => messageId.slice(0, 4))).toEqual(["msg_", "msg_"]);
  await client.batchJSON([{ ...LATER, body: { n: 1 }, label: "b2" }]);
  expect(await client.messages.count({ label: ["b1", "b2"] })).toBe(3);
  const [json] = await collect(client.messages.all({ label: "b2" }));
  expect(json?.body).toBe('{"n":1}');
  await expect(client.batch([LATER, { url: "ftp://x" }])).rejects.toMatchObject({ status: 400 });
  expect(await client.messages.count()).toBe(3);
  expect(await client.batch([])).toEqual([]);
});

test("callbacks have settings of their own", async () => {
  const client = messageClient(world);
  const url = world.app.on("/work", () => new Response("done"));
  const back = world.app.on("/back", () => new Response("thanks"));
  await client.publish({
    url,
    body: "x",
    callback: { url: back, method: "PUT", headers: { "X-Order": "7" }, retries: 1, timeout: 20 },
    failureCallback: { url: back, headers: { "X-Failed": "1" } },
  });
  const received = await deliveryAt(world, "/back");
  expect(received).toMatchObject({ method: "PUT", signatureFault: null });
  expect(received.headers["x-order"]).toBe("7");
  expect(received.headers["x-failed"]).toBeUndefined();
});

test("a queue is made, shown, paused and emptied", async () => {
  const client = messageClient(world);
  const url = world.app.on("/q", () => new Response("ok"));
  const queue = client.queue({ queueName: "orders" });
  await queue.upsert({ parallelism: 2 });
  await queue.pause();
  const { messageId } = await queue.enqueue({ url, body: "first" });
  await queue.enqueueJSON({ url, body: { n: 2 } });
  expect(await queue.get()).toMatchObject({ name: "orders", parallelism: 2, paused: true, lag: 2 });
  const waiting = await client.messages.get(messageId);
  expect(waiting).toMatchObject({ state: "WAITING", queueName: "orders" });
  expect(waiting.waitingFor).toContain("paused");
  await queue.upsert({ parallelism: 3 });
  expect(await queue.get()).toMatchObject({ parallelism: 3, paused: true });
  await queue.resume();
  await deliveryAt(world, "/q", 1);
  expect((await queue.list()).map(({ name }) => name)).toEqual(["orders"]);
  await queue.delete();
  expect(await client.queue().list()).toEqual([]);
  await expect(client.queue().get()).rejects.toThrow("the queue has no name");
});

test("open messages are listed page by page, released and cancelled", async () => {
  const client = messageClient(world);
  const url = world.app.on("/soon", () => new Response("ok"));
  const { messageId } = await client.publish({ url, delay: "1d", label: "x" });
  for (let count = 0; count < 6; count += 1) await client.publish({ ...LATER, label: "y" });
  const page = await client.messages.list({ filter: { label: "y" }, count: 4 });
  expect(page.messages).toHaveLength(4);
  const rest = await client.messages.list({
    filter: { label: "y" },
    count: 4,
    cursor: page.cursor,
  });
  expect(rest.messages).toHaveLength(2);
  expect(await collect(client.messages.all({ label: "y" }, { count: 2 }))).toHaveLength(6);
  expect((await client.messages.list({ messageIds: [messageId] })).messages).toHaveLength(1);
  await client.messages.release(messageId);
  await logUntil(world, messageId, "DELIVERED");
  const [first, second, third] = rest.messages.concat(page.messages).map((one) => one.messageId);
  expect(await client.messages.cancel(first ?? "")).toMatchObject({ cancelled: 1 });
  expect(await client.messages.cancel([second ?? "", "msg_nobody"])).toMatchObject({
    cancelled: 1,
  });
  await client.messages.delete(third ?? "");
  expect(await client.messages.deleteMany([third ?? ""])).toBe(0);
  expect(await client.messages.cancel({ filter: { label: "y" }, count: 1 })).toMatchObject({
    cancelled: 1,
  });
  expect(await client.messages.deleteAll()).toBe(2);
  expect(await client.messages.count()).toBe(0);
  await expect(client.messages.cancel(first ?? "")).rejects.toMatchObject({
    name: "QstashError",
    status: 404,
    code: "message_not_found",
  });
});

test("a cancel of everything reaches more than one page, in the background too", async () => {
  const client = messageClient(world);
  const many = Array.from({ length: 150 }, () => LATER);
  await client.batch(many);
  expect((await client.messages.cancel({ all: true })).cancelled).toBe(150);
  await client.batch(many);
  const { actionId = "" } = await client.messages.cancel({ all: true }, { async: true });
  await until("the end of the action", async () => {
    return (await client.bulkActions.get(actionId)).state === "FINISHED";
  });
  const { bulkActions } = await client.bulkActions.list({ state: "FINISHED" });
  expect(bulkActions[0]).toMatchObject({ actionId, processed: 150, filter: { fromDate: ["0"] } });
  expect(await collect(client.bulkActions.all({ count: 1 }))).toHaveLength(2);
});

test("an action that is over is stopped no more, and says what it has done", async () => {
  const client = messageClient(world);
  await client.batch(Array.from({ length: 3 }, () => LATER));
  const { actionId = "" } = await client.messages.cancel({ all: true }, { async: true });
  await until("the end of the action", async () => {
    return (await client.bulkActions.get(actionId)).state === "FINISHED";
  });
  expect(await client.bulkActions.stop(actionId)).toMatchObject({
    actionId,
    state: "FINISHED",
    processed: 3,
  });
});

test("more ids than a URL can hold are cancelled together", async () => {
  const client = messageClient(world);
  const ids: string[] = [];
  for (let round = 0; round < 4; round += 1) {
    const answers = await client.batch(Array.from({ length: 100 }, () => LATER));
    ids.push(...answers.map(({ messageId }) => messageId));
  }
  expect(ids.map((id) => `messageIds=${id}`).join("&").length).toBeGreaterThan(6_000);
  expect(await client.messages.cancel(ids)).toMatchObject({ cancelled: 400 });
});

test("any number of ids is taken, in as many requests as it needs", async () => {
  const client = messageClient(world);
  const { messageId } = await client.publish(LATER);
  const strangers = Array.from(
    { length: 1_200 },
    (_, index) => `msg_nobody_has_this_name_${index}`,
  );
  expect(await client.messages.cancel(strangers.toSpliced(700, 0, messageId))).toEqual({
    cancelled: 1,
  });
  const runs = strangers.map((id) => id.replace("msg", "wfr"));
  expect(await runClient(world).cancel(runs)).toEqual({ cancelled: 0 });
  const entries = Array.from({ length: 1_200 }, (_, index) => `${index + 1}-1`);
  expect(await client.dlq.delete(entries)).toEqual({ deleted: 0 });
  expect(await runClient(world).dlq.delete(entries)).toEqual({ deleted: 0 });
});

test("the log is read by entry and by message", async () => {
  const client = messageClient(world);
  const url = world.app.on("/log", () => new Response("ok"));
  const { messageId } = await client.publish({ url, body: "x", label: "seen" });
  await client.publish({ ...LATER, label: "other" });
  await logUntil(world, messageId, "DELIVERED");
  const page = await client.logs({ messageIds: [messageId] });
  expect(page.logs.map(({ state }) => state)).toEqual(["DELIVERED", "ACTIVE", "CREATED"]);
  expect(page.events).toEqual(page.logs);
  const all = await collect(client.logs.all({ label: "seen" }, { count: 1 }));
  expect(all.map(({ state }) => state)).toEqual(["DELIVERED", "ACTIVE", "CREATED"]);
  const { messages } = await client.logs.byMessage({ filter: { label: "seen" } });
  expect(messages).toMatchObject([{ messageId, events: [{}, {}, {}] }]);
  const grouped = await collect(client.logs.allByMessage({}, { count: 1 }));
  expect(grouped).toHaveLength(2);
  const { events } = await client.events({ filter: { state: "DELIVERED" } });
  expect(events).toMatchObject([{ messageId, state: "DELIVERED" }]);
});
