// Steps that others complete: one look at each kind, with the official SDK.

import { Client as QstashClient } from "@upstash/qstash";
import { createWorkflow, serveMany } from "@upstash/workflow/nextjs";
import { expect, test } from "vitest";
import { Counters } from "./counters.ts";
import { sdkOptions } from "./sdk.ts";
import { gate } from "./surface.ts";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld({ config: { attemptTimeoutMs: 20_000 } });

const waiters = async (eventId: string) => {
  const { json } = await world.call("GET", `/v2/waiters/${eventId}`);
  return json as readonly unknown[]; // The conformance tests of waiters check the shape.
};

test("a call gives the answer of its service, good or bad", async () => {
  const url = world.app.on("/service", (request) =>
    request.headers.get("x-wish") === "bad"
      ? new Response("no", { status: 418, headers: { "x-answer": "tea" } })
      : new Response("called", { status: 201 }),
  );
  const workflow = world.serve("/flow", async (context) => {
    const good = await context.call("good", { url, method: "POST", body: '{"a":1}' });
    const bad = await context.call("bad", { url, headers: { "x-wish": "bad" }, retries: 0 });
    return { good: [good.status, good.body], bad: [bad.status, bad.body, bad.header["X-Answer"]] };
  });
  const run = await world.succeeded(await world.trigger({ url: workflow }));
  expect(JSON.parse(run.workflowRunResponse ?? "")).toEqual({
    good: [201, "called"],
    bad: [418, "no", ["tea"]],
  });
  expect(world.app.at("/service").map(({ body }) => body)).toEqual(['{"a":1}', ""]);
});

test("a wait gives the event, or says that its time is up", async () => {
  const url = world.serve("/flow", async (context) => {
    const first = await context.waitForEvent("first", "order/1", { timeout: "1h" });
    const second = await context.waitForEvent("second", "never", { timeout: "1s" });
    return { first, second };
  });
  const runId = await world.trigger({ url });
  await until("a waiter", async () => (await waiters("order/1")).length === 1);
  const answer = await world.client.notify({ eventId: "order/1", eventData: { paid: true } });
  expect(answer).toHaveLength(1);
  const run = await world.succeeded(runId);
  expect(JSON.parse(run.workflowRunResponse ?? "")).toEqual({
    first: { eventData: { paid: true }, timeout: false },
    second: { timeout: true },
  });
});

test("an event that comes before its wait is kept", async () => {
  const free = gate();
  const url = world.serve("/flow", async (context) => {
    await context.run("hold", () => free.opened);
    return context.waitForEvent("wait", "early");
  });
  const runId = await world.trigger({ url });
  await world.client.notify({ eventId: "early", eventData: "now", workflowRunId: runId });
  free.open();
  const run = await world.succeeded(runId);
  expect(JSON.parse(run.workflowRunResponse ?? "")).toEqual({ eventData: "now", timeout: false });
});

test("a webhook wakes its run", async () => {
  const url = world.serve("/flow", async (context) => {
    const webhook = await context.createWebhook("make");
    const answer = await context.run("tell", async () => {
      await fetch(`${webhook.webhookUrl}?x=1`, { method: "PUT", body: "hello" });
      return webhook.webhookUrl;
    });
    const { request, timeout } = await context.waitForWebhook("wait", webhook, "1h");
    return { answer, url: request?.url, body: await request?.text(), timeout };
  });
  const run = await world.succeeded(await world.trigger({ url }));
  const { answer, ...rest } = JSON.parse(run.workflowRunResponse ?? "");
  expect(rest).toEqual({ url: `${answer}?x=1`, body: "hello", timeout: false });
});

test("an invoked workflow answers the one that invoked it", async () => {
  const counters = new Counters();
  const child = createWorkflow(async (context) => {
    const { n } = context.requestPayload as { n: number }; // What the parent sends.
    if (n < 0) await context.run("fail", () => Promise.reject(new Error("negative")));
    return context.run("double", () => counters.step("double", n * 2)());
  });
  const parent = createWorkflow(async (context) => {
    const good = await context.invoke("good", { workflow: child, body: { n: 21 } });
    const bad = await context.invoke("bad", { workflow: child, body: { n: -1 }, retries: 0 });
    return { good, bad };
  });
  const qstashClient = new QstashClient({ baseUrl: world.server.url, token: world.token });
  const { POST } = serveMany(
    { parent, child },
    { qstashClient, receiver: world.app.receiver, ...sdkOptions },
  );
  for (const path of ["/many/parent", "/many/child"])
    world.app.on(path, (request) => POST(request));
  const runId = await world.trigger({ url: `${world.app.url}/many/parent` });
  const run = await world.succeeded(runId);
  expect(JSON.parse(run.workflowRunResponse ?? "")).toEqual({
    good: { body: 42, isFailed: false, isCanceled: false },
    bad: { isFailed: true, isCanceled: false },
  });
});
