// Steps of `@upstash/workflow` 0.2 whose results come from outside: calls, waits, webhooks and invoked workflows.

import { expect, test } from "vitest";
import { createWorkflow, serveMany } from "workflow-sdk-0.2/nextjs";
import { Counters } from "./counters.ts";
import { oldClient, oldWorkflow, serveOld, stepsAt, surroundings } from "./old-sdk.ts";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

async function resultOf(url: string, options: object = {}): Promise<unknown> {
  const { workflowRunId } = await oldClient(world).trigger({ url, ...options });
  const { workflowRunResponse } = await world.succeeded(workflowRunId);
  return JSON.parse(workflowRunResponse ?? "null");
}

test("a call gives status, headers and body, and what the third party gets is the call's own", async () => {
  const third = world.app.on("/third", async (request) => {
    const answer = { got: await request.json(), text: "ü" };
    return Response.json(answer, { status: 201, headers: { "x-third": "yes" } });
  });
  const url = serveOld(world, "/caller", async (context) => {
    const { status, header, body } = await context.call("third", {
      url: third,
      method: "PUT",
      headers: { "x-call": "own" },
      body: { n: 1 },
    });
    return { status, third: header["X-Third"], body };
  });
  const headers = { authorization: "Bearer user" };
  expect(await resultOf(url, { headers })).toEqual({
    status: 201,
    third: ["yes"],
    body: { got: { n: 1 }, text: "ü" },
  });
  const [call] = world.app.at("/third");
  expect(call).toMatchObject({
    ...{ method: "PUT", signatureFault: null },
    headers: { "x-call": "own", "content-type": "application/json" },
  });
  expect(call?.headers.authorization).toBeUndefined();
  expect(call?.headers["upstash-workflow-sdk-version"]).toBeUndefined();
  const [, callback, result] = world.app.at("/caller");
  expect(callback?.headers).toMatchObject({
    "upstash-workflow-callback": "true",
    authorization: "Bearer user",
  });
  expect(callback?.headers["upstash-workflow-sdk-version"]).toBeUndefined();
  expect(result?.headers.authorization).toBe("Bearer user");
  expect(world.app.at("/caller")).toHaveLength(3);
});

test("a call that fails has its own retries, and is a result: the run goes on, and nobody is told", async () => {
  const counters = new Counters(["third"]);
  const third = world.app.on("/third", () => {
    counters.step("third", 1)();
    return new Response();
  });
  const told: unknown[] = [];
  const url = serveOld(
    world,
    "/caller",
    async (context) => {
      const { status, body } = await context.call("third", {
        ...{ url: third, retries: 2, retryDelay: "1" },
      });
      return [status, body];
    },
    { retries: 0, failureFunction: (failure) => void told.push(failure) },
  );
  expect(await resultOf(url)).toEqual([500, "Error: third is broken"]);
  expect(counters.all()).toEqual({ third: 3 });
  expect((await world.client.dlq.list()).messages).toEqual([]);
  await world.close();
  expect(told).toEqual([]);
});

test("calls in a parallel group, each with a flow control of its own", async () => {
  let running = 0;
  let most = 0;
  const third = world.app.on("/third", async (request) => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    return new Response(await request.text());
  });
  const url = serveOld(world, "/caller", async (context) => {
    const flowControl = { key: "third", parallelism: 1 };
    const calls = [1, 2, 3].map((body) =>
      context.call(`call ${body}`, { url: third, method: "POST", body, flowControl }),
    );
    const answers = await Promise.all(calls);
    return answers.map(({ body }) => body);
  });
  expect(await resultOf(url)).toEqual([1, 2, 3]);
  expect([world.app.at("/third").length, most]).toEqual([3, 1]);
});

