// Dead messages, schedules, groups, flow control, keys and tokens through our client, with a real server.

import { Client, Receiver } from "@reprise/sdk/messages";
import { expect, test } from "vitest";
import { deadMessageOf, deliveryAt } from "../../conformance/publisher.ts";
import { until } from "../../conformance/until.ts";
import { useWorld } from "../../conformance/world.ts";
import { collect, messageClient } from "./clients.ts";
import { signToken } from "./tokens.ts";

const world = useWorld();
const LATER = { url: "https://example.com/later", delay: "1h" } as const;

test("dead messages are read, retried with other settings, and deleted", async () => {
  const client = messageClient(world);
  let isBroken = true;
  const url = world.app.on("/fragile", () => new Response("no", { status: isBroken ? 500 : 200 }));
  const dead: string[] = [];
  for (const label of ["a", "a", "a", "b", "c", "c", "c"]) {
    const { messageId } = await client.publish({ url, body: label, retries: 0, label });
    dead.push((await deadMessageOf(world, messageId)).dlqId);
  }
  const [first = "", second = ""] = dead;
  expect(await client.dlq.get(first)).toMatchObject({
    dlqId: first,
    responseStatus: 500,
    labels: ["a"],
  });
  const page = await client.dlq.listMessages({ count: 4, filter: { responseStatus: 500 } });
  expect(page.messages).toHaveLength(4);
  expect(page.messages[0]?.reason).toEqual(expect.any(String));
  expect(await collect(client.dlq.all({ label: "a" }, { count: 2 }))).toHaveLength(3);
  expect((await client.dlq.listMessages({ dlqIds: [second, "0-0"] })).messages).toHaveLength(1);
  isBroken = false;
  const { responses } = await client.dlq.retry(first, { delay: "1h", retries: 9, label: ["new"] });
  const message = await client.messages.get(responses[0]?.messageId ?? "");
  expect(message).toMatchObject({ maxRetries: 9, labels: ["new"], state: "SCHEDULED" });
  expect((await client.dlq.retry({ filter: { label: "a" } })).responses).toHaveLength(2);
  expect(await collect(client.dlq.retryAll({ filter: { label: "c" }, count: 2 }))).toHaveLength(3);
  const [last] = (await client.dlq.listMessages()).messages;
  expect(await client.dlq.delete(last?.dlqId ?? "")).toEqual({ deleted: 1 });
  expect(await client.dlq.delete({ all: true })).toEqual({ deleted: 0 });
  expect(await client.dlq.deleteMany({ dlqIds: [first] })).toMatchObject({ deleted: 0 });
});

test("dead messages are held and released", async () => {
  const client = messageClient(world);
  const url = world.app.on("/held", () => new Response("no", { status: 500 }));
  const dead: string[] = [];
  for (const label of ["a", "b"]) {
    const { messageId } = await client.publish({ url, body: label, label, retries: 0 });
    dead.push((await deadMessageOf(world, messageId)).dlqId);
  }
  const expiries = () => Promise.all(dead.map(async (id) => (await client.dlq.get(id)).expiresAt));
  const before = await expiries();
  expect(before).toEqual([expect.any(Number), expect.any(Number)]);
  expect(await client.dlq.hold(dead)).toEqual({ held: 2 });
  expect(await expiries()).toEqual([null, null]);
  expect(await client.dlq.release({ filter: { label: "a" } })).toEqual({ released: 1 });
  expect(await client.dlq.release("1-1")).toEqual({ released: 0 });
  expect(await expiries()).toEqual([before[0], null]);
  expect(await client.dlq.release([])).toEqual({ released: 0 });
});

test("schedules are made, changed, paused and deleted", async () => {
  const client = messageClient(world);
  const { scheduleId } = await client.schedules.create({
    destination: LATER.url,
    cron: "CRON_TZ=Europe/Berlin 30 9 * * 1-5",
    body: '{"kind":"daily"}',
    scheduleId: "daily",
    queueName: "line",
    flowControl: { key: "k", rate: 5 },
    callback: { url: LATER.url, retries: 2 },
  });
  expect(scheduleId).toBe("daily");
  const schedule = await client.schedules.get("daily");
  expect(schedule).toMatchObject({ isPaused: false, queueName: "line", rate: 5, ratePerSecond: 5 });
  expect(schedule.header).toMatchObject({ "Content-Type": ["application/json"] });
  await client.schedules.pause({ schedule: "daily" });
  expect((await client.schedules.list()).map(({ isPaused }) => isPaused)).toEqual([true]);
  await client.schedules.resume({ schedule: "daily" });
  expect((await client.schedules.get("daily")).isPaused).toBe(false);
  await client.schedules.delete("daily");
  await expect(client.schedules.get("daily")).rejects.toMatchObject({ code: "schedule_not_found" });
});

