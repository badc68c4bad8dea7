// What the logs say about steps that wait for events and webhooks, and about steps beside them.

import { expect, test } from "vitest";
import { stepOf, untilStep } from "./run-log.ts";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

const HOUR_MS = 3_600_000;

const instant = (at: number) => new Date(at).toISOString().replace(".000Z", "Z");

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64");

/** A workflow that waits for one event. */
function serveWait(timeout: "1h" | "1s" = "1h"): string {
  return world.serve("/flow", async (context) => {
    await context.run("before", () => 1);
    return context.waitForEvent("wait", "order/1", { timeout });
  });
}

const WAIT = {
  stepId: 2,
  stepName: "wait",
  stepType: "Wait",
  callType: "step",
  concurrent: 1,
  waitEventId: "order/1",
} as const;

test("a step that waits for an event is next, with the event and its deadline", async () => {
  const runId = await world.trigger({ url: serveWait(), retries: 4, retryDelay: "7" });
  const { run, step } = await untilStep(world, runId, "wait", { state: "STEP_PROGRESS" });
  expect(step).toMatchObject({
    ...WAIT,
    group: "next",
    messageId: expect.stringMatching(/^msg_/),
    createdAt: expect.any(Number),
    retries: 4,
    retryDelay: "7",
    headers: { "Content-Type": ["application/json"], "Upstash-Workflow-Sdk-Version": ["1"] },
    waitTimeoutDuration: "1h",
    waitTimeout: false,
  });
  const deadline = step.waitTimeoutDeadline ?? 0;
  // The app may take its time before it asks to wait.
  expect(Math.abs(deadline - (step.createdAt ?? 0) - HOUR_MS)).toBeLessThan(60_000);
  expect(step).not.toHaveProperty("out");
  expect(step).not.toHaveProperty("nextDeliveryTime");
  expect(run.waitingFor).toBe(`event order/1 until ${instant(deadline)}`);
  expect(run.steps.map(({ type }) => type)).toEqual(["sequential", "sequential", "next"]);
  // Its id selects the run, as the ids of all messages do.
  const found = await world.call("GET", `/v2/workflows/logs?messageId=${step.messageId}`);
  expect(found.json).toMatchObject({ runs: [{ workflowRunId: runId }] });
});

test("an event that came is the result, and nothing of the wait is lost", async () => {
  const runId = await world.trigger({ url: serveWait() });
  const { step: open } = await untilStep(world, runId, "wait", { state: "STEP_PROGRESS" });
  await world.client.notify({ eventId: "order/1", eventData: { paid: true } });
  const run = await world.succeeded(runId);
  expect(stepOf(run, "wait")).toMatchObject({
    ...WAIT,
    group: "sequential",
    state: "STEP_SUCCESS",
    out: base64({ paid: true }),
    waitTimeoutDuration: "1h",
    waitTimeoutDeadline: open.waitTimeoutDeadline,
    waitTimeout: false,
  });
  expect(run.steps.map(({ type }) => type)).toEqual(["sequential", "sequential", "sequential"]);
});

test("a wait whose time was up says so, and has no result", async () => {
  const run = await world.succeeded(await world.trigger({ url: serveWait("1s") }));
  const step = stepOf(run, "wait");
  expect(step).toMatchObject({
    ...WAIT,
    state: "STEP_SUCCESS",
    waitTimeoutDuration: "1s",
    waitTimeout: true,
  });
  expect(step).not.toHaveProperty("out");
});

test("a wait that was cancelled with its run is shown as what was next", async () => {
  const runId = await world.trigger({ url: serveWait() });
  await untilStep(world, runId, "wait", { state: "STEP_PROGRESS" });
  await world.client.cancel(runId);
  const run = await world.ended(runId);
  expect(stepOf(run, "wait")).toMatchObject({
    ...WAIT,
    group: "next",
    state: "STEP_CANCELED",
    waitTimeoutDuration: "1h",
    waitTimeoutDeadline: expect.any(Number),
  });
  expect(run).not.toHaveProperty("waitingFor");
});

test("a webhook is shown from its making to its request", async () => {
  const url = world.serve("/flow", async (context) => {
    const webhook = await context.createWebhook("make");
    const { request } = await context.waitForWebhook("wait", webhook, "2h");
    return request?.method;
  });
  const runId = await world.trigger({ url });
  const { run, step } = await untilStep(world, runId, "wait", { state: "STEP_PROGRESS" });
  const made = stepOf(run, "make");
  const { webhookUrl, eventId } = JSON.parse(made?.out ?? "");
  expect(made).toMatchObject({ stepType: "CreateWebhook", callType: "step", stepId: 1 });
  const OPEN = {
    stepId: 2,
    stepType: "WaitForWebhook",
    waitEventId: eventId,
    waitTimeoutDuration: "2h",
    waitTimeoutDeadline: expect.any(Number),
    waitTimeout: false,
  } as const;
  expect(step).toMatchObject({ ...OPEN, group: "next" });
  expect(run.waitingFor).toBe(`webhook until ${instant(step.waitTimeoutDeadline ?? 0)}`);
  await fetch(webhookUrl, { method: "PUT", body: "hello" });
  const ended = stepOf(await world.succeeded(runId), "wait");
  expect(ended).toMatchObject({ ...OPEN, group: "sequential", state: "STEP_SUCCESS" });
  const event = JSON.parse(Buffer.from(ended?.out ?? "", "base64").toString());
  expect(event).toMatchObject({ method: "PUT", body: Buffer.from("hello").toString("base64") });
});

