import { expect, test } from "vitest";
import type { Host, Timer } from "../host/host.ts";
import { ScriptedHost } from "./scripted-host.suite.ts";
import { SharedClock, withSharedClock } from "./shared-clock.ts";

const DATABASE = 2_000_000_000_000;

/** A database far from the machine's clock, with a way that takes time in each direction. */
function world() {
  const hands = { elapsedMs: 0, databaseNow: DATABASE };
  const pass = (ms: number) => {
    hands.elapsedMs += ms;
    hands.databaseNow += ms;
  };
  const clock = new SharedClock(() => hands.elapsedMs, 5);
  const measure = (goMs: number, backMs: number) =>
    clock.measure(() => {
      pass(goMs);
      const told = Math.floor(hands.databaseNow);
      pass(backMs);
      return Promise.resolve(told);
    });
  return { hands, pass, clock, measure };
}

test("it tells what it was given until it has asked the database", () => {
  expect(world().clock.now()).toBe(5);
});

test("it is never ahead of the database, and behind it by the way back at most", async () => {
  const { hands, pass, clock, measure } = world();
  for (let round = 0; round < 50; round += 1) {
    await measure(round % 7, round % 11);
    for (let look = 0; look < 20; look += 1) {
      pass(0.75);
      expect(clock.now()).toBeLessThanOrEqual(hands.databaseNow);
      expect(hands.databaseNow - clock.now()).toBeLessThanOrEqual(12);
    }
  }
});

test("the first answer counts, however slow; a later slow one says less than what is known", async () => {
  const { hands, pass, clock, measure } = world();
  await measure(0, 5_000);
  expect(hands.databaseNow - clock.now()).toBe(5_000);
  await measure(0, 0);
  expect(clock.now()).toBe(hands.databaseNow);
  pass(1_000);
  await measure(0, 5_000);
  expect(clock.now()).toBe(hands.databaseNow);
});

test("a slow answer counts when the last good one is old", async () => {
  const { hands, pass, clock, measure } = world();
  await measure(0, 0);
  // The database's clock has been set.
  hands.databaseNow += 60_000;
  await measure(0, 500);
  expect(hands.databaseNow - clock.now()).toBe(60_000);
  pass(600_001);
  await measure(0, 500);
  expect(hands.databaseNow - clock.now()).toBe(500);
});

test("a measurement gives what the database has said", async () => {
  expect(await world().measure(3, 4)).toBe(DATABASE + 3);
});

test("a host tells and keeps the time of the database, however wrong its own clock is", async () => {
  const own = new ScriptedHost();
  const clock = new SharedClock(() => own.now(), own.now());
  const aheadMs = 180_000;
  await clock.measure(() => Promise.resolve(own.now() - aheadMs));
  const host = withSharedClock(own, clock);
  expect(host.now()).toBe(own.now() - aheadMs);
  const rung: number[] = [];
  host.setTimer(host.now() + 1_000, () => rung.push(host.now()));
  const dueAt = host.now() + 1_000;
  await own.advance(999);
  expect(rung).toEqual([]);
  await own.advance(1);
  expect(rung).toEqual([dueAt]);
});

test("a timer never rings before its time, also when the clock is put back meanwhile", async () => {
  const own = new ScriptedHost();
  const clock = new SharedClock(() => own.now(), own.now());
  await clock.measure(() => Promise.resolve(own.now()));
  const host = withSharedClock(own, clock);
  const dueAt = host.now() + 1_000;
  const rung: number[] = [];
  host.setTimer(dueAt, () => rung.push(host.now()));
  const canceled = host.setTimer(dueAt, () => rung.push(0));
  await clock.measure(() => Promise.resolve(own.now() - 400));
  await own.advance(1_000);
  expect(rung).toEqual([]);
  canceled.cancel();
  await own.advance(400);
  expect(rung).toEqual([dueAt]);
});

test("a timer rings in time though the machine's clock is put back by an hour meanwhile", async () => {
  const own = new ScriptedHost();
  let aheadMs = 0;
  const machine = {
    now: () => own.now() + aheadMs,
    setDelay: (delayMs: number, callback: () => void) => own.setDelay(delayMs, callback),
    // As the real one: who wakes up early by the wall clock goes on waiting.
    setTimer: (dueAt: number, callback: () => void): Timer => {
      const wake = () => (machine.now() >= dueAt ? callback() : machine.setTimer(dueAt, callback));
      return own.setTimer(dueAt - aheadMs, wake);
    },
    nextTurn: () => own.nextTurn(),
    randomBytes: (count: number) => own.randomBytes(count),
    fetch: (request) => own.fetch(request),
    log: (level, event, fields) => own.log(level, event, fields),
  } satisfies Host;
  const clock = new SharedClock(() => own.now(), own.now());
  await clock.measure(() => Promise.resolve(own.now()));
  const host = withSharedClock(machine, clock);
  const rung: number[] = [];
  host.setTimer(host.now() + 1_000, () => rung.push(1));
  aheadMs = -3_600_000;
  await own.advance(1_000);
  expect(rung).toEqual([1]);
});

test("the end of a request is told in the time of the machine", async () => {
  const own = new ScriptedHost();
  const clock = new SharedClock(() => own.now(), own.now());
  await clock.measure(() => Promise.resolve(own.now() + 90_000));
  const host = withSharedClock(own, clock);
  const until = host.now() + 2_000;
  const request = { url: "http://app.test/", method: "POST", headers: {}, timeoutMs: 2_000 };
  const more = { body: "", responseBytesMax: 10, lastsUntil: () => until };
  void host.fetch({ ...request, ...more });
  const [sent] = own.exchanges;
  expect(sent?.request.lastsUntil?.()).toBe(own.now() + 2_000);
});
