import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { allMessages, openWorld, type World } from "./engine.suite.ts";
import { answerOne, newMessage, newMessages, queueOf, replace, sentTo } from "./gates.suite.ts";
import { accepted } from "./scripted-host.suite.ts";

let world: World;

beforeEach(async () => {
  world = await openWorld();
});

afterEach(() => world.store.close());

const inQueue = { queueName: "q" };
const callback = { url: "https://app.test/report", method: "POST", headers: {} };
const sent = () => sentTo(world.host);
const queue = () => queueOf(world.store, "q");

async function enqueue(...names: readonly string[]): Promise<void> {
  await world.engine.execute(newMessages(world.host, names, inQueue));
  await world.host.settle();
}

/** Answers every request of the server until there is none, and gives their names in order. */
async function drain(status = 200): Promise<readonly string[]> {
  const order: string[] = [];
  for (let name = sent()[0]; name !== undefined; name = sent()[0]) {
    order.push(name);
    await answerOne(world.host, name, status);
  }
  return order;
}

describe("a queue with one place", () => {
  test("delivers in the order of acceptance, one at a time", async () => {
    await enqueue("a", "b");
    await enqueue("c");
    expect(sent()).toEqual(["a"]);
    expect(await queue()).toMatchObject({ openCount: 1, waitingCount: 2 });
    expect(await drain()).toEqual(["a", "b", "c"]);
    expect(await queue()).toMatchObject({ openCount: 0, waitingCount: 0 });
  });

  test("goes on as soon as a message is done, without waiting for other work", async () => {
    const { host } = world;
    await enqueue("a", "b");
    const begin = host.now();
    host.exchanges.shift()?.answer(accepted());
    await host.until(() => sent()[0] === "b");
    expect(host.now()).toBe(begin);
  });

  test("waits for the retries of a message, and goes on when there are none left", async () => {
    const { host } = world;
    await enqueue("a", "b");
    await answerOne(host, "a", 500);
    await host.advance(900);
    expect(sent()).toEqual([]);
    await host.advance(100);
    expect(sent()).toEqual(["a"]);
    await answerOne(host, "a", 500);
    expect(sent()).toEqual(["b"]);
    expect(await world.store.count("deadMessages", [])).toBe(1);
  });

  test("waits for the callbacks of a message, of every attempt", async () => {
    const { host, engine } = world;
    await engine.execute([newMessage(host, "a", { ...inQueue, callback, retries: 1 })]);
    await enqueue("b");
    await answerOne(host, "a", 500);
    await host.advance(1_000);
    await answerOne(host, "a");
    expect(sent()).toEqual(["report", "report"]);
    await answerOne(host, "report");
    expect(sent()).toEqual(["report"]);
    await answerOne(host, "report");
    expect(sent()).toEqual(["b"]);
  });

  test("lets a delayed message take its place in the line when it is due", async () => {
    const { host, engine } = world;
    const notBefore = host.now() + 500;
    await engine.execute([newMessage(host, "late", { ...inQueue, notBefore })]);
    await enqueue("a", "b");
    await host.advance(500);
    await enqueue("c");
    expect(await drain()).toEqual(["a", "b", "late", "c"]);
  });

  test("goes on at once when its first message is cancelled between two attempts", async () => {
    const { host, engine } = world;
    await enqueue("a", "b");
    const [first] = await allMessages(world.store);
    await answerOne(host, "a", 500);
    await engine.execute([{ type: "cancelMessage", messageKey: first?.key ?? 0 }]);
    await host.settle();
    expect(sent()).toEqual(["b"]);
  });

  test("goes on when the attempt of a cancelled message ends, which is not made again", async () => {
    const { host, engine } = world;
    await enqueue("a", "b");
    const [first] = await allMessages(world.store);
    await engine.execute([{ type: "cancelMessage", messageKey: first?.key ?? 0 }]);
    await host.settle();
    expect(sent()).toEqual(["a"]);
    await answerOne(host, "a", 500);
    expect(sent()).toEqual(["b"]);
    expect(await drain()).toEqual(["b"]);
    expect(await allMessages(world.store)).toEqual([]);
  });

  test("survives restarts with its order and its counts", async () => {
    await enqueue("a", "b", "c");
    let engine = world.engine;
    for (let round = 0; round < 3; round++) {
      engine = await replace(world, engine);
      expect(sent()).toEqual(["a"]);
      expect(await queue()).toMatchObject({ openCount: 1, waitingCount: 2 });
    }
    expect(await drain()).toEqual(["a", "b", "c"]);
    expect(await queue()).toMatchObject({ openCount: 0, waitingCount: 0 });
  });

  test("loses no place when nobody knows whether a commit is on disk", async () => {
    const { host, faults } = world;
    await enqueue("a", "b", "c");
    faults.next = ["after", "before", "after"];
    await answerOne(host, "a");
    await host.advance(5_000);
    expect(await drain()).toEqual(["b", "c"]);
    expect(await queue()).toMatchObject({ openCount: 0, waitingCount: 0 });
  });
});

