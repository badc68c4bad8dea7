import type { QueueResource } from "@reprise/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { until } from "./failing-app.test.fixture.ts";
import { type MessageWorld, openMessageWorld } from "./message-target.test.fixture.ts";

let world: MessageWorld;

beforeEach(async () => {
  world = await openMessageWorld();
});

afterEach(() => world.close());

const show = (name: string) => world.json<QueueResource>(["queues", "show", name]);

test("a queue is made, changed and listed", async () => {
  expect((await world.run(["queues", "list"])).err).toBe("0 queues\n");
  const made = await world.run(["queues", "set", "orders", "--parallelism", "2"]);
  expect(made).toEqual({ exitCode: 0, out: "", err: "orders: parallelism 2\n" });
  await world.run(["queues", "set", "orders", "--parallelism", "3"]);
  expect(await show("orders")).toMatchObject({ parallelism: 3, lag: 0, paused: false });
  const list = await world.run(["queues", "list"]);
  expect(list.out).toBe(
    "queue   unfinished  parallelism  paused\norders  0           3            no\n",
  );
  expect(await world.json(["queues", "list"])).toMatchObject([{ name: "orders" }]);
  const { out } = await world.run(["queues", "show", "orders"]);
  expect(out).toMatch(/^parallelism +3$/m);
});

test("a paused queue delivers nothing until it is resumed", async () => {
  await world.run(["queues", "set", "orders", "--parallelism", "1"]);
  const paused = await world.run(["queues", "pause", "orders"]);
  expect(paused).toEqual({ exitCode: 0, out: "", err: "orders: paused\n" });
  await world.publish("--queue", "orders");
  expect(await show("orders")).toMatchObject({ lag: 1, paused: true });
  expect(world.received).toEqual([]);
  expect((await world.run(["queues", "resume", "orders"])).exitCode).toBe(0);
  await until("the delivery", () => world.received[0] ?? null);
});

test("a deletion says what goes with the queue", async () => {
  await world.run(["queues", "set", "orders", "--parallelism", "1"]);
  await world.run(["queues", "pause", "orders"]);
  for (let count = 0; count < 2; count++) await world.publish("--queue", "orders");
  const refused = await world.run(["queues", "delete", "orders"]);
  expect([refused.exitCode, refused.err]).toEqual([
    2,
    "reprise: this would delete the queue orders with 2 unfinished messages; add --yes to do it without a question\n",
  ]);
  expect((await world.run(["queues", "delete", "orders"], { answer: "n" })).exitCode).toBe(1);
  expect(await show("orders")).toMatchObject({ lag: 2 });
  const deleted = await world.run(["queues", "delete", "orders"], { answer: "y" });
  expect([deleted.exitCode, deleted.out]).toEqual([0, ""]);
  expect(deleted.err).toMatch(/orders: deleted\n$/);
  expect((await world.run(["queues", "show", "orders"])).exitCode).toBe(1);
});

test("wrong uses are refused", async () => {
  for (const args of [
    ["set", "orders"],
    ["set", "orders", "--parallelism", "0"],
    ["show"],
    ["delete", "..", "--yes"],
    ["pause", ""],
  ]) {
    expect([args, (await world.run(["queues", ...args])).exitCode]).toEqual([args, 2]);
  }
  expect(await world.run(["queues", "pause", "unknown"])).toEqual({
    exitCode: 1,
    out: "",
    err: "reprise: there is no queue of the name unknown (see: reprise queues list)\n",
  });
});
