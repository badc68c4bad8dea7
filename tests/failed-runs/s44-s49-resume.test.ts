// What a resumed run keeps, and what it refuses.

import type { WorkflowContext } from "@upstash/workflow";
import { expect, test } from "vitest";
import { Counters } from "../conformance/counters.ts";
import { sdkWords } from "../conformance/sdk.ts";
import { useWorld } from "../conformance/world.ts";
import { serveAlarmed } from "./alarmed.ts";
import { failOrder, serveOrder, stepNames } from "./order.ts";
import { revive } from "./revive.ts";

const world = useWorld({ isOnDisk: true });

test("S44: the resumed run has a new id, and the old one keeps its history", async () => {
  const { runId, counters } = await failOrder(world);
  const before = await world.log(runId);
  counters.heal();
  const resumed = await revive(world, runId);
  await world.succeeded(resumed);
  expect(resumed).not.toBe(runId);
  const after = await world.log(runId);
  expect(after?.workflowState).toBe("RUN_FAILED");
  expect(stepNames(after)).toEqual(stepNames(before));
  expect(stepNames(after)).toEqual(["init", "reserve", "pause", "charge"]);
});

test("S44: a resumed run that fails again gets an entry and a failure call of its own, under its own id", async () => {
  const ids: string[] = [];
  const counters = new Counters(["charge"]);
  const url = world.serve(
    "/order",
    async (context) => {
      await context.run("first", counters.step("first", 1));
      await context.run("charge", counters.step("charge", 2));
    },
    { failureFunction: ({ context }) => void ids.push(context.workflowRunId) },
  );
  const runId = await world.trigger({
    url,
    body: "p",
    headers: { "x-user": "me" },
    retries: 1,
    retryDelay: "1",
  });
  const first = await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
  const resumed = await revive(world, runId);
  const second = await world.deadLetterIn(resumed, "CALLBACK_SUCCESS");
  expect(ids).toEqual([runId, resumed]);
  expect(second.dlqId).not.toBe(first.dlqId);
  expect(second).toMatchObject({ body: "p", maxRetries: 1, workflowRunId: resumed });
  const call = world.app.at("/order").at(-1);
  expect(call?.headers).toMatchObject({ "upstash-workflow-runid": resumed, "x-user": "me" });
  counters.heal();
  await world.succeeded(await revive(world, resumed));
  expect(counters.all()).toEqual({ first: 1, charge: 5 });
});

test("S44: deliveries of a resumed run carry its id, its creation and the headers of the user", async () => {
  const counters = new Counters(["charge"]);
  const url = serveAlarmed(world, "/order", counters);
  const runId = await world.trigger({
    url,
    headers: { authorization: "Bearer u" },
    label: "blue",
    retries: 0,
  });
  await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
  counters.heal();
  const resumed = await revive(world, runId);
  const run = await world.succeeded(resumed);
  const deliveries = world.app
    .at("/order")
    .filter(({ headers }) => headers["upstash-workflow-runid"] === resumed);
  expect(deliveries).toHaveLength(2);
  for (const { headers } of deliveries) {
    expect(headers).toMatchObject({
      authorization: "Bearer u",
      "upstash-label": "blue",
      "upstash-workflow-createdat": String(run.workflowRunCreatedAt),
      "upstash-retried": "0",
    });
  }
});

test("S44: a resume survives the restart of the server before it and behind it", async () => {
  const counters = new Counters(["charge"]);
  const url = serveAlarmed(world, "/order", counters);
  const runId = await world.trigger({ url, retries: 20, retryDelay: "20" });
  await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
  await world.restartServer();
  counters.heal();
  await world.app.stop();
  const resumed = await revive(world, runId);
  await world.restartServer();
  await world.app.start();
  await world.succeeded(resumed);
  expect(counters.all()).toMatchObject({ first: 1, charge: 22 });
});

test("S45: deliveries of the new run carry the results of the finished steps", async () => {
  const { runId, counters } = await failOrder(world);
  counters.heal();
  const run = await world.succeeded(await revive(world, runId));
  const first = world.app
    .at("/order")
    .find(({ headers }) => headers["upstash-workflow-runid"] === run.workflowRunId);
  const records = JSON.parse(first?.body ?? "") as { readonly body: string }[]; // As the SDK reads it.
  const names = records.map(({ body }) => Buffer.from(body, "base64").toString("utf8"));
  expect(names).toEqual([
    expect.stringContaining('"order":7'),
    expect.stringContaining('"stepName":"reserve"'),
    expect.stringContaining('"stepName":"pause"'),
  ]);
});

