import { expect, test } from "vitest";
import type { Limits } from "../engine/limits.ts";
import { createApi } from "./app.ts";
import { createWorld } from "./test-world.suite.ts";

/** Each limit, set low: what lies at it is accepted, what lies above is refused with a text that says so. */

interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

async function serverWith(limits: Partial<Limits>) {
  const { room } = await createWorld();
  const api = createApi({ ...room, settings: { ...room.settings, ...limits } });
  return async (target: string, { method = "POST", headers = {}, body = "" }: Sent = {}) => {
    const all = { authorization: "Bearer any", "content-type": "application/json", ...headers };
    const init = { method, headers: all, ...(body === "" ? {} : { body }) };
    const request = new Request(`http://localhost:8080${target}`, init);
    const rawHeaders = Object.entries(all).flat();
    const peer = { address: "192.0.2.1", rawTarget: target, rawHeaders };
    const response = await api.fetch(request, peer);
    return { status: response.status, text: await response.text() };
  };
}

const PUBLISH = "/v2/publish/https://app.test/";
const batchOf = (...items: readonly object[]): Sent => ({
  body: JSON.stringify(items.map((item) => ({ destination: "https://app.test/", ...item }))),
});
const queue = (queueName: string, parallelism = 1): Sent => ({
  body: JSON.stringify({ queueName, parallelism }),
});
const endpoints = (...hosts: readonly string[]): Sent => ({
  body: JSON.stringify({ endpoints: hosts.map((host) => ({ url: `https://${host}.test/` })) }),
});
const header = (name: string, value: string, more = {}): Sent => ({
  headers: { [name]: value, ...more },
});
const flow = (value: string) =>
  header("upstash-flow-control-value", value, { "upstash-flow-control-key": "key" });
const cron = header("upstash-cron", "* * * * *");

type Case = readonly [Partial<Limits>, string, Sent, Sent, number, string];

const cases: readonly Case[] = [
  [{ bodyBytesMax: 4 }, PUBLISH, { body: "1234" }, { body: "12345" }, 413, "4 bytes"],
  [
    { bodyBytesMax: 4 },
    "/v2/batch",
    batchOf({ body: "1234" }),
    batchOf({ body: "12345" }),
    413,
    "4 bytes",
  ],
  [
    { batchBytesMax: 50 },
    "/v2/batch",
    batchOf({ body: "1" }),
    batchOf({ body: "123456789012" }),
    413,
    "50",
  ],
  [
    { batchItemsMax: 2 },
    "/v2/batch",
    batchOf({}, {}),
    batchOf({}, {}, {}),
    400,
    "1 to 2 items, got 3",
  ],
  [
    { headerBytesMax: 200 },
    PUBLISH,
    header("x-a", "b"),
    header("x-a", "b".repeat(200)),
    431,
    "200 bytes",
  ],
  [
    { retriesMax: 2 },
    PUBLISH,
    header("upstash-retries", "2"),
    header("upstash-retries", "3"),
    412,
    "maxRetries exceeded, current limit: 2",
  ],
  [
    { delayMsMax: 60_000 },
    PUBLISH,
    header("upstash-delay", "60s"),
    header("upstash-delay", "61s"),
    412,
    "maxDelay exceeded, current limit: 1m",
  ],
  [
    { labelsMax: 1 },
    PUBLISH,
    header("upstash-label", "a"),
    header("upstash-label", "a,b"),
    400,
    "at most 1 labels",
  ],
  [
    { labelCharsMax: 3 },
    PUBLISH,
    header("upstash-label", "abc"),
    header("upstash-label", "abcd"),
    400,
    "at most 3 visible",
  ],
  [
    { flowControlPeriodMsMax: 60_000 },
    PUBLISH,
    flow("rate=1,period=1m"),
    flow("rate=1,period=61s"),
    400,
    "1s to 1m",
  ],
  [
    { queueParallelismMax: 3 },
    "/v2/queues",
    queue("a", 3),
    queue("b", 4),
    412,
    "maxQueueParallelism exceeded, current limit: 3",
  ],
  [
    { queuesMax: 1 },
    "/v2/queues",
    queue("a"),
    queue("b"),
    412,
    "maxQueues exceeded, current limit: 1",
  ],
  [
    { urlGroupEndpointsMax: 1 },
    "/v2/topics/a/endpoints",
    endpoints("a"),
    endpoints("b"),
    412,
    "maxEndpointsPerTopic exceeded, current limit: 1",
  ],
];

