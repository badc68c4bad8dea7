// What the logs say about steps that invoke other workflows, and about the runs that they have invoked.

import { Client as QstashClient } from "@upstash/qstash";
import type { WorkflowContext } from "@upstash/workflow";
import { createWorkflow, serveMany } from "@upstash/workflow/nextjs";
import { expect, test } from "vitest";
import { eventsOf, stepOf, untilStep } from "./run-log.ts";
import { sdkOptions } from "./sdk.ts";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

/** A parent that invokes a child, which waits for an event and then does as its payload says. */
function serveFamily(
  invoke: (context: WorkflowContext, child: ReturnType<typeof childOf>) => Promise<unknown>,
): string {
  const child = childOf();
  const parent = createWorkflow((context) => invoke(context, child));
  const qstashClient = new QstashClient({ baseUrl: world.server.url, token: world.token });
  const { POST } = serveMany(
    { parent, child },
    { qstashClient, receiver: world.app.receiver, ...sdkOptions },
  );
  for (const path of ["/many/parent", "/many/child"]) world.app.on(path, (one) => POST(one));
  return `${world.app.url}/many/parent`;
}

function childOf() {
  return createWorkflow(async (context) => {
    const { end } = context.requestPayload as { end: string }; // What the parents below send.
    await context.waitForEvent("hold", "go", { timeout: "1h" });
    if (end === "fail") await context.run("fail", () => Promise.reject(new Error("no")));
    return end;
  });
}

const go = () => world.client.notify({ eventId: "go" });

const INVOKE = { stepId: 1, stepName: "ask", stepType: "Invoke", callType: "step" } as const;

test("a step that waits for another run is next, and names it, its payload and its headers", async () => {
  const url = serveFamily((context, child) =>
    context.invoke("ask", {
      workflow: child,
      body: { end: "well" },
      headers: { "x-own": "1" },
      workflowRunId: "kid",
    }),
  );
  const runId = await world.trigger({ url });
  const { step } = await untilStep(world, runId, "ask", { state: "STEP_PROGRESS" });
  const child = await until("the child's wait", async () => {
    const log = await world.log(step.invokedWorkflowRunId ?? "");
    return stepOf(log, "hold") !== null && log;
  });
  const SHOWN = {
    ...INVOKE,
    concurrent: 1,
    invokedWorkflowRunId: child.workflowRunId,
    invokedWorkflowUrl: `${world.app.url}/many/child`,
    invokedWorkflowCreatedAt: child.workflowRunCreatedAt,
    invokedWorkflowRunBody: '{"end":"well"}',
  } as const;
  expect(step.invokedWorkflowRunHeaders).toEqual({
    "Content-Type": ["application/json"],
    "Upstash-Workflow-Invoke-Count": ["1"],
    "Upstash-Workflow-Sdk-Version": ["1"],
    "X-Own": ["1"],
  });
  expect(step).toMatchObject({ ...SHOWN, group: "next", messageId: expect.any(String) });
  expect(child.invoker).toEqual({
    workflowRunId: runId,
    workflowUrl: url,
    workflowRunCreatedAt: (await world.log(runId))?.workflowRunCreatedAt,
  });
  const { waitingFor = "" } = (await world.log(runId)) ?? {};
  expect(waitingFor).toBe(`child run ${child.workflowRunId} (${child.waitingFor})`);
  expect(child.waitingFor).toMatch(/^event go until /);
  expect(await eventsOf(world, child.workflowRunId)).toEqual(
    expect.arrayContaining([
      expect.objectContaining({
        state: "RUN_STARTED",
        invokerWorkflowRunId: runId,
        invokerWorkflowUrl: url,
        invokerWorkflowCreatedAt: child.invoker?.workflowRunCreatedAt,
      }),
    ]),
  );
  await go();
  expect(stepOf(await world.succeeded(runId), "ask")).toMatchObject({
    ...SHOWN,
    group: "sequential",
    state: "STEP_SUCCESS",
    out: JSON.stringify({ body: '"well"', isFailed: false, isCanceled: false }),
  });
});

