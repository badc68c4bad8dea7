// The delivery that tells a workflow what its call has got: it may fail like any other, and the service is not asked again.

import { expect, test } from "vitest";
import type { Handler } from "./app.ts";
import { Counters } from "./counters.ts";
import { callbacksAmong, resultOf } from "./surface.ts";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

/** A workflow of one call behind an app that refuses the answer of the call as long as `isDown`. */
function serveBehind(down: { isDown: boolean; times?: number }, counters = new Counters()) {
  const url = world.app.on("/service", () => new Response("asked once", { status: 203 }));
  const failures: unknown[] = [];
  const workflow = world.workflow(
    async (context) => {
      await context.run("before", counters.step("before", 1));
      const { status, body } = await context.call("ask", { url, method: "POST", body: "q" });
      await context.run("after", counters.step("after", 1));
      return { status, body };
    },
    { failureFunction: ({ context, failStatus }) => void failures.push([context.url, failStatus]) },
  );
  const handler: Handler = (request) => {
    const isCallback = request.headers.get("upstash-workflow-callback") === "true";
    return isCallback && down.isDown ? new Response("down", { status: 503 }) : workflow(request);
  };
  return { workflow: world.app.on("/flow", handler), counters, failures };
}

test("an answer that the app does not take is told again, and the service is asked once", async () => {
  const down = { isDown: true };
  const { workflow } = serveBehind(down);
  const runId = await world.trigger({ url: workflow, retries: 20, retryDelay: "20" });
  await until("two tellings", () => callbacksAmong(world.app.at("/flow")).length >= 2);
  down.isDown = false;
  expect(resultOf(await world.succeeded(runId))).toEqual({ status: 203, body: "asked once" });
  const tellings = callbacksAmong(world.app.at("/flow"));
  const numbers = tellings.map(({ headers }) => headers["upstash-retried"]);
  expect(numbers).toEqual(tellings.map((_, index) => String(index)));
  expect(new Set(tellings.map(({ body }) => body)).size).toBe(1);
  expect(world.app.at("/service")).toHaveLength(1);
});

test("an answer that the app never takes fails the run, after the run's retries", async () => {
  const { workflow, failures } = serveBehind({ isDown: true });
  const options = { url: workflow, body: { order: 1 }, retries: 2, retryDelay: "1" };
  const runId = await world.trigger(options);
  const letter = await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
  expect(letter).toMatchObject({
    url: workflow,
    workflowUrl: workflow,
    body: '{"order":1}',
    responseStatus: 503,
    responseBody: "down",
    maxRetries: 2,
  });
  expect(callbacksAmong(world.app.at("/flow"))).toHaveLength(3);
  expect(world.app.at("/service")).toHaveLength(1);
  expect(failures).toEqual([[workflow, 503]]);
});

test("a resume tells the kept answer again, and the service is not asked again", async () => {
  const down = { isDown: true };
  const { workflow, counters } = serveBehind(down);
  const runId = await world.trigger({ url: workflow, retries: 0 });
  const { dlqId } = await world.deadLetter(runId);
  down.isDown = false;
  const { workflowRunId } = await world.client.dlq.resume({ dlqId });
  expect(workflowRunId).not.toBe(runId);
  const run = await world.succeeded(workflowRunId);
  expect(resultOf(run)).toEqual({ status: 203, body: "asked once" });
  expect(counters.all()).toEqual({ before: 1, after: 1 });
  expect(world.app.at("/service")).toHaveLength(1);
  const [refused, taken] = callbacksAmong(world.app.at("/flow"));
  expect(taken?.body).toBe(refused?.body);
  expect(taken?.headers["upstash-workflow-runid"]).toBe(workflowRunId);
});

test("a restart asks the service again", async () => {
  const down = { isDown: true };
  const { workflow, counters } = serveBehind(down);
  const runId = await world.trigger({ url: workflow, retries: 0 });
  const { dlqId } = await world.deadLetter(runId);
  down.isDown = false;
  const { workflowRunId } = await world.client.dlq.restart({ dlqId });
  await world.succeeded(workflowRunId);
  expect(counters.all()).toEqual({ before: 2, after: 1 });
  expect(world.app.at("/service")).toHaveLength(2);
});

test("an answer that is lost behind the app's submission does not fail the run", async () => {
  const url = world.app.on("/service", () => new Response("ok"));
  const workflow = world.workflow(async (context) => (await context.call("ask", { url })).body);
  const lossy = world.app.on("/flow", async (request) => {
    const isCallback = request.headers.get("upstash-workflow-callback") === "true";
    const answer = await workflow(request);
    return isCallback ? new Response("lost", { status: 502 }) : answer;
  });
  const run = await world.succeeded(await world.trigger({ url: lossy, retries: 0 }));
  await world.close();
  expect(resultOf(run)).toBe("ok");
  expect(callbacksAmong(world.app.at("/flow"))).toHaveLength(1);
});

test("the callback is told the retries of the run, and signed over its own body", async () => {
  const { workflow } = serveBehind({ isDown: false });
  await world.succeeded(await world.trigger({ url: workflow, retries: 7 }));
  const [callback] = callbacksAmong(world.app.at("/flow"));
  expect(callback?.signatureFault).toBeNull();
  expect(JSON.parse(callback?.body ?? "")).toMatchObject({ maxRetries: 0 });
});
