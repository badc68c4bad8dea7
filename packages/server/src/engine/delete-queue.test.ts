import { afterEach, beforeEach, expect, test } from "vitest";
import type { Answers, DeleteQueue } from "../core/commands.ts";
import { allMessages, openWorld, type World } from "./engine.suite.ts";
import type { Engine } from "./engine.ts";
import {
  answerOne,
  flowOf,
  newMessage,
  newMessages,
  queueOf,
  replace,
  sentTo,
} from "./gates.suite.ts";

let world: World;

beforeEach(async () => {
  world = await openWorld();
});

afterEach(() => world.store.close());

const inQueue = { queueName: "q" };
const callback = { url: "https://app.test/report", method: "POST", headers: {} };
const sent = () => sentTo(world.host);

async function deleteSome(engine: Engine, afterKey = 0): Promise<number | null> {
  const command: DeleteQueue = { type: "deleteQueue", name: "q", afterKey };
  const answers: readonly Answers["deleteQueue"][] = await engine.execute([command]);
  return answers[0]?.nextAfterKey ?? null;
}

async function moments(): Promise<readonly string[]> {
  const logs = await world.store.list("logs", { where: [], order: "ascending", limit: 10_000 });
  return logs.map(({ moment }) => moment);
}

test("cancels what waits or is delayed, and lets the attempt in flight be the last", async () => {
  const { host, engine, store } = world;
  const notBefore = host.now() + 60_000;
  const late = newMessage(host, "late", { ...inQueue, notBefore });
  await engine.execute([...newMessages(host, ["a", "b"], inQueue), late]);
  await host.settle();
  expect(await deleteSome(engine)).toBeNull();
  expect(await queueOf(store, "q")).toBeUndefined();
  expect((await allMessages(store)).map(({ state }) => state)).toEqual(["canceling"]);
  await answerOne(host, "a", 500);
  await host.advance(120_000);
  expect(sent()).toEqual([]);
  expect(await allMessages(store)).toEqual([]);
  expect(await store.count("deadMessages", [])).toBe(0);
  expect(await moments()).toEqual([
    "acceptedActive",
    "accepted",
    "accepted",
    "cancelRequested",
    "canceled",
    "canceled",
    "canceledLate",
  ]);
});

test("starts nothing that has been handed over and not sent", async () => {
  world = await openWorld({ perOriginMax: 1 });
  const { host, engine, store } = world;
  await engine.execute([newMessage(host, "other")]);
  await engine.execute(newMessages(host, ["a", "b"], inQueue));
  await deleteSome(engine);
  await answerOne(host, "other");
  expect(sent()).toEqual([]);
  expect(await allMessages(store)).toEqual([]);
});

test("makes room for a queue of the same name, which counts its own messages only", async () => {
  const { host, engine, store } = world;
  await engine.execute([newMessage(host, "a", { ...inQueue, callback })]);
  await engine.execute([newMessage(host, "b", { ...inQueue, callback, retries: 0 })]);
  await answerOne(host, "a");
  await host.until(() => sent().includes("report"));
  await deleteSome(engine);
  await engine.execute(newMessages(host, ["c", "d"], inQueue));
  await host.settle();
  expect(sent()).toEqual(["report", "c"]);
  expect(await queueOf(store, "q")).toMatchObject({ openCount: 1, waitingCount: 1 });
  await answerOne(host, "report");
  expect(sent()).toEqual(["c"]);
  await answerOne(host, "c");
  await answerOne(host, "d");
  expect(await queueOf(store, "q")).toMatchObject({ openCount: 0, waitingCount: 0 });
  expect(await allMessages(store)).toEqual([]);
});

test("does not make the queue anew for the callback of an attempt in flight", async () => {
  const { host, engine, store } = world;
  await engine.execute([newMessage(host, "a", { ...inQueue, callback })]);
  await host.settle();
  await deleteSome(engine);
  await answerOne(host, "a");
  expect(sent()).toEqual(["report"]);
  expect(await queueOf(store, "q")).toBeUndefined();
});

test("gives back what its messages wait for elsewhere", async () => {
  const { host, engine, store } = world;
  const flowControl = { key: "k", parallelism: 1, rate: null, periodMs: 1_000 };
  await engine.execute([newMessage(host, "other", { flowControl })]);
  await engine.execute([newMessage(host, "a", { ...inQueue, flowControl })]);
  expect(await flowOf(store, "k")).toMatchObject({ inFlightCount: 1, waitingCount: 1 });
  await deleteSome(engine);
  expect(await flowOf(store, "k")).toMatchObject({ inFlightCount: 1, waitingCount: 0 });
  await answerOne(host, "other");
  expect(await flowOf(store, "k")).toMatchObject({ inFlightCount: 0, waitingCount: 0 });
});

test("a message that is accepted in the same transaction is not left behind", async () => {
  const { host, engine, store } = world;
  await engine.execute([newMessage(host, "a", inQueue)]);
  await host.settle();
  const command: DeleteQueue = { type: "deleteQueue", name: "q", afterKey: 0 };
  const both = [newMessage(host, "b", inQueue), command];
  const answers = await engine.execute<(typeof both)[number]>(both);
  expect(answers[1]).toMatchObject({ nextAfterKey: expect.any(Number) });
  expect(await queueOf(store, "q")).toMatchObject({ isPaused: 1, waitingCount: 1 });
  expect(await deleteSome(engine)).toBeNull();
  expect((await allMessages(store)).map(({ state }) => state)).toEqual(["canceling"]);
});

test("a server that ends within the delete of a long queue leaves a paused one with the rest", async () => {
  const { host, engine, store } = world;
  const names = Array.from({ length: 1_200 }, (_, index) => `m${index}`);
  await engine.execute(newMessages(host, names, inQueue));
  await host.settle();
  const afterKey = await deleteSome(engine);
  expect(afterKey).toEqual(expect.any(Number));
  const next = await replace(world, engine);
  expect(sent()).toEqual([]);
  expect(await queueOf(store, "q")).toMatchObject({ isPaused: 1, openCount: 0, waitingCount: 700 });
  await next.execute([{ type: "resumeQueue", name: "q" }]);
  await host.settle();
  expect(sent()).toEqual(["m500"]);
  let rounds = 0;
  for (let after: number | null = 0; after !== null; rounds++)
    after = await deleteSome(next, after);
  expect(rounds).toBe(2);
  await answerOne(host, "m500");
  expect(await allMessages(store)).toEqual([]);
  expect(await queueOf(store, "q")).toBeUndefined();
});

test("a queue that is not there can be deleted", async () => {
  expect(await deleteSome(world.engine)).toBeNull();
});
