// Endpoints that speak an old protocol, or are no workflows at all: their runs fail with a cause, and none of them stops in silence.

import { expect, test } from "vitest";
import { createWorkflow, serveMany } from "workflow-sdk-0.2/nextjs";
import type { Handler, Received } from "./app.ts";
import { Counters } from "./counters.ts";
import { failureCallsAt, oldClient, oldWorkflow, serveOld, surroundings } from "./old-sdk.ts";
import { pythonWorkflow, servePython } from "./python-endpoint.ts";
import { callEndpoint } from "./self-started.ts";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

const NOT_A_WORKFLOW =
  "detected a non-workflow destination for trigger/invoke. make sure you are sending the request to the correct endpoint";
const SDK_TOO_OLD = "trigger rest api is only usable with sdk versions after v1.0.0 major version";

const TUNNEL = "<html>You are about to visit a tunnel</html>";
const tunnelPage = () => new Response(TUNNEL, { headers: { "content-type": "text/html" } });

/** The endpoint of an SDK that is too old to name the version of the protocol. */
const nameless =
  (handler: Handler): Handler =>
  async (request, received) => {
    const { status, headers, body } = await handler(request, received);
    headers.delete("upstash-workflow-sdk-version");
    headers.delete("upstash-workflow-sdk");
    return new Response(body, { status, headers });
  };

/** A run that fails for `error` with its first attempt, and whose log holds what the endpoint has answered. */
async function expectFailure(runId: string, error: string, body: string): Promise<void> {
  const run = await world.failed(runId);
  expect(run.steps.at(-1)).toMatchObject({
    type: "next",
    steps: [{ state: "STEP_FAILED", errors: [{ error, body, status: 200 }] }],
  });
  expect(run.steps.at(-1)?.steps[0]?.errors).toHaveLength(1);
  const { responseBody, responseStatus } = await world.deadLetter(runId);
  expect([responseBody, responseStatus]).toEqual([body, 200]);
}

test.each([
  ["1.3", (url: string) => world.trigger({ url })],
  ["0.2", async (url: string) => (await oldClient(world).trigger({ url })).workflowRunId],
])(
  "a page instead of a workflow fails a run that a client of %s has triggered, at once",
  async (_name, trigger) => {
    const runId = await trigger(world.app.on("/page", tunnelPage));
    await expectFailure(runId, NOT_A_WORKFLOW, TUNNEL);
    const others = world.app.at("/page").length - failureCallsAt(world, "/page").length;
    expect(others).toBe(1);
  },
);

test("an endpoint that starts its run itself and then is gone behind a page", async () => {
  const handler = pythonWorkflow(world, (context) => context.run("first", () => 1));
  world.app.on("/page", (request, received) => {
    const isStep = received.headers["upstash-workflow-sdk-version"] !== undefined;
    return isStep ? tunnelPage() : handler(request, received);
  });
  const runId = await callEndpoint(world, "/page");
  await expectFailure(runId, NOT_A_WORKFLOW, TUNNEL);
});

test("an invoked workflow that is a page has failed, and its parent goes on", async () => {
  const child = createWorkflow(async () => {});
  const parent = createWorkflow((context) =>
    context.invoke("child", { workflow: child, body: undefined }),
  );
  const { POST } = serveMany({ parent, child }, surroundings(world));
  world.app.on("/many/child", tunnelPage);
  const url = world.app.on("/many/parent", (request) => POST(request));
  const { workflowRunId } = await oldClient(world).trigger({ url });
  const run = await world.succeeded(workflowRunId);
  expect(JSON.parse(run.workflowRunResponse ?? "")).toEqual({ isFailed: true, isCanceled: false });
  const childId = world.app.at("/many/child")[0]?.headers["upstash-workflow-runid"] ?? "";
  await expectFailure(childId, NOT_A_WORKFLOW, TUNNEL);
});

