import { messageId } from "@reprise/protocol";
import { describe, expect, test } from "vitest";
import { assert } from "../../core/assert.ts";
import type { Outcome } from "../../core/outcome.ts";
import { insert } from "../../core/transition.ts";
import {
  createMessageWorld,
  type MessageWorld,
  type PublishOptions,
} from "../message-world.suite.ts";
import { respond } from "../test-world.suite.ts";

/** `GET /v2/messages`: which open messages are listed, in which order, and what each of them waits for. */

/** The bodies on one page, in its order; the bodies are letters. */
async function names({ call }: MessageWorld, search = ""): Promise<string> {
  const { status, body } = await call(`/v2/messages${search}`);
  expect(status).toBe(200);
  return body.messages.map((message) => message.body).join("");
}

async function holding(messages: Readonly<Record<string, PublishOptions>>): Promise<MessageWorld> {
  const known = await createMessageWorld();
  for (const [body, options] of Object.entries(messages)) {
    await known.hold({ ...options, body });
    await known.world.host.advance(10);
  }
  return known;
}

/** Every destination answers when the test says so. */
async function hanging() {
  const known = await createMessageWorld();
  const answers: ((outcome: Outcome) => void)[] = [];
  known.world.host.app = () => new Promise((resolve) => answers.push(resolve));
  const begun = (count: number) => known.world.until(async () => answers.length === count);
  return { ...known, answers, begun };
}

const flow = (key: string, parallelism = 1) => ({ key, parallelism, rate: null, periodMs: 1_000 });

describe("by filters", () => {
  const messages: Readonly<Record<string, PublishOptions>> = {
    a: { url: "https://one.example/a/b?c=1", labels: ["red", "big"], flowControl: flow("k/1") },
    b: { url: "https://one.example:8443/a", labels: ["blue"], topicName: "t", queueName: "q" },
    c: { url: "https://two.example/a,b", scheduleId: "s", callerIp: "192.0.2.9" },
    d: { url: "https://two.example/a", flowControl: flow("k2"), labels: ["bigger"] },
  };

  test.each([
    ["", "dcba"],
    ["order=earliestFirst", "abcd"],
    ["topicName=t", "b"],
    ["queueName=q", "b"],
    ["queueName=none", ""],
    ["url=https://two.example/a", "d"],
    ["url=https://two.example/a,b", "c"],
    ["url=https://two.example/a,https://one.example:8443/a", "db"],
    ["host=one.example", "ba"],
    ["host=ONE.example:8443", "b"],
    ["path=/a", "db"],
    ["host=two.example&path=/a", "d"],
    ["label=big", "a"],
    ["label=big,blue", "ba"],
    ["label=blue&flowControlKey=k2", ""],
    ["flowControlKey=k/1&flowControlKey=k2", "da"],
    ["scheduleId=s", "c"],
    ["callerIp=192.0.2.9", "c"],
    ["callerIP=203.0.113.7&order=earliestFirst", "abd"],
    ["state=SCHEDULED", "dcba"],
    ["state=SCHEDULED&state=ACTIVE&label=red", "a"],
    ["state=WAITING,ACTIVE,CANCEL_REQUESTED", ""],
    ["labeel=x&workflowUrl=y", "dcba"],
  ])("%s lists %s", async (search, listed) => {
    const known = await holding(messages);
    expect(await names(known, `?${search}`)).toBe(listed);
    const counted = await known.call(`/v2/messages?${search}&countOnly=true&count=1`);
    expect(counted).toEqual({ status: 200, body: { count: listed.length } });
  });

  test("by dates, both inclusive", async () => {
    const known = await holding(messages);
    const first = known.world.host.now() - 40;
    expect(await names(known, `?fromDate=${first + 10}&toDate=${first + 20}`)).toBe("cb");
    expect(await names(known, "?toDate=946684800000")).toBe("");
  });

  test("ids win over every filter; unknown ones are passed over", async () => {
    const known = await holding(messages);
    const [, c, b] = (await known.call("/v2/messages")).body.messages;
    const ids = `messageIds=${b?.messageId},msg_zzzz,nonsense&messageIds=${c?.messageId}`;
    expect(await names(known, `?${ids}&label=red&state=ACTIVE`)).toBe("cb");
    expect((await known.call(`/v2/messages?${ids}&countOnly=true`)).body).toEqual({ count: 2 });
    expect(await names(known, "?messageIds=nonsense")).toBe("");
  });

  test.each([
    ["label=", "label must have a value"],
    ["messageIds=", "messageIds must have a value"],
    ["count=0", "count must be a whole number of 1 or more"],
    ["state=DELIVERED", "state must be one of SCHEDULED, WAITING, ACTIVE, CANCEL_REQUESTED"],
    ["fromDate=5&toDate=4", "fromDate must not be after toDate"],
    ["order=sideways", "order must be one of"],
    ["countOnly=perhaps", "countOnly must be true or false"],
  ])("%s is refused", async (search, text) => {
    const { call } = await createMessageWorld();
    const { status, body } = await call(`/v2/messages?${search}`);
    expect([status, body.error]).toEqual([400, expect.stringContaining(text)]);
  });

  test("what has ended and messages of runs are not there", async () => {
    const { world, publish, call, open } = await createMessageWorld();
    world.host.app = () => respond(200);
    await publish();
    await world.until(async () => (await open()) === "");
    await world.start({ delayMs: 60_000 });
    expect(await call("/v2/messages")).toEqual({ status: 200, body: { messages: [] } });
    expect((await call("/v2/messages?countOnly=true")).body).toEqual({ count: 0 });
  });
});

