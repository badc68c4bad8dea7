// A resume while another branch waits for an event or a webhook: what comes for the run is kept, and reaches what goes on from it.

import { expect, test } from "vitest";
import { stepOf } from "../conformance/run-log.ts";
import { until } from "../conformance/until.ts";
import { useWorld } from "../conformance/world.ts";
import { OpenBranch } from "./open-branches.ts";

const world = useWorld({ isOnDisk: true });

const EVENT = "order-paid";
const DATA = { paid: 7 };
const NOTIFIED = { eventData: DATA, timeout: false };

function waitForEvent(timeout: "1s" | "2s" | "1h" = "1h"): OpenBranch {
  return new OpenBranch(world, {
    open: (context) => context.waitForEvent("paid", EVENT, { timeout }),
  });
}

const notify = (workflowRunId?: string) =>
  world.client.notify({
    eventId: EVENT,
    eventData: DATA,
    ...(workflowRunId === undefined ? {} : { workflowRunId }),
  });

test("S35: a notification between failure and resume is kept for the resumed run", async () => {
  const branch = waitForEvent();
  await branch.fail();
  const deliveries = branch.deliveriesOf(branch.runId);
  expect(await notify()).toMatchObject([{ workflowRunId: branch.runId }]);
  await branch.waitsIn("done");
  await branch.healAndRevive();
  expect(await branch.result()).toEqual({ value: NOTIFIED, bad: 2, after: 1 });
  // The failed run was not told: its app would have had to do with a run that is over.
  expect(branch.deliveriesOf(branch.runIds[0] ?? "")).toBe(deliveries);
  expect(await notify()).toEqual([]);
});

test("S35: a notification after the resume reaches the new run, which was not asked to wait again", async () => {
  const branch = waitForEvent();
  await branch.fail();
  await branch.healAndRevive();
  const waiters = await world.client.getWaiters({ eventId: EVENT });
  expect(waiters).toHaveLength(1);
  expect(await notify()).toMatchObject([{ workflowRunId: branch.runId }]);
  expect(await branch.result()).toEqual({ value: NOTIFIED, bad: 2, after: 1 });
  const states = (await branch.waits()).map(({ state }) => state);
  expect(states).toEqual(["moved", "done"]);
  // The branch that had failed, its result, the notification, and the step behind both: nothing for the step that waits.
  expect(branch.deliveriesOf(branch.runId)).toBe(4);
});

test.each([
  ["the failed run", 0],
  ["the resumed run", 1],
])("S35: after the resume a notification can name %s", async (_name, index) => {
  const branch = waitForEvent();
  await branch.fail();
  await branch.healAndRevive();
  await notify(branch.runIds[index]);
  expect(await branch.result()).toEqual({ value: NOTIFIED, bad: 2, after: 1 });
});

test("S35: a notification for a step to come is kept while the run has failed", async () => {
  let isBroken = true;
  const url = world.serve("/later", async (context) => {
    await context.run("broken", () => {
      if (isBroken) throw new Error("broken");
    });
    return context.waitForEvent("paid", EVENT, { timeout: "1h" });
  });
  const runId = await world.trigger({ url, retries: 0 });
  const { dlqId } = await world.deadLetter(runId);
  await notify(runId);
  isBroken = false;
  const { workflowRuns } = await world.client.dlq.resume(dlqId);
  const run = await world.succeeded(workflowRuns[0]?.workflowRunId ?? "");
  expect(JSON.parse(run.workflowRunResponse ?? "")).toEqual(NOTIFIED);
});

test("S35: a wait keeps its deadline over two resumes", async () => {
  const branch = waitForEvent();
  await branch.fail();
  const [first] = await branch.waitsIn("open");
  await branch.resumeInVain();
  const [second] = await branch.waitsIn("open");
  await branch.healAndRevive();
  const [third] = await branch.waitsIn("open");
  expect(first?.dueAt).toEqual(expect.any(Number));
  expect([second?.dueAt, third?.dueAt]).toEqual([first?.dueAt, first?.dueAt]);
  expect(new Set([first?.runKey, second?.runKey, third?.runKey]).size).toBe(3);
  await notify(branch.runIds[0]);
  expect(await branch.result()).toEqual({ value: NOTIFIED, bad: 3, after: 1 });
});

test("S35: a deadline that passes behind the resume ends the wait of the new run, not earlier and not later", async () => {
  const branch = waitForEvent("2s");
  await branch.fail();
  const [wait] = await branch.waitsIn("open");
  await branch.healAndRevive();
  expect(await branch.result()).toEqual({ value: { timeout: true }, bad: 2, after: 1 });
  const [done] = await branch.waitsIn("done");
  expect(done?.endedAt).toBeGreaterThanOrEqual(wait?.dueAt ?? Infinity);
  // A deadline that begins anew would lie behind the first by as much as the resume came later.
  expect(done?.dueAt ?? wait?.dueAt).toBe(wait?.dueAt);
});

test("S35: a deadline that passes between failure and resume is known to the resumed run", async () => {
  const branch = waitForEvent("1s");
  await branch.fail();
  await branch.waitsIn("done");
  expect(await notify()).toEqual([]);
  await branch.healAndRevive();
  expect(await branch.result()).toEqual({ value: { timeout: true }, bad: 2, after: 1 });
});

