import { afterEach, beforeEach, expect, test } from "vitest";
import { openWorld, type World } from "./engine.suite.ts";
import { newMessage, newMessages, replace } from "./gates.suite.ts";
import { accepted } from "./scripted-host.suite.ts";

/**
 * The store's work for one message without a run: accepted, delivered, and its outcome taken in. None of it grows with the number
 * of messages that wait, that were delivered before, or that stand in the same line.
 */

let world: World;

beforeEach(async () => {
  world = await openWorld({ perOriginMax: 2 });
  world.host.respond = () => accepted();
});

afterEach(() => world.store.close());

async function costOf(work: () => Promise<unknown>) {
  const { host, store } = world;
  const before = { ...store.counters };
  await work();
  await host.settle();
  return {
    read: store.counters.rowsRead - before.rowsRead,
    written: store.counters.rowsWritten - before.rowsWritten,
    commits: store.counters.commits - before.commits,
  };
}

const publish = (name: number, notBefore = world.host.now()) =>
  world.engine.execute([newMessage(world.host, name, { notBefore })]);

test("a message that is delivered at once costs the same, the 1,000th as the 10th", async () => {
  const costs: unknown[] = [];
  for (let name = 0; name < 1_000; name++) costs.push(await costOf(() => publish(name)));
  // Message, envelope, log; of the one before its end in the log, and the message that is gone.
  expect(costs[10]).toEqual({ read: 1, written: 5, commits: 1 });
  expect(costs.filter((cost) => JSON.stringify(cost) !== JSON.stringify(costs[10]))).toEqual([
    { read: 0, written: 3, commits: 1 },
  ]);
});

test("a message that waits costs the same beside 5,000 others, and nothing until it is due", async () => {
  const { host, engine } = world;
  const dueAt = host.now() + 60_000;
  expect(await costOf(() => publish(0, dueAt))).toEqual({ read: 0, written: 3, commits: 1 });
  const others = Array.from({ length: 5_000 }, (_, index) => index + 1);
  const wait = { notBefore: dueAt + 60_000 };
  await costOf(() => engine.execute(newMessages(host, others, wait)));
  expect(await costOf(() => publish(5_001, dueAt))).toEqual({ read: 0, written: 3, commits: 1 });
  expect(await costOf(() => host.advance(59_999))).toEqual({ read: 0, written: 0, commits: 0 });
  // Each is claimed, its envelope read, and its outcome taken in; two writes begin the attempt, two end it.
  expect(await costOf(() => host.advance(1 + 20))).toEqual({ read: 6, written: 8, commits: 2 });
});

test("messages that wait for a place at their origin for a moment are not read again", async () => {
  const { host, engine } = world;
  const names = Array.from({ length: 500 }, (_, index) => index);
  const cost = await costOf(async () => {
    await engine.execute(newMessages(host, names));
    await host.advance(20);
  });
  // Each for its outcome.
  expect(cost).toMatchObject({ read: 500, written: 5 * 500 });
});

test("bodies that wait for a place at their origin take up a bounded part of the memory", async () => {
  const { host, engine } = world;
  const body = new Uint8Array(1024 * 1024);
  const large = newMessages(
    host,
    Array.from({ length: 40 }, (_, index) => index),
  );
  const cost = await costOf(async () => {
    await engine.execute(large.map((message) => ({ ...message, body })));
    await host.advance(20);
  });
  // Two begin at once, fifteen find room.
  expect(cost.read).toBe(40 + 23);
});

test("a start reads what was under way, and nothing of what waits", async () => {
  const { host, engine } = world;
  host.respond = null;
  const waiting = Array.from({ length: 2_000 }, (_, index) => index);
  const wait = { notBefore: host.now() + 60_000 };
  await engine.execute(newMessages(host, waiting, wait));
  await engine.execute(newMessages(host, [2_000, 2_001, 2_002]));
  await host.settle();
  const cost = await costOf(() => replace(world, engine));
  // Three messages, and the envelopes of the two whose attempts begin.
  expect(cost.read).toBe(3 + 2);
});