describe("pages", () => {
  const seven = () => holding({ a: {}, b: {}, c: {}, d: {}, e: {}, f: {}, g: {} });

  test.each(["latestFirst", "earliestFirst"])("%s: each message once", async (order) => {
    const { call } = await seven();
    let search = `?order=${order}&count=3`;
    const pages: string[] = [];
    for (let page = 0; page < 5; page += 1) {
      const { body } = await call(`/v2/messages${search}`);
      pages.push(body.messages.map((message) => message.body).join(""));
      if (body.cursor === undefined) break;
      search = `?order=${order}&count=3&cursor=${body.cursor}`;
    }
    expect(pages).toEqual(order === "latestFirst" ? ["gfe", "dcb", "a"] : ["abc", "def", "g"]);
  });

  test("that end where the list does have no cursor", async () => {
    const { call } = await seven();
    expect((await call("/v2/messages?count=7")).body.cursor).toBeUndefined();
    expect((await call("/v2/messages?count=6")).body.cursor).toBeDefined();
  });

  test("a cursor works where it was issued alone", async () => {
    const { call } = await seven();
    const { cursor } = (await call("/v2/messages?count=2")).body;
    for (const search of [
      `order=earliestFirst&cursor=${cursor}`,
      `cursor=${cursor}x`,
      "cursor=1",
    ]) {
      expect((await call(`/v2/messages?${search}`)).status).toBe(400);
    }
  });

  test("have 100 messages when nothing was said, and 1,000 at most", async () => {
    const { call, publish } = await createMessageWorld();
    const wanted = { url: "https://wanted.example/", delayMs: 60_000 };
    await publish(wanted);
    await Promise.all(Array.from({ length: 1_000 }, () => publish({ delayMs: 60_000 })));
    expect((await call("/v2/messages")).body.messages).toHaveLength(100);
    expect((await call("/v2/messages?count=5000")).body.messages).toHaveLength(1_000);
    // It lies behind everything that does not match.
    const rare = await call("/v2/messages?host=wanted.example&count=1");
    expect(rare.body.messages.map(({ url }) => url)).toEqual([wanted.url]);
    expect((await call("/v2/messages?host=wanted.example&countOnly=true")).body).toEqual({
      count: 1,
    });
  });

  test.each(["latestFirst", "earliestFirst"])(
    "%s: go on behind very many keys of other things",
    async (order) => {
      const { call, publish, world } = await createMessageWorld();
      const { store } = world;
      const key = await publish({ delayMs: 60_000, labels: ["far"] });
      const [message] = await store.get("messages", [key]);
      const [envelope] = await store.get("envelopes", [key]);
      assert(message !== undefined && envelope !== undefined, "it has just been published");
      const keys = [1, 2, 3].map((count) => key + count * 120_000);
      const changes = keys.flatMap((copy) => [
        insert("messages", { ...message, key: copy }),
        insert("envelopes", { ...envelope, key: copy }),
      ]);
      await store.transaction((transaction) => transaction.write(changes));
      const search = `/v2/messages?order=${order}&label=far`;
      const first = (await call(`${search}&count=3`)).body;
      const rest = (await call(`${search}&count=3&cursor=${first.cursor}`)).body;
      const shown = [...first.messages, ...rest.messages].map((shownOne) => shownOne.messageId);
      const all = [key, ...keys].map(messageId);
      expect(shown).toEqual(order === "earliestFirst" ? all : all.toReversed());
      expect((await call(`${search}&countOnly=true`)).body).toEqual({ count: 4 });
    },
  );

  test("end early when the search takes long, maybe empty, and the next one goes on", async () => {
    const { call, publish, world } = await createMessageWorld();
    const wanted = await publish({ url: "https://wanted.example/", delayMs: 60_000_000 });
    await Promise.all(Array.from({ length: 600 }, () => publish({ delayMs: 60_000_000 })));
    const { now } = world.host;
    let lateMs = 0;
    // Each look at the clock is so much later than the one before.
    world.host.now = () => {
      lateMs += 300;
      return now() + lateMs;
    };
    const first = (await call("/v2/messages?host=wanted.example")).body;
    expect(first.messages).toEqual([]);
    const rest = (await call(`/v2/messages?host=wanted.example&cursor=${first.cursor}`)).body;
    world.host.now = now;
    expect(rest.messages.map((message) => message.messageId)).toEqual([messageId(wanted)]);
  });

  test("end early when bodies are large, and the next one goes on", async () => {
    const { call, publish } = await createMessageWorld();
    // One read brings twenty of them, which is more than a page may have.
    const body = "x".repeat(2 * 1024 * 1024);
    for (let index = 0; index < 22; index += 1) await publish({ body, delayMs: 60_000 });
    const first = (await call("/v2/messages")).body;
    expect(first.messages).toHaveLength(20);
    const rest = (await call(`/v2/messages?cursor=${first.cursor}`)).body;
    const shown = [...first.messages, ...rest.messages].map((message) => message.messageId);
    expect(new Set(shown).size).toBe(22);
    expect(rest.messages).toHaveLength(2);
    expect(rest.cursor).toBeUndefined();
  });
});

