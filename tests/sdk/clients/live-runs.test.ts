// Runs through our client, with a real server and apps on the official SDK.

import type { TriggerOptions } from "@reprise/sdk";
import { expect, test } from "vitest";
import { until } from "../../conformance/until.ts";
import { useWorld } from "../../conformance/world.ts";
import { collect, runClient } from "./clients.ts";

const world = useWorld();

/** Runs that nap for a day. */
function napping(): string {
  return world.serve("/nap", async (context) => context.sleep("nap", "1d"));
}

async function startMany(
  count: number,
  options: Omit<TriggerOptions, "url">,
): Promise<readonly string[]> {
  const url = napping();
  const runs = Array.from({ length: count }, () => ({ url, ...options }));
  return (await runClient(world).trigger(runs)).map(({ workflowRunId }) => workflowRunId);
}

test("a run is started with everything that was said", async () => {
  const client = runClient(world);
  const seen: unknown[] = [];
  const url = world.serve<{ readonly n: number }>("/order", async (context) => {
    seen.push([context.requestPayload, context.headers.get("x-shop"), context.label]);
    return context.run("double", () => context.requestPayload.n * 2);
  });
  const { workflowRunId } = await client.trigger({
    url,
    body: { n: 21 },
    headers: { "X-Shop": "1" },
    workflowRunId: "order-1",
    retries: 1,
    label: ["winter", "vip"],
    flowControl: { key: "orders", parallelism: 5 },
  });
  expect(workflowRunId).toBe("wfr_order-1");
  await world.succeeded(workflowRunId);
  expect(seen[0]).toEqual([{ n: 21 }, "1", "winter"]);
  const { runs } = await client.logs({ filter: { workflowRunId } });
  expect(runs).toMatchObject([
    {
      workflowState: "RUN_SUCCESS",
      workflowRunResponse: "42",
      labels: ["winter", "vip"],
      flowControlKey: "orders",
    },
  ]);
});

test("several are started in one request, or none", async () => {
  const client = runClient(world);
  const url = napping();
  const started = await client.trigger([{ url }, { url, workflowRunId: "own" }]);
  expect(started.map(({ workflowRunId }) => workflowRunId)).toEqual([
    expect.stringMatching(/^wfr_.{21}$/),
    "wfr_own",
  ]);
  await expect(client.trigger([{ url }, { url: "ftp://x" }])).rejects.toMatchObject({
    status: 400,
  });
  expect(await collect(client.logs.all())).toHaveLength(2);
  expect(await client.trigger([])).toEqual([]);
});

test("a failed run tells its failure URL", async () => {
  const client = runClient(world);
  const told = world.app.on("/told", () => new Response("thanks"));
  const url = world.serve("/bad", async (context) =>
    context.run("bad", () => Promise.reject(new Error("no"))),
  );
  const { workflowRunId } = await client.trigger({ url, retries: 0, failureUrl: told });
  await world.deadLetterIn(workflowRunId, "CALLBACK_SUCCESS");
  expect(world.app.at("/told")).toHaveLength(1);
});

test("runs are cancelled by ids, by filters and all together", async () => {
  const client = runClient(world);
  const a = await startMany(3, { label: "a" });
  await startMany(2, { label: "b" });
  await startMany(2, {});
  const [first = "", second = "", third = ""] = a;
  expect(await client.cancel(first)).toEqual({ cancelled: 1 });
  expect(await client.cancel([first, second, "wfr_nobody"])).toEqual({ cancelled: 1 });
  expect((await world.ended(second)).workflowState).toBe("RUN_CANCELED");
  expect(await client.cancel({ filter: { label: ["b"] } })).toEqual({ cancelled: 2 });
  const nap = `${new URL(napping()).origin}/n`;
  expect(await client.cancel({ filter: { workflowUrl: nap } })).toEqual({ cancelled: 0 });
  expect(await client.cancel({ filter: { workflowUrlStartingWith: nap }, count: 1 })).toEqual({
    cancelled: 1,
  });
  expect(await client.cancel({ all: true })).toEqual({ cancelled: 2 });
  expect((await world.ended(third)).workflowState).toBe("RUN_CANCELED");
  expect(await client.cancel([])).toEqual({ cancelled: 0 });
});

