// Without groups the logs list single events: of calls, waits and invoked runs as of all other steps.

import type { WorkflowEventPage } from "@reprise/protocol";
import { Client as QstashClient } from "@upstash/qstash";
import { createWorkflow, serveMany } from "@upstash/workflow/nextjs";
import { expect, test } from "vitest";
import { eventsOf, serveWithCallbacks, untilStep } from "./run-log.ts";
import { sdkOptions } from "./sdk.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

/** Events in short: state, step and how its message takes part. */
async function short(runId: string): Promise<readonly string[]> {
  const events = await eventsOf(world, runId);
  return events.map(({ state, stepInfo }) =>
    [state, stepInfo?.stepName, stepInfo?.callType].filter(Boolean).join(" "),
  );
}

/** A service that fails once. */
function serveFlaky(): string {
  return world.app.on("/service", () =>
    world.app.at("/service").length === 1
      ? new Response("no", { status: 503 })
      : new Response("yes", { status: 201, headers: { "x-answer": "1" } }),
  );
}

test("a call is asked for, tried again, answered, told and recorded", async () => {
  const service = serveFlaky();
  const { url, rule } = serveWithCallbacks(world, "/flow", async (context) => {
    const { status } = await context.call("charge", {
      url: service,
      method: "POST",
      body: "money",
      retries: 1,
      retryDelay: "1",
    });
    return status;
  });
  // It decides by itself: the next telling comes a millisecond after the refusal.
  const isRefused = () => world.app.at("/flow").some(({ status }) => status === 500);
  rule.next = () => (isRefused() ? null : 500);
  const runId = await world.trigger({ url, retries: 1, retryDelay: "1" });
  await world.succeeded(runId);
  expect(isRefused()).toBe(true);
  const events = await eventsOf(world, runId);
  expect(await short(runId)).toEqual([
    "RUN_STARTED",
    "STEP_SUCCESS init step",
    "STEP_PROGRESS charge toCallback",
    "STEP_RETRY charge toCallback",
    "STEP_PROGRESS charge fromCallback",
    "STEP_SUCCESS charge step",
    "RUN_SUCCESS",
  ]);
  const REQUEST = {
    stepId: 1,
    stepType: "Call",
    callUrl: service,
    callMethod: "POST",
    callBody: "money",
    callHeaders: { "Content-Type": ["application/json"] },
    retries: 1,
  } as const;
  const ANSWER = {
    callResponseStatus: 201,
    callResponseBody: "yes",
    callResponseHeaders: { "X-Answer": ["1"] },
  } as const;
  const [, , asked, retried, answered, recorded] = events;
  expect(asked?.stepInfo).toMatchObject(REQUEST);
  expect(asked?.stepInfo).not.toHaveProperty("callResponseStatus");
  expect(retried).toMatchObject({
    error: "503 Service Unavailable",
    responseStatus: 503,
    responseBody: "no",
    responseHeaders: { "Content-Type": [expect.any(String)] },
    headers: { "Upstash-Message-Id": [retried?.stepInfo?.messageId] },
    stepInfo: REQUEST,
  });
  expect(retried?.stepInfo).not.toHaveProperty("callResponseStatus");
  expect(answered).toMatchObject({ responseStatus: 201, stepInfo: { ...REQUEST, ...ANSWER } });
  expect(answered).not.toHaveProperty("error");
  expect(recorded?.stepInfo).toMatchObject({
    ...REQUEST,
    ...ANSWER,
    out: expect.stringContaining('"status":201'),
  });
});

test("an answer that the app refuses for good is the failure of its step", async () => {
  const service = world.app.on("/service", () => new Response("yes"));
  const { url, rule } = serveWithCallbacks(world, "/flow", async (context) => {
    await context.call("charge", { url: service });
  });
  rule.next = 500;
  const runId = await world.trigger({ url, retries: 1, retryDelay: "1" });
  await world.failed(runId);
  expect(await short(runId)).toEqual([
    "RUN_STARTED",
    "STEP_SUCCESS init step",
    "STEP_PROGRESS charge toCallback",
    "STEP_PROGRESS charge fromCallback",
    "STEP_RETRY charge fromCallback",
    "STEP_FAILED charge fromCallback",
    "RUN_FAILED",
  ]);
  const failed = (await eventsOf(world, runId)).at(-2);
  expect(failed).toMatchObject({
    error: "500 Internal Server Error",
    responseBody: "not now",
    stepInfo: { stepId: 1, callResponseStatus: 200, retries: 1 },
  });
  const { messageId } = await world.deadLetter(runId);
  expect(failed?.stepInfo?.messageId).toBe(messageId);
});

