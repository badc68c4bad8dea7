// What the logs say about calls, from the request to the result, alone and side by side.

import type { DeadLetterResource } from "@reprise/protocol";
import { expect, test } from "vitest";
import { serveWithCallbacks, stepOf, untilStep } from "./run-log.ts";
import { until } from "./until.ts";
import { type RouteFunction, useWorld } from "./world.ts";

// Services that never answer are not waited for.
const world = useWorld({ config: { drainMs: 50 } });

/** A service that answers as it is told, each request with the next of the answers; the last one stays. */
function service(...answers: readonly (Response | Promise<Response>)[]): string {
  let count = 0;
  return world.app.on("/service", async () => {
    const answer = await answers[Math.min(count, answers.length - 1)];
    count += 1;
    return answer?.clone() ?? new Response("none");
  });
}

const good = () => new Response("called", { status: 201, headers: { "x-answer": "yes" } });
const bad = () => new Response("no", { status: 503, headers: { "x-answer": "no" } });
const never = () => new Promise<Response>(() => {});

const callOf =
  (url: string, settings: { readonly retries?: number; readonly retryDelay?: string } = {}) =>
  async (context: Parameters<RouteFunction<unknown>>[0]) => {
    const { status, body } = await context.call("charge", {
      url,
      method: "PUT",
      body: '{"amount":1}',
      headers: { "x-own": "1", "content-type": "application/own" },
      ...settings,
    });
    return { status, body };
  };

const REQUEST = {
  stepId: 1,
  stepName: "charge",
  stepType: "Call",
  concurrent: 1,
  callMethod: "PUT",
  callBody: '{"amount":1}',
  callHeaders: { "Content-Type": ["application/own"], "X-Own": ["1"] },
} as const;

const NO_ANSWER = ["callResponseStatus", "callResponseBody", "callResponseHeaders"] as const;

test("a call that is under way is next, with what is sent and the message that sends it", async () => {
  const url = service(never());
  const { url: workflow } = serveWithCallbacks(world, "/flow", callOf(url, { retries: 2 }));
  const runId = await world.trigger({ url: workflow });
  await until("the request", () => world.app.at("/service").length === 1);
  const { run, step } = await untilStep(world, runId, "charge", { state: "STEP_PROGRESS" });
  expect(step).toMatchObject({
    ...REQUEST,
    group: "next",
    callUrl: url,
    callType: "toCallback",
    messageId: world.app.at("/service")[0]?.headers["upstash-message-id"],
    retries: 2,
    createdAt: expect.any(Number),
    headers: { "Content-Type": ["application/json"] },
  });
  for (const field of [...NO_ANSWER, "nextDeliveryTime", "errors", "out"]) {
    expect(step).not.toHaveProperty(field);
  }
  expect(run.steps.map(({ type }) => type)).toEqual(["sequential", "next"]);
  expect(run.waitingFor).toMatch(/^call of .*\/service: in flight since .*Z \(attempt 1 of 3\)$/);
});

test("a call that is tried again shows each failure and the time of its next attempt", async () => {
  const url = service(bad());
  const settings = { retries: 3, retryDelay: "60000" };
  const { url: workflow } = serveWithCallbacks(world, "/flow", callOf(url, settings));
  const runId = await world.trigger({ url: workflow });
  const { run, step } = await untilStep(world, runId, "charge", { state: "STEP_RETRY" });
  expect(step).toMatchObject({
    ...REQUEST,
    callType: "toCallback",
    retries: 3,
    retryDelay: "60000",
    errors: [
      {
        error: "503 Service Unavailable",
        body: "no",
        status: 503,
        headers: { "X-Answer": ["no"] },
        time: expect.any(Number),
        reason: expect.stringMatching(/^retry 1 of 3 in 1m/),
      },
    ],
  });
  const delayMs = (step.nextDeliveryTime ?? 0) - (step.errors?.[0]?.time ?? 0);
  expect(delayMs).toBeGreaterThanOrEqual(60_000);
  expect(delayMs).toBeLessThan(61_000);
  const at = new Date(step.nextDeliveryTime ?? 0).toISOString().replace(".000Z", "Z");
  expect(run.waitingFor).toBe(`call of ${url}: retry 1 of 3 at ${at}`);
  for (const field of NO_ANSWER) expect(step).not.toHaveProperty(field);
});

