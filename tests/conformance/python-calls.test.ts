// `context.call` of the Python SDK: its request to a third party, and the callback that becomes the result of the step.

import { expect, test } from "vitest";
import { Counters } from "./counters.ts";
import { type PythonCallResponse, pythonWorkflow, servePython } from "./python-endpoint.ts";
import type { PythonCallSettings } from "./python-headers.ts";
import { callEndpoint, impatient } from "./self-started.ts";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

const calling = (settings: PythonCallSettings, responses: PythonCallResponse[]) =>
  pythonWorkflow(
    world,
    async (context) => {
      await context.run("before", () => 1);
      responses.push(await context.call("third", settings));
      await context.run("after", () => 1);
    },
    { retries: 0 },
  );

/** Runs a workflow that makes one call, and gives the response that it gets. */
async function respond(settings: PythonCallSettings): Promise<PythonCallResponse | undefined> {
  const responses: PythonCallResponse[] = [];
  world.app.on("/caller", calling(settings, responses));
  const headers = { authorization: "Bearer user", "x-user": "me" };
  await world.succeeded(await callEndpoint(world, "/caller", { headers }));
  return responses.at(-1);
}

const callbacks = () =>
  world.app
    .at("/caller")
    .filter(({ headers }) => headers["upstash-workflow-callback"] !== undefined);

test("a call with a body: the third party gets it with its own headers, and the workflow its answer", async () => {
  const url = world.app.on("/third", async (request) =>
    Response.json(
      { got: await request.text(), more: "ü" },
      { status: 201, headers: { "x-third": "yes" } },
    ),
  );
  const headers = { "x-call": "own", "Content-Type": "application/vnd.own+json" };
  const response = await respond({ url, method: "POST", body: { n: "ü" }, headers });
  expect(response).toEqual({
    status: 201,
    body: { got: '{"n": "\\u00fc"}', more: "ü" },
    header: expect.objectContaining({ "X-Third": ["yes"] }),
  });
  const [call] = world.app.at("/third");
  expect(call).toMatchObject({
    ...{ method: "POST", signatureFault: null },
    headers: { "x-call": "own", "content-type": "application/vnd.own+json" },
  });
  const foreign = ["authorization", "x-user", "upstash-workflow-sdk-version"];
  expect(foreign.map((name) => call?.headers[name])).toEqual([undefined, undefined, undefined]);
  const [callback] = callbacks();
  expect(callback?.headers).toMatchObject({
    authorization: "Bearer user",
    "x-user": "me",
    "upstash-workflow-stepid": "2",
    "upstash-workflow-stepname": "third",
    "upstash-workflow-steptype": "Call",
    "upstash-workflow-concurrent": "1",
    "upstash-workflow-contenttype": "application/vnd.own+json",
    "content-length": String(callback?.bytes.byteLength),
  });
  expect(callback?.headers["upstash-workflow-sdk-version"]).toBeUndefined();
  expect(callbacks()).toHaveLength(1);
});

test("a call without a body sends the text null, a GET as well", async () => {
  const url = world.app.on("/third", (_request, { body }) => new Response(body));
  expect(await respond({ url, method: "POST" })).toMatchObject({ status: 200, body: null });
  expect(await respond({ url })).toMatchObject({ status: 200 });
  const [post, get] = world.app.at("/third");
  expect([post?.method, post?.body]).toEqual(["POST", "null"]);
  expect([get?.method, get?.body]).toEqual(["GET", "null"]);
});

test("an answer without a body is an empty text", async () => {
  const url = world.app.on("/third", () => new Response(null, { status: 204 }));
  expect(await respond({ url })).toMatchObject({ status: 204, body: "" });
});

test("a third party that fails: its retries are the call's own, one callback comes, and the run goes on", async () => {
  const answer = { status: 503, headers: { "x-third": "no" } };
  const url = world.app.on(
    "/third",
    impatient(() => new Response("closed ü", answer)),
  );
  expect(await respond({ url, retries: 2 })).toEqual({
    status: 503,
    body: "closed ü",
    header: expect.objectContaining({ "X-Third": ["no"] }),
  });
  expect(world.app.at("/third")).toHaveLength(3);
  expect(callbacks()).toHaveLength(1);
  expect(JSON.parse(callbacks()[0]?.body ?? "")).toMatchObject({ retried: 2, maxRetries: 2 });
  expect((await world.client.dlq.list()).messages).toEqual([]);
});

