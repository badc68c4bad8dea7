// Notifications: who gets them, in which order, and what the one who sends them is told.

import type { NotifyResponse } from "@upstash/workflow";
import { expect, test } from "vitest";
import { isOwnSdk } from "./sdk.ts";
import { faultOf, gate, resultAt, resultOf, waitersFor, waiting } from "./surface.ts";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

/** Notifies all, and gives also what the server says beyond the types of the SDK. */
async function tellAll(eventId: string, eventData: unknown) {
  const answers = await world.client.notify({ eventId, eventData });
  // The first test checks it.
  return answers as (NotifyResponse & { readonly workflowRunId: string })[];
}

/** A run that waits for `eventId` and returns its data. */
async function startWaiter(eventId: string, path = "/flow"): Promise<string> {
  const url = world.serve(path, async (context) => {
    return (await context.waitForEvent("wait", eventId, { timeout: "1h" })).eventData;
  });
  return world.trigger({ url });
}

test("an event wakes all who wait for it, and says whom", async () => {
  const runIds = await Promise.all(["/a", "/b", "/c"].map((path) => startWaiter("event", path)));
  await startWaiter("other", "/d");
  await waiting(world, "event", 3);
  await waiting(world, "other");
  const answers = await tellAll("event", { n: 1 });
  expect(answers.map(({ workflowRunId }) => workflowRunId).toSorted()).toEqual(runIds.toSorted());
  const runs = await Promise.all(runIds.map((runId) => world.succeeded(runId)));
  expect(runs.map(resultOf)).toEqual([{ n: 1 }, { n: 1 }, { n: 1 }]);
  for (const [index, run] of runs.entries()) {
    const answer = answers.find(({ workflowRunId }) => workflowRunId === run.workflowRunId);
    expect(answer).toEqual({
      messageId: expect.stringMatching(/^msg_/),
      workflowRunId: runIds[index],
      workflowCreatedAt: run.workflowRunCreatedAt,
      deduplicated: false,
      error: "",
      waiter: {
        url: run.workflowUrl,
        deadline: expect.any(Number),
        headers: expect.objectContaining({ "Upstash-Workflow-Runid": [runIds[index]] }),
        timeoutUrl: run.workflowUrl,
        timeoutBody: "",
        timeoutHeaders: expect.objectContaining({ "Upstash-Workflow-Runid": [runIds[index]] }),
      },
    });
    const delivery = world.app.at(new URL(run.workflowUrl).pathname).at(-1);
    expect(delivery?.headers["upstash-message-id"]).toBe(answer?.messageId);
  }
  expect(await waitersFor(world, "other")).toHaveLength(1);
});

test("an event that nobody waits for wakes nobody, and is not kept", async () => {
  expect(await world.call("POST", "/v2/notify/event", { body: "early" })).toMatchObject({
    status: 201,
    json: [],
  });
  const runId = await startWaiter("event");
  await waiting(world, "event");
  await world.client.notify({ eventId: "event", eventData: "late" });
  expect(resultOf(await world.succeeded(runId))).toBe("late");
});

test.each([
  ["slashes", "order/7/paid"],
  ["spaces", "my event "],
  ["unicode", "bestellung-ü-漢-😀"],
  ["an escape", "100%25"],
  ["a question mark", "paid?"],
  ["a query", "paid?order=7&x=1"],
  ["a plus and a colon", "a+b:c@d,e;f"],
  ["dots", "a..b.c"],
  ["quotes", `"it's"`],
  ["1024 characters", "e".repeat(1_024)],
  ["the start of a run id", "wfr_looks_like_a_run"],
])("an event id may hold %s", async (_name, eventId) => {
  const runId = await startWaiter(eventId);
  await until("a waiter", async () => (await world.client.getWaiters({ eventId })).length === 1);
  expect(await world.client.notify({ eventId, eventData: "here" })).toHaveLength(1);
  expect(resultOf(await world.succeeded(runId))).toBe("here");
});

