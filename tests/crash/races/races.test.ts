// Two requests for the same thing at the same time, over real HTTP. Whoever comes first, the outcome is one of the allowed.

import { expect, test, vi } from "vitest";
import { race, rounds, useRaceWorld } from "./race-world.ts";

// Each round is short, and a machine with other work takes many times as long for all of them.
vi.setConfig({ testTimeout: 300_000 });

const ROUNDS = 200;

const world = useRaceWorld();

const base64 = (text: string) => Buffer.from(text).toString("base64");
const listOf = (json: unknown) => json as readonly Readonly<Record<string, unknown>>[]; // A JSON list.

/** Every outcome that is named must have come, and no other. */
function expectOutcomes(
  counts: Readonly<Record<string, number>>,
  allowed: readonly string[],
): void {
  expect(Object.keys(counts).toSorted()).toEqual([...allowed].toSorted());
}

const TIMEOUT_MS = 300;
/** How long before the end of its time a wait is notified: a machine with other work takes longer on the way. */
const LEADS_MS = [0, 1, 2, 3, 4, 6, 10, 20, 40, 80];
const KINDS = LEADS_MS.length + 2;

/** Registers a wait, and resolves when it is to be notified. */
async function atItsTime(number: number, event: string): Promise<string> {
  const kind = number % KINDS;
  // The last two kinds are no race: however slow the machine is, one is early and one is late.
  if (kind === KINDS - 1) return world.waiting(event);
  const runId = await world.waiting(event, TIMEOUT_MS);
  const leadMs = LEADS_MS[kind];
  if (leadMs === undefined) await endOfWait(runId);
  else {
    const endsAt = await world.endOf(runId);
    await new Promise((resolve) => setTimeout(resolve, endsAt - leadMs - Date.now()));
  }
  return runId;
}

test("a notification and the end of the time: exactly one of them is the result", async () => {
  const counts = await rounds(ROUNDS, async (number) => {
    const event = `timeout/${number}`;
    const runId = await atItsTime(number, event);
    const woken = listOf((await world.notify(event, "in time")).json);
    await endOfWait(runId);
    const { results, waits } = await world.stateOf(runId);
    expect(waits).toEqual(["done"]);
    expect(results).toHaveLength(1);
    const isWoken = woken.length === 1;
    expect(results[0]?.out).toBe(isWoken ? base64("in time") : undefined);
    expect(results[0]?.waitTimeout).toBe(isWoken ? undefined : true);
    return isWoken ? "woken" : "timeout";
  });
  expectOutcomes(counts, ["woken", "timeout"]);
});

