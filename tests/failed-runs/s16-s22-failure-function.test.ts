// The failure function: what it is told, what it may do, and what becomes of its answer.

import { expect, test } from "vitest";
import { Counters } from "../conformance/counters.ts";
import { sdkWords } from "../conformance/sdk.ts";
import { until } from "../conformance/until.ts";
import { type ServeOptions, useWorld } from "../conformance/world.ts";
import { expectAbout } from "./next-step.ts";
import { revive } from "./revive.ts";

const world = useWorld({ isOnDisk: true, config: { attemptTimeoutMs: 6_000 } });

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

test("S16: the failure function is called once, after all retries", async () => {
  let calls = 0;
  const url = serveFailing("/order", () => {
    calls += 1;
  });
  const runId = await world.trigger({ url, ...retries });
  await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
  await world.close();
  expect(calls).toBe(1);
  const kinds = world.app.at("/order").map(({ headers }) => headers["upstash-workflow-is-failure"]);
  expect(kinds).toEqual([undefined, undefined, undefined, "true"]);
});

test.each<[keyof Parameters<FailureFunction>[0], unknown]>([
  ["failStatus", 500],
  ["failResponse", "database is down"],
  ["failHeaders", expect.objectContaining({ "Upstash-Error-Step-Name": ["broken"] })],
  ["failStack", expect.stringContaining("Error: database is down")],
  ["context", expect.objectContaining({ workflowRunId: expect.stringMatching(/^wfr_/) })],
])("S17: it is given %s", async (name, expected) => {
  const told: Parameters<FailureFunction>[0][] = [];
  const url = serveFailing("/order", (failure) => void told.push(failure));
  await world.deadLetterIn(await world.trigger({ url, ...retries }), "CALLBACK_SUCCESS");
  expect(told[0]?.[name]).toEqual(expected);
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

test("S18: a step in the failure function does not take the place of the step that failed", async () => {
  const counters = new Counters(["only"]);
  const url = world.serve(
    "/order",
    async (context) => context.run("only", counters.step("only", "right")),
    {
      failureFunction: async ({ context }) => {
        // The type hides the steps that the object has.
        const run = Reflect.get(context, "run") as (name: string, step: () => unknown) => unknown;
        await run.call(context, "foreign", () => "wrong");
      },
    },
  );
  const runId = await world.trigger({ url, retries: 0 });
  await world.deadLetterIn(runId, "CALLBACK_FAIL");
  counters.heal();
  const run = await world.succeeded(await revive(world, runId));
  expect(run.workflowRunResponse).toBe('"right"');
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
  expect(await unsigned.text()).toContain(sdkWords.unverified);
  expect(told).toEqual([]);
});

test("S20: the signature of a real failure call does not open the door for another body", async () => {
  const told: unknown[] = [];
  const url = serveFailing("/order", (failure) => void told.push(failure.failResponse));
  await world.deadLetterIn(await world.trigger({ url, ...retries }), "CALLBACK_SUCCESS");
  const real = world.app.at("/order").at(-1);
  const headers = {
    "upstash-signature": real?.headers["upstash-signature"] ?? "",
    "upstash-workflow-is-failure": "true",
    "upstash-workflow-failure-callback": "true",
    "upstash-workflow-runid": real?.headers["upstash-workflow-runid"] ?? "",
  };
  const body = JSON.stringify({ ...JSON.parse(real?.body ?? ""), status: 200 });
  const forged = await fetch(url, { method: "POST", headers, body });
  expect(forged.status).toBe(500);
  expect(await forged.text()).toContain(sdkWords.unverified);
  expect(told).toEqual(["database is down"]);
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
  expect(entry.failureCallbackInfo?.responseBody).toContain(sdkWords.forbiddenFailure);
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
  // The call is made again this much later too, and by then the app has to be there.
  const runId = await world.trigger({ url, retries: 1, retryDelay: "2000" });
  const entry = await world.deadLetter(runId);
  await world.app.start();
  expect(entry.failureFunctionState).toBe("CALLBACK_INPROGRESS");
  await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
  expect(told).toEqual([0]);
});

/** How the app fails at its step: by an answer, by none, or by cutting the connection. */
const CAUSES: readonly (readonly [name: string, status: number, fail: Failing])[] = [
  ["a step that throws", 500, () => new Response("boom", { status: 500 })],
  ["a page of a proxy", 404, () => new Response("<html>", { status: 404 })],
  ["a gateway's timeout", 504, () => new Response("", { status: 504 })],
  ["an answer that never comes", 0, () => new Promise(() => {})],
  ["a connection that is cut", 0, "cut"],
  ["an answer that is no HTTP", 0, "noise"],
  [
    "a refusal to retry",
    489,
    () => new Response("", { status: 489, headers: { "upstash-nonretryable-error": "true" } }),
  ],
];

type Failing = "cut" | "noise" | (() => Promise<Response> | Response);

test.each(CAUSES)(
  "S22: the failure function is called for every cause: %s",
  async (_name, status, fail) => {
    const told: number[] = [];
    const workflow = world.workflow(
      async (context) => {
        await context.run("one", () => 1);
      },
      { failureFunction: ({ failStatus }) => void told.push(failStatus) },
    );
    const url =
      typeof fail === "function"
        ? world.app.on("/any", (request, { headers }) =>
            headers["upstash-workflow-is-failure"] === "true" ? workflow(request) : fail(),
          )
        : world.app.onRaw("/any", ({ socket }) => {
            // The failure call comes next, and finds the app as it should be.
            world.app.on("/any", workflow);
            if (fail === "noise") socket.end("this is no HTTP\r\n\r\n");
            else socket.destroy();
          });
    await world.trigger({ url, retries: 0 });
    await until("the failure function", () => told.length > 0);
    expect(told).toEqual([status]);
  },
);

test("S22: while the app is down the failure call waits longer and longer, as every delivery does", async () => {
  const url = serveFailing("/order", () => {});
  await world.app.stop();
  const headers = { "Upstash-Retries": "0", "Upstash-Failure-Callback": url };
  const backoff = { "Upstash-Failure-Callback-Retries": "3" };
  const answer = await world.call("POST", `/v2/trigger/${url}`, {
    headers: { ...headers, ...backoff },
  });
  const { workflowRunId } = answer.json as { workflowRunId: string }; // Or the next line fails.
  const call = await until("the planned retry", async () => {
    const { failureFunction } = await world.failed(workflowRunId);
    // The first attempt is planned as well, for at once.
    const isRetry = failureFunction?.errors?.length === 1;
    return isRetry && failureFunction.nextDeliveryTime !== undefined && failureFunction;
  });
  expect(call).toMatchObject({ state: "CALLBACK_INPROGRESS", maxRetries: 3 });
  expectAbout((call.nextDeliveryTime ?? 0) - (call.errors?.[0]?.time ?? 0), 12_000);
});