test("an answer that the app is being told belongs to the call that is next", async () => {
  const url = service(bad(), good());
  const settings = { retries: 1, retryDelay: "1" };
  const { url: workflow, rule } = serveWithCallbacks(world, "/flow", callOf(url, settings));
  const { promise, resolve } = Promise.withResolvers<null>();
  rule.next = promise;
  const runId = await world.trigger({ url: workflow, retries: 5 });
  const { step } = await untilStep(world, runId, "charge", { callType: "fromCallback" });
  expect(step).toMatchObject({
    ...REQUEST,
    group: "next",
    state: "STEP_PROGRESS",
    callResponseStatus: 201,
    callResponseBody: "called",
    callResponseHeaders: { "X-Answer": ["yes"] },
    errors: [{ status: 503 }],
    retries: 5,
  });
  await until("the callback", () => world.app.at("/flow").length === 2);
  expect(step.messageId).toBe(world.app.at("/flow")[1]?.headers["upstash-message-id"]);
  // What was read before may have been a moment in which nothing was in flight yet.
  expect((await world.log(runId))?.waitingFor).toMatch(
    /^answer of the call of .*\/service: delivery in flight since .*Z \(attempt 1 of 6\)$/,
  );
  resolve(null);
  const ended = await world.succeeded(runId);
  expect(stepOf(ended, "charge")).toMatchObject({
    ...REQUEST,
    group: "sequential",
    callType: "step",
    callUrl: url,
    callResponseStatus: 201,
    callResponseBody: "called",
    state: "STEP_SUCCESS",
    retries: 1,
    retryDelay: "1",
    errors: [{ status: 503, reason: expect.stringContaining("retry 1 of 1") }],
    out: expect.stringContaining('"status":201'),
  });
  expect(ended).not.toHaveProperty("waitingFor");
});

test("the recorded answer is the server's, also of a call that failed for good", async () => {
  const url = service(bad());
  const { url: workflow } = serveWithCallbacks(world, "/flow", callOf(url));
  const run = await world.succeeded(await world.trigger({ url: workflow }));
  expect(stepOf(run, "charge")).toMatchObject({
    state: "STEP_SUCCESS",
    callResponseStatus: 503,
    callResponseBody: "no",
    callResponseHeaders: { "X-Answer": ["no"] },
    errors: [{ error: "503 Service Unavailable" }],
  });
  const cut = world.app.onRaw("/cut", (_request, response) => response.destroy());
  const { url: other } = serveWithCallbacks(world, "/other", callOf(cut));
  const silent = stepOf(await world.succeeded(await world.trigger({ url: other })), "charge");
  expect(silent).toMatchObject({ callResponseStatus: 0, callResponseHeaders: {} });
  expect(silent?.callResponseBody).toBe(silent?.errors?.[0]?.error);
});

test("an answer that the app refuses is told again, and fails the run in the end", async () => {
  const url = service(good());
  const { url: workflow, rule } = serveWithCallbacks(world, "/flow", callOf(url));
  rule.next = 500;
  const runId = await world.trigger({ url: workflow, retries: 1, retryDelay: "60000" });
  const { run, step } = await untilStep(world, runId, "charge", { state: "STEP_RETRY" });
  expect(step).toMatchObject({
    callType: "fromCallback",
    callResponseStatus: 201,
    retries: 1,
    nextDeliveryTime: expect.any(Number),
    errors: [{ status: 500, body: "not now" }],
  });
  expect(run.waitingFor).toMatch(/^answer of the call of .*: retry 1 of 1 at /);
  await world.client.cancel(runId);
  const cancelled = stepOf(await world.ended(runId), "charge");
  expect(cancelled).toMatchObject({
    ...REQUEST,
    group: "next",
    state: "STEP_CANCELED",
    callType: "fromCallback",
    callResponseStatus: 201,
  });
});

test("a run that failed because its app refused an answer shows the call as failed, also once resumed", async () => {
  const url = service(good());
  const { url: workflow, rule } = serveWithCallbacks(world, "/flow", callOf(url));
  rule.next = 500;
  const runId = await world.trigger({ url: workflow, retries: 0 });
  const failed = await world.failed(runId);
  const FAILED = {
    ...REQUEST,
    group: "next",
    state: "STEP_FAILED",
    callType: "fromCallback",
    callResponseStatus: 201,
    errors: [{ status: 500, body: "not now" }],
  } as const;
  expect(stepOf(failed, "charge")).toMatchObject(FAILED);
  expect(failed).not.toHaveProperty("waitingFor");
  rule.next = null;
  const { dlqId, messageId } = await world.deadLetter(runId);
  expect(stepOf(failed, "charge")?.messageId).toBe(messageId);
  const answer = await world.call("POST", `/v2/workflows/dlq/resume/${dlqId}`);
  const { workflowRunId } = answer.json as { readonly workflowRunId: string }; // As the tests of resumes check.
  const resumed = await world.succeeded(workflowRunId);
  expect(stepOf(resumed, "charge")).toMatchObject({
    ...REQUEST,
    group: "sequential",
    state: "STEP_SUCCESS",
    callType: "step",
    callResponseStatus: 201,
    callResponseBody: "called",
  });
  expect(world.app.at("/service")).toHaveLength(1);
  // The old run still says what failed it, although its message is gone.
  expect(stepOf(await world.log(runId), "charge")).toMatchObject({ ...FAILED, messageId });
});

