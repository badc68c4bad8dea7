// Invoked workflows that do not end well, and parents that do not wait for them any more.

import { expect, test } from "vitest";
import { Counters } from "./counters.ts";
import { expectDeliveries, refusedStatus } from "./sdk.ts";
import { faultOf, gate, invokable, resultOf, serveTogether, waiting } from "./surface.ts";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

const NOT_A_WORKFLOW =
  "detected a non-workflow destination for trigger/invoke. make sure you are sending the request to the correct endpoint";

async function runAt(url: string) {
  const run = await until(`a run of ${url}`, async () => {
    return (await world.client.logs({ filter: { workflowUrl: url } })).runs[0];
  });
  return run.workflowRunId;
}

/** A child that waits for the event `go`, and a parent that waits for the child. */
function serveWaiting() {
  const child = invokable(async (context) => {
    return (await context.waitForEvent("wait", "go", { timeout: "1h" })).eventData;
  });
  const parent = invokable(async (context) => {
    const { body, isFailed, isCanceled } = await context.invoke("ask", {
      workflow: child,
      body: 1,
    });
    return { body, isFailed, isCanceled };
  });
  return serveTogether(world, { parent, child });
}

test("a child that fails says so, and its parent goes on", async () => {
  const failures: string[] = [];
  const child = invokable(
    async (context) => {
      await context.run("broken", () => Promise.reject(new Error("broken")));
    },
    {
      failureFunction: async ({ context, failResponse }) => {
        failures.push(`${context.workflowRunId} ${failResponse}`);
      },
    },
  );
  const seen: unknown[] = [];
  const parent = invokable(async (context) => {
    const answer = await context.invoke("ask", { workflow: child, body: "b", retries: 0 });
    await context.run("look", () => seen.push(answer));
    return "went on";
  });
  const url = serveTogether(world, { parent, child });
  const run = await world.succeeded(await world.trigger({ url: url("parent") }));
  expect(resultOf(run)).toBe("went on");
  expect(seen).toEqual([{ body: undefined, isFailed: true, isCanceled: false }]);
  const childId = await runAt(url("child"));
  expect(await world.deadLetterIn(childId, "CALLBACK_SUCCESS")).toMatchObject({
    responseStatus: 500,
  });
  expect(failures).toEqual([expect.stringMatching(new RegExp(`^${childId} .*broken`))]);
  await world.close();
  // Two of the parent's own steps and the result of the invoke; step and failure call of the child.
  expectDeliveries(world.app.at("/many/parent"), 3);
  expectDeliveries(world.app.at("/many/child"), 2);
});

test("a parent learns of a failure at once, while the child's failure call is still being retried", async () => {
  const child = invokable(
    async (context) => {
      await context.run("broken", () => Promise.reject(new Error("broken")));
    },
    { failureFunction: () => Promise.reject(new Error("broken as well")) },
  );
  const parent = invokable(async (context) => {
    const settings = { workflow: child, body: "b", retries: 1, retryDelay: "3000 * retried" };
    return (await context.invoke("ask", settings)).isFailed;
  });
  const url = serveTogether(world, { parent, child });
  const run = await world.succeeded(await world.trigger({ url: url("parent") }));
  expect(resultOf(run)).toBe(true);
});

test.each([
  ["by id", (runId: string) => world.client.cancel(runId)],
  ["by itself", () => world.client.notify({ eventId: "go", eventData: "cancel" })],
])("a child that is cancelled %s says so", async (_name, cancel) => {
  const child = invokable(async (context) => {
    const { eventData } = await context.waitForEvent("wait", "go");
    if (eventData === "cancel") await context.cancel();
  });
  const parent = invokable(async (context) => {
    const { body, ...flags } = await context.invoke("ask", { workflow: child, body: "b" });
    return { hasBody: body !== undefined, ...flags };
  });
  const url = serveTogether(world, { parent, child });
  const runId = await world.trigger({ url: url("parent") });
  await waiting(world, "go");
  await cancel(await runAt(url("child")));
  expect(resultOf(await world.succeeded(runId))).toEqual({
    hasBody: false,
    isFailed: false,
    isCanceled: true,
  });
});

test("a child whose URL is no workflow fails with the text that says so", async () => {
  const child = invokable(async () => {});
  const parent = invokable(async (context) => {
    return (await context.invoke("ask", { workflow: child, body: "b" })).isFailed;
  });
  const url = serveTogether(world, { parent, child });
  world.app.on("/many/child", () => new Response("I am no workflow"));
  expect(resultOf(await world.succeeded(await world.trigger({ url: url("parent") })))).toBe(true);
  const run = await world.failed(await runAt(url("child")));
  expect(run.steps).toHaveLength(2);
  expect(run.steps[1]).toMatchObject({
    type: "next",
    steps: [
      { state: "STEP_FAILED", errors: [{ error: NOT_A_WORKFLOW, body: "I am no workflow" }] },
    ],
  });
});

test("a child that is not there fails after its own retries", async () => {
  const child = invokable(async () => {});
  const parent = invokable(async (context) => {
    const settings = { workflow: child, body: "b", retries: 1, retryDelay: "1" };
    return (await context.invoke("ask", settings)).isFailed;
  });
  const url = serveTogether(world, { parent, child });
  world.app.on("/many/child", () => new Response("gone", { status: 404 }));
  expect(resultOf(await world.succeeded(await world.trigger({ url: url("parent") })))).toBe(true);
  expect(faultOf(await world.failed(await runAt(url("child"))))).toMatchObject({ status: 404 });
});

