// The `message` and `queue` methods of the Python client, replayed byte for byte, and read as strictly as it reads.

import { beforeEach, expect, test } from "vitest";
import { deliveryAt, logUntil } from "./publisher.ts";
import {
  readBatch,
  readCancelled,
  readMessage,
  readPublish,
  readQueue,
  readQueues,
} from "./python-readers.ts";
import { dumps, JSON_TYPE, python } from "./python-wire.ts";
import { useWorld } from "./world.ts";

const world = useWorld();
const LATER = "https://example.com/later";
const anyId = expect.stringMatching(/^msg_/);
let url: string;

beforeEach(() => {
  url = world.app.on("/python", () => new Response());
});

const post = (path: string, headers: Readonly<Record<string, string>> = {}, body?: string) =>
  python(world, { method: "POST", path, headers, ...(body === undefined ? {} : { body }) });

/** The one response of a publish to a URL. */
function one(answer: unknown): { readonly messageId: string; readonly deduplicated: boolean } {
  const read = readPublish(answer);
  if ("messageId" in read) return read;
  throw new Error("a list for a URL");
}

const getMessage = async (messageId: string) =>
  readMessage(await python(world, { method: "GET", path: `/v2/messages/${messageId}` }));

test("message.publish with every argument", async () => {
  const answer = await post(
    `/v2/publish/${LATER}`,
    {
      "Content-Type": "text/plain",
      "Upstash-Method": "PATCH",
      "Upstash-Forward-test-header": "test-value",
      "Upstash-Forward-Content-Type": "text/csv",
      "Upstash-Callback-Retries": "2",
      "Upstash-Callback-Forward-Z": "v",
      "Upstash-Failure-Callback-Forward-Y": "w",
      "Upstash-Retries": "5",
      "Upstash-Retry-Delay": "7000 * retried",
      "Upstash-Callback": "https://example.com/callback",
      "Upstash-Failure-Callback": "https://example.com/failure",
      "Upstash-Delay": "3600s",
      "Upstash-Deduplication-Id": "dedup",
      "Upstash-Content-Based-Deduplication": "False",
      "Upstash-Timeout": "30s",
      "Upstash-Flow-Control-Key": "flow-key",
      "Upstash-Flow-Control-Value": "rate=3, parallelism=4, period=1h30m3s",
      "Upstash-Label": "test-label,second",
    },
    "body \u0001",
  );
  const { messageId } = one(answer);
  expect(await getMessage(messageId)).toMatchObject({
    messageId,
    url: LATER,
    body: "body \u0001",
    method: "PATCH",
    headers: { "Test-Header": ["test-value"], "Content-Type": ["text/csv"] },
    callbackHeaders: { Z: ["v"] },
    failureCallbackHeaders: { Y: ["w"] },
    callback: "https://example.com/callback",
    failureCallback: "https://example.com/failure",
    maxRetries: 5,
    retryDelayExpression: "7000 * retried",
    label: "test-label",
    callerIp: "127.0.0.1",
    flowControl: { key: "flow-key", parallelism: 4, rate: 3, period: 5_403 },
  });
  const again = one(await post(`/v2/publish/${LATER}`, { "Upstash-Deduplication-Id": "dedup" }));
  expect(again).toMatchObject({ messageId, deduplicated: true });
});

