// Both generations of the workflow SDK at once: a client of one and an endpoint of the other, and an app that moves between.

import { expect, test } from "vitest";
import { Counters } from "./counters.ts";
import { failureCallsAt, oldClient, oldWorkflow, serveOld, stepsAt } from "./old-sdk.ts";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

const ORDER = "/order";

interface Context {
  readonly requestPayload: unknown;
  readonly headers: Headers;
  readonly workflowRunId: string;
  readonly run: <T>(name: string, step: () => T) => Promise<T>;
}

/** A workflow that both generations can serve; its second step fails until it is healed. */
function orderOf(counters: Counters) {
  return async (context: Context) => {
    const reserved = await context.run("reserve", counters.step("reserve", { ok: "ü" }));
    await context.run("charge", counters.step("charge", 1));
    await context.run("ship", counters.step("ship", 1));
    return { payload: context.requestPayload, user: context.headers.get("x-user"), reserved };
  };
}

const WHOLE = { payload: { n: 7 }, user: "me", reserved: { ok: "ü" } };
const given = { url: "", body: { n: 7 }, headers: { "x-user": "me" } };

test("a client of 1.3 and an endpoint of 0.2: payload, headers and label arrive, and stay", async () => {
  const seen: unknown[] = [];
  const url = serveOld(world, ORDER, async (context) => {
    seen.push([context.headers.get("x-user"), context.label]);
    return orderOf(new Counters())(context);
  });
  const runId = await world.trigger({ ...given, url, label: "blue" });
  const run = await world.succeeded(runId);
  expect(JSON.parse(run.workflowRunResponse ?? "")).toEqual(WHOLE);
  expect(run.labels).toEqual(["blue"]);
  const deliveries = stepsAt(world, ORDER);
  expect(deliveries).toHaveLength(4);
  expect(new Set(seen.map((one) => JSON.stringify(one)))).toEqual(new Set(['["me","blue"]']));
});

test("a client of 1.3 and an endpoint of 0.2: the settings of the trigger win over those of serve", async () => {
  const counters = new Counters(["charge"]);
  const unused = world.app.on("/unused", () => new Response("noted"));
  const failureUrl = world.app.on("/alarm", () => new Response("noted"));
  const own = { retries: 5, retryDelay: "60000", failureUrl: unused };
  const url = serveOld(world, ORDER, orderOf(counters), {
    ...own,
    flowControl: { key: "own", parallelism: 1 },
  });
  const runId = await world.trigger({
    ...{ ...given, url, failureUrl, retries: 1, retryDelay: "1" },
    flowControl: { key: "chosen", parallelism: 2 },
  });
  const entry = await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
  expect(counters.all()).toEqual({ reserve: 1, charge: 2 });
  expect(entry).toMatchObject({ maxRetries: 1, flowControlKey: "chosen", parallelism: 2 });
  expect([world.app.at("/alarm").length, world.app.at("/unused").length]).toEqual([1, 0]);
});

test("a client of 1.3 and an endpoint of 0.2: the failure function is reached, and its absence is a failed callback", async () => {
  const told: string[] = [];
  const route = orderOf(new Counters(["charge"]));
  const url = serveOld(world, ORDER, route, {
    failureFunction: ({ context, failResponse }) => {
      told.push(`${context.workflowRunId} ${failResponse}`);
    },
  });
  const runId = await world.trigger({ ...given, url, retries: 0 });
  await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
  expect(told).toEqual([`${runId} charge is broken`]);
  serveOld(world, ORDER, route);
  const untold = await world.trigger({ ...given, url, retries: 0 });
  await world.deadLetterIn(untold, "CALLBACK_FAIL");
});

test("a client of 0.2 and an endpoint of 1.3: payload and headers arrive, and stay", async () => {
  const url = world.serve(ORDER, orderOf(new Counters()));
  const { workflowRunId } = await oldClient(world).trigger({ ...given, url });
  const run = await world.succeeded(workflowRunId);
  expect(JSON.parse(run.workflowRunResponse ?? "")).toEqual(WHOLE);
  expect(stepsAt(world, ORDER)).toHaveLength(4);
});

