// `context.waitForEvent`: what it gives, how long it waits, and that it gives one thing.

import { expect, test } from "vitest";
import { expectDeliveries, refusedStatus } from "./sdk.ts";
import { faultOf, recordsOf, resultOf, waitersFor, waiting } from "./surface.ts";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

/** A workflow that waits for `eventId` and returns what it gets. */
function serveWait(eventId: string, timeout: number | string = "1h", path = "/flow"): string {
  // The SDK's type forbids some of the texts that the tests of refusals use.
  const options = { timeout } as { readonly timeout: number };
  return world.serve(path, (context) => context.waitForEvent("wait", eventId, options));
}

test.each<[string, unknown, unknown]>([
  ["an object", { paid: true, list: [1, null] }, { paid: true, list: [1, null] }],
  ["a list", [1, "a"], [1, "a"]],
  ["a text", "ü漢😀<&>\u2028", "ü漢😀<&>\u2028"],
  ["a text that is JSON", '{"a":1}', { a: 1 }],
  ["a number", 17, 17],
  ["false", false, false],
  ["null", null, null],
  ["nothing", undefined, undefined],
  ["an empty text", "", undefined],
])("an event can bring %s", async (_name, eventData, expected) => {
  const seen: unknown[] = [];
  const url = world.serve("/flow", async (context) => {
    const { eventData: got, timeout } = await context.waitForEvent("wait", "event");
    await context.run("look", () => seen.push(got, timeout));
  });
  const runId = await world.trigger({ url });
  await waiting(world, "event");
  await world.client.notify({ eventId: "event", eventData });
  await world.succeeded(runId);
  expect(seen).toEqual([expected, false]);
});

test("an event of any bytes and any content type is kept byte by byte", async () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
  const url = world.serve("/flow", async (context) => {
    await context.waitForEvent("wait", "event");
    await context.sleep("nap", "1h");
  });
  const runId = await world.trigger({ url });
  await waiting(world, "event");
  const headers = { "content-type": "image/png" };
  const answer = await world.call("POST", "/v2/notify/event", { body: bytes, headers });
  expect(answer.status).toBe(201);
  const [record] = await until("the nap", async () => {
    const records = await recordsOf(world, runId);
    return records.length === 2 && records;
  });
  expect(record).toEqual({
    stepId: 1,
    stepName: "wait",
    stepType: "Wait",
    concurrent: 1,
    waitEventId: "event",
    out: Buffer.from(bytes).toString("base64"),
  });
});

test("an event of 1 MiB arrives whole", async () => {
  const text = "0123456789abcdef".repeat((1024 * 1024) / 16);
  const url = world.serve("/flow", async (context) => {
    const { eventData } = await context.waitForEvent("wait", "event");
    return eventData === text;
  });
  const runId = await world.trigger({ url });
  await waiting(world, "event");
  await world.client.notify({ eventId: "event", eventData: text });
  expect(resultOf(await world.succeeded(runId))).toBe(true);
});

test("one wait takes two deliveries, and nothing is delivered while it waits", async () => {
  const url = serveWait("event");
  const runId = await world.trigger({ url });
  await waiting(world, "event");
  await until("the end of the delivery", () => world.app.at("/flow")[0]?.status);
  expectDeliveries(world.app.at("/flow"), 1);
  expect((await world.log(runId))?.workflowState).toBe("RUN_STARTED");
  await world.client.notify({ eventId: "event" });
  await world.succeeded(runId);
  await world.close();
  expectDeliveries(world.app.at("/flow"), 2);
});

test.each<[string, number | string, number]>([
  ["a duration", "1s", 1_000],
  ["a number of seconds", 0.2, 200],
  ["a text with a fraction", "0.3s", 300],
  ["zero", 0, 0],
  ["a zero duration", "0s", 0],
])("time is up after %s, and the record has no output", async (_name, timeout, leastMs) => {
  const url = serveWait("never", timeout);
  const run = await world.succeeded(await world.trigger({ url }));
  expect(resultOf(run)).toEqual({ timeout: true });
  const [first, second, ...others] = world.app.at("/flow");
  expect(others).toEqual([]);
  const waitedMs = (second?.at ?? 0) - (first?.at ?? 0);
  expect(waitedMs).toBeGreaterThanOrEqual(leastMs);
  // The default is a week.
  expect(waitedMs).toBeLessThan(leastMs + 60_000);
  const [, step] = JSON.parse(second?.body ?? "[]");
  const record = JSON.parse(Buffer.from(step.body, "base64").toString());
  expect(record).toMatchObject({ stepId: 1, stepType: "Wait", waitTimeout: true });
  expect(record).not.toHaveProperty("out");
  expect(await waitersFor(world, "never")).toEqual([]);
});

test.each([
  ["the default of a week", {}, 7 * 86_400],
  // The type knows neither of the next two; the wire does.
  ["days and hours", { timeout: "1d2h" as "1d" }, 26 * 3_600],
  // As above.
  ["weeks", { timeout: "2w" as "1d" }, 14 * 86_400],
  ["seconds as a number", { timeout: 90 }, 90],
])("a deadline of %s", async (_name, options, seconds) => {
  const url = world.serve("/flow", (context) => context.waitForEvent("wait", "event", options));
  const before = Math.floor(Date.now() / 1000);
  await world.trigger({ url });
  const [waiter] = await waiting(world, "event");
  const after = Math.floor(Date.now() / 1000);
  expect(waiter?.deadline).toBeGreaterThanOrEqual(before + seconds);
  expect(waiter?.deadline).toBeLessThanOrEqual(after + seconds);
});