test("a callback has the retries and the failure function of serve; when it fails, a resume does not call again", async () => {
  const counters = new Counters();
  const third = world.app.on("/third", () => new Response(counters.step("third", "answer")()));
  const broken = new Counters(["callback"]);
  const told: unknown[] = [];
  const workflow = oldWorkflow(
    world,
    async (context) => (await context.call("third", { url: third })).body,
    {
      ...{ retries: 1, retryDelay: "1" },
      failureFunction: ({ context, failStatus }) => {
        told.push([context.workflowRunId, context.requestPayload, failStatus]);
      },
    },
  );
  const url = world.app.on("/caller", (request, received) => {
    const isCallback = received.headers["upstash-workflow-callback"] !== undefined;
    if (isCallback) broken.step("callback", 1)();
    return workflow(request, received);
  });
  const client = oldClient(world);
  const { workflowRunId } = await client.trigger({ url, body: "payload" });
  const first = await world.deadLetterIn(workflowRunId, "CALLBACK_SUCCESS");
  expect(broken.all()).toEqual({ callback: 2 });
  const again = await client.dlq.resume({ dlqId: first.dlqId });
  const second = await world.deadLetterIn(again.workflowRunId, "CALLBACK_SUCCESS");
  expect(broken.all()).toEqual({ callback: 4 });
  expect(told).toEqual([
    [workflowRunId, "payload", 500],
    [again.workflowRunId, "payload", 500],
  ]);
  broken.heal();
  const healed = await client.dlq.resume({ dlqId: second.dlqId });
  const run = await world.succeeded(healed.workflowRunId);
  expect([run.workflowRunResponse, counters.all()]).toEqual(['"answer"', { third: 1 }]);
});

test("a wait is ended by the client of 0.2, which sees the waiter first", async () => {
  const url = serveOld(world, "/waiter", async (context) => {
    const { eventData, timeout } = await context.waitForEvent("wait", "paid/7");
    return { eventData, timeout };
  });
  const client = oldClient(world);
  const { workflowRunId } = await client.trigger({ url });
  const [waiter] = await until("the waiter", async () => {
    const waiters = await client.getWaiters({ eventId: "paid/7" });
    return waiters.length > 0 && waiters;
  });
  expect(waiter).toMatchObject({ url, deadline: expect.any(Number) });
  const notified = await client.notify({ eventId: "paid/7", eventData: { sum: "7 €" } });
  expect(notified).toMatchObject([{ messageId: expect.stringMatching(/^msg_/), waiter: { url } }]);
  const run = await world.succeeded(workflowRunId);
  expect(JSON.parse(run.workflowRunResponse ?? "")).toEqual({
    eventData: { sum: "7 €" },
    timeout: false,
  });
  expect(await client.notify({ eventId: "paid/7", eventData: 1 })).toEqual([]);
  expect(stepsAt(world, "/waiter")).toHaveLength(2);
});

test("a workflow of 0.2 notifies another, and a wait that nobody ends times out", async () => {
  const waiting = serveOld(world, "/waiter", async (context) => {
    const [first, second] = await Promise.all([
      context.waitForEvent("told", "told"),
      context.waitForEvent("untold", "untold", { timeout: "1s" }),
    ]);
    return [first, second];
  });
  const client = oldClient(world);
  const { workflowRunId } = await client.trigger({ url: waiting });
  // The other one may have timed out before anybody looks.
  await until("the waiter", async () => {
    return (await client.getWaiters({ eventId: "told" })).length === 1;
  });
  const telling = serveOld(world, "/teller", async (context) => {
    const { notifyResponse, eventData } = await context.notify("tell", "told", { a: 1 });
    return [eventData, notifyResponse.length];
  });
  expect(await resultOf(telling)).toEqual([{ a: 1 }, 1]);
  const run = await world.succeeded(workflowRunId);
  expect(JSON.parse(run.workflowRunResponse ?? "")).toEqual([
    { eventData: { a: 1 }, timeout: false },
    { timeout: true },
  ]);
});