test("a client of 0.2 and an endpoint of 1.3: what is to be kept holds for every step", async () => {
  const counters = new Counters(["charge"]);
  const told: string[] = [];
  const url = world.serve(ORDER, orderOf(counters), {
    failureFunction: ({ context }) => void told.push(context.workflowRunId),
  });
  const settings = { retries: 1, retryDelay: "1", useFailureFunction: true } as const;
  const kept = { ...given, url, ...settings, keepTriggerConfig: true };
  const { workflowRunId } = await oldClient(world).trigger(kept);
  await world.deadLetterIn(workflowRunId, "CALLBACK_SUCCESS");
  expect(counters.all()).toEqual({ reserve: 1, charge: 2 });
  expect(told).toEqual([workflowRunId]);
});

test("a client of 0.2 and an endpoint of 1.3: what is not to be kept holds for the first step alone", async () => {
  const counters = new Counters(["charge"]);
  const url = world.serve(ORDER, orderOf(counters));
  const settings = { retries: 0, useFailureFunction: true } as const;
  const { workflowRunId } = await oldClient(world).trigger({ ...given, url, ...settings });
  const next = await until("the retry of the second step", async () => {
    const step = (await world.log(workflowRunId))?.steps.at(-1)?.steps[0];
    return step?.state === "STEP_RETRY" && step;
  });
  expect(next).toMatchObject({ retries: 3 });
  counters.break("reserve");
  const first = await oldClient(world).trigger({ ...given, url, ...settings });
  await world.deadLetterIn(first.workflowRunId, null);
  expect(failureCallsAt(world, ORDER)).toHaveLength(1);
});

test("a client of 1.3 resumes a run of 0.2, and a client of 0.2 one of 1.3", async () => {
  const counters = new Counters(["charge"]);
  const route = orderOf(counters);
  const old = await oldClient(world).trigger({
    ...given,
    url: serveOld(world, "/old", route, { retries: 0 }),
  });
  const now = await world.trigger({ ...given, url: world.serve("/new", route), retries: 0 });
  const entries = [await world.deadLetter(old.workflowRunId), await world.deadLetter(now)];
  counters.heal();
  const resumed = [
    await world.client.dlq.resume({ dlqId: entries[0]?.dlqId ?? "" }),
    await oldClient(world).dlq.resume({ dlqId: entries[1]?.dlqId ?? "" }),
  ];
  for (const { workflowRunId } of resumed) {
    const run = await world.succeeded(workflowRunId);
    expect(JSON.parse(run.workflowRunResponse ?? "")).toEqual(WHOLE);
  }
  expect(counters.all()).toEqual({ reserve: 2, charge: 4, ship: 2 });
});

test("a run that failed in an app of 0.2 goes on in the same app of 1.3, and fails there with the new failure function", async () => {
  const counters = new Counters(["charge"]);
  const told: string[] = [];
  const options = (generation: string) => ({
    failureFunction: ({ context }: { readonly context: { readonly workflowRunId: string } }) => {
      told.push(`${generation} ${context.workflowRunId}`);
    },
  });
  const url = serveOld(world, ORDER, orderOf(counters), { retries: 0, ...options("old") });
  const { workflowRunId: first } = await oldClient(world).trigger({ ...given, url });
  const { dlqId } = await world.deadLetterIn(first, "CALLBACK_SUCCESS");
  world.serve(ORDER, orderOf(counters), options("new"));
  const { workflowRunId: second } = await world.client.dlq.resume({ dlqId });
  const again = await world.deadLetterIn(second, "CALLBACK_SUCCESS");
  expect(told).toEqual([`old ${first}`, `new ${second}`]);
  counters.heal();
  const { workflowRunId: third } = await world.client.dlq.resume({ dlqId: again.dlqId });
  const run = await world.succeeded(third);
  expect(JSON.parse(run.workflowRunResponse ?? "")).toEqual(WHOLE);
  expect(counters.all()).toEqual({ reserve: 1, charge: 3, ship: 1 });
});

test("a run goes on when its app moves from 0.2 to 1.3 between two of its steps, and back", async () => {
  const counters = new Counters();
  const old = oldWorkflow(world, orderOf(counters));
  const now = world.workflow(orderOf(counters));
  let count = 0;
  const url = world.app.on(ORDER, (request, received) => {
    count += 1;
    return count % 2 === 0 ? now(request) : old(request, received);
  });
  const runId = await world.trigger({ ...given, url });
  const run = await world.succeeded(runId);
  expect(JSON.parse(run.workflowRunResponse ?? "")).toEqual(WHOLE);
  expect(counters.all()).toEqual({ reserve: 1, charge: 1, ship: 1 });
});
