// What happens when the retries are used up: the dead letter, and the failure function.

import { WorkflowNonRetryableError } from "@upstash/workflow";
import { expect, test } from "vitest";
import { until } from "./until.ts";
import { type ServeOptions, useWorld } from "./world.ts";

const world = useWorld({ isOnDisk: true, config: { attemptTimeoutMs: 300 } });

type FailureFunction = NonNullable<ServeOptions["failureFunction"]>;

const retries = { retries: 1, retryDelay: "1" } as const;

/** A workflow whose second step fails. */
function serveFailing(path: string, failureFunction?: FailureFunction): string {
  return world.serve(
    path,
    async (context) => {
      await context.run("fine", () => "kept");
      await context.run("broken", () => {
        throw new Error("database is down");
      });
    },
    failureFunction === undefined ? {} : { failureFunction },
  );
}

test("S12: after the last retry the run is failed and in the queue exactly once, under the id that its log shows", async () => {
  const runId = await world.trigger({ url: serveFailing("/order"), ...retries });
  const run = await world.failed(runId);
  expect(run.workflowRunCompletedAt).toBeGreaterThanOrEqual(run.workflowRunCreatedAt);
  await world.deadLetterIn(runId, null);
  const { messages } = await world.client.dlq.list();
  expect(messages.map(({ workflowRunId, dlqId }) => [workflowRunId, dlqId])).toEqual([
    [runId, run.dlqId],
  ]);
});

test("S13, S15: the entry is still there, and whole, when the server comes back", async () => {
  const runId = await world.trigger({ url: serveFailing("/order"), body: { a: 1 }, ...retries });
  const before = await world.deadLetterIn(runId, null);
  await world.restartServer();
  expect(await world.deadLetter(runId)).toEqual(before);
  expect((await world.client.dlq.list()).messages).toHaveLength(1);
});

test("S14: the entry keeps everything that is needed to understand the failure and to go on", async () => {
  const alarm = world.app.on("/alarm", () => new Response("noted", { status: 202 }));
  const url = serveFailing("/order");
  const runId = await world.trigger({
    url,
    body: { order: 7 },
    headers: { authorization: "Bearer user", "x-user": "me" },
    retries: 1,
    retryDelay: "1 + retried",
    label: ["blue", "v2"],
    flowControl: { key: "tenant", parallelism: 3, rate: 100, period: "2s" },
    failureUrl: alarm,
  });
  const run = await world.failed(runId);
  const entry = await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
  expect(entry).toMatchObject({
    dlqId: run.dlqId,
    messageId: world.app.at("/order").at(-1)?.headers["upstash-message-id"],
    url,
    workflowUrl: url,
    method: "POST",
    body: '{"order":7}',
    maxRetries: 1,
    retryDelayExpression: "1 + retried",
    callerIP: "127.0.0.1",
    workflowRunId: runId,
    workflowCreatedAt: run.workflowRunCreatedAt,
    label: "blue",
    labels: ["blue", "v2"],
    flowControlKey: "tenant",
    parallelism: 3,
    rate: 100,
    period: 2,
    responseStatus: 500,
    failureCallback: alarm,
    failureFunctionState: "CALLBACK_SUCCESS",
    failureCallbackInfo: { state: "CALLBACK_SUCCESS", responseStatus: 202, responseBody: "noted" },
  });
  expect(entry.header).toMatchObject({ Authorization: ["Bearer user"], "X-User": ["me"] });
  expect(entry.createdAt).toBe(run.workflowRunCompletedAt);
  expect(entry.notBefore).toBeGreaterThanOrEqual(run.workflowRunCreatedAt);
  expect(entry.responseHeader).toMatchObject({ "Upstash-Error-Step-Name": ["broken"] });
  expect(JSON.parse(entry.responseBody ?? "")).toMatchObject({ message: "database is down" });
  expect(entry.attempts?.map(({ responseStatus, retried }) => [responseStatus, retried])).toEqual([
    [500, 0],
    [500, 1],
  ]);
});

test("S14: a payload and a response that are no UTF-8 are kept as base64", async () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
  const url = world.app.on("/binary", () => new Response(bytes, { status: 500 }));
  const headers = { "Upstash-Retries": "0", "content-type": "application/octet-stream" };
  const answer = await world.call("POST", `/v2/trigger/${url}`, {
    headers,
    body: new Uint8Array(bytes),
  });
  const { workflowRunId } = answer.json as { workflowRunId: string }; // Or the next line fails.
  const entry = await world.deadLetter(workflowRunId);
  expect(entry).toMatchObject({
    bodyBase64: bytes.toString("base64"),
    responseBodyBase64: bytes.toString("base64"),
  });
  expect([entry.body, entry.responseBody].join("")).toBe("");
});

