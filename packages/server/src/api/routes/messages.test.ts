import { messageId } from "@reprise/protocol";
import { describe, expect, test } from "vitest";
import type { Outcome } from "../../core/outcome.ts";
import { createMessageWorld, DESTINATION } from "../message-world.suite.ts";
import { respond } from "../test-world.suite.ts";

const remove = { method: "DELETE" };

describe("get", () => {
  test("shows a message that waits, and still when it has been delivered", async () => {
    const { world, publish, call, open } = await createMessageWorld();
    world.host.app = () => respond(200);
    const key = await publish({
      delayMs: 5_000,
      body: "hello",
      headers: { "x-a": "1" },
      labels: ["l"],
    });
    const before = await call(`/v2/messages/${messageId(key)}`);
    expect(before).toMatchObject({
      status: 200,
      body: {
        messageId: messageId(key),
        url: DESTINATION,
        method: "POST",
        header: { "X-A": ["1"] },
        body: "hello",
        maxRetries: 3,
        notBefore: world.host.now() + 5_000,
        createdAt: world.host.now(),
        callerIP: "203.0.113.7",
        label: "l",
        labels: ["l"],
        state: "SCHEDULED",
        retried: 0,
        nextDeliveryTime: world.host.now() + 5_000,
        waitingFor: "delay until 2025-06-15T15:06:45Z",
      },
    });
    await world.host.advance(5_000);
    await world.until(async () => (await open()) === "");
    const after = await call(`/v2/messages/${messageId(key)}`);
    const { state, retried, nextDeliveryTime, waitingFor, ...given } = before.body;
    expect(after).toEqual({ status: 200, body: given });
  });

  test.each(["msg_", "msg_zzzz", "msg_01", "nothing", "msg_%2e%2e", "1-1"])(
    "answers 404 for %s",
    async (id) => {
      const { call, publish } = await createMessageWorld();
      await publish();
      const reply = await call(`/v2/messages/${id}`);
      expect(reply.status).toBe(404);
      expect(reply.body.error).toContain("there is no message");
    },
  );

  test("does not know the messages of runs", async () => {
    const { world, call } = await createMessageWorld();
    await world.start({ delayMs: 60_000 });
    const [message] = await world.store.list("messages", {
      where: [],
      order: "ascending",
      limit: 1,
    });
    const target = `/v2/messages/${messageId(message?.key ?? -1)}`;
    expect((await call(target)).status).toBe(404);
    expect((await call(target, remove)).status).toBe(404);
    expect((await call(`${target}/retry`, { method: "POST" })).status).toBe(404);
    expect(await world.store.count("messages", [])).toBe(1);
  });
});

describe("cancel", () => {
  test("takes a waiting message away, once", async () => {
    const { world, hold, call, open } = await createMessageWorld();
    const id = await hold({ body: "a" });
    await hold({ body: "b" });
    expect(await call(`/v2/messages/${id}`, remove)).toEqual({
      status: 202,
      body: { cancelled: 1 },
    });
    expect(await open()).toBe("b");
    expect((await call(`/v2/messages/${id}`, remove)).status).toBe(404);
    expect(await world.store.count("deadMessages", [])).toBe(0);
  });

  test("is accepted again while the attempt goes on, which ends the message", async () => {
    const { world, publish, call } = await createMessageWorld();
    const attempt = Promise.withResolvers<Outcome>();
    let attempts = 0;
    world.host.app = () => {
      attempts += 1;
      return attempt.promise;
    };
    const target = `/v2/messages/${messageId(await publish())}`;
    await world.until(async () => attempts === 1);
    for (const _ of [1, 2]) {
      expect(await call(target, remove)).toEqual({ status: 202, body: { cancelled: 1 } });
    }
    // It is in nobody's count any more.
    expect((await call("/v2/messages?count=10", remove)).body).toEqual({ cancelled: 0 });
    attempt.resolve(respond(500));
    await world.until(async () => (await world.store.count("messages", [])) === 0);
    expect((await call(target, remove)).status).toBe(404);
    await world.host.advance(86_400_000);
    expect(attempts).toBe(1);
    expect(await world.store.count("deadMessages", [])).toBe(0);
  });
});

describe("send now", () => {
  test("ends the wait for a delay without counting an attempt", async () => {
    const { world, hold, call } = await createMessageWorld();
    const retried: (string | undefined)[] = [];
    world.host.app = ({ headers }) => {
      retried.push(headers["upstash-retried"]);
      return respond(retried.length < 3 ? 500 : 200);
    };
    const id = await hold();
    for (const count of [1, 2, 3]) {
      expect(await call(`/v2/messages/${id}/retry`, { method: "POST" })).toEqual({
        status: 200,
        body: {},
      });
      await world.until(async () => {
        const [row] = await world.store.list("messages", {
          where: [{ type: "in", column: "state", values: ["active"] }],
          order: "ascending",
          limit: 1,
        });
        return retried.length === count && row === undefined;
      });
    }
    expect(retried).toEqual(["0", "1", "2"]);
    expect((await call(`/v2/messages/${id}/retry`, { method: "POST" })).status).toBe(404);
  });

  test("is refused for messages in queues and those in delivery", async () => {
    const { world, hold, publish, call } = await createMessageWorld();
    world.host.app = () => new Promise(() => {});
    const queued = await hold({ queueName: "q" });
    const reply = await call(`/v2/messages/${queued}/retry`, { method: "POST" });
    expect(reply.status).toBe(400);
    expect(reply.body.error).toContain("queue q");
    const active = messageId(await publish());
    expect((await call(`/v2/messages/${active}/retry`, { method: "POST" })).status).toBe(404);
    expect((await call("/v2/messages/nothing/retry", { method: "POST" })).status).toBe(404);
  });
});