test("a wait is asked for, and ends with its event, its time or its run", async () => {
  const url = world.serve("/flow", async (context) => {
    await context.waitForEvent("first", "a", { timeout: "1h" });
    await context.waitForEvent("second", "b", { timeout: "1s" });
    await context.waitForEvent("third", "c", { timeout: "2h" });
  });
  const runId = await world.trigger({ url });
  await untilStep(world, runId, "first", { state: "STEP_PROGRESS" });
  await world.client.notify({ eventId: "a", eventData: { n: 1 } });
  await untilStep(world, runId, "third", { state: "STEP_PROGRESS" });
  await world.client.cancel(runId);
  expect(await short(runId)).toEqual([
    "RUN_STARTED",
    "STEP_SUCCESS init step",
    "STEP_PROGRESS first step",
    "STEP_SUCCESS first step",
    "STEP_PROGRESS second step",
    "STEP_SUCCESS second step",
    "STEP_PROGRESS third step",
    "STEP_CANCELED third step",
    "RUN_CANCELED",
  ]);
  const infos = (await eventsOf(world, runId)).map(({ stepInfo }) => stepInfo);
  expect(infos[2]).toMatchObject({
    stepId: 1,
    stepType: "Wait",
    waitEventId: "a",
    waitTimeoutDuration: "1h",
    waitTimeoutDeadline: expect.any(Number),
    waitTimeout: false,
  });
  expect(infos[3]).toMatchObject({ waitEventId: "a", waitTimeout: false, out: expect.any(String) });
  expect(infos[5]).toMatchObject({ waitEventId: "b", waitTimeout: true });
  expect(infos[7]).toMatchObject({ waitEventId: "c", waitTimeoutDuration: "2h" });
});

test("an invoked run is named by what asked for it and by its result", async () => {
  const child = createWorkflow(async (context) => context.run("one", () => 1));
  const parent = createWorkflow(async (context) =>
    context.invoke("ask", { workflow: child, body: { a: 1 } }),
  );
  const qstashClient = new QstashClient({ baseUrl: world.server.url, token: world.token });
  const { POST } = serveMany(
    { parent, child },
    { qstashClient, receiver: world.app.receiver, ...sdkOptions },
  );
  for (const path of ["/many/parent", "/many/child"]) world.app.on(path, (one) => POST(one));
  const runId = await world.trigger({ url: `${world.app.url}/many/parent` });
  await world.succeeded(runId);
  const asks = (await eventsOf(world, runId)).filter(
    ({ stepInfo }) => stepInfo?.stepName === "ask",
  );
  expect(asks.map(({ state }) => state)).toEqual(["STEP_PROGRESS", "STEP_SUCCESS"]);
  for (const { stepInfo } of asks) {
    expect(stepInfo).toMatchObject({
      stepType: "Invoke",
      invokedWorkflowRunId: expect.stringMatching(/^wfr_/),
      invokedWorkflowUrl: `${world.app.url}/many/child`,
      invokedWorkflowCreatedAt: expect.any(Number),
      invokedWorkflowRunBody: '{"a":1}',
      invokedWorkflowRunHeaders: { "Content-Type": ["application/json"] },
    });
  }
});

test("events of a state, and pages of events, keep their order", async () => {
  const service = serveFlaky();
  const { url } = serveWithCallbacks(world, "/flow", async (context) => {
    await context.call("charge", { url: service, retries: 1, retryDelay: "1" });
    await context.waitForEvent("hold", "go", { timeout: "1h" });
  });
  const runId = await world.trigger({ url });
  await untilStep(world, runId, "hold", { state: "STEP_PROGRESS" });
  const progress = await eventsOf(world, runId, "&state=STEP_PROGRESS");
  expect(progress.map(({ stepInfo }) => stepInfo?.stepName)).toEqual(["charge", "charge", "hold"]);
  expect(await eventsOf(world, runId, "&state=STEP_RETRY")).toHaveLength(1);
  const all = await eventsOf(world, runId);
  const first = await world.call("GET", `/v2/workflows/events?workflowRunId=${runId}&count=2`);
  const { events, cursor } = first.json as WorkflowEventPage; // The tests above check the shape.
  expect(events).toEqual(all.toReversed().slice(0, 2));
  // What happens between two pages changes neither.
  await world.client.notify({ eventId: "go" });
  await world.succeeded(runId);
  const rest = await eventsOf(world, runId, `&cursor=${cursor}`);
  expect(rest).toEqual(all.slice(0, -2));
});
