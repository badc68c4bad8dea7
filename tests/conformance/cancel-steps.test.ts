// Cancelling runs in the middle of steps of every kind: nothing begins any more, and nobody waits for them.

import type { WorkflowContext } from "@upstash/workflow";
import { expect, test } from "vitest";
import { Counters } from "./counters.ts";
import {
  callbacksAmong,
  flowControlOf,
  gate,
  invokable,
  recordsOf,
  serveTogether,
  submitCall,
  waitersFor,
  waiting,
} from "./surface.ts";
import { until } from "./until.ts";
import { type TriggerOptions, useWorld } from "./world.ts";

const world = useWorld();

/** A run that stands in steps of all kinds at once; its service answers when `answer` is opened. */
async function startOpen(options: Partial<TriggerOptions> = {}) {
  const isAsked = gate();
  const answer = gate();
  const counters = new Counters();
  world.app.on("/service", async () => {
    isAsked.open();
    await answer.opened;
    return new Response("late");
  });
  const child = invokable(async (context) => {
    return (await context.waitForEvent("child waits", "child")).eventData;
  });
  const parent = invokable(async (context) => {
    const webhook = { webhookUrl: "", eventId: "evt_hook" };
    await Promise.all([
      context.waitForEvent("wait", "event"),
      context.waitForWebhook("hook", webhook, "1h"),
      context.call("ask", { url: `${world.app.url}/service`, retries: 3, retryDelay: "1" }),
      context.invoke("invoke", { workflow: child, body: "b" }),
      context.sleep("nap", "1h"),
    ]);
    await context.run("after", counters.step("after", 1));
  });
  const url = serveTogether(world, { parent, child });
  const runId = await world.trigger({ ...options, url: url("parent") });
  await waiting(world, "event");
  await waiting(world, "evt_hook");
  await waiting(world, "child");
  await isAsked.opened;
  const deliveries = world.app.at("/many/parent");
  await until("the ends of the deliveries", () => deliveries.every(({ status }) => status !== 0));
  return { runId, url, answer, counters };
}

/** Whatever comes now must not reach the run. */
async function expectSilence(open: Awaited<ReturnType<typeof startOpen>>): Promise<void> {
  const { runId, url, answer, counters } = open;
  const count = world.app.at("/many/parent").length;
  expect(await waitersFor(world, "event")).toEqual([]);
  expect(await waitersFor(world, "evt_hook")).toEqual([]);
  expect(await world.client.notify({ eventId: "event", eventData: "late" })).toEqual([]);
  const hook = `${world.server.url}/v2/workflows/hooks/u/${runId}/evt_hook`;
  expect((await fetch(hook, { method: "POST" })).status).toBe(404);
  answer.open();
  const { runs } = await world.client.logs({ filter: { workflowUrl: url("child") } });
  const childId = runs[0]?.workflowRunId ?? "";
  await world.client.notify({ eventId: "child", eventData: "c" });
  await world.succeeded(childId);
  await world.close();
  expect(world.app.at("/many/parent")).toHaveLength(count);
  expect(callbacksAmong(world.app.at("/many/parent"))).toEqual([]);
  expect(world.app.at("/service")).toHaveLength(1);
  expect(counters.all()).toEqual({});
}

test.each<[string, (runId: string, url: string) => Promise<unknown>]>([
  ["its id", (runId) => world.client.cancel(runId)],
  ["ids", (runId) => world.client.cancel([runId, "wfr_other"])],
  ["its URL", (_, url) => world.client.cancel({ filter: { workflowUrl: url } })],
  [
    "the start of its URL",
    (_, url) => world.client.cancel({ filter: { workflowUrlStartingWith: url.slice(0, -2) } }),
  ],
  ["its label", () => world.client.cancel({ filter: { label: "blue" } })],
  ["one of several labels", () => world.client.cancel({ filter: { label: ["red", "green"] } })],
  ["its flow control key", () => world.client.cancel({ filter: { flowControlKey: "tenant" } })],
  ["its caller", () => world.client.cancel({ filter: { callerIp: "127.0.0.1", label: "blue" } })],
  [
    "its host and path",
    (_, url) => world.client.cancel({ filter: { host: new URL(url).host, path: "/many/parent" } }),
  ],
  [
    "its time",
    () => world.client.cancel({ filter: { fromDate: 1, toDate: Date.now(), label: "blue" } }),
  ],
])("a run that stands in steps of all kinds is cancelled by %s", async (_name, cancelIt) => {
  const open = await startOpen({
    label: ["blue", "green"],
    flowControl: { key: "tenant", parallelism: 20 },
  });
  expect(await cancelIt(open.runId, open.url("parent"))).toEqual({ cancelled: 1 });
  expect((await world.log(open.runId))?.workflowState).toBe("RUN_CANCELED");
  await expectSilence(open);
});

test("everything is cancelled, children as well", async () => {
  const open = await startOpen();
  expect(await world.client.cancel({ all: true })).toEqual({ cancelled: 2 });
  expect(await waitersFor(world, "child")).toEqual([]);
  open.answer.open();
});