test("a step that notifies others shows whom it has woken", async () => {
  const waiting = await world.trigger({ url: serveWait() });
  await untilStep(world, waiting, "wait", { state: "STEP_PROGRESS" });
  const url = world.serve("/notifier", async (context) => context.notify("tell", "order/1", "now"));
  const run = await world.succeeded(await world.trigger({ url }));
  const step = stepOf(run, "tell");
  expect(step).toMatchObject({ stepType: "Notify", callType: "step", state: "STEP_SUCCESS" });
  expect(JSON.parse(step?.out ?? "")).toMatchObject({
    eventId: "order/1",
    notifyResponse: [{ workflowRunId: waiting }],
  });
});

test("side by side a wait stands in its group, and is counted in what the run waits for", async () => {
  const url = world.serve("/flow", async (context) => {
    const webhook = { webhookUrl: "http://unused.test", eventId: "evt_1" };
    await Promise.all([
      context.waitForEvent("event", "order/1", { timeout: "1h" }),
      context.run("quick", () => 1),
      context.waitForWebhook("webhook", webhook, "2h"),
      context.sleep("nap", "3h"),
    ]);
  });
  const runId = await world.trigger({ url });
  await untilStep(world, runId, "quick", { state: "STEP_SUCCESS" });
  await untilStep(world, runId, "webhook", { waitTimeoutDuration: "2h" });
  const { run, step } = await untilStep(world, runId, "event", { waitTimeoutDuration: "1h" });
  expect(run.steps.map(({ type }) => type)).toEqual(["sequential", "parallel"]);
  expect(step).toMatchObject({
    stepId: 1,
    stepType: "Wait",
    group: "parallel",
    concurrent: 4,
    state: "STEP_PROGRESS",
    waitEventId: "order/1",
    waitTimeout: false,
  });
  const told = await until("only what is open", async () => {
    const { waitingFor = "" } = (await world.log(runId)) ?? {};
    return waitingFor.startsWith("3 of 4 branches: event") && waitingFor;
  });
  expect(told).toMatch(
    /^3 of 4 branches: event order\/1 until .*Z; webhook until .*Z; and 1 more$/,
  );
  await world.client.notify({ eventId: "order/1", eventData: { x: 1 } });
  const { step: done } = await untilStep(world, runId, "event", { state: "STEP_SUCCESS" });
  expect(done).toMatchObject({
    group: "parallel",
    out: base64({ x: 1 }),
    waitTimeoutDuration: "1h",
  });
  await world.client.cancel(runId);
  const ended = await world.ended(runId);
  expect(stepOf(ended, "webhook")).toMatchObject({
    state: "STEP_CANCELED",
    waitEventId: "evt_1",
    waitTimeoutDuration: "2h",
  });
});

test("a wait of a failed run goes on, is taken over by the resume, and shows the same deadline", async () => {
  let isBroken = true;
  const url = world.serve("/flow", async (context) => {
    await Promise.all([
      context.waitForEvent("event", "order/1", { timeout: "1h" }),
      context.run("fragile", () => {
        if (isBroken) throw new Error("broken");
      }),
    ]);
  });
  const runId = await world.trigger({ url, retries: 0 });
  await world.failed(runId);
  const { run, step } = await untilStep(world, runId, "event", { waitTimeoutDuration: "1h" });
  expect(step).toMatchObject({ group: "parallel", state: "STEP_PROGRESS" });
  expect(stepOf(run, "fragile")).toMatchObject({ state: "STEP_FAILED" });
  expect(run).not.toHaveProperty("waitingFor");
  isBroken = false;
  const answer = await world.call("POST", `/v2/workflows/dlq/resume/${run.dlqId}`);
  const { workflowRunId } = answer.json as { readonly workflowRunId: string }; // As the tests of resumes check.
  await untilStep(world, workflowRunId, "fragile", { state: "STEP_SUCCESS" });
  const taken = await untilStep(world, workflowRunId, "event", { state: "STEP_PROGRESS" });
  expect(taken.step).toMatchObject({
    group: "parallel",
    waitEventId: "order/1",
    waitTimeoutDeadline: step.waitTimeoutDeadline,
  });
  const told = await until("one branch", async () => {
    const { waitingFor = "" } = (await world.log(workflowRunId)) ?? {};
    return waitingFor.startsWith("1 of 2 branches") && waitingFor;
  });
  expect(told).toBe(
    `1 of 2 branches: event order/1 until ${instant(step.waitTimeoutDeadline ?? 0)}`,
  );
  expect(stepOf(await world.log(runId), "event")).toMatchObject({
    state: "STEP_CANCELED",
    waitEventId: "order/1",
    waitTimeoutDeadline: step.waitTimeoutDeadline,
  });
  await world.client.notify({ eventId: "order/1", eventData: 1 });
  expect(stepOf(await world.succeeded(workflowRunId), "event")).toMatchObject({
    state: "STEP_SUCCESS",
    out: base64(1),
  });
});
