import type { FlowControlResource } from "@reprise/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { until } from "./failing-app.test.fixture.ts";
import { type MessageWorld, openMessageWorld } from "./message-target.test.fixture.ts";

// A key of the kind that has to be encoded in a path.
const KEY = "shop/eu 1";

let world: MessageWorld;

beforeEach(async () => {
  world = await openMessageWorld();
});

afterEach(() => world.close());

const flow = (...args: readonly string[]) => world.run(["flow-control", ...args]);
const show = () => world.json<FlowControlResource>(["flow-control", "show", KEY]);

async function publishPaused(): Promise<void> {
  expect(await flow("pause", KEY)).toEqual({ exitCode: 0, out: "", err: `${KEY}: paused\n` });
  await world.publish(
    "--flow-control-key",
    KEY,
    "--parallelism",
    "2",
    "--rate",
    "5",
    "--period",
    "1m",
  );
}

test("a paused key holds its messages until it is resumed", async () => {
  await publishPaused();
  expect(await show()).toMatchObject({ waitListSize: 1, isPaused: true, parallelismMax: 2 });
  expect(world.received).toEqual([]);
  expect((await flow("resume", KEY)).exitCode).toBe(0);
  await until("the delivery", () => world.received[0] ?? null);
});

test("keys are listed with their limits", async () => {
  await publishPaused();
  const { out, err } = await flow("list");
  expect(err).toBe("1 flow-control key\n");
  expect(out).toMatch(/^key +waiting +in flight +rate +paused\n/);
  expect(out).toMatch(/^shop\/eu 1 +1 +0 of 2 +0 of 5 in 60 s +yes$/m);
  expect((await flow("show", KEY)).out).toMatch(/^rate +0 of 5 in 60 s$/m);
  expect((await flow("list", "--search", "other")).err).toBe("0 flow-control keys\n");
  expect(await world.json(["flow-control", "list", "--search", "shop"])).toMatchObject([
    { flowControlKey: KEY },
  ]);
});

test("pinned limits are shown, and taken back one by one or together", async () => {
  await flow("pin", KEY, "--parallelism", "7", "--rate", "3", "--period", "1h");
  expect(await show()).toMatchObject({
    parallelismMax: 7,
    rateMax: 3,
    ratePeriod: 3600,
    isPinnedParallelism: true,
    isPinnedRate: true,
  });
  expect((await flow("show", KEY)).out).toMatch(/^in flight +0 of 7 \(pinned\)$/m);
  await flow("unpin", KEY, "--rate");
  expect(await show()).toMatchObject({ isPinnedParallelism: true, isPinnedRate: false });
  await flow("pin", KEY, "--rate", "3");
  expect((await flow("unpin", KEY)).err).toBe(`${KEY}: unpinned\n`);
  expect(await show()).toMatchObject({ isPinnedParallelism: false, isPinnedRate: false });
});

test("a reset begins the period anew", async () => {
  await world.publish("--flow-control-key", KEY, "--rate", "1", "--period", "1h");
  await world.publish("--flow-control-key", KEY, "--rate", "1", "--period", "1h");
  await until("the first delivery", () => world.received[0] ?? null);
  expect(await show()).toMatchObject({ rateCount: 1, waitListSize: 1 });
  expect((await flow("reset-rate", KEY)).exitCode).toBe(0);
  await until("the second delivery", () => world.received[1] ?? null);
});

test("the whole server is shown", async () => {
  expect((await flow("total")).out).toMatch(/^0 of \d+ in flight\n$/);
  expect(await world.json(["flow-control", "total"])).toMatchObject({ parallelismCount: 0 });
});

test("wrong uses are refused", async () => {
  for (const args of [
    ["pin", KEY],
    ["pin", KEY, "--rate", "0"],
    ["pin", KEY, "--period", "500ms"],
    ["pin", KEY, "--period", "0.5"],
    ["pause", ".."],
    ["pause", ""],
  ]) {
    expect([args, (await flow(...args)).exitCode]).toEqual([args, 2]);
  }
  expect((await flow("show", "unknown")).exitCode).toBe(1);
});
