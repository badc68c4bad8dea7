import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { update } from "../core/transition.ts";
import { allMessages, newRun, newStep, openWorld, runById, type World } from "./engine.suite.ts";
import { accepted } from "./scripted-host.suite.ts";

/** When things happen: what is due, orphans of an earlier process, commits of unknown fate, the end of the process. */

let world: World;

beforeEach(async () => {
  world = await openWorld();
});

afterEach(() => world.store.close());

const runIds = () =>
  world.host.exchanges.map(({ request }) => request.headers["upstash-workflow-runid"]);

describe("what is due", () => {
  test("is delivered at its time, not before", async () => {
    const { host, engine } = world;
    await engine.execute([newRun(host, "wfr_a", { dueAt: host.now() + 5_000 })]);
    await host.advance(4_999);
    expect(host.exchanges).toEqual([]);
    await host.advance(1);
    expect(host.exchanges).toHaveLength(1);
  });

  test("is not hidden by a later one that was asked for while an earlier one was taken", async () => {
    const { host, engine } = world;
    const start = host.now();
    await engine.execute([
      newRun(host, "wfr_a", { dueAt: start + 1_000 }),
      newRun(host, "wfr_b", { dueAt: start + 2_000 }),
    ]);
    const other = newRun(host, "wfr_c", { dueAt: start + 3_600_000 });
    host.setTimer(start + 1_000, () => void engine.execute([other]));
    await host.advance(2_000);
    expect(runIds()).toEqual(["wfr_a", "wfr_b"]);
    await host.advance(3_600_000);
    expect(runIds()).toContain("wfr_c");
  });

  test("is found although its alarm rings while a claim is under way", async () => {
    const { host, faults, engine } = world;
    const start = host.now();
    await engine.execute([
      newRun(host, "wfr_a", { dueAt: start + 1_000 }),
      newRun(host, "wfr_b", { dueAt: start + 2_000 }),
    ]);
    const { promise, resolve } = Promise.withResolvers<void>();
    faults.commitGate = promise;
    await host.advance(1_500);
    faults.commitGate = null;
    host.setTimer(start + 2_000, resolve);
    void engine.execute([newRun(host, "wfr_c", { dueAt: start + 60_000 })]);
    await host.advance(1_000);
    expect(runIds()).toEqual(["wfr_a", "wfr_b"]);
  });

  test("is taken completely, however little one transaction takes", async () => {
    const small = await openWorld({ claimMax: 2 });
    const { host, store, engine } = small;
    const dueAt = host.now() + 1_000;
    const ids = Array.from({ length: 7 }, (_, index) => `wfr_${index}`);
    await engine.execute(ids.map((id) => newRun(host, id, { dueAt })));
    await host.advance(1_000);
    expect(host.exchanges).toHaveLength(7);
    expect((await allMessages(store)).every(({ state }) => state === "active")).toBe(true);
    await store.close();
  });

  test("and cannot be decided on neither spins nor hinders others", async () => {
    const { host, store, engine } = world;
    const dueAt = host.now() + 1_000;
    const [broken] = await engine.execute([
      newRun(host, "wfr_broken", { dueAt }),
      newRun(host, "wfr_fine", { dueAt }),
    ]);
    const [step] = await store.get("steps", [broken?.messageKey ?? 0]);
    if (step === undefined) throw new Error("a run has a first record");
    await store.transaction((transaction) =>
      transaction.write([update("steps", step, { ...step, config: "{" })]),
    );
    const { commits } = store.counters;
    await host.advance(10_000);
    expect(runIds()).toEqual(["wfr_fine"]);
    expect(host.logs.map(({ event }) => event)).toContain("decision_failed");
    expect(store.counters.commits - commits).toBeLessThan(15);
  });

  test("a retry waits for its time and carries its number", async () => {
    const { host, engine } = world;
    await engine.execute([newRun(host, "wfr_a")]);
    (await host.nextExchange()).answer(accepted(500));
    await host.advance(1_019);
    expect(host.exchanges).toEqual([]);
    await host.advance(1);
    expect((await host.nextExchange()).request.headers["upstash-retried"]).toBe("1");
  });
});