test("message.publish without arguments, and message.get right after a fast delivery", async () => {
  const { messageId } = one(await post(`/v2/publish/${url}`));
  const delivery = await deliveryAt(world, "/python");
  expect([delivery.body, delivery.headers["content-type"]]).toEqual(["", undefined]);
  await logUntil(world, messageId, "DELIVERED");
  const message = await getMessage(messageId);
  expect(message).toMatchObject({ messageId, url, method: "POST", maxRetries: 3 });
  expect(message.notBefore).toBeGreaterThanOrEqual(message.createdAt);
  expect([message.body, message.headers, message.flowControl]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test("message.publish with content-based deduplication writes True", async () => {
  const headers = { "Upstash-Content-Based-Deduplication": "True", "Upstash-Delay": "60s" };
  const first = one(await post(`/v2/publish/${LATER}`, headers, "same"));
  const second = one(await post(`/v2/publish/${LATER}`, headers, "same"));
  expect(second).toMatchObject({ messageId: first.messageId, deduplicated: true });
});

test("message.publish_json: ASCII JSON with blanks, and the text null without a body", async () => {
  await post(`/v2/publish/${url}`, JSON_TYPE, dumps({ ex_key: "ex ü value", n: [1, null] }));
  await post(`/v2/publish/${url}`, JSON_TYPE, dumps(null));
  await deliveryAt(world, "/python", 1);
  const bodies = world.app.at("/python").map(({ body }) => body);
  expect(bodies.toSorted()).toEqual(["null", '{"ex_key": "ex \\u00fc value", "n": [1, null]}']);
});

test("message.publish to a URL group gives a list whose elements have a URL", async () => {
  await python(world, {
    method: "POST",
    path: "/v2/topics/python_url_group/endpoints",
    headers: JSON_TYPE,
    body: dumps({ endpoints: [{ url: LATER }, { name: "second", url: `${LATER}/2` }] }),
    isParsed: false,
  });
  const answer = readPublish(
    await post("/v2/publish/python_url_group", { "Upstash-Delay": "60s" }),
  );
  expect(answer).toEqual([
    { messageId: anyId, url: LATER, deduplicated: false },
    { messageId: anyId, url: `${LATER}/2`, deduplicated: false },
  ]);
  const [, second] = Array.isArray(answer) ? answer : [];
  expect(await getMessage(second?.messageId ?? "")).toMatchObject({
    urlGroup: "python_url_group",
    endpoint: "second",
  });
});

test("message.enqueue and enqueue_json, to a queue that nobody has made", async () => {
  const queued = one(
    await post(`/v2/enqueue/test_queue/${LATER}`, { "Upstash-Delay": "60s" }, "b"),
  );
  const json = one(
    await post(
      `/v2/enqueue/test_queue/${LATER}`,
      { ...JSON_TYPE, "Upstash-Delay": "60s" },
      dumps({}),
    ),
  );
  expect(await getMessage(queued.messageId)).toMatchObject({ queue: "test_queue", body: "b" });
  expect(await getMessage(json.messageId)).toMatchObject({
    queue: "test_queue",
    headers: { "Content-Type": ["application/json"] },
  });
});

test("message.batch: null where nothing was given, headers with the prefix", async () => {
  const items = [
    {
      destination: url,
      headers: { "Upstash-Forward-content-type": "text/plain", "Upstash-Method": "POST" },
      body: "one",
      queue: null,
    },
    { destination: LATER, headers: { "Upstash-Delay": "60s" }, body: null, queue: "test_queue" },
  ];
  const answer = readBatch(await post("/v2/batch", JSON_TYPE, dumps(items)));
  expect(answer).toEqual([
    { messageId: anyId, url, deduplicated: false },
    { messageId: anyId, url: LATER, deduplicated: false },
  ]);
  const delivery = await deliveryAt(world, "/python");
  expect([delivery.body, delivery.headers["content-type"]]).toEqual(["one", "text/plain"]);
  const [, second] = answer;
  const shown = await getMessage(
    second !== undefined && "messageId" in second ? second.messageId : "",
  );
  expect([shown.queue, shown.body]).toEqual(["test_queue", undefined]);
});

test("message.batch_json and a batch with flow control: absent numbers are None", async () => {
  const items = ["parallelism=2", "rate=3", "rate=1, period=1d"].map((value, n) => ({
    destination: LATER,
    headers: {
      "Content-Type": "application/json",
      "Upstash-Delay": "60s",
      "Upstash-Flow-Control-Key": `flow-${n}`,
      "Upstash-Flow-Control-Value": value,
    },
    body: dumps({ n }),
    queue: null,
  }));
  const answer = readBatch(await post("/v2/batch", JSON_TYPE, dumps(items)));
  const shown = [];
  for (const item of answer) {
    const { flowControl, body } = await getMessage("messageId" in item ? item.messageId : "");
    shown.push([body, flowControl]);
  }
  expect(shown).toEqual([
    ['{"n": 0}', { key: "flow-0", parallelism: 2, rate: undefined, period: 1 }],
    ['{"n": 1}', { key: "flow-1", parallelism: undefined, rate: 3, period: 1 }],
    ['{"n": 2}', { key: "flow-2", parallelism: undefined, rate: 1, period: 86_400 }],
  ]);
});

const publishLater = async (): Promise<string> =>
  one(await post(`/v2/publish/${LATER}`, { "Upstash-Delay": "3600s" })).messageId;

test("message.cancel reads no answer, and raises for what is not there", async () => {
  const messageId = await publishLater();
  const cancel = (id: string) =>
    python(world, { method: "DELETE", path: `/v2/messages/${id}`, isParsed: false });
  await cancel(messageId);
  await logUntil(world, messageId, "CANCELED");
  await expect(cancel("msg_nobody")).rejects.toMatchObject({ status: 404 });
});

const cancelMany = async (messageIds: readonly string[]): Promise<number> =>
  readCancelled(
    await python(world, {
      method: "DELETE",
      path: "/v2/messages",
      headers: JSON_TYPE,
      body: dumps({ messageIds }),
    }),
  );

test("message.cancel_many sends ids in the body of DELETE; none of them is none", async () => {
  const ids = [await publishLater(), await publishLater(), await publishLater()];
  expect(await cancelMany([])).toBe(0);
  expect(await cancelMany([...ids.slice(0, 2), "msg_nobody"])).toBe(2);
  expect(await cancelMany(ids.slice(0, 2))).toBe(0);
  expect(await world.store.count("messages", [])).toBe(1);
});

test("message.cancel_all is a bare DELETE and counts what is left", async () => {
  const ids = [await publishLater(), await publishLater(), await publishLater()];
  await cancelMany(ids.slice(0, 2));
  const all = () => python(world, { method: "DELETE", path: "/v2/messages" });
  expect(readCancelled(await all())).toBe(1);
  expect(readCancelled(await all())).toBe(0);
});

test("an error is its status and its text", async () => {
  const refused = post("/v2/publish/httpx://example.com");
  await expect(refused).rejects.toThrow(
    /^Request failed with status: 400, body: \{"error":"invalid destination url: endpoint has invalid scheme/,
  );
});

test("queue.upsert, get, list, pause, resume and delete", async () => {
  const call = (method: string, path: string, body?: unknown) =>
    python(world, {
      ...{ method, path, isParsed: method === "GET" },
      ...(body === undefined ? {} : { body: dumps(body), headers: JSON_TYPE }),
    });
  const get = async () => readQueue(await call("GET", "/v2/queues/test_queue"));
  await call("POST", "/v2/queues", { queueName: "test_queue", parallelism: 1, paused: false });
  const queue = await get();
  expect(queue).toMatchObject({ name: "test_queue", parallelism: 1, lag: 0, paused: false });
  await call("POST", "/v2/queues", { queueName: "test_queue", parallelism: 2, paused: true });
  expect(await get()).toMatchObject({ parallelism: 2, paused: true, createdAt: queue.createdAt });
  await call("POST", "/v2/queues/test_queue/resume");
  expect((await get()).paused).toBe(false);
  await call("POST", "/v2/queues/test_queue/pause");
  const list = readQueues(await call("GET", "/v2/queues"));
  expect(list.map(({ name, paused }) => [name, paused])).toEqual([["test_queue", true]]);
  await call("DELETE", "/v2/queues/test_queue");
  await call("DELETE", "/v2/queues/test_queue");
  expect(readQueues(await call("GET", "/v2/queues"))).toEqual([]);
  await expect(get()).rejects.toMatchObject({ status: 404 });
});
