// Runs that are started without an SDK, and what the server finds out about the endpoint with the first delivery.

import { expect, test } from "vitest";
import type { Received } from "./app.ts";
import { until } from "./until.ts";
import { type CallOptions, useWorld } from "./world.ts";

const world = useWorld();

interface Triggered {
  readonly workflowRunId: string;
  readonly workflowCreatedAt: number;
}

async function triggerOverRest(url: string, options: CallOptions = {}): Promise<Triggered> {
  const answer = await world.call("POST", `/v2/trigger/${url}`, options);
  expect(answer.status, answer.text).toBe(200);
  return answer.json as Triggered; // The first test checks the shape.
}

function serveEcho(path: string): string {
  return world.serve(path, async (context) => {
    await context.run("only", () => 1);
    return { payload: context.requestPayload, labels: context.labels };
  });
}

const NOT_A_WORKFLOW =
  "detected a non-workflow destination for trigger/invoke. make sure you are sending the request to the correct endpoint";
const SDK_TOO_OLD = "trigger rest api is only usable with sdk versions after v1.0.0 major version";

test("a trigger over REST answers with a new run id and its creation, and needs no extra delivery", async () => {
  const url = serveEcho("/echo");
  const triggered = await triggerOverRest(url, { body: '{"b":2}' });
  expect(triggered).toEqual({
    workflowRunId: expect.stringMatching(/^wfr_[A-Za-z0-9_-]{21}$/),
    workflowCreatedAt: expect.any(Number),
  });
  const run = await world.succeeded(triggered.workflowRunId);
  expect(run.workflowRunCreatedAt).toBe(triggered.workflowCreatedAt);
  expect(JSON.parse(run.workflowRunResponse ?? "")).toEqual({ payload: { b: 2 }, labels: [] });
  const deliveries = world.app.at("/echo");
  expect(deliveries).toHaveLength(2);
  for (const { headers } of deliveries) expect(headers["upstash-workflow-sdk-version"]).toBe("1");
});

test("a destination with a query of its own keeps it", async () => {
  const url = serveEcho("/echo");
  const { workflowRunId } = await triggerOverRest(`${url}?tenant=a&x=%20`);
  const run = await world.succeeded(workflowRunId);
  expect(run.workflowUrl).toBe(`${url}?tenant=a&x=%20`);
});

test("run id, label, headers and retries of a trigger over REST hold for the whole run", async () => {
  const url = world.serve("/late", async (context) => {
    await context.run("fine", () => 1);
    await context.run("broken", () => {
      throw new Error("broken");
    });
  });
  const { workflowRunId } = await triggerOverRest(url, {
    headers: {
      "Upstash-Workflow-RunId": "wfr_rest",
      "Upstash-Label": "rest,v1",
      "Upstash-Forward-X-User": "me",
      "Upstash-Retries": "1",
      "Upstash-Retry-Delay": "10",
    },
  });
  expect(workflowRunId).toBe("wfr_rest");
  const run = await world.failed(workflowRunId);
  expect(run.labels).toEqual(["rest", "v1"]);
  const steps = world.app.at("/late").slice(0, 3);
  expect(steps.map(({ headers }) => headers["upstash-retried"])).toEqual(["0", "0", "1"]);
  for (const { headers } of steps) {
    expect(headers).toMatchObject({ "x-user": "me", "upstash-label": "rest,v1" });
  }
});

test("without a failure URL the failure function of the endpoint is called, with the headers of the run", async () => {
  const calls: unknown[] = [];
  const url = world.serve(
    "/fails",
    async (context) => {
      await context.run("broken", () => {
        throw new Error("broken");
      });
    },
    {
      failureFunction: ({ context, failStatus, failResponse }) => {
        calls.push([
          context.workflowRunId,
          failStatus,
          failResponse,
          context.headers.get("x-user"),
        ]);
      },
    },
  );
  const headers = { "Upstash-Retries": "0", "Upstash-Forward-X-User": "me" };
  const { workflowRunId } = await triggerOverRest(url, { headers });
  await until("the failure function", () => calls.length > 0);
  expect(calls).toEqual([[workflowRunId, 500, "broken", "me"]]);
});

test("a failure URL given over REST gets the failure instead", async () => {
  world.app.on("/alarm", () => new Response("noted"));
  const url = world.serve("/fails", async (context) => {
    await context.run("broken", () => {
      throw new Error("broken");
    });
  });
  const headers = {
    "Upstash-Retries": "0",
    "Upstash-Failure-Callback": `${world.app.url}/alarm`,
    "Upstash-Failure-Callback-Forward-X-Alarm": "red",
  };
  await triggerOverRest(url, { headers });
  const [call] = await until("the alarm", () => {
    const calls = world.app.at("/alarm");
    return calls.length > 0 && calls;
  });
  expect(call?.headers).toMatchObject({ "x-alarm": "red", "upstash-workflow-is-failure": "true" });
  expect(world.app.at("/fails")).toHaveLength(1);
});