test("a child that failed or was cancelled stays named in the result", async () => {
  const url = serveFamily(async (context, child) => {
    await Promise.all([
      context.invoke("bad", { workflow: child, body: { end: "fail" }, retries: 0 }),
      context.invoke("gone", { workflow: child, body: { end: "gone" } }),
    ]);
  });
  const runId = await world.trigger({ url });
  await untilStep(world, runId, "bad", { invokedWorkflowRunBody: '{"end":"fail"}' });
  const { run, step } = await untilStep(world, runId, "gone", {
    invokedWorkflowRunBody: '{"end":"gone"}',
  });
  const bad = stepOf(run, "bad");
  expect(run.steps.map(({ type }) => type)).toEqual(["sequential", "parallel"]);
  for (const id of [bad?.invokedWorkflowRunId, step.invokedWorkflowRunId]) {
    await untilStep(world, id ?? "", "hold", { state: "STEP_PROGRESS" });
  }
  const { waitingFor } = (await world.log(runId)) ?? {};
  expect(waitingFor).toMatch(
    /^2 of 2 branches: child run \S+ \(event go until .*\); child run \S+ \(event go until .*\)$/,
  );
  await world.client.cancel(step.invokedWorkflowRunId ?? "");
  await go();
  const ended = await world.succeeded(runId);
  expect(stepOf(ended, "bad")).toMatchObject({
    group: "parallel",
    concurrent: 2,
    invokedWorkflowRunId: bad?.invokedWorkflowRunId,
    out: JSON.stringify({ isFailed: true, isCanceled: false }),
  });
  expect(stepOf(ended, "gone")).toMatchObject({
    invokedWorkflowRunId: step.invokedWorkflowRunId,
    out: JSON.stringify({ isFailed: false, isCanceled: true }),
  });
});

test("a parent that is cancelled shows whom it has invoked; the child goes on", async () => {
  const url = serveFamily((context, child) =>
    context.invoke("ask", { workflow: child, body: { end: "well" } }),
  );
  const runId = await world.trigger({ url });
  const { step } = await untilStep(world, runId, "ask", { state: "STEP_PROGRESS" });
  const childId = step.invokedWorkflowRunId ?? "";
  await untilStep(world, childId, "hold", { state: "STEP_PROGRESS" });
  await world.client.cancel(runId);
  expect(stepOf(await world.ended(runId), "ask")).toMatchObject({
    ...INVOKE,
    group: "next",
    state: "STEP_CANCELED",
    invokedWorkflowRunId: childId,
    invokedWorkflowRunBody: '{"end":"well"}',
  });
  await go();
  await world.succeeded(childId);
});

test("a failed parent shows a child that goes on, and the resumed one takes it over", async () => {
  let isBroken = true;
  const url = serveFamily(async (context, child) => {
    await Promise.all([
      context.invoke("ask", { workflow: child, body: { end: "well" } }),
      context.run("fragile", async () => {
        if (!isBroken) return;
        // A failed run starts no child any more.
        await until("the child", async () => {
          const ask = stepOf(await world.log(context.workflowRunId), "ask");
          return ask?.invokedWorkflowRunId !== undefined;
        });
        throw new Error("broken");
      }),
    ]);
  });
  const runId = await world.trigger({ url, retries: 0 });
  const failed = await world.failed(runId);
  const { step } = await untilStep(world, runId, "ask", { state: "STEP_PROGRESS" });
  isBroken = false;
  const answer = await world.call("POST", `/v2/workflows/dlq/resume/${failed.dlqId}`);
  const { workflowRunId } = answer.json as { readonly workflowRunId: string }; // As the tests of resumes check.
  const NAMED = {
    invokedWorkflowRunId: step.invokedWorkflowRunId,
    invokedWorkflowUrl: step.invokedWorkflowUrl,
    invokedWorkflowCreatedAt: step.invokedWorkflowCreatedAt,
    invokedWorkflowRunBody: '{"end":"well"}',
  };
  const taken = await untilStep(world, workflowRunId, "ask", { state: "STEP_PROGRESS" });
  expect(taken.step).toMatchObject(NAMED);
  expect(stepOf(await world.log(runId), "ask")).toMatchObject({
    ...NAMED,
    state: "STEP_CANCELED",
  });
  await untilStep(world, step.invokedWorkflowRunId ?? "", "hold", { state: "STEP_PROGRESS" });
  await go();
  expect(stepOf(await world.succeeded(workflowRunId), "ask")).toMatchObject({
    ...NAMED,
    state: "STEP_SUCCESS",
  });
});