async function endOfWait(runId: string): Promise<void> {
  for (;;) {
    const { waits } = await world.stateOf(runId);
    if (waits.every((state) => state !== "open")) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test("a notification and a cancel: the wait has the event, or is dropped", async () => {
  const counts = await rounds(ROUNDS, async (number) => {
    const event = `cancel/${number}`;
    const runId = await world.waiting(event);
    const [notified, canceled] = await race(
      number,
      () => world.notify(event, "e"),
      () => world.world.call("DELETE", `/v2/workflows/runs/${runId}`),
    );
    expect(canceled.status).toBe(200);
    const isWoken = listOf(notified.json).length === 1;
    const { run, results, waits } = await world.stateOf(runId);
    expect(run.state).toBe("canceled");
    expect(waits).toEqual([isWoken ? "done" : "dropped"]);
    expect(results).toHaveLength(isWoken ? 1 : 0);
    return isWoken ? "woken" : "dropped";
  });
  expectOutcomes(counts, ["woken", "dropped"]);
});

test("two notifications for one waiter: one of them wakes it", async () => {
  const counts = await rounds(ROUNDS, async (number) => {
    const event = `two/${number}`;
    const runId = await world.waiting(event);
    const [first, second] = await race(
      number,
      () => world.notify(event, "first"),
      () => world.notify(event, "second"),
    );
    const woken = [listOf(first.json).length, listOf(second.json).length];
    expect(woken.toSorted()).toEqual([0, 1]);
    const winner = woken[0] === 1 ? "first" : "second";
    const { results, waits, kept } = await world.stateOf(runId);
    expect([waits, results[0]?.out, results.length, kept]).toEqual([
      ["done"],
      base64(winner),
      1,
      0,
    ]);
    return winner;
  });
  expectOutcomes(counts, ["first", "second"]);
});

test("a notification to all and one to the run: one wakes it, the other is kept or reaches nobody", async () => {
  const counts = await rounds(ROUNDS, async (number) => {
    const event = `both/${number}`;
    const runId = await world.waiting(event);
    const [all, one] = await race(
      number,
      () => world.notify(event, "all"),
      () => world.notify(`${runId}/${event}`, "one"),
    );
    const isAll = listOf(all.json).length === 1;
    // What is kept has no message.
    expect(listOf(one.json)[0]?.messageId === "").toBe(isAll);
    const { results, waits, kept } = await world.stateOf(runId);
    const out = base64(isAll ? "all" : "one");
    expect([waits, results[0]?.out, kept]).toEqual([["done"], out, isAll ? 1 : 0]);
    return isAll ? "all" : "one";
  });
  expectOutcomes(counts, ["all", "one"]);
});

test("an event that is sent while its step begins to wait is not missed", async () => {
  const counts = await rounds(ROUNDS, async (number) => {
    const event = `early/${number}`;
    const runId = await world.start();
    const [registered, notified] = await race(
      number,
      () => world.wait(runId, event),
      () => world.notify(`${runId}/${event}`, "e"),
    );
    expect([registered.status, notified.status]).toEqual([200, 201]);
    const isKept = listOf(notified.json)[0]?.messageId === "";
    const { results, waits, kept } = await world.stateOf(runId);
    expect([waits, results.map(({ out }) => out), kept]).toEqual([["done"], [base64("e")], 0]);
    return isKept ? "kept" : "woken";
  });
  expectOutcomes(counts, ["kept", "woken"]);
});

test("a webhook that is called while its step begins to wait is not missed", async () => {
  await rounds(ROUNDS, async (number) => {
    const event = `evt_${number}`;
    const runId = await world.start();
    const hook = `/v2/workflows/hooks/defaultUser/${runId}/${event}`;
    const [registered, called] = await race(
      number,
      () => world.wait(runId, event, 3_600_000, "WaitForWebhook"),
      () => world.world.call("POST", hook, { body: "hello", token: null }),
    );
    expect([registered.status, called.status]).toEqual([200, 200]);
    const { results, waits, kept } = await world.stateOf(runId);
    expect([waits, results.length, kept]).toEqual([["done"], 1, 0]);
    const out = Buffer.from(String(results[0]?.out), "base64").toString();
    expect(JSON.parse(out)).toMatchObject({ method: "POST", body: base64("hello") });
    return "woken";
  });
});

test("a child ends while its parent is cancelled: the parent has the result, or has dropped it", async () => {
  const counts = await rounds(ROUNDS, async (number) => {
    const parentId = await world.start();
    const childId = await world.invoke(parentId);
    const end = { body: '"done"' };
    const [ended, canceled] = await race(
      number,
      () => world.world.call("DELETE", `/v2/workflows/runs/${childId}?cancel=false`, end),
      () => world.world.call("DELETE", `/v2/workflows/runs/${parentId}`),
    );
    expect([ended.status, canceled.status]).toEqual([200, 200]);
    const child = await world.stateOf(childId);
    const parent = await world.stateOf(parentId);
    expect([child.run.state, parent.run.state]).toEqual(["succeeded", "canceled"]);
    const isTold = parent.results.length === 1;
    expect(parent.waits).toEqual([isTold ? "done" : "dropped"]);
    return isTold ? "told" : "dropped";
  });
  expectOutcomes(counts, ["told", "dropped"]);
});
