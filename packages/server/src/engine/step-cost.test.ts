import { afterEach, beforeEach, expect, test } from "vitest";
import type { SubmitStep } from "../core/commands.ts";
import { newPlans, newRun, newStep, openWorld, revive, type World } from "./engine.suite.ts";
import { accepted } from "./scripted-host.suite.ts";

/**
 * The store's work for one step: its submission, its delivery and the outcome of the one before. A run of n steps costs
 * n times that, whatever n is; a design that reads the list again for every delivery would read n * n rows.
 */

let world: World;

beforeEach(async () => {
  world = await openWorld();
  world.host.respond = () => accepted();
  await world.engine.execute([newRun(world.host, "wfr_a")]);
});

afterEach(() => world.store.close());

/** Rows read and written by one submission, after which the outcome of its delivery waits for the next one. */
async function costOf(commands: readonly SubmitStep[]) {
  const { host, store, engine } = world;
  const before = { ...store.counters };
  await engine.execute(commands);
  await host.settle();
  return {
    read: store.counters.rowsRead - before.rowsRead,
    written: store.counters.rowsWritten - before.rowsWritten,
    commits: store.counters.commits - before.commits,
  };
}

test("a sequential step costs the same at 10, 100 and 1,000", async () => {
  const costs = new Map<number, Awaited<ReturnType<typeof costOf>>>();
  for (let stepId = 1; stepId <= 1_000; stepId += 1) {
    costs.set(stepId, await costOf([newStep(world.host, "wfr_a", stepId)]));
  }
  expect(costs.get(10)).toEqual({ read: 2, written: 5, commits: 1 });
  expect(costs.get(100)).toEqual(costs.get(10));
  expect(costs.get(1_000)).toEqual(costs.get(10));
});

test("a result in a parallel group costs the same, whatever the size of the group and of the run", async () => {
  const { host } = world;
  const costs: unknown[] = [];
  let first = 1;
  await host.advance(20);
  for (const count of [10, 100, 500]) {
    const plans = await costOf(newPlans(host, "wfr_a", { first, count }));
    // A plan is a record and a message; how much longer the run has become is written once.
    expect({ count, ...plans }).toEqual({ count, read: 1, written: 2 * count + 1, commits: 1 });
    await host.advance(20);
    for (let index = 0; index < count; index += 1) {
      const facts = { stepId: first + index, isPlan: false, concurrent: count };
      costs.push(await costOf([newStep(host, "wfr_a", facts.stepId, { facts })]));
    }
    first += count;
    await host.advance(20);
  }
  // The first result of a group has no outcome that rides along: two rows less are written and one less is read.
  const other = costs.filter((cost) => JSON.stringify(cost) !== JSON.stringify(costs[1]));
  expect(costs[1]).toEqual({ read: 3, written: 5, commits: 1 });
  expect(other).toEqual(Array(3).fill({ read: 2, written: 3, commits: 1 }));
});

test("a resume costs in proportion to what it keeps, and its steps cost what steps cost", async () => {
  const { host, store, engine } = world;
  for (let stepId = 1; stepId <= 200; stepId += 1) await costOf([newStep(host, "wfr_a", stepId)]);
  const failing = { "upstash-nonretryable-error": ["true"] };
  host.respond = () => ({ ...accepted(489), headers: failing });
  await costOf([newStep(host, "wfr_a", 201)]);
  await host.advance(20);
  const [deadLetter] = await store.list("deadLetters", { where: [], order: "ascending", limit: 1 });
  host.respond = () => accepted();
  const before = { ...store.counters };
  await engine.execute([revive(deadLetter?.key ?? 0, { newRunId: "wfr_b" })]);
  await host.settle();
  expect(store.counters.rowsRead - before.rowsRead).toBeLessThan(202 + 10);
  expect(store.counters.rowsWritten - before.rowsWritten).toBeLessThan(202 + 10);
  await costOf([newStep(host, "wfr_b", 202)]);
  expect(await costOf([newStep(host, "wfr_b", 203)])).toEqual({ read: 2, written: 5, commits: 1 });
});