test("S15: an entry stays until it is deleted, and then it is gone", async () => {
  const runId = await world.trigger({ url: serveFailing("/order"), ...retries });
  const { dlqId } = await world.deadLetterIn(runId, null);
  expect(await world.client.dlq.delete(dlqId)).toMatchObject({ deleted: 1 });
  expect(await world.client.dlq.delete(dlqId)).toMatchObject({ deleted: 0 });
  expect((await world.client.dlq.list()).messages).toEqual([]);
  const gone = await world.call("GET", `/v2/workflows/dlq/${dlqId}`);
  expect([gone.status, gone.json]).toEqual([
    404,
    { error: expect.any(String), code: "dead_letter_not_found" },
  ]);
  expect((await world.log(runId))?.workflowState).toBe("RUN_FAILED");
});

test("S16, S17: the failure function is told what failed, once, after all retries", async () => {
  const told: Parameters<FailureFunction>[0][] = [];
  const url = serveFailing("/order", (failure) => {
    told.push(failure);
  });
  const runId = await world.trigger({ url, ...retries });
  await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
  await world.close();
  expect(told).toHaveLength(1);
  expect(told[0]).toMatchObject({
    failStatus: 500,
    failResponse: "database is down",
    failHeaders: { "Upstash-Error-Step-Name": ["broken"] },
    failStack: expect.stringContaining("database is down"),
  });
  expect(
    world.app.at("/order").map(({ headers }) => headers["upstash-workflow-is-failure"]),
  ).toEqual([undefined, undefined, undefined, "true"]);
});

test("S18: its context has the id, the URL, the payload and the headers of the run", async () => {
  const told: unknown[] = [];
  const url = serveFailing("/order", ({ context }) => {
    told.push({
      id: context.workflowRunId,
      url: context.url,
      payload: context.requestPayload,
      user: context.headers.get("x-user"),
      label: context.label,
      hasEnv: typeof context.env,
    });
  });
  const headers = { "x-user": "me" };
  const runId = await world.trigger({ url, body: { a: 1 }, headers, label: "blue", ...retries });
  await until("the failure function", () => told.length > 0);
  expect(told).toEqual([
    { id: runId, url, payload: { a: 1 }, user: "me", label: "blue", hasEnv: "object" },
  ]);
});

test("S18: a step in the failure function is refused and leaves the results of the run alone", async () => {
  const url = serveFailing("/order", async ({ context }) => {
    // The type hides the steps that the object has.
    const run = Reflect.get(context, "run") as (name: string, step: () => unknown) => unknown;
    await run.call(context, "step in a failure function", () => "wrong");
  });
  const runId = await world.trigger({ url, ...retries });
  await world.deadLetterIn(runId, "CALLBACK_FAIL");
  const run = await world.failed(runId);
  const names = run.steps.flatMap(({ steps }) => steps.map(({ stepName }) => stepName));
  expect(names).toEqual(["init", "fine", "broken"]);
});

test("S19: a text that the failure function returns is in the logs and in the entry", async () => {
  const url = serveFailing("/order", () => "told the customer ü");
  const runId = await world.trigger({ url, ...retries });
  const entry = await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
  const body = '{"result":"told the customer ü"}';
  expect(entry.failureCallbackInfo).toMatchObject({ responseStatus: 200, responseBody: body });
  const run = await world.failed(runId);
  expect(run.failureFunction).toMatchObject({
    state: "CALLBACK_SUCCESS",
    url,
    dlqId: run.dlqId,
    failStatus: 500,
    failResponse: expect.stringContaining("database is down"),
    failHeaders: { "Upstash-Error-Step-Name": ["broken"] },
    responseStatus: 200,
    responseBody: body,
    responseHeaders: { "Upstash-Workflow-Sdk-Version": ["1"] },
    messageId: world.app.at("/order").at(-1)?.headers["upstash-message-id"],
  });
});

test("S19: returning nothing is fine", async () => {
  const url = serveFailing("/order", () => {});
  const entry = await world.deadLetterIn(
    await world.trigger({ url, ...retries }),
    "CALLBACK_SUCCESS",
  );
  expect(entry.failureCallbackInfo).toMatchObject({ responseBody: "{}" });
});

test("S20: a failure call that somebody forges does not reach the failure function", async () => {
  const told: unknown[] = [];
  const url = serveFailing("/order", (failure) => void told.push(failure));
  const body = JSON.stringify({
    ...{ status: 500, header: {}, body: "", url, sourceBody: "", workflowRunId: "wfr_forged" },
  });
  const headers = {
    "upstash-workflow-is-failure": "true",
    "upstash-workflow-failure-callback": "true",
    "upstash-workflow-runid": "wfr_forged",
  };
  const unsigned = await fetch(url, { method: "POST", headers, body });
  const signed = { ...headers, "upstash-signature": "eyJhbGciOiJIUzI1NiJ9.e30.AAAA" };
  const badlySigned = await fetch(url, { method: "POST", headers: signed, body });
  expect([unsigned.status, badlySigned.status]).toEqual([500, 500]);
  expect(await unsigned.text()).toContain("Failed to verify");
  expect(told).toEqual([]);
});

