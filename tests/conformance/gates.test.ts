import { Client as QstashClient } from "@upstash/qstash";
import { beforeEach, describe, expect, test } from "vitest";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

/** Queues and flow control, with the official clients: what an operator does to them, and what the app sees of it. */

const world = useWorld({ isOnDisk: true, config: { parallelismMax: 7 } });
let client: QstashClient;
let url: string;
/** Requests that the app has not answered yet. */
let held: ((response: Response) => void)[];
let most: number;

beforeEach(() => {
  client = new QstashClient({ baseUrl: world.server.url, token: world.token });
  held = [];
  most = 0;
  url = world.app.on("/held", () => {
    return new Promise((resolve) => {
      held.push(resolve);
      most = Math.max(most, held.length);
    });
  });
});

const bodies = () => world.app.at("/held").map(({ body }) => body);

/** Answers one request after the other until `count` have come. */
async function answerAll(count: number): Promise<void> {
  for (let answered = 0; answered < count; answered++) {
    await until(`request ${answered + 1}`, () => held.length > 0);
    held.shift()?.(new Response("ok"));
  }
}

describe("queues", () => {
  test("are made, changed, listed and deleted", async () => {
    const queue = client.queue({ queueName: "orders_1.a-b" });
    await queue.upsert({ parallelism: 2 });
    const shown = await queue.get();
    expect(shown).toEqual({
      name: "orders_1.a-b",
      createdAt: expect.any(Number),
      updatedAt: expect.any(Number),
      parallelism: 2,
      lag: 0,
      paused: false,
    });
    await queue.pause();
    await queue.pause();
    expect(await queue.get()).toMatchObject({ paused: true });
    // The client says `paused: false` when nothing else is asked for.
    await queue.upsert({ parallelism: 3 });
    expect(await client.queue().list()).toEqual([
      { ...shown, updatedAt: expect.any(Number), parallelism: 3, paused: false },
    ]);
    await queue.delete();
    await queue.delete();
    await expect(queue.get()).rejects.toMatchObject({ status: 404 });
    expect(await client.queue().list()).toEqual([]);
  });

  test("keep their pause, their order and their places over a restart", async () => {
    const queue = client.queue({ queueName: "q" });
    for (const body of ["a", "b", "c", "d"]) await queue.enqueue({ url, body });
    await until("the first request", () => held.length === 1);
    await queue.pause();
    await answerAll(1);
    await until("the end of the first", async () => (await queue.get()).lag === 3);
    await world.restartServer();
    expect(await queue.get()).toMatchObject({ paused: true, lag: 3 });
    expect(bodies()).toEqual(["a"]);
    await queue.resume();
    await answerAll(3);
    await until("the end", async () => (await queue.get()).lag === 0);
    expect(bodies()).toEqual(["a", "b", "c", "d"]);
    expect(most).toBe(1);
  });

  test("are deleted with what waits in them", async () => {
    const queue = client.queue({ queueName: "q" });
    for (const body of ["a", "b", "c"]) await queue.enqueue({ url, body });
    await until("the first request", () => held.length === 1);
    await queue.delete();
    await queue.enqueue({ url, body: "d" });
    await until("the request of the new queue", () => held.length === 2);
    await answerAll(2);
    await until("the end", async () => (await queue.get()).lag === 0);
    expect(bodies()).toEqual(["a", "d"]);
  });
});

