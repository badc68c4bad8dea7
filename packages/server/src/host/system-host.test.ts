import { afterEach, expect, test } from "vitest";
import {
  createSystemHost,
  type SystemHost,
  type SystemHostOptions,
  startTimer,
} from "./system-host.ts";

const hosts: SystemHost[] = [];

afterEach(async () => {
  for (const host of hosts.splice(0)) await host.close();
});

function openHost(options: SystemHostOptions = {}): SystemHost {
  const host = createSystemHost(options);
  hosts.push(host);
  return host;
}

test("a timer never calls before its time and can be cancelled", async () => {
  const host = openHost();
  const dueAt = host.now() + 20;
  let isCalled = false;
  host
    .setTimer(dueAt, () => {
      isCalled = true;
    })
    .cancel();
  const calledAt = await new Promise<number>((resolve) => {
    host.setTimer(dueAt, () => resolve(host.now()));
  });
  expect(calledAt).toBeGreaterThanOrEqual(dueAt);
  expect(isCalled).toBe(false);
});

test("a timer for next year waits, one for last year does not", async () => {
  const host = openHost();
  const yearMs = 365 * 86_400_000;
  let isCalled = false;
  const far = host.setTimer(host.now() + yearMs, () => {
    isCalled = true;
  });
  await new Promise<void>((resolve) => host.setTimer(host.now() - yearMs, resolve));
  await host.nextTurn();
  expect(isCalled).toBe(false);
  far.cancel();
});

test("a delay counts the time that passes, though the clock is set back by an hour meanwhile", async () => {
  const real = Date.now;
  const rung = new Promise<void>((resolve) => openHost().setDelay(20, resolve));
  Date.now = () => real() - 3_600_000;
  try {
    await rung;
  } finally {
    Date.now = real;
  }
});

test("a timer that sleeps in parts calls once, at its time", async () => {
  const dueAt = Date.now() + 60;
  const calls: number[] = [];
  await new Promise<void>((resolve) => {
    const note = () => {
      calls.push(Date.now());
      resolve();
    };
    startTimer(dueAt, note, { sleepMsMax: 10 });
  });
  await openHost().nextTurn();
  expect(calls).toHaveLength(1);
  expect(calls[0]).toBeGreaterThanOrEqual(dueAt);
});

test("the next turn comes after timers and input", async () => {
  const host = openHost();
  const order: string[] = [];
  queueMicrotask(() => order.push("microtask"));
  await host.nextTurn();
  order.push("turn");
  expect(order).toEqual(["microtask", "turn"]);
});

test("chance has the asked length and does not repeat", () => {
  const host = openHost();
  expect(host.randomBytes(16)).toHaveLength(16);
  expect(host.randomBytes(16)).not.toEqual(host.randomBytes(16));
});

test("chance that is drawn ahead is given out once, in any length", () => {
  const host = openHost();
  const words = new Set<string>();
  let count = 0;
  for (const length of [8, 21, 32, 4_000, 4_096, 4_097, 10_000]) {
    for (let draw = 0; draw < 20; draw++) {
      const bytes = host.randomBytes(length);
      expect(bytes).toHaveLength(length);
      for (let start = 0; start + 8 <= length; start += 8, count++) {
        words.add(Buffer.from(bytes.subarray(start, start + 8)).toString("hex"));
      }
    }
  }
  expect(words.size).toBe(count);
});

test("the log is one line of JSON an event, from its level on", () => {
  const lines: string[] = [];
  const host = openHost({ logLevel: "warn", writeLine: (line) => lines.push(line) });
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  host.log("info", "unheard", {});
  host.log("warn", "heard", { count: 10n, level: "mine", text: "two\nlines" });
  host.log("error", "failed", { error: new Error("no disk", { cause: new Error("pulled") }) });
  host.log("error", "odd", { circular });
  const events = lines.map((line) => JSON.parse(line));
  expect(lines.join("")).not.toContain("\n");
  expect(events[0]).toMatchObject({ level: "warn", event: "heard", count: "10" });
  expect(Date.parse(events[0].at)).toBeGreaterThan(0);
  expect(events[1]).toMatchObject({ error: { message: "no disk", cause: { message: "pulled" } } });
  expect(events[2]).toMatchObject({ level: "error", event: "odd" });
});