describe("another process over the same store", () => {
  async function secondAttempt(): Promise<void> {
    await world.engine.execute([newRun(world.host, "wfr_a")]);
    (await world.host.nextExchange()).answer(accepted(500));
    await world.host.advance(2_000);
  }

  test("takes over what was in flight, under the same number", async () => {
    const { host, restart } = world;
    await secondAttempt();
    expect((await host.nextExchange()).request.headers["upstash-retried"]).toBe("1");
    restart().start();
    expect((await host.nextExchange()).request.headers["upstash-retried"]).toBe("1");
  });

  test("is not confused by an outcome that the first one still gets", async () => {
    const { host, store, restart } = world;
    await secondAttempt();
    const old = await host.nextExchange();
    const engine = restart();
    engine.start();
    const current = await host.nextExchange();
    old.answer(accepted(500));
    await host.advance(20);
    expect(await allMessages(store)).toMatchObject([{ state: "active", retried: 1 }]);
    current.answer(accepted());
    await host.advance(20);
    expect(await allMessages(store)).toEqual([]);
  });

  test("delivers what had become due meanwhile", async () => {
    const { host, engine, restart } = world;
    await engine.execute([newRun(host, "wfr_a", { dueAt: host.now() + 1_000 })]);
    await engine.stop(0);
    await host.advance(60_000);
    expect(host.exchanges).toEqual([]);
    restart().start();
    await host.nextExchange();
  });
});

test("a lease that ends while the attempt is made is prolonged, not delivered twice", async () => {
  const { host, store, engine } = world;
  await engine.execute([newRun(host, "wfr_a")]);
  const before = await allMessages(store);
  await host.advance(1_000_000);
  const after = await allMessages(store);
  expect(host.exchanges).toHaveLength(1);
  expect(after[0]?.leaseToken).toBe(before[0]?.leaseToken);
  expect(after[0]?.dueAt).toBeGreaterThan(host.now());
  (await host.nextExchange()).answer(accepted());
  await host.advance(20);
  expect(await allMessages(store)).toEqual([]);
});

describe("a commit whose answer is lost", () => {
  test("is delivered once, after a look at the store", async () => {
    const { host, faults, engine } = world;
    engine.start();
    await host.settle();
    faults.next = ["after"];
    const failing = engine.execute([newRun(host, "wfr_a")]);
    await expect(failing).rejects.toMatchObject({ code: "storage_unavailable" });
    expect(host.exchanges).toEqual([]);
    await host.advance(1_000);
    expect(runIds()).toEqual(["wfr_a"]);
    const [again] = await engine.execute([newRun(host, "wfr_a")]);
    expect(again?.deduplicated).toBe(true);
    await host.advance(10_000);
    expect(host.exchanges).toHaveLength(1);
  });

  test("wakes in time for a sleep that nobody was told of", async () => {
    const { host, faults, engine } = world;
    const start = host.now();
    await engine.execute([
      newRun(host, "wfr_far", { dueAt: start + 3_600_000 }),
      newRun(host, "wfr_a", { dueAt: start + 3_600_000 }),
    ]);
    faults.next = ["after"];
    const sleep = newStep(host, "wfr_a", 1, { dueAt: start + 5_000 });
    await expect(engine.execute([sleep])).rejects.toMatchObject({ status: 503 });
    await host.advance(5_000);
    expect(runIds()).toEqual(["wfr_a"]);
  });

  test.each(["before", "after"] as const)("draws no key twice, when lost %s it", async (fault) => {
    const { host, store, faults, engine, restart } = world;
    faults.next = [fault];
    await expect(engine.execute([newRun(host, "wfr_a")])).rejects.toMatchObject({ status: 503 });
    await engine.execute([newRun(host, "wfr_b")]);
    await restart().execute([newRun(host, "wfr_c"), newRun(host, "wfr_d")]);
    const ids = ["wfr_b", "wfr_c", "wfr_d"];
    const runs = await Promise.all(ids.map((id) => runById(store, id)));
    expect(new Set(runs.map((run) => run?.key)).size).toBe(3);
  });
});

test("an attempt that the server could not begin is made later, under the same number", async () => {
  const { host, engine, faults, restart } = world;
  await engine.execute([newRun(host, "wfr_a")]);
  await host.nextExchange();
  faults.reads = 2;
  restart().start();
  await host.settle();
  expect(host.exchanges).toEqual([]);
  expect(host.logs.map(({ event }) => event)).toEqual(["delivery_not_sent"]);
  await host.advance(2_000);
  expect(faults.reads).toBe(0);
  expect((await host.nextExchange()).request.headers["upstash-retried"]).toBe("0");
  await host.advance(5_000);
  expect(host.exchanges).toEqual([]);
});