describe("the places of a queue", () => {
  test("are as many as its parallelism says, and more open at once", async () => {
    const { host, engine } = world;
    const upsert = { type: "upsertQueue", name: "q", isPaused: null } as const;
    await engine.execute([{ ...upsert, parallelism: 2 }]);
    await enqueue("a", "b", "c", "d", "e");
    expect(sent()).toEqual(["a", "b"]);
    await engine.execute([{ ...upsert, parallelism: 4 }]);
    await host.settle();
    expect(sent()).toEqual(["a", "b", "c", "d"]);
    await engine.execute([{ ...upsert, parallelism: 1 }]);
    await answerOne(host, "a");
    await answerOne(host, "b");
    await answerOne(host, "c");
    expect(sent()).toEqual(["d"]);
    await answerOne(host, "d");
    expect(sent()).toEqual(["e"]);
  });

  test("are all taken, in several transactions, and also when one of them fails", async () => {
    const { host, engine, faults } = world;
    const names = Array.from({ length: 1_200 }, (_, index) => `m${index}`);
    await enqueue(...names);
    const upsert = { type: "upsertQueue", name: "q", isPaused: null } as const;
    await engine.execute([{ ...upsert, parallelism: 1_200 }]);
    expect(await queue()).toMatchObject({ openCount: 501, waitingCount: 699 });
    faults.next = ["before"];
    await host.advance(1_000);
    expect(await queue()).toMatchObject({ openCount: 1_200, waitingCount: 0 });
  });

  test("stay with messages that wait for their flow control", async () => {
    const { host, engine } = world;
    const flowControl = { key: "k", parallelism: 1, rate: null, periodMs: 1_000 };
    await engine.execute([newMessage(host, "other", { flowControl })]);
    await engine.execute([newMessage(host, "a", { ...inQueue, flowControl })]);
    await enqueue("b");
    expect(sent()).toEqual(["other"]);
    await answerOne(host, "other");
    expect(sent()).toEqual(["a"]);
    expect(await drain()).toEqual(["a", "b"]);
  });
});

describe("a pause", () => {
  test("lets nothing begin that has been handed over and not sent", async () => {
    world = await openWorld({ perOriginMax: 1 });
    const { host, engine } = world;
    await engine.execute([{ type: "upsertQueue", name: "q", parallelism: 3, isPaused: null }]);
    await enqueue("a", "b", "c", "d");
    expect(await queue()).toMatchObject({ openCount: 3, waitingCount: 1 });
    await engine.execute([{ type: "pauseQueue", name: "q" }]);
    expect(await drain()).toEqual(["a"]);
    expect(await queue()).toMatchObject({ openCount: 2, waitingCount: 3 });
    await engine.execute([{ type: "resumeQueue", name: "q" }]);
    await host.settle();
    expect(await drain()).toEqual(["b", "c", "d"]);
  });

  test("survives restarts, holds retries, and lets callbacks go", async () => {
    const { host } = world;
    await world.engine.execute([newMessage(host, "a", { ...inQueue, callback })]);
    await enqueue("b");
    await world.engine.execute([{ type: "pauseQueue", name: "q" }]);
    await answerOne(host, "a", 500);
    const engine = await replace(world, world.engine);
    await host.advance(60_000);
    expect(await drain()).toEqual(["report"]);
    await engine.execute([{ type: "resumeQueue", name: "q" }]);
    await host.settle();
    expect(sent()).toEqual(["a"]);
    expect(await drain()).toEqual(["a", "report", "b"]);
  });

  test("holds messages that have passed the queue and wait for their flow control", async () => {
    const { host, engine } = world;
    const flowControl = { key: "k", parallelism: 1, rate: null, periodMs: 1_000 };
    await engine.execute([newMessage(host, "other", { flowControl })]);
    await engine.execute([newMessage(host, "a", { ...inQueue, flowControl })]);
    await engine.execute([{ type: "pauseQueue", name: "q" }]);
    expect(await drain()).toEqual(["other"]);
    await engine.execute([{ type: "resumeQueue", name: "q" }]);
    await host.settle();
    expect(await drain()).toEqual(["a"]);
  });
});

test("messages for a busy origin wait in the store and go on as it gets free", async () => {
  world = await openWorld({ perOriginMax: 1, perOriginWaitingMax: 250 });
  const { host, engine, store } = world;
  const names = Array.from({ length: 1_000 }, (_, index) => `m${index}`);
  const seen: string[] = [];
  for (let first = 0; first < names.length; first += 100) {
    await engine.execute(newMessages(host, names.slice(first, first + 100)));
  }
  await host.settle();
  const waiting = { type: "in", column: "state", values: ["waiting"] } as const;
  expect(await store.count("messages", [waiting])).toBeGreaterThan(500);
  const outcome = accepted();
  host.respond = ({ url }) => {
    seen.push(url);
    return outcome;
  };
  await answerOne(host, "m0");
  await host.advance(1_000);
  expect(seen).toHaveLength(999);
  expect(await allMessages(store)).toEqual([]);
});
