import { describe, expect, test } from "vitest";
import type { Outcome } from "../../core/outcome.ts";
import {
  createMessageWorld,
  type MessageWorld,
  type PublishOptions,
} from "../message-world.suite.ts";
import { respond } from "../test-world.suite.ts";

/** `DELETE /v2/messages`: which messages a request takes, and that it takes no others. */

const remove = { method: "DELETE" };

function sendJson(value: unknown): RequestInit {
  const body = typeof value === "string" ? value : JSON.stringify(value);
  return { method: "DELETE", body, headers: { "content-type": "application/json" } };
}

/** Messages named by a letter each, which do not become due. */
async function holding(messages: Readonly<Record<string, PublishOptions>>) {
  const known = await createMessageWorld();
  const ids: Record<string, string> = {};
  for (const [body, options] of Object.entries(messages)) {
    ids[body] = await known.hold({ ...options, body });
    // Messages of different instants, for the filters that compare them.
    await known.world.host.advance(10);
  }
  return { ...known, ids };
}

describe("by ids", () => {
  const four = () => holding({ a: {}, b: {}, c: {}, d: {} });

  test("in the query, repeated and as a list; unknown ones are passed over", async () => {
    const { call, open, ids } = await four();
    const target = `/v2/messages?messageIds=${ids.a}&messageIds=${ids.b},msg_zzzz,nonsense`;
    expect(await call(target, remove)).toEqual({ status: 202, body: { cancelled: 2 } });
    expect(await open()).toBe("cd");
    // Cancelled messages are in no later count.
    expect((await call(target, remove)).body).toEqual({ cancelled: 0 });
    expect((await call("/v2/messages?count=100", remove)).body).toEqual({ cancelled: 2 });
  });

  test("in a body, as two official clients send them", async () => {
    const { call, open, ids } = await four();
    const reply = await call("/v2/messages", sendJson({ messageIds: [ids.a, ids.d, ids.a] }));
    expect(reply).toEqual({ status: 202, body: { cancelled: 2 } });
    expect(await open()).toBe("bc");
  });

  test("win over every filter", async () => {
    const { call, open, ids } = await four();
    await call(`/v2/messages?messageIds=${ids.a}&label=none&count=1`, remove);
    expect(await open()).toBe("bcd");
  });

  test("an empty list cancels nothing", async () => {
    const { call, open } = await four();
    const reply = await call("/v2/messages", sendJson({ messageIds: [] }));
    expect(reply).toEqual({ status: 202, body: { cancelled: 0 } });
    expect(await open()).toBe("abcd");
  });

  test("messages of runs are none of them", async () => {
    const { world, call } = await createMessageWorld();
    await world.start({ delayMs: 60_000 });
    expect((await call("/v2/messages", remove)).body.cancelled).toBe(0);
    expect(await world.store.count("messages", [])).toBe(1);
  });
});

const flow = (key: string) => ({ key, parallelism: 1, rate: null, periodMs: 1_000 });

describe("by filters", () => {
  const messages: Readonly<Record<string, PublishOptions>> = {
    a: { url: "https://one.example/a/b?c=1", labels: ["red", "big"], flowControl: flow("k/1") },
    b: { url: "https://one.example:8443/a", labels: ["blue"], topicName: "t", queueName: "q" },
    c: { url: "https://two.example/a,b", scheduleId: "s", callerIp: "192.0.2.9" },
    d: { url: "https://two.example/a", flowControl: flow("k2"), labels: ["bigger"] },
  };

  test.each([
    ["topicName=t", "acd"],
    ["queueName=q", "acd"],
    ["queueName=none", "abcd"],
    ["url=https://two.example/a", "abc"],
    ["url=https://two.example/a,b", "abd"],
    ["url=https://two.example/a&url=https://one.example:8443/a", "ac"],
    ["url=https://two.example/a,https://one.example:8443/a", "ac"],
    ["host=one.example", "cd"],
    ["host=ONE.example:8443", "acd"],
    ["path=/a", "ac"],
    ["path=/a/b", "bcd"],
    ["path=/a,b", "abd"],
    ["path=/a/b,/a,b", "bd"],
    ["host=two.example&path=/a", "abc"],
    ["label=big", "bcd"],
    ["label=big,blue", "cd"],
    ["label=blue&flowControlKey=k2", "abcd"],
    ["flowControlKey=k/1&flowControlKey=k2", "bc"],
    ["flowControlKey=k/1,k2", "bc"],
    ["scheduleId=s", "abd"],
    ["callerIp=192.0.2.9", "abd"],
    ["callerIP=192.0.2.9", "abd"],
    ["callerIp=203.0.113.7", "c"],
    ["label=%25", "abcd"],
    ["url=https://%25", "abcd"],
  ])("%s leaves %s", async (search, left) => {
    const { call, open } = await holding(messages);
    const reply = await call(`/v2/messages?${search}`, remove);
    expect(reply.status).toBe(202);
    expect(reply.body.cancelled).toBe(4 - left.length);
    expect(await open()).toBe(left);
  });

  test("by dates, both inclusive", async () => {
    const { world, call, open } = await holding(messages);
    const first = world.host.now() - 40;
    await call(`/v2/messages?fromDate=${first + 10}&toDate=${first + 20}`, remove);
    expect(await open()).toBe("ad");
    await call("/v2/messages?toDate=946684800000", remove);
    expect(await open()).toBe("ad");
    await call(`/v2/messages?fromDate=${first + 30}`, remove);
    expect(await open()).toBe("a");
  });

  test("filters of a body are the same", async () => {
    const { call, open } = await holding(messages);
    await call("/v2/messages", sendJson({ label: ["blue", "bigger"], count: 10 }));
    expect(await open()).toBe("ac");
  });

  test("count is a bound, and the newest go first", async () => {
    const { call, open } = await holding({ a: {}, b: {}, c: {}, d: { labels: ["x"] } });
    expect((await call("/v2/messages?count=1", remove)).body).toEqual({ cancelled: 1 });
    expect(await open()).toBe("abc");
    expect((await call("/v2/messages?count=2", remove)).body).toEqual({ cancelled: 2 });
    expect((await call("/v2/messages?count=500", remove)).body).toEqual({ cancelled: 1 });
  });

  test("a bound on parts of the URL looks behind what does not match", async () => {
    const { world, publish, call } = await createMessageWorld();
    const wanted = { url: "https://wanted.example/", delayMs: 60_000 };
    await publish(wanted);
    await Promise.all(Array.from({ length: 600 }, () => publish({ delayMs: 60_000 })));
    expect((await call("/v2/messages?host=wanted.example&count=5", remove)).body).toEqual({
      cancelled: 1,
    });
    expect(await world.store.count("messages", [])).toBe(600);
  });
});