test.each<[string, number | string, RegExp]>([
  ["no duration", "soon", /timeout.*soon/],
  ["a unit that there is not", "5 parsecs", /timeout/],
  ["a negative number", -1, /timeout/],
  ["more than a wait may last", "400d", /maxDelay/],
  ["no number at all", Number.NaN, /timeout/],
])("a timeout of %s fails the run at once and says why", async (_name, timeout, reason) => {
  const run = await world.failed(await world.trigger({ url: serveWait("event", timeout) }));
  expect(faultOf(run)).toEqual({ status: refusedStatus, body: expect.stringMatching(reason) });
  expect(await waitersFor(world, "event")).toEqual([]);
  await world.close();
  expect(run.steps.at(-1)?.steps[0]?.errors).toHaveLength(1);
});

test("an event id that is too long fails the run at once and says why", async () => {
  const run = await world.failed(await world.trigger({ url: serveWait("e".repeat(1_025)) }));
  expect(faultOf(run)).toEqual({
    status: refusedStatus,
    body: expect.stringMatching(/event id.*1024/),
  });
});

test("a wait that is asked for twice is registered once, also when it is over", async () => {
  const workflow = world.workflow(async (context) => {
    const one = await context.waitForEvent("one", "event");
    const two = await context.waitForEvent("two", "other");
    return [one.eventData, two.eventData];
  });
  const url = world.app.on("/twice", async (request) => {
    await workflow(request.clone());
    return workflow(request);
  });
  const runId = await world.trigger({ url });
  await waiting(world, "event");
  expect(await world.client.notify({ eventId: "event", eventData: 1 })).toHaveLength(1);
  await waiting(world, "other");
  expect(await waitersFor(world, "event")).toEqual([]);
  expect(await world.client.notify({ eventId: "other", eventData: 2 })).toHaveLength(1);
  expect(resultOf(await world.succeeded(runId))).toEqual([1, 2]);
  await world.close();
  expect(world.app.at("/twice")).toHaveLength(3);
});

test("either the event or the deadline comes, never both", async () => {
  const count = 20;
  const urls = Array.from({ length: count }, (_, n) => serveWait("close", 0.4, `/flow/${n}`));
  const runIds = await Promise.all(urls.map((url) => world.trigger({ url })));
  const woken: string[] = [];
  // Half of the answers come around the deadlines, which stretch over some milliseconds.
  await until("no waiter", async () => {
    const [first] = await waitersFor(world, "close");
    const runId = first?.headers["Upstash-Workflow-Runid"]?.[0];
    if (runId !== undefined && Math.random() < 0.5) {
      const answer = await world.client.notify({ eventId: "close", workflowRunId: runId });
      if (answer[0]?.messageId !== "") woken.push(runId);
    }
    const runs = await Promise.all(runIds.map((runId) => world.log(runId)));
    return runs.every((run) => run?.workflowState !== "RUN_STARTED");
  });
  const runs = await Promise.all(runIds.map((runId) => world.succeeded(runId)));
  const notified = runs.filter((run) => !resultOf<{ timeout: boolean }>(run).timeout);
  expect(notified.map(({ workflowRunId }) => workflowRunId).toSorted()).toEqual(woken.toSorted());
  await world.close();
  for (const n of runIds.keys()) expectDeliveries(world.app.at(`/flow/${n}`), 2);
});

test("the headers of the run come with the result of a wait", async () => {
  const url = serveWait("event");
  const headers = { authorization: "Bearer user", "x-own": "1" };
  const runId = await world.trigger({ url, headers, label: "a" });
  await waiting(world, "event");
  await world.client.notify({ eventId: "event" });
  await world.succeeded(runId);
  expect(world.app.at("/flow").at(-1)?.headers).toMatchObject({
    ...headers,
    "upstash-label": "a",
    "upstash-workflow-sdk-version": "1",
    "content-type": "application/json",
  });
});

test("a wait that fails behind its result is tried again, and does not wait again", async () => {
  let count = 0;
  const url = world.serve("/flow", async (context) => {
    const { eventData } = await context.waitForEvent("wait", "event");
    await context.run("flaky", () => {
      count += 1;
      if (count < 3) throw new Error("not yet");
    });
    return eventData;
  });
  const runId = await world.trigger({ url, retries: 3, retryDelay: "1" });
  await waiting(world, "event");
  await world.client.notify({ eventId: "event", eventData: "once" });
  expect(resultOf(await world.succeeded(runId))).toBe("once");
  expect(count).toBe(3);
});

test("a resume goes on behind a wait without waiting again", async () => {
  let isBroken = true;
  const url = world.serve("/flow", async (context) => {
    const { eventData } = await context.waitForEvent("wait", "event");
    await context.run("broken", () => {
      if (isBroken) throw new Error("broken");
    });
    return eventData;
  });
  const runId = await world.trigger({ url, retries: 0 });
  await waiting(world, "event");
  await world.client.notify({ eventId: "event", eventData: "kept" });
  const { dlqId } = await world.deadLetter(runId);
  isBroken = false;
  const { workflowRunId } = await world.client.dlq.resume({ dlqId });
  expect(resultOf(await world.succeeded(workflowRunId))).toBe("kept");
});
