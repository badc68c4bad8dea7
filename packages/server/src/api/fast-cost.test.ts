import { afterEach, beforeEach, expect, test } from "vitest";
import { answerOf, openScriptedWorld, type ScriptedWorld, stepResult } from "./fast-world.suite.ts";

/** The store's work for one step of the fast modes, as engine/step-cost.test.ts counts it for the public wire. */

let world: ScriptedWorld;

beforeEach(async () => {
  world = await openScriptedWorld();
});

afterEach(() => world.store.close());

async function costOf(act: () => Promise<unknown>) {
  const { store } = world;
  const before = { ...store.counters };
  await act();
  return {
    read: store.counters.rowsRead - before.rowsRead,
    written: store.counters.rowsWritten - before.rowsWritten,
    commits: store.counters.commits - before.commits,
  };
}

test("an answered step is one transaction, and costs the same at 10, 100 and 1,000", async () => {
  const costs = new Map<number, unknown>();
  let told = await world.start("wfr_a");
  for (let stepId = 1; stepId <= 1_000; stepId += 1) {
    const cost = await costOf(async () => {
      told.exchange.answer(answerOf([stepResult(stepId)]));
      told = await world.told();
    });
    costs.set(stepId, cost);
  }
  // The record, its message, the run, the message that is done and the record of its attempt.
  expect(costs.get(10)).toEqual({ read: 2, written: 5, commits: 1 });
  expect(costs.get(100)).toEqual(costs.get(10));
  expect(costs.get(1_000)).toEqual(costs.get(10));
});

test("a step that an invocation goes on from writes four rows, at 10, 100 and 1,000", async () => {
  const costs = new Map<number, unknown>();
  const first = await world.start("wfr_a");
  let held = { messageKey: first.messageKey, leaseToken: first.leaseToken };
  for (let stepId = 1; stepId <= 1_000; stepId += 1) {
    const cost = await costOf(async () => {
      const answer = await world.proceed(held, [stepResult(stepId)]);
      if (answer.type === "stop") throw new Error(answer.reason);
      held = { messageKey: answer.messageKey, leaseToken: answer.leaseToken };
    });
    costs.set(stepId, cost);
  }
  // The record, its message, the run, and the message that was held before.
  expect(costs.get(10)).toEqual({ read: 2, written: 4, commits: 1 });
  expect(costs.get(100)).toEqual(costs.get(10));
  expect(costs.get(1_000)).toEqual(costs.get(10));
  expect(world.host.exchanges).toEqual([]);
});