test("an SDK that names no version has executed its first step when the run fails; the result is kept", async () => {
  const counters = new Counters();
  const workflow = oldWorkflow(world, async (context) => {
    await context.run("first", counters.step("first", 1));
    await context.run("second", counters.step("second", 1));
  });
  // The continuation would arrive while the first delivery is judged: it waits until that has happened.
  let isJudged = (): void => {};
  const judged = new Promise<void>((resolve) => {
    isJudged = resolve;
  });
  let count = 0;
  const url = world.app.on("/nameless", async (request, received) => {
    count += 1;
    if (count > 1) await judged;
    return nameless(workflow)(request, received);
  });
  const { workflowRunId } = await oldClient(world).trigger({ url });
  const run = await world.failed(workflowRunId);
  isJudged();
  expect(JSON.stringify(run.steps)).toContain(NOT_A_WORKFLOW);
  await world.close();
  expect(counters.all().first).toBe(1);
});

/** A run that is started over REST with an endpoint of an SDK that cannot be. */
async function triggerOverRest(url: string, headers: Record<string, string> = {}) {
  const answer = await world.call("POST", `/v2/trigger/${url}`, { headers, body: "{}" });
  expect(answer.status, answer.text).toBe(200);
  // The tests of the trigger check the shape.
  return (answer.json as { readonly workflowRunId: string }).workflowRunId;
}

const isStep = ({ headers }: Received) => headers["upstash-workflow-sdk-version"] !== undefined;

test("a run over REST fails at once with an endpoint of 0.2", async () => {
  const url = serveOld(world, "/old", (context) => context.run("first", () => 1));
  const run = await world.failed(await triggerOverRest(url));
  expect(JSON.stringify(run.steps)).toContain(SDK_TOO_OLD);
  expect(world.app.at("/old").filter(isStep).length).toBeLessThanOrEqual(2);
});

test("a run over REST fails at once with an endpoint of Python", async () => {
  const url = servePython(world, "/python", (context) => context.run("first", () => 1));
  const run = await world.failed(await triggerOverRest(url));
  expect(JSON.stringify(run.steps)).toContain(SDK_TOO_OLD);
  expect(world.app.at("/python").filter(isStep).length).toBeLessThanOrEqual(2);
});

test.each([
  ["0.2", (path: string, run: () => void) => serveOld(world, path, (one) => one.run("first", run))],
  [
    "Python",
    (path: string, run: () => void) => servePython(world, path, (one) => one.run("first", run)),
  ],
])(
  "an endpoint of %s that is asked who it is takes the question for a request, once",
  async (_name, serve) => {
    const counters = new Counters();
    const url = serve("/unknown", counters.step("first", undefined));
    const headers = { "Upstash-Workflow-Unknown-Sdk": "true", "Upstash-Retry-Delay": "1" };
    const run = await world.failed(await triggerOverRest(url, headers));
    expect(JSON.stringify(run.steps)).toContain(SDK_TOO_OLD);
    const isQuestion = ({ headers: sent }: Received) =>
      sent["upstash-workflow-unknown-sdk"] === "true";
    expect(world.app.at("/unknown").filter(isQuestion)).toHaveLength(1);
    await until("the run that it has made of the question", () => counters.all().first === 1);
    await world.close();
    // Each question more would have made one run more, with the list of steps as its payload.
    expect(counters.all()).toEqual({ first: 1 });
  },
);

test("a run over REST fails at once with a page", async () => {
  const url = world.app.on("/page", tunnelPage);
  await expectFailure(await triggerOverRest(url), NOT_A_WORKFLOW, TUNNEL);
});

test("an endpoint that refuses every request is retried, and its last answer is kept", async () => {
  const url = world.app.on("/gone", () => new Response(TUNNEL, { status: 404 }));
  const runId = await world.trigger({ url, retries: 1, retryDelay: "1" });
  const entry = await world.deadLetter(runId);
  expect(entry).toMatchObject({ responseStatus: 404, responseBody: TUNNEL });
  await until("two attempts", () => entry.attempts?.length === 2);
});
