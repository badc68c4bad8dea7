import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runConfig } from "../core/rows.suite.ts";
import { allMessages, newRun, runById } from "../engine/engine.suite.ts";
import { openScriptedWorld, type ScriptedWorld, stepResult } from "./fast-world.suite.ts";

/** Invocations that go on, when the clock, the store and others come between. */

let world: ScriptedWorld;

beforeEach(async () => {
  world = await openScriptedWorld();
  world.engine.start();
});

afterEach(() => world.store.close());

async function recordsOf(runId: string) {
  const run = await runById(world.store, runId);
  const steps = await world.store.find("steps", "byRun", [[run?.key ?? -1]]);
  return steps.length;
}

describe("the limit of an attempt", () => {
  test("begins anew with each message that an invocation goes on with", async () => {
    const { host } = world;
    const told = await world.start("wfr_a");
    const { lastsUntil } = told.exchange.request;
    const begun = host.now();
    expect(lastsUntil?.()).toBe(begun + 60_000);
    await host.advance(50_000);
    const one = await world.proceed(told, [stepResult(1)]);
    expect(lastsUntil?.()).toBe(begun + 110_000);
    expect(one).toMatchObject({ type: "held", leaseToken: 1, retries: 3 });
    // The lease of the first message would have ended; this one is alive.
    await host.advance(100_000);
    expect(host.exchanges).toEqual([]);
    if (one.type === "held") await world.proceed(one, [stepResult(2)]);
    expect(await recordsOf("wfr_a")).toBe(3);
  });

  test("when it is reached, the message that is held is tried again", async () => {
    const { host } = world;
    const told = await world.start("wfr_a");
    await host.advance(1_000);
    await world.proceed(told, [stepResult(1)]);
    await host.advance(3_000);
    told.exchange.answer({ type: "error", cause: "timeout", message: "no complete response" });
    await host.advance(60_000);
    const again = await world.told();
    expect(again.exchange.request.headers["upstash-retried"]).toBe("1");
    const [attempt] = await world.store.list("attempts", {
      where: [],
      order: "ascending",
      limit: 9,
    });
    // It is the second message's, and began when the invocation went on.
    expect(attempt).toMatchObject({
      messageKey: again.messageKey,
      startedAt: host.now() - 63_000,
      endedAt: host.now() - 60_000,
      requestHeaders: expect.stringContaining('"upstash-retried":"0"'),
    });
  });
});

describe("a flow control", () => {
  const flowControl = { key: "one", parallelism: 1, rate: null, periodMs: 1_000 };

  test("of one place is passed by one invocation at a time, and nobody who waits is passed over", async () => {
    const { host, store } = world;
    const config = runConfig({
      isDetecting: false,
      isPersistent: true,
      flowControl,
      failureCallback: null,
    });
    const own = { config };
    const inFlight = async () => (await store.list("flowControls", all))[0]?.inFlightCount;
    const a = await world.start("wfr_a", own);
    // Alone, it goes on within its place.
    let held = await world.proceed(a, [stepResult(1)]);
    expect([held.type, await inFlight()]).toEqual(["held", 1]);
    const starting = world.engine.execute([newRun(host, "wfr_b", own)]);
    await starting;
    expect(host.exchanges).toEqual([]);
    // Now somebody waits: the next place is theirs.
    if (held.type === "held") held = await world.proceed(held, [stepResult(2)]);
    expect([held.type, await inFlight()]).toEqual(["stop", 1]);
    a.answer([]);
    const b = await world.told();
    expect([b.runId, await inFlight()]).toEqual(["wfr_b", 1]);
    b.answer([stepResult(1)]);
    const next = await world.told();
    expect([next.runId, await inFlight()]).toEqual(["wfr_a", 1]);
    next.answer([{ finish: {} }]);
    const last = await world.told();
    expect(last.runId).toBe("wfr_b");
    last.answer([{ finish: {} }]);
    await host.settle();
    await host.advance(100);
    expect(await inFlight()).toBe(0);
  });
});

const all = { where: [], order: "ascending", limit: 10 } as const;

describe("the store", () => {
  test("that is full takes nothing, and the app may send the same again", async () => {
    const told = await world.start("wfr_a");
    world.faults.next = ["before"];
    await expect(world.proceed(told, [stepResult(1)])).rejects.toMatchObject({ status: 503 });
    const answer = await world.proceed(told, [stepResult(1)]);
    expect(answer.type).toBe("held");
    expect(await recordsOf("wfr_a")).toBe(2);
  });

  test("whose commit nobody heard of has made a message that is delivered to another invocation", async () => {
    const told = await world.start("wfr_a");
    world.faults.next = ["after"];
    await expect(world.proceed(told, [stepResult(1)])).rejects.toMatchObject({ status: 503 });
    const again = await world.proceed(told, [stepResult(1)]);
    expect(again.type).toBe("stop");
    told.answer([]);
    await world.host.advance(2_000);
    const other = await world.told();
    expect(other.leaseToken).toBe(2);
    expect((await world.proceed(other, [stepResult(2)])).type).toBe("held");
    expect(await recordsOf("wfr_a")).toBe(3);
  });

  test.each(["before", "after"] as const)(
    "that fails %s an answer is on disk takes it later, once",
    async (fault) => {
      const told = await world.start("wfr_a");
      world.faults.next = [fault];
      told.answer([stepResult(1)]);
      await world.host.settle();
      await world.host.advance(2_000);
      const next = await world.told();
      expect(await recordsOf("wfr_a")).toBe(2);
      next.answer([{ finish: {} }]);
      await world.host.settle();
      expect(await runById(world.store, "wfr_a")).toMatchObject({ state: "succeeded" });
      expect(world.host.exchanges).toEqual([]);
      expect(await allMessages(world.store)).toEqual([]);
    },
  );
});

describe("an invocation that ends while it goes on", () => {
  test("is told to stop, and the message is delivered to another one", async () => {
    const told = await world.start("wfr_a");
    let open = () => {};
    world.faults.commitGate = new Promise((resolve) => {
      open = resolve;
    });
    const proceeding = world.proceed(told, [stepResult(1)]);
    await world.host.settle();
    told.exchange.answer({ type: "error", cause: "reset", message: "connection reset" });
    await world.host.settle();
    world.faults.commitGate = null;
    open();
    expect(await proceeding).toMatchObject({ type: "stop" });
    const other = await world.told();
    expect(other.leaseToken).toBe(2);
    other.answer([{ finish: {} }]);
    await world.host.settle();
    await world.host.advance(100);
    expect(await allMessages(world.store)).toEqual([]);
  });
});

describe("a server that stops", () => {
  test("lets the invocation record its step, and nobody goes on", async () => {
    const told = await world.start("wfr_a");
    const stopping = world.engine.stop(1_000);
    expect(await world.proceed(told, [stepResult(1)])).toMatchObject({ type: "stop" });
    told.answer([]);
    await stopping;
    const next = world.restart();
    next.start();
    const other = await world.told();
    expect(other.exchange.request.headers["upstash-retried"]).toBe("0");
    expect(await recordsOf("wfr_a")).toBe(2);
  });
});
