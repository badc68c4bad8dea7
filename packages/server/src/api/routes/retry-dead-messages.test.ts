import { messageId, messageKey } from "@reprise/protocol";
import { describe, expect, test } from "vitest";
import {
  createMessageWorld,
  type MessageReply,
  type MessageWorld,
} from "../message-world.suite.ts";
import { type AppRequest, respond } from "../test-world.suite.ts";

/** `/v2/dlq/retry`: dead messages that are sent again. */

const post = (headers: Readonly<Record<string, string>> = {}): RequestInit => ({
  method: "POST",
  headers,
});

/** A world whose app notes what it gets once it has recovered. */
async function recovered() {
  const known = await createMessageWorld();
  const sent: AppRequest[] = [];
  const recover = () => {
    known.world.host.app = (request) => {
      sent.push(request);
      return respond(200);
    };
  };
  return { ...known, sent, recover };
}

const entries = async ({ call }: MessageWorld) =>
  (await call("/v2/dlq")).body.messages.map(({ dlqId }) => dlqId);

test("sends the message again as a new one, with all that it had, and takes the entry away", async () => {
  const known = await recovered();
  const { world, fail, call, sent, recover } = known;
  const redaction = { isBodyRedacted: true, headers: "all" } as const;
  const dead = await fail({
    body: "hello",
    headers: { "x-a": "1" },
    method: "PUT",
    labels: ["l"],
    redaction,
  });
  recover();
  const reply = await call(`/v2/dlq/retry/${dead.dlqId}`, post());
  expect(reply).toEqual({ status: 201, body: { messageId: expect.stringMatching(/^msg_/) } });
  expect(reply.body.messageId).not.toBe(messageId(dead.messageKey));
  await world.until(async () => sent.length === 1);
  expect(sent[0]).toMatchObject({ method: "PUT", text: "hello", url: "https://app.example/hook" });
  expect(sent[0]?.headers).toMatchObject({
    "x-a": "1",
    "upstash-message-id": reply.body.messageId,
    "upstash-retried": "0",
    "upstash-retries": "0",
    "upstash-label": "l",
  });
  expect(await entries(known)).toEqual([]);
  const [row] = await world.store.get("deadMessages", [dead.key]);
  expect(row).toMatchObject({
    state: "retried",
    closedAt: world.host.now(),
    nextMessageKey: messageKey(reply.body.messageId),
  });
  // The entry is gone for one, and no error for many.
  expect((await call(`/v2/dlq/${dead.dlqId}`, { method: "DELETE" })).status).toBe(404);
  const bulk = await call(`/v2/dlq?dlqIds=${dead.dlqId}`, { method: "DELETE" });
  expect(bulk).toEqual({ status: 200, body: { deleted: 0 } });
});

test("a message that fails again gets an entry of its own", async () => {
  const known = await recovered();
  const { dlqId } = await known.fail();
  const { body } = await known.call(`/v2/dlq/retry/${dlqId}`, post());
  const [entry] = await known.world.until(async () => {
    const found = (await known.call("/v2/dlq")).body.messages;
    return found.length === 1 && found;
  });
  expect(entry?.messageId).toBe(body.messageId);
  expect(entry?.dlqId).not.toBe(dlqId);
});

test("two who retry the same entry at once make one message", async () => {
  const { world, fail, call } = await recovered();
  world.host.app = ({ text }) => (text === "first" ? respond(500) : new Promise(() => {}));
  const { dlqId } = await fail({ body: "first" });
  const before = await world.store.count("envelopes", []);
  const replies = await Promise.all([
    call(`/v2/dlq/retry/${dlqId}`, post()),
    call(`/v2/dlq/retry?dlqIds=${dlqId}`, post()),
    call("/v2/dlq/retry?count=1", post()),
    call(`/v2/dlq/${dlqId}`, { method: "DELETE" }),
  ]);
  const made = replies.filter(({ status, body }) => status === 201 && hasMessage(body));
  expect(made).toHaveLength(1);
  expect(await world.store.count("envelopes", [])).toBe(before + 1);
});

function hasMessage({ messageId: id, responses }: MessageReply["body"]): boolean {
  return id !== undefined || (responses?.length ?? 0) > 0;
}

describe("settings", () => {
  test("of the headers take the place of the stored ones", async () => {
    const { fail, call, world } = await recovered();
    const callback = { url: "https://app.example/old", method: "POST", headers: {} };
    const { dlqId } = await fail({ labels: ["old"], retryDelay: "5", callback, queueName: "q" });
    const headers = {
      "Upstash-Retries": "7",
      "Upstash-Delay": "1h",
      "Upstash-Timeout": "30s",
      "Upstash-Retry-Delay": "1000 * retried",
      "Upstash-Label": "new",
      "Upstash-Flow-Control-Key": "k",
      "Upstash-Flow-Control-Value": "parallelism=2",
      "Upstash-Failure-Callback": "https://app.example/failed",
      "Upstash-Failure-Callback-Retries": "1",
    };
    const { body } = await call(`/v2/dlq/retry/${dlqId}`, post(headers));
    expect((await call(`/v2/messages/${body.messageId}`)).body).toMatchObject({
      maxRetries: 7,
      notBefore: world.host.now() + 3_600_000,
      timeout: 30_000,
      retryDelayExpression: "1000 * retried",
      labels: ["new"],
      flowControlKey: "k",
      parallelism: 2,
      callback: "https://app.example/old",
      failureCallback: "https://app.example/failed",
      queueName: "q",
    });
    // They are found by what they have now.
    expect(
      (await call("/v2/messages?label=old&count=5", { method: "DELETE" })).body.cancelled,
    ).toBe(0);
    expect(
      (await call("/v2/messages?label=new&count=5", { method: "DELETE" })).body.cancelled,
    ).toBe(1);
  });

  test.each([
    ["Upstash-Retries", "-1", 400],
    ["Upstash-Retries", "21", 412],
    ["Upstash-Delay", "soon", 400],
    ["Upstash-Retry-Delay", "process.exit()", 400],
    ["Upstash-Callback", "ftp://a", 400],
  ])("%s: %s is refused with nothing changed", async (name, value, status) => {
    const known = await recovered();
    const { dlqId } = await known.fail();
    for (const target of [`/v2/dlq/retry/${dlqId}`, "/v2/dlq/retry?count=1"]) {
      expect((await known.call(target, post({ [name]: value }))).status).toBe(status);
    }
    expect(await entries(known)).toEqual([dlqId]);
  });
});