test("S20: the authorization of the route function also guards the failure function", async () => {
  const told: unknown[] = [];
  let password = "right";
  const url = world.serve(
    "/guarded",
    async (context) => {
      if (context.headers.get("authorization") !== password) return;
      await context.run("broken", () => {
        password = "changed";
        throw new Error("broken");
      });
    },
    { failureFunction: (failure) => void told.push(failure) },
  );
  const headers = { authorization: "right" };
  const runId = await world.trigger({ url, headers, retries: 0 });
  const entry = await world.deadLetterIn(runId, "CALLBACK_FAIL");
  expect(told).toEqual([]);
  expect(entry.failureCallbackInfo?.responseBody).toContain("Not authorized");
});

test("S21: a failure function that throws is retried like the run, then its state is CALLBACK_FAIL", async () => {
  let calls = 0;
  const url = serveFailing("/order", () => {
    calls += 1;
    throw new Error(`no mail ${calls}`);
  });
  const runId = await world.trigger({ url, retries: 2, retryDelay: "1" });
  const entry = await world.deadLetterIn(runId, "CALLBACK_FAIL");
  expect(calls).toBe(3);
  expect(entry.failureCallbackInfo).toMatchObject({ state: "CALLBACK_FAIL", responseStatus: 500 });
  expect(entry.failureCallbackInfo?.responseBody).toContain("no mail 3");
  const run = await world.failed(runId);
  expect(run.failureFunction).toMatchObject({ state: "CALLBACK_FAIL", maxRetries: 2 });
  expect(run.failureFunction?.errors?.map(({ status }) => status)).toEqual([500, 500, 500]);
  expect((await world.client.dlq.list()).messages).toHaveLength(1);
});

test("S21: an error that cannot be retried ends the failure call at once", async () => {
  let calls = 0;
  const url = world.app.on("/fatal", (_request, { headers }) => {
    if (headers["upstash-workflow-is-failure"] !== "true") return new Response("", { status: 500 });
    calls += 1;
    return new Response("", { status: 489, headers: { "upstash-nonretryable-error": "true" } });
  });
  const runId = await world.trigger({ url, ...retries });
  await world.deadLetterIn(runId, "CALLBACK_FAIL");
  expect(calls).toBe(1);
});

test("S22: an app that comes back gets the failure call that it missed", async () => {
  const told: unknown[] = [];
  const url = serveFailing("/order", (failure) => void told.push(failure.failStatus));
  await world.app.stop();
  const runId = await world.trigger({ url, retries: 1, retryDelay: "60" });
  const entry = await world.deadLetter(runId);
  await world.app.start();
  expect(entry.failureFunctionState).toBe("CALLBACK_INPROGRESS");
  await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
  expect(told).toEqual([0]);
});

test.each<[string, number, () => Promise<Response> | Response]>([
  ["a page of a proxy", 404, () => new Response("<html>", { status: 404 })],
  ["a gateway's timeout", 504, () => new Response("", { status: 504 })],
  ["an answer that never comes", 0, () => new Promise(() => {})],
  [
    "a refusal to retry",
    489,
    () => new Response("", { status: 489, headers: { "upstash-nonretryable-error": "true" } }),
  ],
])("S22: the failure function is called for every cause: %s", async (_name, status, respond) => {
  const told: number[] = [];
  const workflow = world.workflow(
    async (context) => {
      await context.run("one", () => 1);
    },
    { failureFunction: ({ failStatus }) => void told.push(failStatus) },
  );
  const url = world.app.on("/any", (request, { headers }) =>
    headers["upstash-workflow-is-failure"] === "true" ? workflow(request) : respond(),
  );
  await world.trigger({ url, retries: 0 });
  await until("the failure function", () => told.length > 0);
  expect(told).toEqual([status]);
});

test("S74: an endpoint without a failure function leaves the entry without a state", async () => {
  const runId = await world.trigger({ url: serveFailing("/order"), ...retries });
  await until(
    "the failure call",
    () =>
      world.app.at("/order").at(-1)?.answerHeaders["upstash-workflow-failure-callback-notfound"],
  );
  const entry = await world.deadLetterIn(runId, null);
  expect(entry.failureCallbackInfo?.state).toBeUndefined();
  expect((await world.failed(runId)).failureFunction).toBeUndefined();
});

test("a branch that fails ends the whole run with one entry and one failure call", async () => {
  let told = 0;
  const url = world.serve(
    "/branches",
    async (context) => {
      await Promise.all([
        context.run("a", () => {
          throw new WorkflowNonRetryableError("a");
        }),
        context.run("b", () => {
          throw new WorkflowNonRetryableError("b");
        }),
        context.sleep("c", "1h"),
      ]);
    },
    {
      failureFunction: () => {
        told += 1;
      },
    },
  );
  const runId = await world.trigger({ url });
  await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
  expect((await world.client.dlq.list()).messages).toHaveLength(1);
  await world.close();
  expect(told).toBe(1);
});