test("a call that has not begun is never made", async () => {
  world.app.on("/service", () => new Response("ok"));
  const flowControl = { key: "paused", parallelism: 1 };
  await world.call("POST", "/v2/flowControl/paused/pause");
  const url = world.serve("/flow", async (context) => {
    await context.call("ask", { url: `${world.app.url}/service`, flowControl });
  });
  const runId = await world.trigger({ url });
  await until("the call in its line", async () => {
    return (await flowControlOf(world, "paused")).waitListSize === 1;
  });
  await world.client.cancel(runId);
  await world.call("POST", "/v2/flowControl/paused/resume");
  await world.close();
  expect(world.app.at("/service")).toEqual([]);
});

test("retries of a call end with their run", async () => {
  const url = world.app.on("/service", () => new Response("", { status: 500 }));
  const workflow = world.serve("/flow", async (context) => {
    await context.call("ask", { url, retries: 50, retryDelay: "50" });
  });
  const runId = await world.trigger({ url: workflow });
  await until("a retry", () => world.app.at("/service").length >= 2);
  await world.client.cancel(runId);
  await until("the last attempt's end", () => {
    return world.app.at("/service").every(({ status }) => status !== 0);
  });
  const count = world.app.at("/service").length;
  await until("time for three more retries", () => {
    return Date.now() > (world.app.at("/service").at(-1)?.at ?? 0) + 200;
  });
  expect(world.app.at("/service").length).toBeLessThanOrEqual(count + 1);
});

test.each<[string, (context: WorkflowContext) => Promise<unknown>]>([
  ["at its start", async () => {}],
  ["behind a step", (context) => context.run("one", () => 1)],
  ["behind a call", (context) => context.call("ask", { url: `${world.app.url}/service` })],
  ["behind a group", (context) => Promise.all([context.run("a", () => 1), context.sleep("b", 0)])],
])("a run cancels itself %s", async (_name, before) => {
  world.app.on("/service", () => new Response("ok"));
  const failures: unknown[] = [];
  const url = world.serve(
    "/flow",
    async (context) => {
      await before(context);
      await context.cancel();
      await context.run("never", () => 1);
    },
    { failureFunction: (failure) => void failures.push(failure) },
  );
  const run = await world.ended(await world.trigger({ url }));
  expect(run.workflowState).toBe("RUN_CANCELED");
  expect(run).not.toHaveProperty("dlqId");
  await world.close();
  expect(failures).toEqual([]);
  expect(JSON.stringify(run.steps)).not.toContain("never");
});

test("what a cancelled run submits late is refused with 400, whatever it is, and begins nothing", async () => {
  world.app.on("/service", () => new Response("ok"));
  const url = world.serve("/flow", async (context) => {
    await context.sleep("nap", "1h");
  });
  const runId = await world.trigger({ url });
  await until("the nap", async () => (await recordsOf(world, runId)).length === 1);
  await world.client.cancel(runId);
  const headers = {
    "upstash-workflow-init": "false",
    "upstash-workflow-runid": runId,
    "upstash-workflow-url": url,
  };
  const step = { stepId: 2, stepName: "late", stepType: "Run", out: "1", concurrent: 1 };
  const plans = [2, 3].map((targetStep) => {
    const plan = { stepId: 0, targetStep, stepName: "late", stepType: "Run", concurrent: 2 };
    return { destination: url, headers, body: JSON.stringify(plan) };
  });
  const batch = (items: unknown) =>
    world.call("POST", "/v2/batch", { body: JSON.stringify(items) });
  const wait = { url, timeoutUrl: url, timeoutHeaders: {}, step: { ...step, stepType: "Wait" } };
  const envelope = {
    body: "b",
    headers: { "Upstash-Workflow-Runid": [runId] },
    workflowRunId: runId,
    workflowUrl: url,
    step: { ...step, stepType: "Invoke" },
  };
  const invokeHeaders = {
    "upstash-workflow-init": "true",
    "upstash-workflow-runid": "wfr_late_child",
    "upstash-workflow-url": url,
    "upstash-workflow-invoke": "true",
  };
  const answers = await Promise.all([
    batch([{ destination: url, headers, body: JSON.stringify(step) }]),
    batch(plans),
    submitCall(world, { url: `${world.app.url}/service`, workflow: { url, runId } }),
    world.call("POST", `/v2/publish/${url}`, {
      headers,
      body: JSON.stringify({ ...step, stepType: "Call" }),
    }),
    world.call("POST", "/v2/wait/event", { headers, body: JSON.stringify(wait) }),
    world.call("POST", `/v2/publish/${url}`, {
      headers: invokeHeaders,
      body: JSON.stringify(envelope),
    }),
  ]);
  const refusal = { status: 400, json: { code: "run_ended" } };
  for (const answer of answers) expect(answer, answer.text).toMatchObject(refusal);
  expect((await world.call("GET", `/v2/workflows/runs/${runId}`)).status).toBe(404);
  expect(await world.log("wfr_late_child")).toBeNull();
  await world.close();
  expect(world.app.at("/service")).toEqual([]);
  expect(world.app.at("/flow")).toHaveLength(1);
});
