// What the logs say about a run, while it is at work and afterwards.

import type { RunResource, StepResource, WorkflowEventPage } from "@reprise/protocol";
import { expect, test } from "vitest";
import { sdkWords } from "./sdk.ts";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

/** A gate that a step waits at. */
function makeGate(): { readonly open: () => void; readonly opened: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { open: resolve, opened: promise };
}

const kinds = (run: RunResource): readonly string[] =>
  run.steps.map(({ type, steps }) => `${type} ${steps.map(({ stepName }) => stepName).join("+")}`);

function groupOf(run: RunResource | null, type: "sequential" | "parallel" | "next") {
  return run?.steps.find((group) => group.type === type);
}

test("a run that has finished shows its steps in groups, each with its result", async () => {
  const url = world.serve("/order", async (context) => {
    await context.run("one", () => ({ a: 1 }));
    await Promise.all([context.run("left", () => "l"), context.run("right", () => undefined)]);
    await context.run("last", () => null);
    return { done: true };
  });
  const run = await world.succeeded(
    await world.trigger({ url, body: "payload", retries: 7, retryDelay: "5" }),
  );
  expect(kinds(run)).toEqual([
    "sequential init",
    "sequential one",
    "parallel left+right",
    "sequential last",
  ]);
  const [init] = run.steps[0]?.steps ?? [];
  expect(init).toEqual({
    stepName: "init",
    stepType: "Initial",
    callType: "step",
    concurrent: 1,
    messageId: world.app.at("/order")[0]?.headers["upstash-message-id"],
    out: "payload",
    retries: 7,
    retryDelay: "5",
    createdAt: run.workflowRunCreatedAt,
    headers: { "Content-Type": ["application/json"], "Upstash-Workflow-Sdk-Version": ["1"] },
    state: "STEP_SUCCESS",
  });
  expect(run.steps[1]?.steps[0]).toMatchObject({
    stepId: 1,
    stepName: "one",
    stepType: "Run",
    callType: "step",
    concurrent: 1,
    out: '{"a":1}',
    state: "STEP_SUCCESS",
    retries: 7,
    messageId: world.app.at("/order")[1]?.headers["upstash-message-id"],
  });
  const [left, right] = (run.steps[2]?.steps ?? []) as StepResource[]; // A group of steps with results.
  expect(left).toMatchObject({ stepId: 2, concurrent: 2, out: '"l"', state: "STEP_SUCCESS" });
  expect(right).toMatchObject({ stepId: 3, concurrent: 2, state: "STEP_SUCCESS" });
  expect(right?.out).toBeUndefined();
  expect(run.workflowRunResponse).toBe('{"done":true}');
});

test("the official client reads the same runs", async () => {
  const url = world.serve("/order", async (context) => context.run("one", () => 1));
  const runId = await world.trigger({ url, label: "blue" });
  const run = await world.succeeded(runId);
  const { runs, cursor } = await world.client.logs({
    filter: { workflowRunId: runId, label: "blue" },
  });
  expect(runs).toEqual([run]);
  expect(cursor).toBeUndefined();
});

test("the first step is a success as soon as the run exists, even when its delivery fails", async () => {
  const url = world.app.on("/down", () => new Response("", { status: 500 }));
  const runId = await world.trigger({ url, retryDelay: "60000" });
  const run = await until("the first failure", async () => {
    const log = await world.log(runId);
    return groupOf(log, "next")?.steps[0]?.state === "STEP_RETRY" && log;
  });
  expect(run.workflowState).toBe("RUN_STARTED");
  expect(run.steps[0]?.steps[0]?.state).toBe("STEP_SUCCESS");
  expect(run.steps[1]?.steps[0]).toMatchObject({
    state: "STEP_RETRY",
    retries: 3,
    retryDelay: "60000",
    nextDeliveryTime: expect.any(Number),
    errors: [
      { error: "500 Internal Server Error", body: "", status: 500, time: expect.any(Number) },
    ],
  });
});

test("the step that is being executed is shown as next, in progress, and is gone after success", async () => {
  const gate = makeGate();
  const url = world.serve("/slow", async (context) => {
    await context.run("one", () => 1);
    await context.run("slow", () => gate.opened);
  });
  const runId = await world.trigger({ url });
  const run = await until("the slow step", async () => {
    const log = await world.log(runId);
    return log?.steps.length === 3 && log;
  });
  expect(kinds(run).slice(0, 2)).toEqual(["sequential init", "sequential one"]);
  expect(run.steps[2]).toMatchObject({
    type: "next",
    steps: [{ state: "STEP_PROGRESS", retries: 3 }],
  });
  gate.open();
  expect(groupOf(await world.succeeded(runId), "next")).toBeUndefined();
});

test("branches that are open are shown in their group, each with its state, and there is no next", async () => {
  const gate = makeGate();
  const url = world.serve("/group", async (context) => {
    await Promise.all([
      context.run("done", () => 1),
      context.run("slow", () => gate.opened),
      context.run("flaky", () => {
        throw new Error("flaky");
      }),
      context.sleep("nap", "1h"),
    ]);
  });
  const runId = await world.trigger({ url, retryDelay: "60000" });
  const run = await until("three states", async () => {
    const log = await world.log(runId);
    const states = groupOf(log, "parallel")?.steps.map(({ state }) => state);
    return states?.[0] === "STEP_SUCCESS" && states[2] === "STEP_RETRY" && log;
  });
  expect(groupOf(run, "next")).toBeUndefined();
  expect(groupOf(run, "parallel")?.steps).toMatchObject([
    { stepId: 1, stepName: "done", state: "STEP_SUCCESS", out: "1" },
    { stepId: 2, stepName: "slow", state: "STEP_PROGRESS" },
    { stepId: 3, stepName: "flaky", state: "STEP_RETRY", errors: [{ status: 500 }] },
    {
      stepId: 4,
      stepName: "nap",
      state: "STEP_PROGRESS",
      stepType: "SleepFor",
      sleepFor: 3_600_000,
    },
  ]);
  await world.client.cancel(runId);
  gate.open();
  const cancelled = await world.ended(runId);
  expect(groupOf(cancelled, "parallel")?.steps.map(({ state }) => state)).toEqual([
    "STEP_SUCCESS",
    "STEP_CANCELED",
    "STEP_CANCELED",
    "STEP_CANCELED",
  ]);
});

