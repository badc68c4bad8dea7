// Histories of other runs, and every order of parallel steps.

import type { WorkflowContext } from "@reprise/sdk";
import { explore, replay, startReprise, testWorkflow } from "@reprise/sdk/testing";
import { expect, test } from "vitest";

const first = async (context: WorkflowContext) => {
  await context.run("reserve", () => "r1");
  const prices = await Promise.all([context.run("a", () => 1), context.run("b", () => 2)]);
  await context.sleep("rest", "1d");
  await context.run("charge", () => prices);
  return "done";
};

/** The same, with another step behind those that are recorded. */
const longer = async (context: WorkflowContext) => {
  await first(context);
  return context.run("thank", () => "thanks");
};

const swapped = async (context: WorkflowContext) => {
  await context.run("check", () => true);
  return first(context);
};

const shorter = async (context: WorkflowContext) => context.run("reserve", () => "r1");

const narrower = async (context: WorkflowContext) => {
  await context.run("reserve", () => "r1");
  await context.run("a", () => 1);
  return "done";
};

test("changed code fits a run, or is told apart from what the run has recorded", async () => {
  const run = testWorkflow(first);
  await run.finished();
  const { history } = run;
  expect(await replay(first, history)).toEqual({ ok: true, state: "finished" });
  expect(await replay(longer, history)).toEqual({ ok: true, state: "suspended", next: ["thank"] });
  expect(await replay(swapped, history)).toMatchObject({
    ok: false,
    divergence: expect.stringContaining('step 1 of this run is recorded as "reserve"'),
  });
  expect(await replay(shorter, history)).toMatchObject({
    ok: false,
    divergence: expect.stringContaining('recorded as "a" (Run), but the function does not call it'),
  });
  expect(await replay(narrower, history)).toMatchObject({
    ok: false,
    divergence: expect.stringContaining("a parallel group of 2 steps"),
  });
});

test("a run under way is replayed up to where it is, and no step is run", async () => {
  const run = testWorkflow(first);
  await run.untilWaiting("rest");
  const reached = await replay(async (context: WorkflowContext) => {
    await first(context);
    throw new Error("not reached");
  }, run.history);
  expect(reached).toEqual({ ok: true, state: "suspended", next: ["charge"] });
});

test("a divergence names the place in the author's file", async () => {
  const run = testWorkflow(first);
  await run.finished();
  const replayed = await replay(swapped, run.history);
  expect(replayed).toMatchObject({ divergence: expect.stringContaining("orders.test.ts") });
});

test("histories of a server are replayed as its logs and its list give them", async () => {
  await using server = await startReprise();
  const url = await server.serve(async (context: WorkflowContext<string>) => {
    const payload = context.requestPayload;
    const pair = await Promise.all([context.run("a", () => payload), context.run("b", () => 2)]);
    await context.waitForEvent("wait", "never", { timeout: "0s" });
    return pair;
  });
  const { workflowRunId } = await server.client.trigger({ url, body: "payload" });
  const log = await server.until(workflowRunId, "RUN_SUCCESS", { timeoutMs: 60_000 });
  const same = async (context: WorkflowContext<string>) => {
    if (context.requestPayload !== "payload") throw new Error("another payload");
    await Promise.all([context.run("a", () => 0), context.run("b", () => 0)]);
    const { timeout } = await context.waitForEvent("wait", "never");
    if (!timeout) throw new Error("another end of the wait");
  };
  expect(await replay(same, log)).toEqual({ ok: true, state: "finished" });
  expect(await replay(same, log.steps)).toEqual({ ok: true, state: "finished" });
  expect(await replay(shorter, log)).toMatchObject({ ok: false });
});

/** Its result depends on who is first: what `explore` is there to find. */
const racy = async (context: WorkflowContext) => {
  const order: string[] = [];
  const seen = async (name: string) => order.push(await context.run(name, () => name));
  await Promise.all([seen("a"), seen("b"), seen("c")]);
  return context.run("order", () => order);
};

test("a workflow behaves the same in every order", async () => {
  const { ends, runs } = await explore(racy, { seeds: 50 });
  expect([runs, ends.length, ends[0]?.result.result]).toEqual([50, 1, ["a", "b", "c"]]);
});

test("orders differ by seed, and are the same for the same seed", async () => {
  const orderOf = async (seed: number) => {
    const began: string[] = [];
    const note = (name: string) => () => began.push(name);
    const workflow = async (context: WorkflowContext) =>
      Promise.all(["a", "b", "c"].map((name) => context.run(name, note(name))));
    await testWorkflow(workflow, { order: "random", seed, now: 0 }).finished();
    return began.join("");
  };
  const seeds = Array.from({ length: 40 }, (_, index) => index);
  const orders = await Promise.all(seeds.map(orderOf));
  expect(new Set(orders).size).toBe(6);
  expect(await Promise.all(seeds.map(orderOf))).toEqual(orders);
});

test("an order that breaks the workflow is found and named", async () => {
  const done: string[] = [];
  const outside = async (context: WorkflowContext) => {
    await Promise.all([
      context.run("a", () => done.push("a")),
      context.run("b", () => done.push("b")),
    ]);
    return context.run("last", () => done.at(-1));
  };
  const { ends } = await explore(outside, { seeds: 30 });
  expect(ends.map(({ result }) => result.result).sort()).toEqual(["a", "b"]);
  const check = ({ result }: { readonly result: unknown }) => expect(result).toBe("b");
  await expect(explore(outside, { seeds: 30, check })).rejects.toThrow(/^with seed \d+: /);
});