test("a call that is dropped with its run is shown as cancelled", async () => {
  const url = service(bad());
  const settings = { retries: 1, retryDelay: "60000" };
  const { url: workflow } = serveWithCallbacks(world, "/flow", callOf(url, settings));
  const runId = await world.trigger({ url: workflow });
  await untilStep(world, runId, "charge", { state: "STEP_RETRY" });
  await world.client.cancel(runId);
  const step = stepOf(await world.ended(runId), "charge");
  expect(step).toMatchObject({
    ...REQUEST,
    group: "next",
    state: "STEP_CANCELED",
    callType: "toCallback",
    callUrl: url,
    errors: [{ status: 503 }],
  });
  for (const field of [...NO_ANSWER, "nextDeliveryTime"]) expect(step).not.toHaveProperty(field);
});

test("side by side each call stands in its group, whatever has become of it", async () => {
  const url = service(good());
  const slow = world.app.on("/slow", never);
  const flaky = world.app.on("/flaky", bad);
  const { url: workflow } = serveWithCallbacks(world, "/flow", async (context) => {
    await Promise.all([
      context.call("done", { url }),
      context.call("slow", { url: slow, body: "s", method: "POST" }),
      context.call("flaky", { url: flaky, retries: 2, retryDelay: "60000" }),
    ]);
  });
  const runId = await world.trigger({ url: workflow });
  await untilStep(world, runId, "done", { state: "STEP_SUCCESS" });
  await until("the slow call", () => world.app.at("/slow").length === 1);
  const { run } = await untilStep(world, runId, "flaky", { state: "STEP_RETRY" });
  expect(run.steps.map(({ type }) => type)).toEqual(["sequential", "parallel"]);
  const GROUP = { group: "parallel", concurrent: 3, stepType: "Call" } as const;
  expect(stepOf(run, "done")).toMatchObject({
    ...GROUP,
    stepId: 1,
    callType: "step",
    callMethod: "GET",
    callBody: "",
    callResponseStatus: 201,
  });
  expect(stepOf(run, "slow")).toMatchObject({
    ...GROUP,
    stepId: 2,
    state: "STEP_PROGRESS",
    callType: "toCallback",
    callUrl: slow,
    callBody: "s",
    messageId: world.app.at("/slow")[0]?.headers["upstash-message-id"],
  });
  expect(stepOf(run, "flaky")).toMatchObject({
    ...GROUP,
    stepId: 3,
    callType: "toCallback",
    retries: 2,
    retryDelay: "60000",
    errors: [{ status: 503 }],
  });
  expect(run.waitingFor).toMatch(
    /^2 of 3 branches: call of .*\/flaky: retry 1 of 2 at .*; call of .*\/slow: in flight since /,
  );
  await world.client.cancel(runId);
  const ended = await world.ended(runId);
  expect(ended.steps.map(({ type }) => type)).toEqual(["sequential", "parallel"]);
  expect(["done", "slow", "flaky"].map((name) => stepOf(ended, name)?.state)).toEqual([
    "STEP_SUCCESS",
    "STEP_CANCELED",
    "STEP_CANCELED",
  ]);
});

test("side by side a refused answer fails its own branch; calls under way go on, into the resumed run", async () => {
  const url = service(good());
  const { promise, resolve } = Promise.withResolvers<Response>();
  const slow = world.app.on("/slow", () => promise);
  const { url: workflow, rule } = serveWithCallbacks(world, "/flow", async (context) => {
    await Promise.all([context.call("quick", { url }), context.call("slow", { url: slow })]);
  });
  // A failed run begins no call any more.
  const isBegun = () => world.app.at("/slow").length === 1;
  rule.next = until("the slow call", isBegun).then(() => 500);
  const runId = await world.trigger({ url: workflow, retries: 0 });
  const failed = await world.failed(runId);
  expect(failed.steps.map(({ type }) => type)).toEqual(["sequential", "parallel"]);
  const QUICK = { state: "STEP_FAILED", callType: "fromCallback", errors: [{ status: 500 }] };
  expect(stepOf(failed, "quick")).toMatchObject(QUICK);
  expect(stepOf(failed, "slow")).toMatchObject({ state: "STEP_PROGRESS", callType: "toCallback" });
  rule.next = null;
  const { dlqId }: DeadLetterResource = await world.deadLetter(runId);
  const answer = await world.call("POST", `/v2/workflows/dlq/resume/${dlqId}`);
  const { workflowRunId } = answer.json as { readonly workflowRunId: string }; // As above.
  await untilStep(world, workflowRunId, "quick", { state: "STEP_SUCCESS" });
  const { step } = await untilStep(world, workflowRunId, "slow", { state: "STEP_PROGRESS" });
  expect(step).toMatchObject({ callUrl: slow, callType: "toCallback", group: "parallel" });
  const old = await world.log(runId);
  expect(old?.steps.map(({ type }) => type)).toEqual(["sequential", "parallel"]);
  expect(stepOf(old, "quick")).toMatchObject(QUICK);
  expect(stepOf(old, "slow")).toMatchObject({ state: "STEP_CANCELED", callType: "toCallback" });
  resolve(good());
  const resumed = await world.succeeded(workflowRunId);
  expect(stepOf(resumed, "slow")).toMatchObject({ state: "STEP_SUCCESS", callResponseStatus: 201 });
  expect(world.app.at("/slow")).toHaveLength(1);
});