test("a child id that a live run has fails the parent, which says so", async () => {
  const url = serveWaiting();
  await world.trigger({ url: url("child"), workflowRunId: "taken" });
  const child = invokable(async () => {});
  const parent = invokable(async (context) => {
    await context.invoke("ask", { workflow: child, body: "b", workflowRunId: "taken" });
  });
  const other = serveTogether(world, { other: parent, child });
  const run = await world.failed(await world.trigger({ url: other("other") }));
  expect(faultOf(run)).toEqual({
    status: refusedStatus,
    body: expect.stringMatching(/wfr_taken is alive/),
  });
});

test.each([
  [99, "RUN_SUCCESS"],
  [100, "RUN_FAILED"],
])("a run at depth %i that invokes another one ends with %s", async (depth, state) => {
  const child = invokable(async (context) => context.run("work", () => 1));
  const parent = invokable(async (context) => {
    await context.invoke("ask", { workflow: child, body: "b" });
  });
  const url = serveTogether(world, { parent, child });
  const headers = { "Upstash-Workflow-Invoke-Count": String(depth) };
  const run = await world.ended(await world.trigger({ url: url("parent"), headers }));
  expect(run.workflowState).toBe(state);
  if (state === "RUN_SUCCESS") return;
  expect(faultOf(run)).toEqual({
    status: refusedStatus,
    body: expect.stringMatching(/100 levels/),
  });
  expect(world.app.at("/many/child")).toEqual([]);
});

test("a parent that is cancelled leaves its child alone, and is not delivered to any more", async () => {
  const url = serveWaiting();
  const runId = await world.trigger({ url: url("parent") });
  await waiting(world, "go");
  expect(await world.client.cancel(runId)).toEqual({ cancelled: 1 });
  await world.client.notify({ eventId: "go", eventData: "child" });
  const child = await world.succeeded(await runAt(url("child")));
  expect(resultOf(child)).toBe("child");
  expect((await world.log(runId))?.workflowState).toBe("RUN_CANCELED");
  await world.close();
  expectDeliveries(world.app.at("/many/parent"), 1);
});

test("a new run with the id of a parent that has ended does not get the old child's result", async () => {
  const url = serveWaiting();
  const start = () => world.trigger({ url: url("parent"), workflowRunId: "again" });
  await start();
  await waiting(world, "go");
  const first = await runAt(url("child"));
  await world.client.cancel("wfr_again");
  await start();
  await waiting(world, "go", 2);
  await world.client.notify({ eventId: "go", eventData: "old", workflowRunId: first });
  await world.succeeded(first);
  expect((await world.log("wfr_again"))?.workflowState).toBe("RUN_STARTED");
  await world.client.notify({ eventId: "go", eventData: "new" });
  expect(resultOf(await world.succeeded("wfr_again"))).toMatchObject({ body: "new" });
});

test("a parent that fails meanwhile keeps the child's result for its resume", async () => {
  const counters = new Counters(["broken"]);
  const isStarted = gate();
  const child = invokable(async (context) => {
    await context.run("start", () => isStarted.open());
    return (await context.waitForEvent("wait", "go")).eventData;
  });
  const parent = invokable(async (context) => {
    const [invoked, ran] = await Promise.all([
      context.invoke("ask", { workflow: child, body: "b" }),
      context.run("broken", async () => {
        await isStarted.opened;
        return counters.step("broken", "ran")();
      }),
    ]);
    return [invoked.body, ran];
  });
  const url = serveTogether(world, { parent, child });
  const runId = await world.trigger({ url: url("parent"), retries: 0 });
  const { dlqId = "" } = await world.deadLetterIn(runId, null);
  await waiting(world, "go");
  await world.client.notify({ eventId: "go", eventData: "kept" });
  await world.succeeded(await runAt(url("child")));
  const states = async () => {
    const run = await world.log(runId);
    return run?.steps[1]?.steps.map(({ stepName, state }) => [stepName, state]);
  };
  await until("the result in the log", async () => (await states())?.[0]?.[1] === "STEP_SUCCESS");
  expect(await states()).toEqual([
    ["ask", "STEP_SUCCESS"],
    ["broken", "STEP_FAILED"],
  ]);
  // The first delivery, two plans and the failure call: the result is recorded and not delivered.
  expectDeliveries(world.app.at("/many/parent"), 4);
  counters.heal();
  const { workflowRunId } = await world.client.dlq.resume({ dlqId });
  expect(resultOf(await world.succeeded(workflowRunId))).toEqual(["kept", "ran"]);
  expect(counters.all()).toEqual({ broken: 2 });
  expect((await world.client.logs({ filter: { workflowUrl: url("child") } })).runs).toHaveLength(1);
});

test("a child that is resumed does not answer its parent a second time", async () => {
  let isBroken = true;
  const child = invokable(async (context) => {
    return context.run("broken", () => {
      if (isBroken) throw new Error("broken");
      return "healed";
    });
  });
  const parent = invokable(async (context) => {
    return (await context.invoke("ask", { workflow: child, body: "b", retries: 0 })).isFailed;
  });
  const url = serveTogether(world, { parent, child });
  const run = await world.succeeded(await world.trigger({ url: url("parent") }));
  expect(resultOf(run)).toBe(true);
  const { dlqId = "" } = await world.deadLetter(await runAt(url("child")));
  isBroken = false;
  const { workflowRunId } = await world.client.dlq.resume({ dlqId });
  expect(resultOf(await world.succeeded(workflowRunId))).toBe("healed");
  await world.close();
  expectDeliveries(world.app.at("/many/parent"), 2);
});