describe("what a message waits for", () => {
  /** By the body of each message. */
  async function reasons({ call }: MessageWorld): Promise<Readonly<Record<string, string>>> {
    const { messages } = (await call("/v2/messages")).body;
    for (const { messageId: id, waitingFor } of messages) {
      const { body } = await call(`/v2/messages/${id}`);
      expect(body.waitingFor).toBe(waitingFor);
    }
    return Object.fromEntries(messages.map(({ body = "", waitingFor }) => [body, waitingFor]));
  }

  test("a place in its queue, with those before it and who has the place", async () => {
    const known = await hanging();
    const { publish, call, world } = known;
    const first = messageId(await publish({ queueName: "q", body: "a" }));
    for (const body of ["b", "c", "d"]) await publish({ queueName: "q", body });
    await publish({ queueName: "q", body: "e", delayMs: 3_600_000 });
    await known.begun(1);
    const shown = await reasons(known);
    expect(shown).toMatchObject({
      a: "delivery in flight since 2025-06-15T15:06:40Z (attempt 1 of 4)",
      b: `queue q, place 1 of 3; 1 of 1 place taken by ${first}`,
      c: `queue q, place 2 of 3; 1 of 1 place taken by ${first}`,
      d: `queue q, place 3 of 3; 1 of 1 place taken by ${first}`,
      e: "delay until 2025-06-15T16:06:40Z",
    });
    // Also on a page that begins behind others.
    const page = await call("/v2/messages?state=WAITING&order=earliestFirst&count=1");
    const next = await call(
      `/v2/messages?state=WAITING&order=earliestFirst&count=1&cursor=${page.body.cursor}`,
    );
    expect(next.body.messages[0]?.waitingFor).toContain("place 2 of 3");
    await world.engine.execute([{ type: "pauseQueue", name: "q" }]);
    expect((await reasons(known)).c).toBe("queue q, which is paused; place 2 of 3");
  });

  /** More than are looked at from both ends to find who has a place. */
  const LINE = 50;

  test("a callback has the place of the message that it reports about", async () => {
    const known = await hanging();
    const { publish, begun, answers, call } = known;
    const callback = { url: "https://app.example/done", method: "POST", headers: {} };
    const first = messageId(await publish({ queueName: "q", callback, body: "a" }));
    await publish({ queueName: "q", body: "b" });
    for (let index = 1; index < LINE; index += 1) await publish({ queueName: "q" });
    await begun(1);
    expect((await reasons(known)).b).toBe(
      `queue q, place 1 of ${LINE}; 1 of 1 place taken by ${first}`,
    );
    answers[0]?.(respond(200));
    await begun(2);
    const [report] = (await call("/v2/messages?state=ACTIVE")).body.messages;
    expect((await reasons(known)).b).toBe(
      `queue q, place 1 of ${LINE}; 1 of 1 place taken by ${report?.messageId}, a callback of ${first}`,
    );
  });

  test("a retry, for which it keeps its place", async () => {
    const known = await hanging();
    await known.publish({ queueName: "q", body: "a" });
    await known.begun(1);
    known.answers[0]?.(respond(500, "", { "retry-after": ["60"] }));
    await known.world.until(async () => (await names(known, "?state=SCHEDULED")) === "a");
    const [message] = (await known.call("/v2/messages")).body.messages;
    expect(message).toMatchObject({
      state: "SCHEDULED",
      retried: 1,
      nextDeliveryTime: known.world.host.now() + 60_000,
      waitingFor: "retry 1 of 3 at 2025-06-15T15:07:40Z; it keeps its place in queue q",
    });
    await known.world.host.advance(60_000);
    await known.begun(2);
    expect((await reasons(known)).a).toBe(
      "delivery in flight since 2025-06-15T15:07:40Z (attempt 2 of 4)",
    );
  });

  test("a place, or the next period, of its flow control key", async () => {
    const known = await hanging();
    const first = messageId(await known.publish({ flowControl: flow("k"), body: "a" }));
    for (const body of ["b", "c"]) await known.publish({ flowControl: flow("k"), body });
    const rated = { key: "r", parallelism: null, rate: 1, periodMs: 60_000 };
    for (const body of ["d", "e"]) await known.publish({ flowControl: rated, body });
    await known.begun(2);
    expect(await reasons(known)).toMatchObject({
      b: `flow control key k, place 1 of 2; 1 of 1 in flight by ${first}`,
      c: `flow control key k, place 2 of 2; 1 of 1 in flight by ${first}`,
      e: "flow control key r, place 1 of 1; the rate of 1 per 60 s is used up until 2025-06-15T15:07:40Z",
    });
    expect(await names(known, "?state=WAITING")).toBe("ecb");
  });

  test("the end of an attempt that is the last one", async () => {
    const known = await hanging();
    const id = messageId(await known.publish({ body: "a" }));
    await known.begun(1);
    await known.call(`/v2/messages/${id}`, { method: "DELETE" });
    expect(await reasons(known)).toEqual({
      a: "cancelled; the delivery in flight since 2025-06-15T15:06:40Z is the last one",
    });
    expect(await names(known, "?state=CANCEL_REQUESTED")).toBe("a");
    expect(await names(known, "?state=SCHEDULED,WAITING,ACTIVE")).toBe("");
    expect((await known.call("/v2/messages?countOnly=true")).body).toEqual({ count: 1 });
  });

  test("others to the same destination, in memory and in the store", async () => {
    const known = await hanging();
    const total = 50 + 1_000 + 2;
    for (let index = 0; index < total; index += 1) await known.publish();
    await known.begun(50);
    const { messages } = (await known.call(`/v2/messages?count=${total}`)).body;
    const { cursor } = (await known.call("/v2/messages?count=1000")).body;
    const oldest = (await known.call(`/v2/messages?count=1000&cursor=${cursor}`)).body.messages;
    const all = [...messages, ...oldest].map(({ waitingFor }) => waitingFor);
    const having = (text: string) => all.filter((reason) => reason.includes(text)).length;
    expect(all).toHaveLength(total);
    expect(having("delivery in flight since")).toBe(50);
    expect(having("line of https://app.example: as many deliveries are in flight")).toBe(1_000);
    expect(all.slice(0, 2)).toEqual([
      "line of https://app.example, place 2: more deliveries wait there than are kept in memory",
      "line of https://app.example, place 1: more deliveries wait there than are kept in memory",
    ]);
  });

  test("costs a few reads, however many wait: places are told of the first hundred", async () => {
    const { publish, call, world } = await createMessageWorld();
    await world.engine.execute([
      { type: "upsertQueue", name: "q", parallelism: null, isPaused: true },
    ]);
    for (let index = 0; index < 150; index += 1) await publish({ queueName: "q" });
    const { messages } = (await call("/v2/messages?count=150")).body;
    const reason = (index: number) => messages[index]?.waitingFor;
    expect(reason(0)).toBe("queue q, which is paused; place 150 of 150");
    expect(reason(99)).toBe("queue q, which is paused; place 51 of 150");
    expect(reason(100)).toBe("queue q, which is paused; one of 150 in line");
    const before = world.store.counters.rowsRead;
    await call("/v2/messages?count=150");
    // The message, its envelope, and the queue.
    expect(world.store.counters.rowsRead - before).toBeLessThan(320);
  });
});
