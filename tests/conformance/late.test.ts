// What comes after a run has failed or ended: kept for a resume where there may be one, refused quietly where there is none.

import type { RunResource } from "@reprise/protocol";
import { expect, test } from "vitest";
import { gate, recordsOf, resultOf, submitCall, waitersFor, waiting } from "./surface.ts";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

/** The states of the branches of a run's group, by their names. */
function branches(run: RunResource | null): Readonly<Record<string, string>> {
  const group = run?.steps.find(({ type }) => type === "parallel");
  return Object.fromEntries(
    (group?.steps ?? []).map(({ stepName, state }) => [stepName ?? "", state ?? ""]),
  );
}

/** A run of two branches: one that the test completes later, and one that fails while the first is open. */
async function startLame() {
  const answer = gate();
  const isAsked = gate();
  const state = { isBroken: true };
  const service = world.app.on("/service", async () => {
    isAsked.open();
    await answer.opened;
    return new Response("answered");
  });
  const url = world.serve("/flow", async (context) => {
    const [called, waited, ran] = await Promise.all([
      context.call("call", { url: service }),
      context.waitForEvent("wait", "event"),
      context.run("run", async () => {
        if (state.isBroken) await isAsked.opened;
        if (state.isBroken) throw new Error("broken");
        return "ran";
      }),
    ]);
    return [called.body, waited.eventData, ran];
  });
  const runId = await world.trigger({ url, retries: 0 });
  await waiting(world, "event");
  const { dlqId = "" } = await world.deadLetterIn(runId, null);
  return { runId, dlqId, answer, state, url };
}

test("answers and events that come to a failed run are kept, not delivered, and its resume has them", async () => {
  const { runId, dlqId, answer, state } = await startLame();
  const count = world.app.at("/flow").length;
  expect(await waitersFor(world, "event")).toHaveLength(1);
  const [told] = await world.client.notify({ eventId: "event", eventData: "late" });
  expect(told).toMatchObject({ workflowRunId: runId, error: "" });
  answer.open();
  await until("the call's answer", () => world.app.at("/service")[0]?.status === 200);
  await until("the event in the log", async () => {
    return branches(await world.log(runId)).wait === "STEP_SUCCESS";
  });
  expect(world.app.at("/flow")).toHaveLength(count);
  state.isBroken = false;
  const { workflowRunId } = await world.client.dlq.resume({ dlqId });
  const run = await world.succeeded(workflowRunId);
  expect(resultOf(run)).toEqual(["answered", "late", "ran"]);
  expect(world.app.at("/service")).toHaveLength(1);
});

test("once the dead letter is deleted, nothing is kept and nobody waits", async () => {
  const { runId, dlqId, answer } = await startLame();
  await world.client.dlq.delete([dlqId]);
  expect(await waitersFor(world, "event")).toEqual([]);
  expect(await world.client.notify({ eventId: "event", eventData: "late" })).toEqual([]);
  const [told] = await world.client.notify({
    eventId: "event",
    eventData: "late",
    workflowRunId: runId,
  });
  expect(told?.error).toMatch(/has ended/);
  const count = world.app.at("/flow").length;
  answer.open();
  await world.close();
  expect(world.app.at("/flow")).toHaveLength(count);
});

test("a failed run begins no call and no child any more", async () => {
  const { runId, url, answer } = await startLame();
  answer.open();
  const other = world.app.on("/other", () => new Response("ok"));
  const workflow = { url, runId };
  const call = await submitCall(world, { url: other, workflow, stepId: 3 });
  expect(call).toMatchObject({ status: 400, json: { code: "run_ended" } });
  await world.close();
  expect(world.app.at("/other")).toEqual([]);
});

test("an app that works on behind the end of its run is told quietly", async () => {
  const isRunning = gate();
  const isFree = gate();
  const url = world.serve("/flow", async (context) => {
    await context.run("slow", async () => {
      isRunning.open();
      await isFree.opened;
    });
  });
  const runId = await world.trigger({ url });
  await isRunning.opened;
  await world.client.cancel(runId);
  isFree.open();
  const delivery = await until("the app's answer", () => {
    const [first] = world.app.at("/flow");
    return first?.status !== 0 && first;
  });
  expect([delivery.status, JSON.parse(delivery.answer)]).toEqual([
    200,
    { workflowRunId: runId, finishCondition: "success" },
  ]);
  await world.close();
  expect(world.app.at("/flow")).toHaveLength(1);
});

test("an app that gets the answer of a call behind the end of its run is told quietly", async () => {
  const service = world.app.on("/service", () => new Response("ok"));
  const workflow = world.workflow(async (context) => {
    await context.call("ask", { url: service });
  });
  const url = world.app.on("/flow", async (request, { headers }) => {
    if (headers["upstash-workflow-callback"] === "true") {
      await world.client.cancel(headers["upstash-workflow-runid"] ?? "");
    }
    return workflow(request);
  });
  const run = await world.ended(await world.trigger({ url, retries: 0 }));
  expect(run.workflowState).toBe("RUN_CANCELED");
  await world.close();
  // The SDK has no quiet end for this one: it reports an error, and nothing comes of it.
  expect(world.app.at("/flow")).toHaveLength(2);
});

test("a record of an earlier run whose id is used again does not become the new run's", async () => {
  const start = () => {
    const url = world.serve("/flow", async (context) => {
      await context.waitForEvent("wait", "event");
      await context.run("two", () => 2);
    });
    return world.trigger({ url, workflowRunId: "again" });
  };
  const runId = await start();
  await waiting(world, "event");
  await world.client.cancel(runId);
  await start();
  await waiting(world, "event");
  const record = { stepId: 3, stepName: "old", stepType: "Run", out: "1", concurrent: 1 };
  const headers = { "upstash-workflow-init": "false", "upstash-workflow-runid": runId };
  const item = { destination: `${world.app.url}/flow`, headers, body: JSON.stringify(record) };
  const answer = await world.call("POST", "/v2/batch", { body: JSON.stringify([item]) });
  expect(answer).toMatchObject({ status: 412, json: { code: "invalid_step" } });
  expect(await recordsOf(world, runId)).toEqual([]);
});
