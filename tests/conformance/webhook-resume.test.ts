// Webhooks of a run that fails: their URLs stay good, for the run that goes on in its place.

import { expect, test } from "vitest";
import { resultOf, waiting } from "./surface.ts";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

/** A run that makes a webhook and then fails until it is healed. */
async function startFailing() {
  const state = { isBroken: true };
  const made: string[] = [];
  const url = world.serve("/flow", async (context) => {
    const webhook = await context.createWebhook("make");
    await context.run("broken", () => {
      made.push(webhook.webhookUrl);
      if (state.isBroken) throw new Error("broken");
    });
    const { request } = await context.waitForWebhook("wait", webhook, "1h");
    return [await request?.text(), request?.url];
  });
  const runId = await world.trigger({ url, retries: 0 });
  const { dlqId } = await world.deadLetter(runId);
  const hook = await until("a webhook", () => made[0]);
  return { state, hook, dlqId: dlqId ?? "", eventId: hook.split("/").at(-1) ?? "" };
}

test("the URL with the old run id wakes the resumed run", async () => {
  const { state, hook, dlqId, eventId } = await startFailing();
  state.isBroken = false;
  const { workflowRunId } = await world.client.dlq.resume({ dlqId });
  expect(hook).not.toContain(workflowRunId);
  await waiting(world, eventId);
  expect((await fetch(hook, { method: "POST", body: "hi" })).status).toBe(200);
  expect(resultOf(await world.succeeded(workflowRunId))).toEqual(["hi", hook]);
});

test("a call that comes while the run lies in the dead letter queue is kept for the resume", async () => {
  const { state, hook, dlqId } = await startFailing();
  expect((await fetch(hook, { method: "POST", body: "early" })).status).toBe(200);
  state.isBroken = false;
  const { workflowRunId } = await world.client.dlq.resume({ dlqId });
  expect(resultOf(await world.succeeded(workflowRunId))).toEqual(["early", hook]);
});

test("a restart makes a webhook of its own, and the old URL is nowhere", async () => {
  const { state, hook, dlqId } = await startFailing();
  state.isBroken = false;
  const { workflowRunId } = await world.client.dlq.restart({ dlqId });
  await until("a new webhook", async () => (await world.log(workflowRunId))?.steps.length === 4);
  expect((await fetch(hook, { method: "POST", body: "late" })).status).toBe(404);
  expect((await world.log(workflowRunId))?.workflowState).toBe("RUN_STARTED");
});

test("the URL of a run whose dead letter is deleted is nowhere", async () => {
  const { hook, dlqId } = await startFailing();
  await world.client.dlq.delete([dlqId]);
  expect((await fetch(hook, { method: "POST", body: "late" })).status).toBe(404);
});