test("an event id is percent-encoded by our SDK, and refused where another one does not", async () => {
  if (isOwnSdk) {
    const runId = await startWaiter("100%");
    const wakes = () => world.client.notify({ eventId: "100%", eventData: "here" });
    await until("a waiter", async () => (await wakes()).length === 1);
    expect(resultOf(await world.succeeded(runId))).toBe("here");
    return;
  }
  const url = world.serve("/flow", (context) => context.waitForEvent("wait", "100%"));
  const run = await world.failed(await world.trigger({ url }));
  expect(faultOf(run)).toEqual({ status: 489, body: expect.stringMatching(/percent-encoded/) });
  // 400 would tell a workflow that notifies that it has ended itself.
  const refusal = expect.objectContaining({ status: 412 });
  await expect(world.client.notify({ eventId: "100%" })).rejects.toEqual(refusal);
});

test("an event id with slashes can be sent to one run", async () => {
  const runId = await startWaiter("order/7/paid ü");
  await until("a waiter", async () => {
    return (await world.client.getWaiters({ eventId: "order/7/paid ü" })).length === 1;
  });
  const eventId = "order/7/paid ü";
  await world.client.notify({ eventId, eventData: "here", workflowRunId: runId });
  expect(resultOf(await world.succeeded(runId))).toBe("here");
});

test("a workflow can notify another one, and sees whom it has woken", async () => {
  const runId = await startWaiter("event", "/waiter");
  await waiting(world, "event");
  const url = world.serve("/notifier", async (context) => {
    return context.notify("tell", "event", { from: "notifier" });
  });
  expect(await resultAt(world, url)).toEqual({
    eventId: "event",
    eventData: { from: "notifier" },
    notifyResponse: [expect.objectContaining({ workflowRunId: runId, error: "" })],
  });
  expect(resultOf(await world.succeeded(runId))).toEqual({ from: "notifier" });
  await world.close();
  expect(world.app.at("/notifier")).toHaveLength(2);
});

test("a workflow that notifies nobody goes on", async () => {
  const url = world.serve("/notifier", async (context) => {
    const { notifyResponse } = await context.notify("tell", "event", "x");
    return notifyResponse;
  });
  expect(await resultAt(world, url)).toEqual([]);
});

test.each(["ended", "unknown"])(
  "a notification for a run that has %s is no error of the one that sends it",
  async (kind) => {
    let runId = "wfr_unknown";
    if (kind === "ended") {
      const url = world.serve("/short", (context) => context.run("one", () => 1));
      runId = await world.trigger({ url });
      await world.succeeded(runId);
    }
    const answer = await world.call("POST", `/v2/notify/${runId}/event`, { body: "x" });
    expect(answer).toMatchObject({
      status: 201,
      json: [
        {
          messageId: "",
          workflowRunId: runId,
          workflowCreatedAt: kind === "ended" ? expect.any(Number) : 0,
          error: expect.stringMatching(new RegExp(`${runId} has ended or does not exist`)),
        },
      ],
    });
    const notifier = world.serve("/notifier", async (context) => {
      return context.notify("tell", "event", "x", runId);
    });
    expect(await resultAt(world, notifier)).toMatchObject({
      notifyResponse: [{ error: expect.stringMatching(/has ended/) }],
    });
  },
);

test("events that come before their wait are taken in their order, one by each wait", async () => {
  const free = gate();
  const url = world.serve("/flow", async (context) => {
    await context.run("hold", () => free.opened);
    const data: unknown[] = [];
    for (const n of [1, 2, 3, 4]) {
      data.push((await context.waitForEvent(`wait ${n}`, "event", { timeout: "1h" })).eventData);
    }
    return data;
  });
  const runId = await world.trigger({ url });
  for (const eventData of ["one", { two: 2 }, ""]) {
    const [answer] = await world.client.notify({
      eventId: "event",
      eventData,
      workflowRunId: runId,
    });
    expect(answer).toMatchObject({ workflowRunId: runId, messageId: "", error: "" });
  }
  // Who is told of an event without a run does not keep it.
  expect(await world.client.notify({ eventId: "event", eventData: "lost" })).toEqual([]);
  free.open();
  await waiting(world, "event");
  const [woken] = await world.client.notify({
    eventId: "event",
    eventData: "four",
    workflowRunId: runId,
  });
  expect(woken).toMatchObject({ messageId: expect.stringMatching(/^msg_/), error: "" });
  expect(resultOf(await world.succeeded(runId))).toEqual(["one", { two: 2 }, null, "four"]);
});