describe("flow control", () => {
  test("is there once a message has named it", async () => {
    const flowControl = { key: "k", parallelism: 3, rate: 10, period: "1m" } as const;
    await client.publish({ url, flowControl });
    await until("the request", () => held.length === 1);
    const shown = await client.flowControl.get("k");
    expect(shown).toMatchObject({
      flowControlKey: "k",
      waitListSize: 0,
      parallelismMax: 3,
      parallelismCount: 1,
      rateMax: 10,
      rateCount: 1,
      ratePeriod: 60,
      ratePeriodStart: expect.any(Number),
      isPaused: false,
      isPinnedParallelism: false,
      isPinnedRate: false,
    });
    await answerAll(1);
  });

  test("takes keys with blanks and slashes, as the client puts them into the path", async () => {
    const key = "team a/mails & more/pause";
    await client.flowControl.pin(key, { parallelism: 3, rate: 20, period: 120 });
    expect(await client.flowControl.get(key)).toMatchObject({
      flowControlKey: key,
      parallelismMax: 3,
      rateMax: 20,
      ratePeriod: 120,
      isPinnedParallelism: true,
      isPinnedRate: true,
    });
    await client.flowControl.unpin(key, { parallelism: true });
    expect(await client.flowControl.get(key)).toMatchObject({
      isPinnedParallelism: false,
      isPinnedRate: true,
    });
    await client.flowControl.pause(key);
    expect(await client.flowControl.get(key)).toMatchObject({ isPaused: true });
    await client.flowControl.resume(key);
    await client.flowControl.resetRate(key);
    expect(await client.flowControl.get(key)).toMatchObject({ isPaused: false, rateCount: 0 });
  });

  test("lets no more be in flight than its parallelism, over pause and restart", async () => {
    const flowControl = { key: "k", parallelism: 2 };
    for (let index = 0; index < 8; index++) {
      await client.publish({ url, body: String(index), flowControl });
    }
    await until("two requests", () => held.length === 2);
    expect(await client.flowControl.get("k")).toMatchObject({
      parallelismCount: 2,
      waitListSize: 6,
    });
    await client.flowControl.pause("k");
    await answerAll(2);
    await until("the end of both", async () => {
      return (await client.flowControl.get("k")).parallelismCount === 0;
    });
    await world.restartServer();
    expect(await client.flowControl.get("k")).toMatchObject({ isPaused: true, waitListSize: 6 });
    expect(bodies()).toHaveLength(2);
    await client.flowControl.resume("k");
    await answerAll(6);
    expect(most).toBe(2);
    expect(new Set(bodies()).size).toBe(8);
  });

  test("lets so many start in each period", async () => {
    const flowControl = { key: "k", rate: 3, period: "1s" } as const;
    const fast = world.app.on("/fast", () => new Response("ok"));
    for (let index = 0; index < 8; index++) await client.publish({ url: fast, flowControl });
    await until("all of them", () => world.app.at("/fast").length === 8);
    const ats = world.app.at("/fast").map(({ at }) => at);
    // Two periods lie between the first and the last ones; each is a second, and the way to the app takes its time.
    expect((ats[7] ?? 0) - (ats[0] ?? 0)).toBeGreaterThan(900);
    for (const at of ats) {
      expect(ats.filter((other) => other >= at && other < at + 500).length).toBeLessThanOrEqual(6);
    }
  });

  test("holds for the deliveries of a run", async () => {
    const flow = world.serve("/order", async (context) => {
      await context.run("one", () => 1);
      await context.run("two", () => 2);
    });
    const flowControl = { key: "runs", parallelism: 1 };
    await client.flowControl.pause("runs");
    const { workflowRunId } = await world.client.trigger({ url: flow, flowControl });
    expect(await client.flowControl.get("runs")).toMatchObject({ waitListSize: 1 });
    expect(world.app.at("/order")).toHaveLength(0);
    await client.flowControl.resume("runs");
    await until("the end of the run", async () => {
      const { runs } = await world.client.logs({ workflowRunId });
      return runs[0]?.workflowState === "RUN_SUCCESS";
    });
    await until("the last answer", async () => {
      return (await client.flowControl.get("runs")).parallelismCount === 0;
    });
  });

  test("of all deliveries together counts and limits those in flight", async () => {
    for (let index = 0; index < 9; index++) await client.publish({ url, body: String(index) });
    await until("as many as may be", () => held.length === 7);
    expect(await client.flowControl.getGlobalParallelism()).toEqual({
      parallelismMax: 7,
      parallelismCount: 7,
    });
    await answerAll(9);
    await until("the end", async () => {
      return (await client.flowControl.getGlobalParallelism()).parallelismCount === 0;
    });
    expect(most).toBe(7);
  });
});