test("a batch of triggers answers 201 in the order of the request and marks what existed already", async () => {
  const url = serveEcho("/echo");
  const headers = { "Upstash-Workflow-RunId": "wfr_first", "Upstash-Delay": "1h" };
  const body = JSON.stringify([
    { destination: url, headers, body: "1" },
    { destination: url, body: '"two"' },
    { destination: url, headers },
  ]);
  const answer = await world.call("POST", "/v2/batch/trigger", { body });
  expect(answer.status).toBe(201);
  const created = { workflowCreatedAt: expect.any(Number) };
  expect(answer.json).toEqual([
    { workflowRunId: "wfr_first", ...created },
    { workflowRunId: expect.stringMatching(/^wfr_/), ...created },
    { workflowRunId: "wfr_first", ...created, deduplicated: true },
  ]);
  const [, second] = answer.json as Triggered[]; // Checked above.
  const run = await world.succeeded(second?.workflowRunId ?? "");
  expect(JSON.parse(run.workflowRunResponse ?? "").payload).toBe("two");
});

test("for a caller who does not know the SDK one delivery more finds it out, and the run keeps its id and settings", async () => {
  const seen: (string | null)[] = [];
  const url = world.serve("/unknown", async (context) => {
    await context.run("one", () => seen.push(context.headers.get("x-user")));
    await context.run("two", () => {
      throw new Error("broken");
    });
  });
  const { workflowRunId, workflowCreatedAt } = await triggerOverRest(url, {
    body: "payload",
    headers: {
      "Upstash-Workflow-Unknown-Sdk": "true",
      "Upstash-Forward-X-User": "me",
      "Upstash-Retries": "1",
      "Upstash-Retry-Delay": "10",
    },
  });
  const run = await world.failed(workflowRunId);
  expect(run.workflowRunCreatedAt).toBe(workflowCreatedAt);
  const [hop, ...steps] = world.app.at("/unknown").slice(0, 4);
  expect(hop?.headers).toMatchObject({
    "upstash-workflow-unknown-sdk": "true",
    "upstash-workflow-runid": workflowRunId,
    "x-user": "me",
  });
  expect(steps.map(({ headers }) => headers["upstash-workflow-unknown-sdk"])).toEqual(
    steps.map(() => undefined),
  );
  expect(steps.map(({ headers }) => headers["upstash-retried"])).toEqual(["0", "0", "1"]);
  expect(steps.map(({ headers }) => headers["upstash-workflow-runid"])).toEqual(
    steps.map(() => workflowRunId),
  );
  expect(seen).toEqual(["me"]);
});

test("an unknown SDK that triggers twice starts the run once", async () => {
  const answers: Response[] = [];
  const isHop = ({ headers }: Received) => headers["upstash-workflow-unknown-sdk"] === "true";
  const workflow = world.workflow(async (context) => {
    await context.run("only", () => until("the second answer", () => answers.length === 2));
  });
  const url = world.app.on("/unknown", async (request, received) => {
    if (!isHop(received)) return workflow(request);
    answers.push(await workflow(request.clone()), await workflow(request));
    return new Response("the answer is lost, but the run has been triggered", { status: 502 });
  });
  const { workflowRunId } = await triggerOverRest(url, {
    headers: { "Upstash-Workflow-Unknown-Sdk": "true", "Upstash-Retry-Delay": "10" },
  });
  await world.succeeded(workflowRunId);
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  const deliveries = world.app.at("/unknown");
  // What the hop was made for has happened: its failure is no reason to make it again.
  expect(deliveries.filter(isHop)).toHaveLength(1);
  const firstSteps = deliveries.filter((one) => !isHop(one) && JSON.parse(one.body).length === 1);
  expect(firstSteps).toHaveLength(1);
});

test("an endpoint that is no workflow fails the run at once with the text that clients match", async () => {
  const url = world.app.on("/plain", () => new Response("hello from a plain page"));
  const runId = await world.trigger({ url });
  const run = await world.failed(runId);
  expect(run.steps).toHaveLength(2);
  expect(run.steps[1]).toMatchObject({
    type: "next",
    steps: [
      {
        state: "STEP_FAILED",
        errors: [{ error: NOT_A_WORKFLOW, body: "hello from a plain page" }],
      },
    ],
  });
  expect(run.steps[1]?.steps).toHaveLength(1);
  expect(run.steps[1]?.steps[0]?.errors).toHaveLength(1);
  // One delivery without retries, and the failure call, which goes to the same address.
  const calls = await until("the failure call", () => {
    const all = world.app.at("/plain");
    return all.length === 2 && all;
  });
  expect(calls[1]?.headers["upstash-workflow-is-failure"]).toBe("true");
});

test("an endpoint that is no workflow and answers an error is retried like any other", async () => {
  const url = world.app.on("/plain", () => new Response("down", { status: 503 }));
  const run = await world.failed(await world.trigger({ url, retries: 1, retryDelay: "10" }));
  const errors = run.steps[1]?.steps[0]?.errors ?? [];
  expect(errors.map(({ error }) => error)).toEqual([
    "503 Service Unavailable",
    "503 Service Unavailable",
  ]);
});

test.each([
  ["names no version", {}],
  ["is older than 1.0.0", { "upstash-workflow-sdk": "v0.2.23" }],
])("a run over REST fails at once when the SDK of the endpoint %s", async (_name, headers) => {
  const url = world.app.on(
    "/old",
    () => new Response("{}", { headers: { "upstash-workflow-sdk-version": "1", ...headers } }),
  );
  const { workflowRunId } = await triggerOverRest(url);
  const run = await world.failed(workflowRunId);
  expect(run.steps[1]).toMatchObject({
    type: "next",
    steps: [{ state: "STEP_FAILED", errors: [{ error: SDK_TOO_OLD }] }],
  });
  const steps = world.app
    .at("/old")
    .filter(({ headers: sent }) => sent["upstash-workflow-is-failure"] === undefined);
  expect(steps).toHaveLength(1);
});