test("an event wakes those who wait, or one run that waits only later", async () => {
  const client = runClient(world);
  const url = world.serve("/wait", async (context) => {
    const { eventData } = await context.waitForEvent("wait", "order/1 paid", { timeout: "1d" });
    return eventData;
  });
  const { workflowRunId } = await client.trigger({ url });
  const eventId = "order/1 paid";
  const waiters = await until("a waiter", async () => {
    const found = await client.getWaiters({ eventId });
    return found.length > 0 && found;
  });
  expect(waiters).toMatchObject([{ url, deadline: expect.any(Number) }]);
  const [told] = await client.notify({ eventId, eventData: { n: 1 } });
  expect(told).toMatchObject({ workflowRunId, messageId: expect.stringMatching(/^msg_/) });
  expect((await world.succeeded(workflowRunId)).workflowRunResponse).toBe('{"n":1}');
  const { workflowRunId: later } = await client.trigger({ url, delay: "1s" });
  const [kept] = await client.notify({ eventId, eventData: "early", workflowRunId: later });
  expect(kept).toMatchObject({ workflowRunId: later, error: "" });
  expect((await world.succeeded(later)).workflowRunResponse).toBe('"early"');
});

test("runs and events are read page by page, with what they wait for", async () => {
  const client = runClient(world);
  const ids = await startMany(5, { label: "many" });
  const page = await client.logs({ count: 2, filter: { label: "many" } });
  expect(page.runs).toHaveLength(2);
  expect(page.runs[0]?.waitingFor).toEqual(expect.any(String));
  const all = await collect(client.logs.all({ label: "many" }, { count: 2, trimBody: -1 }));
  expect(all.map((run) => run.workflowRunId).toSorted()).toEqual(ids.toSorted());
  expect((await client.logs({ workflowRunId: ids[0] })).runs).toHaveLength(1);
  const { events } = await client.events({ filter: { workflowRunId: ids[0] } });
  expect(events.map(({ state }) => state)).toContain("RUN_STARTED");
  const every = await collect(
    client.allEvents({ label: "many", state: "RUN_STARTED" }, { count: 2 }),
  );
  expect(every).toHaveLength(5);
  expect(await collect(client.logs.all({ stuck: true }))).toEqual([]);
});

test("a stuck run is found, and goes on behind a nudge", async () => {
  const client = runClient(world);
  let isStalling = true;
  const handler = world.workflow(async (context) => context.run("only", () => 1));
  const headers = { "upstash-workflow-sdk-version": "1" };
  const url = world.app.on("/stall", (request) =>
    isStalling ? new Response("", { headers }) : handler(request),
  );
  const { workflowRunId } = await client.trigger({ url });
  const [run] = await until("the stuck run", async () => {
    const found = await collect(client.logs.all({ stuck: true }));
    return found.length > 0 && found;
  });
  expect(run).toMatchObject({ workflowRunId, isStuck: true });
  expect(run?.waitingFor).toContain("nudge it");
  isStalling = false;
  expect(await client.nudge(workflowRunId)).toMatchObject({
    workflowRunId,
    messageIds: [expect.any(String)],
  });
  await world.succeeded(workflowRunId);
});

test("a run that is not stuck refuses a nudge", async () => {
  const client = runClient(world);
  const [id = ""] = await startMany(1, {});
  await expect(client.nudge(id)).rejects.toMatchObject({
    name: "QstashError",
    code: expect.any(String),
  });
  await expect(client.nudge("wfr_nobody")).rejects.toMatchObject({
    code: "run_not_found",
    status: 404,
  });
});
