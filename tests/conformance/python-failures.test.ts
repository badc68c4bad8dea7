// The Python client's `dlq` and `log` methods, and proof that its readers refuse what it refuses.

import { expect, test } from "vitest";
import { deadMessageOf, logUntil } from "./publisher.ts";
import {
  readDeadMessage,
  readDeadMessages,
  readDeleted,
  readFlowControlInfo,
  readLogs,
  readMessage,
  readPublish,
  readQueue,
  readSchedule,
} from "./python-readers.ts";
import { dumps, JSON_TYPE, type PythonCall, python } from "./python-wire.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

const send = (method: string, path: string, rest: Partial<PythonCall> = {}) =>
  python(world, { method, path, ...rest });

/** A message that has failed for good; gives its id. */
async function failed(
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const url = world.app.on(path, () => new Response("404 Not Found", { status: 404 }));
  const answer = readPublish(
    await send("POST", `/v2/publish/${url}`, { headers: { "Upstash-Retries": "0", ...headers } }),
  );
  const messageId = "messageId" in answer ? answer.messageId : "";
  await deadMessageOf(world, messageId);
  return messageId;
}

const list = async (params: NonNullable<PythonCall["params"]> = {}) =>
  readDeadMessages(await send("GET", "/v2/dlq", { params }));

test("dlq.list with filters and cursor, and dlq.get", async () => {
  const first = await failed("/first", {
    "Upstash-Label": "python-label",
    "Upstash-Retry-Delay": "7000",
    "Upstash-Flow-Control-Key": "flow",
    "Upstash-Flow-Control-Value": "rate=3",
  });
  const second = await failed("/second");
  const { messages, cursor } = await list({ messageId: first });
  expect(messages).toMatchObject([
    {
      messageId: first,
      responseStatus: 404,
      responseBody: "404 Not Found",
      label: "python-label",
      retryDelayExpression: "7000",
      flowControl: { key: "flow", rate: 3, parallelism: undefined, period: 1 },
      maxRetries: 0,
    },
  ]);
  expect(cursor).toBeUndefined();
  const [message] = messages;
  expect(readDeadMessage(await send("GET", `/v2/dlq/${message?.dlqId}`))).toEqual(message);
  const page = await list({ count: "1" });
  const rest = await list({ count: "1", cursor: page.cursor ?? "" });
  expect([...page.messages, ...rest.messages].map(({ messageId }) => messageId)).toEqual([
    first,
    second,
  ]);
  expect((await list({ label: "python-label", responseStatus: "404" })).messages).toHaveLength(1);
  expect((await list({ label: "nobody" })).messages).toEqual([]);
});

test("dlq.delete reads no answer and raises the second time; delete_many counts", async () => {
  for (const path of ["/one", "/two", "/three"]) await failed(path);
  const [one, two, three] = (await list()).messages.map(({ dlqId }) => dlqId);
  const remove = () => send("DELETE", `/v2/dlq/${one}`, { isParsed: false });
  await remove();
  await expect(remove()).rejects.toMatchObject({ status: 404 });
  const removeMany = async (dlqIds: readonly unknown[]) =>
    readDeleted(await send("DELETE", "/v2/dlq", { headers: JSON_TYPE, body: dumps({ dlqIds }) }));
  expect(await removeMany([])).toBe(0);
  expect(await removeMany([one, two])).toBe(1);
  expect(await removeMany([three, "1-1"])).toBe(1);
  expect((await list()).messages).toEqual([]);
});

test("log.list: filters, count, cursor; every state is a member of its enum", async () => {
  const dead = await failed("/dead", {
    "Upstash-Label": "python-label",
    "Upstash-Retry-Delay": "7000 * retried",
    "Upstash-Flow-Control-Key": "flow",
    "Upstash-Flow-Control-Value": "rate=3, parallelism=4, period=2",
    "Upstash-Timeout": "30s",
  });
  const published = readPublish(
    await send("POST", "/v2/publish/https://example.com", { headers: { "Upstash-Delay": "60s" } }),
  );
  const waiting = "messageId" in published ? published.messageId : "";
  await send("DELETE", `/v2/messages/${waiting}`, { isParsed: false });
  await logUntil(world, waiting, "CANCELED");
  const logs = async (params: NonNullable<PythonCall["params"]>) =>
    readLogs(await send("GET", "/v2/events", { params }));
  const all = await logs({});
  expect(all.logs.map(({ state }) => state)).toEqual([
    ...["CANCELED", "CANCEL_REQUESTED", "CREATED", "FAILED", "ERROR", "ACTIVE", "CREATED"],
  ]);
  expect(all.cursor).toBeUndefined();
  const [entry] = (await logs({ label: "python-label", state: "ERROR" })).logs;
  expect(entry).toMatchObject({
    messageId: dead,
    responseStatus: 404,
    responseBody: Buffer.from("404 Not Found").toString("base64"),
    retryDelayExpr: "7000 * retried",
    flowControl: { key: "flow", parallelism: 4, rate: 3, period: 2 },
    timeout: 30_000,
    method: "POST",
  });
  const page = await logs({ count: "3" });
  const rest = await logs({ cursor: page.cursor ?? "" });
  expect([...page.logs, ...rest.logs]).toEqual(all.logs);
  expect((await logs({ messageIds: [waiting, dead] })).logs).toHaveLength(7);
  expect((await logs({ state: "IN_PROGRESS" })).logs).toHaveLength(2);
});

test("the readers throw where the client would", () => {
  const message = {
    ...{ messageId: "msg_1", url: "u", method: "POST", maxRetries: 3, notBefore: 1, createdAt: 1 },
  };
  expect(readMessage(message)).toMatchObject({ messageId: "msg_1" });
  for (const name of Object.keys(message)) {
    expect(() => readMessage({ ...message, [name]: undefined })).toThrow(name);
  }
  expect(() => readMessage({ ...message, maxRetries: "3" })).toThrow(/int/);
  expect(() => readMessage({ ...message, flowControlKey: "k" })).toThrow(/period/);
  expect(() => readMessage({ ...message, header: { A: "text" } })).toThrow(/list/);
  expect(() => readDeadMessage({ ...message, dlqId: "1-1" })).toThrow(/responseStatus/);
  expect(() => readPublish([{ messageId: "msg_1" }])).toThrow(/url/);
  expect(() => readQueue({ name: "q" })).toThrow(/createdAt/);
  const entry = { time: 1, messageId: "msg_1", url: "u", state: "CANCELLED" };
  expect(() => readLogs({ events: [entry] })).toThrow(/no member/);
  expect(() => readLogs({ logs: [] })).toThrow(/events/);
  expect(() => readFlowControlInfo({})).toThrow(/flowControlKey/);
  const states = { lastScheduleStates: { msg_1: "DONE" } };
  expect(() => readSchedule(states)).toThrow(/no member/);
});