test("S35: what waits is still there when the server comes back between failure and resume, and behind it", async () => {
  const branch = waitForEvent();
  await branch.fail();
  await world.restartServer();
  await branch.healAndRevive();
  await world.restartServer();
  await notify(branch.runIds[0]);
  expect(await branch.result()).toEqual({ value: NOTIFIED, bad: 2, after: 1 });
});

test("S36: a restart waits anew, and nothing that came for the failed run counts", async () => {
  const branch = waitForEvent();
  await branch.fail();
  await branch.healAndRevive("restart");
  await branch.waitsIn("dropped");
  await branch.waitsIn("open");
  expect(await world.client.getWaiters({ eventId: EVENT })).toHaveLength(1);
  expect(await notify()).toMatchObject([{ workflowRunId: branch.runId }]);
  expect(await branch.result()).toEqual({ value: NOTIFIED, bad: 2, after: 1 });
});

test("S36: a restart forgets a notification that the failed run had kept", async () => {
  const branch = waitForEvent();
  await branch.fail();
  await notify();
  await branch.waitsIn("done");
  await branch.healAndRevive("restart");
  await branch.waitsIn("open");
  await world.client.notify({ eventId: EVENT, eventData: "new" });
  const { value } = await branch.result();
  expect(value).toEqual({ eventData: "new", timeout: false });
});

test("S15: once the entry is deleted nobody waits any more", async () => {
  const branch = waitForEvent();
  await branch.fail();
  await world.client.dlq.delete((await world.deadLetter(branch.runId)).dlqId);
  await branch.waitsIn("dropped");
  expect(await world.client.getWaiters({ eventId: EVENT })).toEqual([]);
  expect(await notify()).toEqual([]);
});

interface Hook {
  readonly webhookUrl: string;
  readonly eventId: string;
}

/** A branch that waits for a request to a URL that was made in front of it. */
function waitForWebhook() {
  const urls: string[] = [];
  const branch = new OpenBranch<Hook>(world, {
    before: async (context) => {
      const hook = await context.createWebhook("hook");
      urls.push(hook.webhookUrl);
      return hook;
    },
    open: async (context, hook) => {
      const { request, timeout } = await context.waitForWebhook("called", hook, "1h");
      return { timeout, method: request?.method, text: await request?.text() };
    },
  });
  const call = (text: string) => fetch(urls[0] ?? "", { method: "PUT", body: text });
  return { branch, call, urls };
}

const called = (text: string) => ({ timeout: false, method: "PUT", text });

test("S35: a webhook that is called between failure and resume is kept for the resumed run", async () => {
  const { branch, call } = waitForWebhook();
  await branch.fail();
  expect((await call("meanwhile")).status).toBeLessThan(300);
  await branch.waitsIn("done");
  await branch.healAndRevive();
  expect(await branch.result()).toEqual({ value: called("meanwhile"), bad: 2, after: 1 });
});

test("S35: a webhook that is called with the old URL after the resume reaches the new run", async () => {
  const { branch, call, urls } = waitForWebhook();
  await branch.fail();
  await branch.healAndRevive();
  expect(urls[0]).toContain(branch.runIds[0]);
  expect((await call("afterwards")).status).toBeLessThan(300);
  expect(await branch.result()).toEqual({ value: called("afterwards"), bad: 2, after: 1 });
  expect(new Set(urls).size).toBe(1);
});

test("S35: the old URL of a webhook still works after two resumes", async () => {
  const { branch, call } = waitForWebhook();
  await branch.fail();
  await branch.resumeInVain();
  await branch.healAndRevive();
  expect((await call("at last")).status).toBeLessThan(300);
  expect(await branch.result()).toEqual({ value: called("at last"), bad: 3, after: 1 });
});

test("S36: a restart makes a webhook of its own, and the old URL leads nowhere", async () => {
  const { branch, call, urls } = waitForWebhook();
  await branch.fail();
  await branch.healAndRevive("restart");
  await branch.waitsIn("open");
  expect((await call("too late")).status).toBe(404);
  const own = await until("the new URL", () => urls.find((url) => url.includes(branch.runId)));
  await fetch(own, { method: "POST", body: "in time" });
  const { value } = await branch.result();
  expect(value).toEqual({ timeout: false, method: "POST", text: "in time" });
});

test("S35: a sleep that is open keeps its remaining time over two resumes", async () => {
  let begunCount = 0;
  let isBroken = true;
  const url = world.serve("/nap", async (context) => {
    await Promise.all([
      context.run("bad", () => {
        begunCount += 1;
        if (isBroken) throw new Error("broken");
      }),
      context.sleep("nap", "3s"),
    ]);
    return "awake";
  });
  const runId = await world.trigger({ url, retries: 0 });
  const resume = async (of: string) => {
    const { dlqId } = await world.deadLetter(of);
    const { workflowRuns } = await world.client.dlq.resume(dlqId);
    return workflowRuns[0]?.workflowRunId ?? "";
  };
  const end = stepOf(await world.failed(runId), "nap")?.sleepUntil;
  expect(end).toEqual(expect.any(Number));
  const second = await resume(runId);
  await world.failed(second);
  isBroken = false;
  const run = await world.succeeded(await resume(second));
  expect(run.workflowRunCompletedAt).toBeGreaterThanOrEqual(Number(end));
  const [{ key = -1 } = {}] = await world.store.find("runs", "byId", [[run.workflowRunId]]);
  const steps = await world.store.find("steps", "byRun", [[key]]);
  expect(steps.map(({ dueAt }) => dueAt)).toContain(end);
  expect(begunCount).toBe(3);
});
