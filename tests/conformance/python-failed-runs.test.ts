// Failed runs of the Python SDK: its failure function and failure URL, the dead letter queue, and the way back.

import type { FailureCallBody, RunAnswer } from "@reprise/protocol";
import { expect, test } from "vitest";
import { Counters } from "./counters.ts";
import {
  type PythonFailure,
  type PythonOptions,
  pythonWorkflow,
  servePython,
} from "./python-endpoint.ts";
import { callEndpoint, impatient } from "./self-started.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

/** Three steps, of which the second fails until it is healed. */
function serveOrder(path: string, options: PythonOptions = {}): Counters {
  const counters = new Counters(["charge"]);
  servePython(
    world,
    path,
    async (context) => {
      const reserved = await context.run("reserve", counters.step("reserve", { ok: true }));
      const charge = await context.run("charge", counters.step("charge", [reserved]));
      await context.run("ship", counters.step("ship", charge));
    },
    { retries: 0, ...options },
  );
  return counters;
}

const failureCalls = (path: string) =>
  world.app.at(path).filter(({ headers }) => headers["upstash-workflow-is-failure"] === "true");

async function revive(runId: string, mode: "resume" | "restart"): Promise<string> {
  const { dlqId } = await world.deadLetter(runId);
  const answer = await world.call("POST", `/v2/workflows/dlq/${mode}/${dlqId}`);
  expect(answer.status, answer.text).toBe(200);
  return (answer.json as RunAnswer).workflowRunId; // The tests of resume check the shape.
}

test("the failure function is told what failed, with the run's id, URL, payload and headers", async () => {
  const told: PythonFailure[] = [];
  serveOrder("/order", { failureFunction: (failure) => told.push(failure) });
  const headers = { "x-user": "me", authorization: "Bearer user" };
  const runId = await callEndpoint(world, "/order", { body: '{"order":"ü"}', headers });
  const entry = await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
  expect(told).toEqual([
    {
      context: {
        workflowRunId: runId,
        url: `${world.app.url}/order`,
        requestPayload: { order: "ü" },
        headers: expect.objectContaining(headers),
      },
      failStatus: 500,
      failResponse: "charge is broken",
      failHeaders: expect.objectContaining({ "Content-Type": ["application/json"] }),
    },
  ]);
  expect(entry).toMatchObject({
    failureCallback: `${world.app.url}/order`,
    failureCallbackInfo: { state: "CALLBACK_SUCCESS", responseStatus: 200 },
    maxRetries: 0,
  });
  const [call] = failureCalls("/order");
  // With it this SDK would read the call as a list of steps.
  expect(call?.headers["upstash-workflow-sdk-version"]).toBeUndefined();
  expect(call?.headers["content-length"]).toBe(String(call?.bytes.byteLength));
});

test("a failure URL gets the failure of any step, and the workflow does not", async () => {
  const failureUrl = world.app.on("/alarm", () => new Response("noted"));
  serveOrder("/order", { failureUrl });
  const runId = await callEndpoint(world, "/order", { headers: { "x-user": "me" } });
  await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
  expect(failureCalls("/order")).toEqual([]);
  const [call] = world.app.at("/alarm");
  expect(call?.headers).toMatchObject({ "x-user": "me", "upstash-workflow-runid": runId });
  // The fields are what the test of the failure call checks.
  const body = JSON.parse(call?.body ?? "") as FailureCallBody;
  expect(body).toMatchObject({ workflowRunId: runId, maxRetries: 0, retried: 0, status: 500 });
});

test("a run that fails in its first step tells nobody: the message that started it names no failure function", async () => {
  const told: unknown[] = [];
  const handler = pythonWorkflow(
    world,
    async (context) => {
      await context.run("first", () => Promise.reject(new Error("broken")));
    },
    { retries: 0, failureFunction: (failure) => told.push(failure) },
  );
  world.app.on("/first", impatient(handler));
  const runId = await callEndpoint(world, "/first");
  const entry = await world.deadLetterIn(runId, null);
  expect(entry).toMatchObject({ maxRetries: 3, workflowRunId: runId });
  await world.close();
  expect(told).toEqual([]);
  // The request of the user, and the four attempts.
  expect(world.app.at("/first")).toHaveLength(5);
});

test("an endpoint without a failure function raises: the callback has failed, and can be made again", async () => {
  const counters = serveOrder("/order");
  const url = `${world.app.url}/order`;
  // The client of the other SDK names the workflow itself as the failure URL of every run.
  const runId = await world.trigger({ url, retries: 0 });
  const entry = await world.deadLetterIn(runId, "CALLBACK_FAIL");
  expect(entry.failureCallbackInfo).toMatchObject({
    responseStatus: 500,
    responseBody: expect.stringContaining("no failure function"),
  });
  expect(counters.all()).toEqual({ reserve: 1, charge: 1 });
  const told: PythonFailure[] = [];
  serveOrder("/order", { failureFunction: (failure) => told.push(failure) });
  const again = await world.call("POST", `/v2/workflows/dlq/callback/${entry.dlqId}`);
  expect(again.status, again.text).toBe(200);
  await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
  expect(told.map(({ context }) => context.workflowRunId)).toEqual([runId]);
});

test("a resumed run goes on from its failing step, with the records byte for byte as they were", async () => {
  const counters = serveOrder("/order");
  const runId = await callEndpoint(world, "/order", { body: '{"a": 1}' });
  await world.failed(runId);
  counters.heal();
  const resumed = await revive(runId, "resume");
  await world.succeeded(resumed);
  expect(counters.all()).toEqual({ reserve: 1, charge: 2, ship: 1 });
  const bodiesOf = (id: string) =>
    world.app
      .at("/order")
      .filter(({ headers }) => headers["upstash-workflow-runid"] === id)
      .map(({ body }) => JSON.parse(body).map((item: { readonly body: string }) => item.body));
  const [before, after] = [bodiesOf(runId).at(-1), bodiesOf(resumed)[0]];
  expect(after).toEqual(before);
});

test("a resumed run that fails again tells its failure function its own id", async () => {
  const ids: string[] = [];
  serveOrder("/order", {
    failureFunction: ({ context }) => ids.push(context.workflowRunId),
  });
  const runId = await callEndpoint(world, "/order");
  await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
  const resumed = await revive(runId, "resume");
  await world.deadLetterIn(resumed, "CALLBACK_SUCCESS");
  expect(ids).toEqual([runId, resumed]);
});

test("a restarted run begins with its payload and without its records", async () => {
  const counters = serveOrder("/order");
  const runId = await callEndpoint(world, "/order", { body: '{"a": 1}' });
  await world.failed(runId);
  counters.heal();
  await world.succeeded(await revive(runId, "restart"));
  expect(counters.all()).toEqual({ reserve: 2, charge: 2, ship: 1 });
});