test("the message behind a wait has the retries and the failure function of serve", async () => {
  const counters = new Counters(["after"]);
  const told: string[] = [];
  const url = serveOld(
    world,
    "/waiter",
    async (context) => {
      await context.waitForEvent("wait", "go");
      await context.run("after", counters.step("after", 1));
    },
    {
      ...{ retries: 1, retryDelay: "1" },
      failureFunction: ({ failResponse }) => void told.push(failResponse),
    },
  );
  const client = oldClient(world);
  const { workflowRunId } = await client.trigger({ url });
  await until("the waiter", async () => (await client.getWaiters({ eventId: "go" })).length > 0);
  await client.notify({ eventId: "go" });
  const entry = await world.deadLetterIn(workflowRunId, "CALLBACK_SUCCESS");
  expect(entry).toMatchObject({ maxRetries: 1 });
  expect([counters.all(), told]).toEqual([{ after: 2 }, ["after is broken"]]);
});

test("the message behind a wait that timed out has them as well", async () => {
  const counters = new Counters(["after"]);
  const url = serveOld(
    world,
    "/waiter",
    async (context) => {
      await context.waitForEvent("wait", "never", { timeout: 1 });
      await context.run("after", counters.step("after", 1));
    },
    { retries: 1, retryDelay: "1", failureFunction: () => {} },
  );
  const { workflowRunId } = await oldClient(world).trigger({ url });
  const entry = await world.deadLetterIn(workflowRunId, "CALLBACK_SUCCESS");
  expect(entry).toMatchObject({ maxRetries: 1 });
  expect(counters.all()).toEqual({ after: 2 });
});

test("a wait stays open while its run has failed, and a resume takes it over", async () => {
  const counters = new Counters(["bad"]);
  const url = serveOld(
    world,
    "/group",
    async (context) => {
      const [{ eventData }, bad] = await Promise.all([
        context.waitForEvent("wait", "go"),
        context.run("bad", async () => {
          if (counters.isBroken("bad")) await until("the waiter", hasWaiter);
          return counters.step("bad", "healed")();
        }),
      ]);
      return [eventData, bad, await context.run("after", counters.step("after", 1))];
    },
    { retries: 0 },
  );
  const client = oldClient(world);
  const hasWaiter = async () => (await client.getWaiters({ eventId: "go" })).length === 1;
  const { workflowRunId } = await client.trigger({ url });
  const { dlqId } = await world.deadLetter(workflowRunId);
  counters.heal();
  const resumed = await client.dlq.resume({ dlqId });
  expect(await client.notify({ eventId: "go", eventData: "now" })).toHaveLength(1);
  const run = await world.succeeded(resumed.workflowRunId);
  expect(JSON.parse(run.workflowRunResponse ?? "")).toEqual(["now", "healed", 1]);
  expect(counters.all()).toEqual({ bad: 2, after: 1 });
});

test("a webhook is called twice: once before anybody waits, once while somebody does", async () => {
  const url = serveOld(world, "/hooked", async (context) => {
    const webhook = await context.createWebhook("hook");
    await context.run("call early", async () => {
      await fetch(`${webhook.webhookUrl}?n=1`, { method: "PUT", body: "early" });
    });
    const early = await context.waitForWebhook("early", webhook, "1d");
    const late = await context.waitForWebhook("late", webhook, "1d");
    const texts = [];
    for (const { request } of [early, late]) {
      texts.push(`${request?.method} ${request?.url} ${await request?.text()}`);
    }
    return [webhook.webhookUrl, ...texts];
  });
  const { workflowRunId } = await oldClient(world).trigger({ url });
  const webhookUrl = await until("the second wait", async () => {
    const groups = (await world.log(workflowRunId))?.steps ?? [];
    const out = Reflect.get(groups[1]?.steps[0] ?? {}, "out");
    return groups.length > 3 && JSON.parse(String(out)).webhookUrl;
  });
  const eventId = String(webhookUrl).split("/").at(-1) ?? "";
  const waiters = () => oldClient(world).getWaiters({ eventId });
  await until("the second waiter", async () => (await waiters()).length === 1);
  await fetch(webhookUrl, { method: "POST", body: "late ü" });
  const run = await world.succeeded(workflowRunId);
  expect(JSON.parse(run.workflowRunResponse ?? "")).toEqual([
    webhookUrl,
    `PUT ${webhookUrl}?n=1 early`,
    `POST ${webhookUrl} late ü`,
  ]);
});