test("an orphan that is found on two ways at once is delivered once", async () => {
  const { host, engine, faults, restart } = world;
  await engine.execute([newRun(host, "wfr_a")]);
  await host.nextExchange();
  const second = restart();
  faults.reads = 1;
  second.start();
  await host.settle();
  expect(host.exchanges).toEqual([]);
  faults.next = ["before"];
  await expect(second.execute([newRun(host, "wfr_b")])).rejects.toMatchObject({ status: 503 });
  const { promise, resolve } = Promise.withResolvers<void>();
  faults.beginGate = promise;
  void second.execute([newRun(host, "wfr_c", { dueAt: host.now() + 60_000 })]);
  await host.advance(1_000);
  faults.beginGate = null;
  resolve();
  await host.advance(5_000);
  expect(runIds()).toEqual(["wfr_a"]);
});

describe("stop", () => {
  test("waits for attempts in flight, takes their steps and records their outcomes", async () => {
    const { host, store, engine } = world;
    await engine.execute([newRun(host, "wfr_a")]);
    const exchange = await host.nextExchange();
    let isStopped = false;
    const stopping = engine.stop(30_000).then(() => {
      isStopped = true;
    });
    await host.advance(5_000);
    expect(isStopped).toBe(false);
    await engine.execute([newStep(host, "wfr_a", 1)]);
    exchange.answer(accepted());
    await stopping;
    expect(host.exchanges).toEqual([]);
    expect(await store.get("attempts", [(await firstKey("wfr_a")) * 1024])).toHaveLength(1);
    expect(await allMessages(store)).toMatchObject([{ state: "active", stepPosition: 1 }]);
    await expect(engine.execute([newRun(host, "wfr_b")])).rejects.toMatchObject({
      code: "shutting_down",
      status: 503,
    });
  });

  test("waits no longer than it may, and a later outcome touches nothing", async () => {
    const { host, store, engine } = world;
    await engine.execute([newRun(host, "wfr_a")]);
    const exchange = await host.nextExchange();
    const stopping = engine.stop(30_000);
    await host.advance(30_000);
    await stopping;
    const { commits } = store.counters;
    exchange.answer(accepted(500));
    await host.advance(60_000);
    expect(store.counters.commits).toBe(commits);
    expect(host.logs).toEqual([]);
    expect(await allMessages(store)).toMatchObject([{ state: "active", retried: 0 }]);
  });

  test("leaves no timer behind", async () => {
    const { host, store, engine, faults, restart } = world;
    await engine.execute([newRun(host, "wfr_a"), newRun(host, "wfr_b", { dueAt: host.now() + 9 })]);
    const stopping = engine.stop(0);
    await host.advance(0);
    await stopping;
    faults.reads = 1;
    const second = restart();
    second.start();
    await host.settle();
    await second.stop(0);
    const { commits } = store.counters;
    await host.advance(5_000);
    expect(store.counters.commits).toBe(commits);
    expect(host.alarms).toEqual([]);
    expect(host.logs.map(({ event }) => event)).toEqual(["delivery_not_sent"]);
  });

  test("leaves what waits in line to the next process", async () => {
    const narrow = await openWorld({ perOriginMax: 1 });
    const { host, store, engine, restart } = narrow;
    await engine.execute(["a", "b", "c"].map((id) => newRun(host, id)));
    (await host.nextExchange()).answer(accepted());
    await engine.stop(30_000);
    expect(await allMessages(store)).toHaveLength(2);
    restart({ perOriginMax: 50 }).start();
    await host.until(() => host.exchanges.length === 2);
    await store.close();
  });

  test("answers every request that still waits, even when the store fails", async () => {
    const small = await openWorld({ groupRequestsMax: 1 });
    const { host, store, faults, engine } = small;
    const { promise, resolve } = Promise.withResolvers<void>();
    faults.beginGate = promise;
    const requests = ["a", "b", "c"].map((id) => engine.execute([newRun(host, id)]));
    const settled = Promise.allSettled(requests);
    const stopping = engine.stop(0);
    await host.advance(0);
    faults.next = ["before", "before", "before"];
    resolve();
    await stopping;
    expect((await settled).map(({ status }) => status)).toEqual([
      "rejected",
      "rejected",
      "rejected",
    ]);
    await store.close();
  });
});

async function firstKey(runId: string): Promise<number> {
  const run = await runById(world.store, runId);
  const [step] = await world.store.find("steps", "bySlot", [[run?.key ?? 0, 0]]);
  return step?.key ?? 0;
}
