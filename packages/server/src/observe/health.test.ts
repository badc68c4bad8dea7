import { expect, test } from "vitest";
import { ScriptedHost } from "../engine/scripted-host.suite.ts";
import { openSqliteStore } from "../store/sqlite.ts";
import type { Store } from "../store/store.ts";
import { Health, type Verdict } from "./health.ts";

/** Each fault flips its probe, and back. The clock is scripted, the store is real. */

interface Faults {
  lagMs: number;
  usedPercent: number;
  isLeaseHeld: boolean;
  /** How far the database's clock is away. */
  clockMs: number;
  transaction: "works" | "fails" | "hangs";
}

async function open() {
  const host = new ScriptedHost();
  const faults: Faults = {
    lagMs: 0,
    usedPercent: 10,
    isLeaseHeld: true,
    clockMs: 0,
    transaction: "works",
  };
  const real = await openSqliteStore({ path: ":memory:", now: () => host.now() });
  let tries = 0;
  let goOn = () => {};
  const store: Store = new Proxy(real, {
    get: (target, name) => {
      if (name === "isShared") return true;
      if (name === "now") return async () => host.now() + faults.clockMs;
      if (name === "transaction") return transaction;
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const transaction: Store["transaction"] = async (work) => {
    tries++;
    if (faults.transaction === "fails") throw new Error("the disk is gone");
    if (faults.transaction === "hangs") await new Promise<void>((resolve) => (goOn = resolve));
    return real.transaction(work);
  };
  const health = new Health({
    host,
    pulse: {
      get lagMs() {
        return faults.lagMs;
      },
    },
  });
  const disk = {
    percentMax: 95,
    get usedPercent() {
      return faults.usedPercent;
    },
  };
  const start = () => health.start({ store, disk, isLeaseHeld: () => faults.isLeaseHeld });
  return { host, faults, health, start, tries: () => tries, goOn: () => goOn() };
}

const reasonsOf = async (verdict: Verdict | Promise<Verdict>) => (await verdict).reasons;

test("before the start, nothing is ready, and the process lives", async () => {
  const { health, start } = await open();
  expect(health.live().reasons).toEqual([]);
  expect(health.hasStarted().reasons).toEqual(["starting"]);
  expect(await reasonsOf(health.ready())).toEqual(["starting"]);
  health.wait("nobody listens there");
  expect(health.hasStarted()).toMatchObject({ details: { waitsFor: "nobody listens there" } });
  expect(await reasonsOf(health.ready())).toEqual(["starting", "storage_unavailable"]);
  start();
  expect(health.hasStarted()).toEqual({ reasons: [], details: {} });
  expect(await reasonsOf(health.ready())).toEqual([]);
});

test.each<[Partial<Faults>, string]>([
  [{ transaction: "fails" }, "storage_unavailable"],
  [{ usedPercent: 95 }, "disk_full"],
  [{ isLeaseHeld: false }, "lease_lost"],
  [{ clockMs: 6_000 }, "clock_wrong"],
  [{ clockMs: -6_000 }, "clock_wrong"],
])("%o makes it unready for %s, and not when it is over", async (fault, reason) => {
  const { host, faults, health, start } = await open();
  start();
  const before = { ...faults };
  expect(await reasonsOf(health.ready())).toEqual([]);
  Object.assign(faults, fault);
  await host.advance(1_000);
  expect(await reasonsOf(health.ready())).toEqual([reason]);
  expect(health.live().reasons).toEqual([]);
  Object.assign(faults, before);
  await host.advance(1_000);
  expect(await reasonsOf(health.ready())).toEqual([]);
});

test("a blocked event loop is no life, and nothing else is asked for that", async () => {
  const { faults, health, start, tries } = await open();
  start();
  faults.lagMs = 4_999;
  expect(health.live().reasons).toEqual([]);
  faults.lagMs = 5_000;
  expect(health.live().reasons).toEqual(["event_loop_blocked"]);
  expect(tries()).toBe(0);
});

test("the storage is tried once a second, however many ask", async () => {
  const { host, health, start, tries } = await open();
  start();
  await Promise.all(Array.from({ length: 50 }, () => health.ready()));
  expect(tries()).toBe(1);
  await host.advance(999);
  await health.ready();
  expect(tries()).toBe(1);
  await host.advance(1);
  await health.ready();
  expect(tries()).toBe(2);
});

test("a storage that hangs is told within a second, is not tried again, and is well when it answers", async () => {
  const { host, faults, health, start, tries, goOn } = await open();
  start();
  faults.transaction = "hangs";
  const asked = health.ready();
  await host.advance(1_000);
  expect(await asked).toMatchObject({
    reasons: ["storage_unavailable"],
    details: { storage: { fault: expect.stringContaining("has not answered") } },
  });
  await host.advance(60_000);
  expect(await reasonsOf(health.ready())).toEqual(["storage_unavailable"]);
  expect(tries()).toBe(1);
  faults.transaction = "works";
  goOn();
  await host.nextTurn();
  await host.nextTurn();
  expect(await reasonsOf(health.ready())).toEqual([]);
});

test("a server that drains is not ready at once, and does not try its storage for that", async () => {
  const { faults, health, start, tries } = await open();
  start();
  faults.transaction = "hangs";
  health.drain();
  expect(await reasonsOf(health.ready())).toEqual(["draining"]);
  expect([health.live().reasons, tries()]).toEqual([[], 0]);
});