test.each(cases)("%j at %s", async (...[limits, target, allowed, refused, status, text]) => {
  const send = await serverWith(limits);
  const good = await send(target, allowed);
  expect(good.status, good.text).toBeLessThan(300);
  const bad = await send(target, refused);
  expect(bad).toEqual({ status, text: expect.stringContaining(text) });
});

test("a queue that a message would make is counted as well, a known one is not", async () => {
  const send = await serverWith({ queuesMax: 1 });
  const full = { status: 412, text: expect.stringContaining("maxQueues exceeded") };
  expect((await send("/v2/enqueue/a/https://app.test/")).status).toBeLessThan(300);
  expect((await send("/v2/enqueue/a/https://app.test/")).status).toBeLessThan(300);
  expect((await send("/v2/queues", queue("a", 2))).status).toBe(200);
  expect(await send("/v2/enqueue/b/https://app.test/")).toEqual(full);
  expect(await send("/v2/batch", batchOf({ queue: "a" }, { queue: "c" }))).toEqual(full);
  const schedule = { headers: { ...cron.headers, "upstash-queue-name": "d" } };
  expect(await send("/v2/schedules/https://app.test/", schedule)).toEqual(full);
});

test("new URL groups and schedules are refused, known ones are changed", async () => {
  const send = await serverWith({ urlGroupsMax: 1, schedulesMax: 1 });
  expect((await send("/v2/topics/a/endpoints", endpoints("a"))).status).toBe(200);
  expect((await send("/v2/topics/a/endpoints", endpoints("b"))).status).toBe(200);
  expect(await send("/v2/topics/b/endpoints", endpoints("b"))).toEqual({
    status: 412,
    text: expect.stringContaining("maxTopics exceeded, current limit: 1"),
  });
  const named = (id: string) => ({ headers: { ...cron.headers, "upstash-schedule-id": id } });
  expect((await send("/v2/schedules/https://app.test/", named("a"))).status).toBe(200);
  expect((await send("/v2/schedules/https://app.test/", named("a"))).status).toBe(200);
  expect(await send("/v2/schedules/https://app.test/", named("b"))).toEqual({
    status: 412,
    text: expect.stringContaining("maxSchedules exceeded, current limit: 1"),
  });
});

test("a pinned period has the limit of a period", async () => {
  const send = await serverWith({ flowControlPeriodMsMax: 60_000 });
  expect((await send("/v2/flowControl/key/pin?rate=1&period=60")).status).toBe(200);
  const refused = await send("/v2/flowControl/key/pin?rate=1&period=61");
  expect(refused).toEqual({ status: 400, text: expect.stringContaining("at most 60") });
});

test("a longer timeout is cut to the longest, as the hosted service does", async () => {
  const send = await serverWith({ attemptTimeoutMsMax: 5_000 });
  const headers = { "upstash-timeout": "1h", "upstash-delay": "1h" };
  expect((await send(PUBLISH, { headers })).status).toBeLessThan(300);
  const log = await send("/v2/events", { method: "GET" });
  expect(JSON.parse(log.text)).toMatchObject({ events: [{ timeout: 5_000 }] });
});

test("a page of the log has at most so many entries, whatever is asked for", async () => {
  const send = await serverWith({ logPageMax: 1 });
  const headers = { "upstash-delay": "1h" };
  for (const _ of [1, 2]) await send(PUBLISH, { headers });
  const log = await send("/v2/events?count=500", { method: "GET" });
  expect(JSON.parse(log.text).events).toHaveLength(1);
});

test("the window of deduplication is the configured one", async () => {
  const { room, host } = await createWorld();
  host.app = () => new Promise(() => {});
  const api = createApi({ ...room, settings: { ...room.settings, dedupWindowMs: 1_000 } });
  const publish = async () => {
    const headers = { authorization: "Bearer any", "upstash-deduplication-id": "once" };
    const request = new Request(`http://localhost:8080${PUBLISH}`, { method: "POST", headers });
    return (await api.fetch(request)).status;
  };
  expect(await publish()).toBe(200);
  await host.advance(999);
  expect(await publish()).toBe(202);
  await host.advance(1);
  expect(await publish()).toBe(200);
});