test("a URL group sends to each of its endpoints", async () => {
  const client = messageClient(world);
  const [a, b] = ["/a", "/b"].map((path) => world.app.on(path, () => new Response("ok")));
  await client.urlGroups.addEndpoints({
    name: "shops",
    endpoints: [{ name: "a", url: a ?? "" }, { url: b ?? "" }],
  });
  await client.urlGroups.setHeaders("shops", { "Upstash-Retries": "5", "X-Group": "g" });
  expect(await client.urlGroups.get("shops")).toMatchObject({
    endpoints: [{ name: "a" }, { url: b }],
  });
  expect((await client.topics.list()).map(({ name }) => name)).toEqual(["shops"]);
  const answers = await client.publish({ urlGroup: "shops", body: "x" });
  expect(answers.map(({ url }) => url)).toEqual([a, b]);
  expect((await deliveryAt(world, "/b")).headers["x-group"]).toBe("g");
  await client.urlGroups.removeEndpoints({ name: "shops", endpoints: [{ name: "a" }] });
  expect((await client.urlGroups.list())[0]?.endpoints).toHaveLength(1);
  await expect(
    client.urlGroups.removeEndpoints({ name: "shops", endpoints: [] }),
  ).rejects.toMatchObject({
    name: "QstashEmptyArrayError",
  });
  await client.urlGroups.delete("shops");
  expect(await client.urlGroups.list()).toEqual([]);
});

test("flow control is shown, pinned and paused", async () => {
  const client = messageClient(world);
  const key = "team/one two";
  const { flowControl } = client;
  await client.publish({ ...LATER, flowControl: { key, parallelism: 2, rate: 3, period: "1m" } });
  expect(await flowControl.get(key)).toMatchObject({
    parallelismMax: 2,
    rateMax: 3,
    ratePeriod: 60,
  });
  expect(await flowControl.list("one")).toMatchObject([{ flowControlKey: key }]);
  expect(await flowControl.list("nobody")).toEqual([]);
  await flowControl.pin(key, { parallelism: 7 });
  await flowControl.pause(key);
  expect(await flowControl.get(key)).toMatchObject({
    parallelismMax: 7,
    isPaused: true,
    isPinnedParallelism: true,
  });
  await flowControl.unpin(key, { parallelism: true });
  await flowControl.resume(key);
  await flowControl.resetRate(key);
  expect(await flowControl.get(key)).toMatchObject({ isPaused: false, isPinnedParallelism: false });
  const global = await flowControl.getGlobalParallelism();
  expect(global.parallelismMax).toBeGreaterThan(0);
});

test("keys are read and rotated, and a receiver takes those of the server", async () => {
  const client = messageClient(world);
  const before = await client.keys.get();
  expect(before).toMatchObject(world.server.signingKeys);
  const receiver = new Receiver({ currentSigningKey: before.current, nextSigningKey: before.next });
  const after = await client.keys.rotate();
  expect(after.current).toBe(before.next);
  expect((await client.keys.rotate({ force: true })).current).toBe(after.next);
  expect(await receiver.verify({ signature: signToken({ key: after.current }), body: "" })).toBe(
    true,
  );
});

test("a delivery passes the receiver with its URL", async () => {
  const client = messageClient(world);
  const { current, next } = await client.keys.get();
  const receiver = new Receiver({ currentSigningKey: current, nextSigningKey: next });
  const verdicts: unknown[] = [];
  const url = world.app.on("/checked", async (request) => {
    const signature = request.headers.get("upstash-signature") ?? "";
    const body = new Uint8Array(await request.arrayBuffer());
    verdicts.push(await receiver.verify({ signature, body, url }).catch((error: unknown) => error));
    return new Response("ok");
  });
  await client.publish({ url, body: "grüße\r\n\u0000" });
  await until("the verdict", () => verdicts.length > 0);
  expect(verdicts).toEqual([true]);
});

test("tokens are made with a scope, and revoked", async () => {
  const client = messageClient(world);
  const { id, token } = await client.tokens.create({ name: "reader", scope: "read-only" });
  const reader = new Client({ baseUrl: world.server.url, token, retry: false });
  expect(await reader.schedules.list()).toEqual([]);
  await expect(reader.publish(LATER)).rejects.toMatchObject({ status: 403 });
  expect((await client.tokens.list()).map(({ name }) => name)).toContain("reader");
  await client.tokens.revoke(id);
  await expect(reader.schedules.list()).rejects.toMatchObject({ status: 401 });
});