test("a branch that failed the run is shown as failed, with its errors, in its group", async () => {
  const url = world.serve("/group", async (context) => {
    await Promise.all([
      context.run("bad", () => {
        throw new Error("bad");
      }),
      context.sleep("nap", "1h"),
    ]);
  });
  const run = await world.failed(await world.trigger({ url, retries: 1, retryDelay: "1" }));
  expect(groupOf(run, "next")).toBeUndefined();
  const [bad, nap] = groupOf(run, "parallel")?.steps ?? [];
  expect(bad).toMatchObject({ state: "STEP_FAILED", errors: [{ status: 500 }, { status: 500 }] });
  expect(bad).not.toHaveProperty("out");
  expect(bad?.errors?.[0]?.body).toContain(sdkWords.branchFailure);
  expect(nap).toMatchObject({ state: "STEP_CANCELED" });
});

test("sleeps show their length and their end in milliseconds", async () => {
  const end = Math.floor(Date.now() / 1000) + 3_600;
  const url = world.serve("/sleep", async (context) => {
    await context.sleep("past", 0.01);
    await context.sleepUntil("long", end);
  });
  const runId = await world.trigger({ url });
  const run = await until("the second sleep", async () => {
    const log = await world.log(runId);
    return log?.steps[2]?.steps[0]?.stepName === "long" && log;
  });
  expect(run.steps[1]?.steps[0]).toMatchObject({ stepType: "SleepFor", sleepFor: 10 });
  expect(run.steps[2]?.steps[0]).toMatchObject({ stepType: "SleepUntil", sleepUntil: end * 1_000 });
});

test("a run that was cancelled shows what it was about to do as cancelled", async () => {
  const url = world.serve("/order", async (context) => {
    await context.sleep("nap", "1h");
  });
  const runId = await world.trigger({ url });
  await until("the nap", async () => ((await world.log(runId))?.steps.length ?? 0) >= 2);
  await world.client.cancel(runId);
  const run = await world.ended(runId);
  expect(run).toMatchObject({
    workflowState: "RUN_CANCELED",
    workflowRunCompletedAt: expect.any(Number),
  });
  expect(groupOf(run, "next")?.steps[0]).toMatchObject({ state: "STEP_CANCELED" });
  expect(run.dlqId).toBeUndefined();
});

test("trimBody cuts every body to that many bytes, and -1 leaves them out", async () => {
  const url = world.serve("/order", async (context) => {
    await context.run("one", () => "äöüß");
    await context.run("bad", () => {
      throw new Error("a long message");
    });
  });
  const runId = await world.trigger({ url, body: "payload", retries: 0 });
  await world.failed(runId);
  const read = async (query: string) => {
    const answer = await world.call("GET", `/v2/workflows/logs?workflowRunId=${runId}${query}`);
    const { runs } = answer.json as { readonly runs: readonly RunResource[] }; // As the tests above check.
    const [init, one] = (runs[0]?.steps.map(({ steps }) => steps[0]) ?? []) as StepResource[]; // The first two have results.
    return [init?.out, one?.out, groupOf(runs[0] ?? null, "next")?.steps[0]?.errors?.[0]?.body];
  };
  expect(await read("&trimBody=3")).toEqual(["pay", '"ä', '{"e']);
  // A character that does not fit is left out as a whole.
  expect((await read("&trimBody=4"))[1]).toBe('"ä');
  const [init, one, body] = await read("&trimBody=-1");
  expect([init ?? "", one ?? "", body ?? ""]).toEqual(["", "", ""]);
  expect((await read("")).slice(0, 2)).toEqual(["payload", '"äöüß"']);
});

test("without groups the events of a run are listed one by one, newest first", async () => {
  const url = world.serve("/order", async (context) => {
    await context.run("one", () => 1);
    return "done";
  });
  const runId = await world.trigger({ url });
  await world.succeeded(runId);
  const answer = await world.call("GET", `/v2/workflows/events?workflowRunId=${runId}`);
  const { events, cursor } = answer.json as WorkflowEventPage; // Checked by the next lines.
  expect(cursor).toBeUndefined();
  expect(events.map(({ state, stepInfo }) => [state, stepInfo?.stepName])).toEqual([
    ["RUN_SUCCESS", undefined],
    ["STEP_SUCCESS", "one"],
    ["STEP_SUCCESS", "init"],
    ["RUN_STARTED", undefined],
  ]);
  const [success] = events;
  expect(success).toMatchObject({
    workflowRunId: runId,
    workflowUrl: url,
    time: expect.any(Number),
  });
  const one = await world.call(
    "GET",
    `/v2/workflows/events?workflowRunId=${runId}&state=RUN_SUCCESS`,
  );
  expect((one.json as WorkflowEventPage).events).toEqual([success]); // As above.
});