test("an event for one run leaves the others waiting", async () => {
  const first = await startWaiter("event", "/a");
  const second = await startWaiter("event", "/b");
  await waiting(world, "event", 2);
  await world.client.notify({ eventId: "event", eventData: "yours", workflowRunId: second });
  expect(resultOf(await world.succeeded(second))).toBe("yours");
  expect(await waitersFor(world, "event")).toHaveLength(1);
  await world.client.notify({ eventId: "event", eventData: "all" });
  expect(resultOf(await world.succeeded(first))).toBe("all");
});

test("an event that is kept for one run and event is for no other", async () => {
  const free = gate();
  const url = world.serve("/flow", async (context) => {
    await context.run("hold", () => free.opened);
    const other = await context.waitForEvent("other", "other", { timeout: 0 });
    const event = await context.waitForEvent("event", "event", { timeout: 0 });
    return [other, event];
  });
  const [runId, neighbour] = await Promise.all([world.trigger({ url }), world.trigger({ url })]);
  await world.client.notify({ eventId: "event", eventData: "kept", workflowRunId: runId });
  free.open();
  expect(resultOf(await world.succeeded(runId))).toEqual([
    { timeout: true },
    { eventData: "kept", timeout: false },
  ]);
  expect(resultOf(await world.succeeded(neighbour))).toEqual([
    { timeout: true },
    { timeout: true },
  ]);
});

test("a notification is not sent twice when the step that sends it succeeds", async () => {
  const url = world.serve("/waiter", async (context) => {
    const data: unknown[] = [];
    for (const n of [1, 2]) {
      data.push((await context.waitForEvent(`wait ${n}`, "event")).eventData);
    }
    return data;
  });
  const runId = await world.trigger({ url });
  await waiting(world, "event");
  let isBroken = true;
  const notifier = world.serve("/notifier", async (context) => {
    await context.notify("tell", "event", "told");
    await context.run("flaky", async () => {
      if (!isBroken) return;
      isBroken = false;
      // A second notification would meet the second wait.
      await waiting(world, "event");
      throw new Error("flaky");
    });
  });
  await world.succeeded(await world.trigger({ url: notifier, retries: 2, retryDelay: "1" }));
  await world.client.notify({ eventId: "event", eventData: "last" });
  expect(resultOf(await world.succeeded(runId))).toEqual(["told", "last"]);
});

test("one event wakes both branches of a run that wait for it", async () => {
  const url = world.serve("/flow", async (context) => {
    const branches = ["a", "b"].map((name) => context.waitForEvent(name, "event"));
    return (await Promise.all(branches)).map(({ eventData }) => eventData);
  });
  const runId = await world.trigger({ url });
  await waiting(world, "event", 2);
  const answers = await tellAll("event", "both");
  expect(answers.map(({ workflowRunId }) => workflowRunId)).toEqual([runId, runId]);
  expect(resultOf(await world.succeeded(runId))).toEqual(["both", "both"]);
  await world.close();
  expect(world.app.at("/flow")).toHaveLength(1 + 2 * 2);
});

test("an event for a run wakes one of its branches, the older one first", async () => {
  const url = world.serve("/flow", async (context) => {
    const branches = ["a", "b"].map((name) => context.waitForEvent(name, "event"));
    return (await Promise.all(branches)).map(({ eventData }) => eventData);
  });
  const runId = await world.trigger({ url });
  await waiting(world, "event", 2);
  for (const eventData of [1, 2]) {
    await world.client.notify({ eventId: "event", eventData, workflowRunId: runId });
  }
  const result = resultOf<number[]>(await world.succeeded(runId));
  expect(result.toSorted()).toEqual([1, 2]);
});