type ChildContext = Parameters<Parameters<typeof createWorkflow<unknown, unknown>>[0]>[0];

/** A parent that invokes a child, below `/many`, where they know each other by name; gives the parent's URL. */
function serveFamily(counters: Counters, work: (context: ChildContext) => Promise<unknown>) {
  const child = createWorkflow(work, { retries: 0 });
  const parent = createWorkflow(async (context) => {
    const invoked = await context.invoke("child", {
      ...{ workflow: child, body: { n: 7 }, headers: { "x-child": "yes" } },
    });
    await context.run("after", counters.step("after", 1));
    return invoked;
  });
  return serveBoth({ parent, child });
}

/** Serves `parent` and `child`, and gives the URL of the parent. */
function serveBoth(workflows: Parameters<typeof serveMany>[0]): string {
  const { POST } = serveMany(workflows, surroundings(world));
  for (const name of Object.keys(workflows)) {
    world.app.on(`/many/${name}`, (request) => POST(request));
  }
  return `${world.app.url}/many/parent`;
}

test("an invoked workflow gives its result to its parent, and its log names it", async () => {
  const counters = new Counters();
  const url = serveFamily(counters, async (context) => {
    const result = await context.run("work", counters.step("work", "worked"));
    return { result, payload: context.requestPayload };
  });
  const { workflowRunId } = await oldClient(world).trigger({ url });
  const run = await world.succeeded(workflowRunId);
  expect(JSON.parse(run.workflowRunResponse ?? "")).toEqual({
    body: { result: "worked", payload: { n: 7 } },
    isFailed: false,
    isCanceled: false,
  });
  expect(counters.all()).toEqual({ work: 1, after: 1 });
  const [first] = stepsAt(world, "/many/child");
  expect(first?.headers).toMatchObject({ "x-child": "yes", "upstash-workflow-invoke-count": "1" });
  const counts = ["parent", "child"].map((name) => stepsAt(world, `/many/${name}`).length);
  expect(counts).toEqual([3, 2]);
  const child = await world.log(first?.headers["upstash-workflow-runid"] ?? "");
  // This SDK does not say when the parent was created.
  const { workflowRunCreatedAt } = run;
  expect(child?.invoker).toEqual({ workflowRunId, workflowUrl: url, workflowRunCreatedAt });
});

test("an invoked workflow that fails tells its parent so, which goes on", async () => {
  const counters = new Counters(["work"]);
  const url = serveFamily(counters, (context) => context.run("work", counters.step("work", 1)));
  expect(await resultOf(url)).toEqual({ isFailed: true, isCanceled: false });
  expect(counters.all()).toEqual({ work: 1, after: 1 });
});

test("an invoked workflow that cancels itself tells its parent so, which goes on", async () => {
  const counters = new Counters();
  const url = serveFamily(counters, (context) => context.cancel());
  expect(await resultOf(url)).toEqual({ isFailed: false, isCanceled: true });
  expect(counters.all()).toEqual({ after: 1 });
});

test("the message behind an invoked workflow has the settings that serve gave its parent", async () => {
  const counters = new Counters(["after"]);
  const child = createWorkflow(async (context) => context.run("work", () => 1));
  const parent = createWorkflow(
    async (context) => {
      await context.invoke("child", { workflow: child, body: undefined });
      await context.run("after", counters.step("after", 1));
    },
    { retries: 1, retryDelay: "1", failureFunction: () => "told" },
  );
  const url = serveBoth({ parent, child });
  const { workflowRunId } = await oldClient(world).trigger({ url });
  const entry = await world.deadLetterIn(workflowRunId, "CALLBACK_SUCCESS");
  expect(entry).toMatchObject({ maxRetries: 1, workflowUrl: url });
  expect(counters.all()).toEqual({ after: 2 });
});