describe("many", () => {
  const failing = async (count: number) => {
    const known = await recovered();
    const ids: string[] = [];
    for (let index = 0; index < count; index += 1) {
      ids.push((await known.fail({ body: String(index), labels: ["l"] })).dlqId);
    }
    known.recover();
    return { ...known, ids };
  };

  test("by ids, all or none", async () => {
    const known = await failing(3);
    const { call, ids } = known;
    const missing = await call(`/v2/dlq/retry?dlqIds=${ids[0]},0-0`, post());
    expect(missing.status).toBe(404);
    expect(missing.body.error).toContain("0-0");
    expect(await entries(known)).toEqual(ids);
    const reply = await call(`/v2/dlq/retry?dlqIds=${ids[0]}&dlqIds=${ids[2]}`, post());
    expect(reply.status).toBe(201);
    expect(reply.body).toEqual({ cursor: "", responses: [expect.anything(), expect.anything()] });
    expect(await entries(known)).toEqual([ids[1]]);
  });

  test("by filters, count by count; nothing that matches is no error", async () => {
    const known = await failing(4);
    const { call, ids, sent, world } = known;
    expect((await call("/v2/dlq/retry?responseStatus=999&count=9", post())).body).toEqual({
      cursor: "",
      responses: [],
    });
    const first = (await call("/v2/dlq/retry?label=l&count=1", post())).body;
    expect(first.responses).toHaveLength(1);
    expect(first.cursor).not.toBe("");
    expect(await entries(known)).toEqual(ids.slice(1));
    const target = `/v2/dlq/retry?label=l&count=100&cursor=${first.cursor}`;
    const second = (await call(target, post())).body;
    expect(second).toMatchObject({ cursor: "", responses: { length: 3 } });
    await world.until(async () => sent.length === 4);
    expect(sent.map(({ text }) => text).toSorted()).toEqual(["0", "1", "2", "3"]);
  });

  test("an empty list retries nothing", async () => {
    const known = await failing(1);
    const body = JSON.stringify({ dlqIds: [] });
    const reply = await known.call("/v2/dlq/retry", { method: "POST", body });
    expect(reply).toEqual({ status: 201, body: { cursor: "", responses: [] } });
    expect(await entries(known)).toEqual(known.ids);
  });

  test.each(["labeel=l", "count=0", "dlqIds=", "host=a", "cursor=x"])(
    "refuses %s",
    async (search) => {
      const known = await failing(1);
      expect((await known.call(`/v2/dlq/retry?${search}`, post())).status).toBe(400);
      expect(await entries(known)).toEqual(known.ids);
    },
  );

  test("refuses more ids than one transaction takes", async () => {
    const { call } = await recovered();
    const ids = Array.from({ length: 101 }, (_, index) => `1-${index}`).join();
    const reply = await call(`/v2/dlq/retry?dlqIds=${ids}`, post());
    expect(reply.status).toBe(400);
    expect(reply.body.error).toContain("at most 100");
  });
});

describe("gates", () => {
  test("a message of a queue joins it at the end", async () => {
    const { world, fail, publish, call } = await recovered();
    const { dlqId } = await fail({ queueName: "q", body: "late" });
    const sent: string[] = [];
    const answers: (() => void)[] = [];
    world.host.app = ({ text }) => {
      sent.push(text);
      return new Promise((resolve) => answers.push(() => resolve(respond(200))));
    };
    await publish({ queueName: "q", body: "1" });
    await publish({ queueName: "q", body: "2" });
    await call(`/v2/dlq/retry/${dlqId}`, post());
    for (const count of [1, 2, 3]) {
      await world.until(async () => sent.length === count);
      answers[count - 1]?.();
    }
    expect(sent).toEqual(["1", "2", "late"]);
  });

  test("a report that failed is sent again, and takes no place in the queue of its source", async () => {
    const { world, fail, call, sent, recover } = await recovered();
    const failureCallback = {
      url: "https://app.example/failed",
      method: "POST",
      headers: {},
      retries: 0,
    };
    await fail({ queueName: "q", failureCallback, body: "source" });
    const report = await world.until(async () => {
      const { body } = await call("/v2/dlq?url=https://app.example/failed");
      return body.messages[0];
    });
    recover();
    const headers = { "Upstash-Callback": "https://app.example/report-of-report" };
    const { body } = await call(`/v2/dlq/retry/${report.dlqId}`, post(headers));
    await world.until(async () => sent.length === 1);
    expect(sent[0]?.url).toBe("https://app.example/failed");
    expect(JSON.parse(sent[0]?.text ?? "")).toMatchObject({ status: 500 });
    await world.until(async () => (await world.store.count("messages", [])) === 0);
    expect((await call(`/v2/messages/${body.messageId}`)).body).not.toHaveProperty("callback");
    const [queue] = await world.store.find("queues", "byName", [["q"]]);
    expect(queue).toMatchObject({ openCount: 0, waitingCount: 0 });
  });
});