test("a third party that nobody reaches has the status 0 and the cause as its body", async () => {
  const response = await respond({ url: "http://127.0.0.1:1/closed" });
  expect(response).toMatchObject({ status: 0, body: expect.stringContaining("ECONNREFUSED") });
});

test("a third party that hangs is given up after the call's own time", async () => {
  const url = world.app.onRaw("/third", () => {});
  const response = await respond({ url, timeout: 1 });
  expect(response).toMatchObject({ status: 0, body: expect.stringMatching(/1000 ms|timeout/i) });
});

test("a callback that fails for good fails the run, tells the failure function, and a resume calls nobody again", async () => {
  const counters = new Counters(["callback"]);
  const url = world.app.on("/third", () => new Response('"answer"'));
  const told: unknown[] = [];
  const responses: PythonCallResponse[] = [];
  const workflow = pythonWorkflow(
    world,
    async (context) => {
      responses.push(await context.call("third", { url }));
    },
    {
      retries: 1,
      failureFunction: ({ context, failStatus }) => {
        told.push([context.workflowRunId, context.requestPayload, failStatus]);
      },
    },
  );
  world.app.on(
    "/caller",
    impatient((request, received) => {
      const isCallback = received.headers["upstash-workflow-callback"] !== undefined;
      if (isCallback && counters.isBroken("callback")) return new Response("", { status: 500 });
      return workflow(request, received);
    }),
  );
  const runId = await callEndpoint(world, "/caller", { body: '{"a": 1}' });
  const { dlqId } = await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
  expect(told).toEqual([[runId, { a: 1 }, 500]]);
  expect(callbacks()).toHaveLength(2);
  counters.heal();
  const resumed = await world.client.dlq.resume({ dlqId });
  await world.succeeded(resumed.workflowRunId);
  expect(responses).toMatchObject([{ status: 200, body: "answer" }]);
  expect(world.app.at("/third")).toHaveLength(1);
});

test("a call that is asked for twice, because the answer was lost, is made once", async () => {
  const url = world.app.on("/third", () => new Response("1"));
  servePython(world, "/caller", (context) => context.call("third", { url }), {
    losesAnswers: true,
  });
  await world.succeeded(await callEndpoint(world, "/caller"));
  await world.close();
  expect([world.app.at("/third").length, callbacks().length]).toEqual([1, 1]);
  expect(world.app.at("/caller").map(({ status }) => status)).toEqual([200, 200, 200, 200]);
});

test("a callback that arrives after a cancellation is passed over", async () => {
  const url = world.app.on("/third", () => new Response("1"));
  const started = Promise.withResolvers<string>();
  const workflow = pythonWorkflow(world, (context) => context.call("third", { url }));
  world.app.on("/caller", async (request, received) => {
    const isCallback = received.headers["upstash-workflow-callback"] !== undefined;
    if (isCallback) await world.client.cancel(await started.promise);
    return workflow(request, received);
  });
  started.resolve(await callEndpoint(world, "/caller"));
  const [callback] = await until("the answer to the callback", () => {
    const answered = callbacks().filter(({ status }) => status !== 0);
    return answered.length > 0 && answered;
  });
  expect([callback?.status, callback?.answer]).toEqual([500, expect.stringContaining("400")]);
  await world.close();
  expect(callbacks()).toHaveLength(1);
});

test("the log of a call shows the request and the answer", async () => {
  const url = world.app.on("/third", () => new Response("text", { status: 202 }));
  servePython(world, "/caller", (context) =>
    context.call("third", { url, method: "PATCH", body: [1], headers: { "x-call": "own" } }),
  );
  const run = await world.succeeded(await callEndpoint(world, "/caller"));
  expect(run.steps[1]?.steps[0]).toMatchObject({
    ...{ stepName: "third", stepType: "Call", state: "STEP_SUCCESS" },
    ...{ callUrl: url, callMethod: "PATCH", callBody: "[1]" },
    callHeaders: { "X-Call": ["own"] },
    ...{ callResponseStatus: 202, callResponseBody: "text" },
  });
});