describe("nothing at all", () => {
  test("cancels everything, in every state", async () => {
    const { world, publish, call } = await createMessageWorld();
    const attempt = Promise.withResolvers<Outcome>();
    let attempts = 0;
    world.host.app = () => {
      attempts += 1;
      return attempt.promise;
    };
    const callback = { url: "https://app.example/done", method: "POST", headers: {} };
    await publish({ queueName: "q", callback, body: "in flight" });
    await world.until(async () => attempts === 1);
    await publish({ queueName: "q", body: "in line" });
    await publish({ delayMs: 1_000, body: "not due" });
    const reply = await call("/v2/messages", remove);
    expect(reply).toEqual({
      status: 202,
      body: { cancelled: 3, actionId: expect.stringMatching(/^act_/) },
    });
    attempt.resolve(respond(200));
    await world.until(async () => (await world.store.count("messages", [])) === 1);
    // What was in flight has been delivered, and is reported; nothing else has begun.
    await world.host.advance(10_000);
    expect(attempts).toBe(2);
    const [queue] = await world.store.find("queues", "byName", [["q"]]);
    expect(queue).toMatchObject({ waitingCount: 0 });
  });

  test("starts nothing of a queue whose head holds its place until a retry", async () => {
    const { world, publish, call } = await createMessageWorld();
    const sent: string[] = [];
    world.host.app = ({ text }) => {
      sent.push(text);
      return respond(500);
    };
    for (let index = 0; index < 1_200; index += 1) {
      await publish({ queueName: "q", body: String(index) });
    }
    await world.until(async () => {
      const scheduled = [{ type: "in", column: "state", values: ["scheduled"] } as const];
      return (await world.store.count("messages", scheduled)) === 1;
    });
    expect((await call("/v2/messages", remove)).body.cancelled).toBe(1_200);
    expect(await world.store.count("messages", [])).toBe(0);
    expect(sent).toEqual(["0"]);
  });
});

async function expectRefused(known: MessageWorld, target: string, init: RequestInit, text: string) {
  const reply = await known.call(target, init);
  expect(reply.status).toBe(400);
  expect(reply.body.error).toContain(text);
  expect(await known.open()).toBe("ab");
  expect(await known.world.store.count("bulkActions", [])).toBe(0);
}

describe("refused, with nothing changed", () => {
  test.each([
    ["?labeel=x", "labeel is not known here"],
    ["?workflowUrl=https://a.test", "workflowUrl is not known here"],
    ["?label=", "label must have a value"],
    ["?messageIds=", "messageIds must have a value"],
    ["?count=0", "count must be a whole number of 1 or more"],
    ["?count=-1", "count must be a whole number of 1 or more"],
    ["?count=many", "count must be a whole number of 1 or more"],
    ["?fromDate=5&toDate=4", "fromDate must not be after toDate"],
    ["?async=perhaps", "async must be true or false"],
    ["?async=true&state=ACTIVE", "state is not known here"],
  ])("%s", async (search, text) => {
    await expectRefused(await holding({ a: {}, b: {} }), `/v2/messages${search}`, remove, text);
  });

  test.each([
    ["{", "the body"],
    ["[]", "a JSON object"],
    ["{}", "names no ids"],
    ["null", "a JSON object"],
    ['{"messageIds":null}', "names no ids"],
    ['{"messageIds":[""]}', "must have a value"],
    ['{"messageIds":[{}]}', "must be a text"],
    ['{"messageIDs":["x"]}', "messageIDs is not known"],
  ])("the body %s", async (body, text) => {
    await expectRefused(await holding({ a: {}, b: {} }), "/v2/messages", sendJson(body), text);
  });
});