test("S45: results of finished steps stand in the log of the new run", async () => {
  const { runId, counters } = await failOrder(world, { label: "blue" });
  counters.heal();
  const run = await world.succeeded(await revive(world, runId));
  expect(stepNames(run)).toEqual(["init", "reserve", "pause", "charge", "ship"]);
  expect(run.steps[1]?.steps[0]).toMatchObject({ out: '{"order":7}', state: "STEP_SUCCESS" });
  expect(run).toMatchObject({ labels: ["blue"], workflowRunCallerIp: "127.0.0.1" });
});

test("S46: two hundred finished steps are kept and none of them is executed again", async () => {
  const total = 200;
  const counters = new Counters(["last"]);
  const url = world.serve("/long", async (context) => {
    let sum = 0;
    for (let index = 0; index < total; index += 1) {
      sum += await context.run(`step ${index}`, counters.step(`step ${index}`, index));
    }
    await context.run("last", counters.step("last", null));
    return sum;
  });
  const runId = await world.trigger({ url, retries: 0 });
  await world.failed(runId);
  const before = world.app.at("/long").length;
  counters.heal();
  const run = await world.succeeded(await revive(world, runId));
  expect(run.workflowRunResponse).toBe(String((total * (total - 1)) / 2));
  const { last, ...others } = counters.all();
  expect(last).toBe(2);
  expect(Object.values(others)).toEqual(Array.from({ length: total }, () => 1));
  // One delivery for the last step and one that ends the run; the failure call of the old run may come between.
  const deliveries = world.app
    .at("/long")
    .slice(before)
    .filter(({ headers }) => headers["upstash-workflow-runid"] === run.workflowRunId);
  expect(deliveries).toHaveLength(2);
});

test.each<[string, (context: WorkflowContext, counters: Counters) => Promise<unknown>, unknown]>([
  ["a step", async (context, counters) => context.run("ship", counters.step("ship", "new")), "new"],
  [
    "a parallel group",
    async (context, counters) =>
      Promise.all([
        context.run("thank", counters.step("thank", "thanks")),
        context.run("ship", counters.step("ship", "shipped")),
      ]),
    ["thanks", "shipped"],
  ],
])(
  "S47: code that has changed behind the failed step is used by the resumed run: %s",
  async (_name, ship, result) => {
    const { runId, counters } = await failOrder(world);
    counters.heal();
    world.serve("/order", async (context) => {
      await context.run("reserve", counters.step("reserve", null));
      await context.sleep("pause", 0.01);
      await context.run("charge", counters.step("charge", "charged"));
      return ship(context, counters);
    });
    const run = await world.succeeded(await revive(world, runId));
    expect(JSON.parse(run.workflowRunResponse ?? "")).toEqual(result);
    expect(counters.all()).toMatchObject({ reserve: 1, charge: 2, ship: 1 });
  },
);

test("S48: code that has changed in front of the failed step is refused by name, and the entry can be resumed later", async () => {
  const { runId, counters } = await failOrder(world);
  counters.heal();
  world.serve("/order", async (context) => {
    await context.run("reserve stock", counters.step("reserve stock", null));
  });
  const refused = await revive(world, runId);
  const entry = await world.deadLetter(refused);
  expect(entry.responseBody).toContain(sdkWords.divergence("reserve stock", "reserve"));
  expect(counters.all()).toEqual({ reserve: 1, charge: 1 });
  const restored = serveOrder(world, "/order");
  restored.heal();
  await world.succeeded(await revive(world, refused));
  expect(restored.all()).toEqual({ charge: 1, ship: 1 });
});

test("S48: a restart takes the changed code from its first step on", async () => {
  const { runId, counters } = await failOrder(world);
  world.serve("/order", async (context) =>
    context.run("reserve stock", counters.step("reserve stock", "new")),
  );
  const run = await world.succeeded(await revive(world, runId, "restart"));
  expect(run.workflowRunResponse).toBe('"new"');
  expect(counters.all()).toEqual({ reserve: 1, charge: 1, "reserve stock": 1 });
});

test.each(["resume", "restart", "callback"])(
  "S49: %s needs the token, in the header or in the query",
  async (mode) => {
    const { runId } = await failOrder(world);
    const { dlqId } = await world.deadLetter(runId);
    const path = `/v2/workflows/dlq/${mode}/${dlqId}`;
    const missing = await world.call("POST", path, { token: null });
    const wrong = await world.call("POST", path, { token: "wrong" });
    expect([missing.status, wrong.status]).toEqual([401, 401]);
    expect(missing.json).toMatchObject({ error: expect.any(String) });
    expect((await world.deadLetter(runId)).dlqId).toBe(dlqId);
    const query = `?qstash_token=${encodeURIComponent(world.server.token)}`;
    const right = await world.call("POST", path + query, { token: null });
    // The callback of an entry without a failure function cannot be called again: the token was accepted.
    expect(right.status).toBe(mode === "callback" ? 400 : 200);
  },
);
