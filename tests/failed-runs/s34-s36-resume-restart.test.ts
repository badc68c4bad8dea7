// A failed run goes on from its failing step, or begins again.

import type { RunResource } from "@reprise/protocol";
import { describe, expect, test } from "vitest";
import { Counters } from "../conformance/counters.ts";
import { until } from "../conformance/until.ts";
import { useWorld } from "../conformance/world.ts";
import { failOrder } from "./order.ts";
import { revive } from "./revive.ts";

const world = useWorld();

test("S34: a resume goes on from exactly the failed step; finished steps are not executed again", async () => {
  const { runId, counters } = await failOrder(world);
  expect(counters.all()).toEqual({ reserve: 1, charge: 1 });
  counters.heal();
  const before = world.app.at("/order").length;
  const run = await world.succeeded(await revive(world, runId));
  expect(run.workflowRunResponse).toBe('"shipped after charge 7"');
  expect(counters.all()).toEqual({ reserve: 1, charge: 2, ship: 1 });
  // One delivery for each step that was missing, and the one that ends the run; the failure call may come between.
  const steps = world.app
    .at("/order")
    .slice(before)
    .filter(({ headers }) => headers["upstash-workflow-is-failure"] === undefined);
  expect(steps).toHaveLength(3);
});

test("S35: a resume runs the branches of a group that failed or were pending, and no other", async () => {
  const counters = new Counters(["bad"]);
  const url = world.serve("/group", async (context) => {
    const before = await context.run("before", counters.step("before", 1));
    const group = await Promise.all([
      context.run("good", counters.step("good", 2)),
      context.run("bad", async () => {
        if (counters.isBroken("bad")) {
          await until("the good branch", () => counters.all().good === 1);
        }
        return counters.step("bad", 3)();
      }),
      // Longer than it takes until the resume: only then is something left of it.
      context.sleep("nap", "3s"),
    ]);
    return [before, ...group];
  });
  const runId = await world.trigger({ url, retries: 0 });
  const failed = await world.failed(runId);
  counters.heal();
  const run = await world.succeeded(await revive(world, runId));
  expect(JSON.parse(run.workflowRunResponse ?? "")).toEqual([1, 2, 3, null]);
  expect(counters.all()).toEqual({ before: 1, good: 1, bad: 2 });
  // The sleep kept what was left of its time: it neither began anew nor was cut short.
  const endOf = (of: RunResource) => of.steps[2]?.steps[2];
  expect(endOf(failed)).toMatchObject({ stepName: "nap", sleepUntil: expect.any(Number) });
  const sleepUntil = Reflect.get(endOf(failed) ?? {}, "sleepUntil");
  const last = world.app
    .at("/group")
    .find(({ headers }) => headers["upstash-message-id"] === endOf(run)?.messageId);
  expect(last?.at).toBeGreaterThanOrEqual(sleepUntil);
  const steps = await world.store.find("steps", "byRun", [[await runKeyOf(run.workflowRunId)]]);
  expect(steps.map(({ dueAt }) => dueAt)).toContain(sleepUntil);
});

async function runKeyOf(runId: string): Promise<number> {
  const [run] = await world.store.find("runs", "byId", [[runId]]);
  return run?.key ?? -1;
}

test("S35: when several branches have failed, a resume runs all of them", async () => {
  const counters = new Counters(["a", "b"]);
  const url = world.serve("/group", async (context) => {
    const names = ["a", "b", "c"];
    return Promise.all(names.map((name) => context.run(name, counters.step(name, name))));
  });
  const runId = await world.trigger({ url, retries: 0 });
  await world.failed(runId);
  await until("all three branches", () => Object.keys(counters.all()).length === 3);
  counters.heal();
  const run = await world.succeeded(await revive(world, runId));
  expect(JSON.parse(run.workflowRunResponse ?? "")).toEqual(["a", "b", "c"]);
  expect(counters.all()).toEqual({ a: 2, b: 2, c: 1 });
});

test("S36: a restart begins with the first step and the original payload", async () => {
  const { runId, counters } = await failOrder(world, { headers: { "x-user": "me" } });
  counters.heal();
  const restarted = await revive(world, runId, "restart");
  const run = await world.succeeded(restarted);
  expect(run.workflowRunResponse).toBe('"shipped after charge 7"');
  expect(counters.all()).toEqual({ reserve: 2, charge: 2, ship: 1 });
  const first = world.app
    .at("/order")
    .find(({ headers }) => headers["upstash-workflow-runid"] === restarted);
  expect(JSON.parse(first?.body ?? "")).toHaveLength(1);
  expect(first?.headers).toMatchObject({ "x-user": "me", "upstash-workflow-sdk-version": "1" });
});

test("S35: a branch that finishes after the run has failed is recorded, and a resume does not run it again", async () => {
  const counters = new Counters(["bad"]);
  let release = (): void => {};
  const url = world.serve("/group", async (context) => {
    return Promise.all([
      context.run("bad", counters.step("bad", 1)),
      context.run("slow", async () => {
        counters.step("slow", null)();
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        return 2;
      }),
    ]);
  });
  const runId = await world.trigger({ url, retries: 0 });
  await world.failed(runId);
  await until("the slow branch", () => counters.all().slow === 1);
  release();
  await until("the late result", async () => {
    const group = (await world.log(runId))?.steps.find(({ type }) => type === "parallel");
    return group?.steps.some((step) => "out" in step && step.out === "2");
  });
  counters.heal();
  const run = await world.succeeded(await revive(world, runId));
  expect(JSON.parse(run.workflowRunResponse ?? "")).toEqual([1, 2]);
  expect(counters.all()).toEqual({ bad: 2, slow: 1 });
});

describe("with little time for an attempt", () => {
  const hasty = useWorld({ config: { attemptTimeoutMs: 2_000 } });

  test("S34: a step that finishes after its delivery timed out and failed the run is recorded, and a resume does not run it again", async () => {
    const counters = new Counters();
    let release = (): void => {};
    const url = hasty.serve("/slow", async (context) => {
      const slow = await context.run("slow", async () => {
        counters.step("slow", null)();
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        return "late";
      });
      return context.run("after", counters.step("after", `${slow} but there`));
    });
    const runId = await hasty.trigger({ url, retries: 0 });
    await hasty.failed(runId);
    release();
    await until("the late result", async () =>
      (await hasty.log(runId))?.steps.some(
        ({ steps }) => steps[0]?.stepName === "slow" && "out" in (steps[0] ?? {}),
      ),
    );
    expect(counters.all()).toEqual({ slow: 1 });
    const run = await hasty.succeeded(await revive(hasty, runId));
    expect(run.workflowRunResponse).toBe('"late but there"');
    expect(counters.all()).toEqual({ slow: 1, after: 1 });
  });
});
