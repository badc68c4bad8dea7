// What tests of workflows are written with: a virtual clock, steps that the test answers or lets fail, and what became of them.

import {
  createWorkflow,
  StepError,
  serve,
  type WorkflowContext,
  WorkflowRetryAfterError,
} from "@reprise/sdk";
import { testWorkflow } from "@reprise/sdk/testing";
import { expect, test } from "vitest";

const DAY_MS = 86_400_000;

interface Order {
  readonly id: string;
}

async function order(context: WorkflowContext<Order>) {
  const { id } = context.requestPayload;
  const price = await context.run("price", () => 10);
  const receipt = await context.run("charge", () => `paid ${price}`);
  await context.sleep("cool off", "2d");
  const { eventData, timeout } = await context.waitForEvent("approval", `order-${id}`, {
    timeout: "7d",
  });
  return { receipt, approved: timeout ? "nobody" : eventData };
}

const start = () => testWorkflow(order, { payload: { id: "7" }, now: 0 });

test("sleeps and timeouts pass at once", async () => {
  const run = start();
  const { state, result, endedAt } = await run.finished();
  expect({ state, result, endedAt }).toEqual({
    state: "succeeded",
    result: { receipt: "paid 10", approved: "nobody" },
    endedAt: 9 * DAY_MS,
  });
  expect(run.now.getTime()).toBe(9 * DAY_MS);
});

test("a test stops at a step, and lets a time pass", async () => {
  const run = start();
  expect(await run.untilStep("charge")).toMatchObject({ result: "paid 10", state: "succeeded" });
  expect(run.now.getTime()).toBe(0);
  await run.advance("1d");
  expect(run.steps.map(({ name, state }) => [name, state])).toEqual([
    ["price", "succeeded"],
    ["charge", "succeeded"],
    ["cool off", "open"],
  ]);
  await run.advance("1d");
  expect(run.steps.at(-1)).toMatchObject({
    name: "approval",
    state: "open",
    startedAt: 2 * DAY_MS,
  });
});

test("sleeps beside each other take the time of the longest", async () => {
  const workflow = async (context: WorkflowContext) => {
    await Promise.all([context.sleep("short", "1h"), context.sleep("long", "1d")]);
    return context.run("behind", () => "rested");
  };
  const { result, endedAt } = await testWorkflow(workflow, { now: 0 }).finished();
  expect([result, endedAt]).toEqual(["rested", DAY_MS]);
});

test("an event wakes the run that waits for it", async () => {
  const run = start();
  await run.untilWaiting("approval");
  expect(await run.notify("order-8", "no")).toBe(0);
  expect(await run.notify("order-7", { by: "Ada" })).toBe(1);
  const { result, endedAt } = await run.finished();
  expect([result?.approved, endedAt]).toEqual([{ by: "Ada" }, 2 * DAY_MS]);
});

test("an event is announced ahead of its wait", async () => {
  const run = start().onWait("approval", () => "late", { after: "3d" });
  const { result, endedAt } = await run.finished();
  expect([result?.approved, endedAt]).toEqual(["late", 5 * DAY_MS]);
});

test("steps are stubbed by values and by functions", async () => {
  const run = start().stub("price", 99);
  run.stub("charge", ({ retried }: { retried: number }) => `stubbed at ${retried}`);
  await run.untilStep("charge");
  expect(run.steps.map(({ result }) => result)).toEqual([99, "stubbed at 0"]);
});

test("a step that fails is tried again with the pauses of the server", async () => {
  const run = start().fail("charge", { times: 2, error: "no network" });
  expect(await run.untilStep("charge")).toMatchObject({
    attempts: 3,
    errors: ["no network", "no network"],
    startedAt: 0,
    // 12 seconds ahead of the first retry, 148 ahead of the second.
    endedAt: 160_000,
  });
});

test("a run that fails says what, where and after how many attempts", async () => {
  const failures: unknown[] = [];
  const workflow = createWorkflow<Order, unknown>(order, {
    failureFunction: ({ failResponse, failedStep, attempts, context }) => {
      failures.push([failResponse, failedStep?.stepName, attempts.length]);
      return `told ${context.requestPayload.id}`;
    },
  });
  const run = testWorkflow(workflow, { payload: { id: "7" }, now: 0 });
  run.fail("charge", { error: new RangeError("card refused") });
  const { state, error, deadLetter, steps, endedAt } = await run.finished();
  expect(state).toBe("failed");
  expect(error).toEqual({ name: "RangeError", message: "card refused", stepName: "charge" });
  expect(deadLetter).toMatchObject({
    attempts: 4,
    status: 500,
    failureFunction: "succeeded",
    failureResult: "told 7",
  });
  expect(failures).toEqual([["card refused", "charge", 4]]);
  expect(steps.at(-1)).toMatchObject({ name: "charge", state: "failed", attempts: 4 });
  expect(endedAt).toBe((12 + 148 + 1_808) * 1_000);
});

test("limits of the run and of the step hold", async () => {
  const own = async (context: WorkflowContext) =>
    context.run("own", () => 1, { retries: 1, retryDelay: "1m" });
  const byStep = await testWorkflow(own, { now: 0, retries: 5 }).fail("own").finished();
  expect([byStep.deadLetter?.attempts, byStep.endedAt]).toEqual([2, 60_000]);
  const plain = async (context: WorkflowContext) => context.run("plain", () => 1);
  const options = { now: 0, retries: 2, retryDelay: "1000 * pow(2, retried)" };
  const byRun = await testWorkflow(plain, options).fail("plain").finished();
  expect([byRun.deadLetter?.attempts, byRun.endedAt]).toEqual([3, 3_000]);
});

test("an error that asks for a pause gets it", async () => {
  const workflow = async (context: WorkflowContext) => context.run("busy", () => "free");
  const error = new WorkflowRetryAfterError("busy", "2h");
  const run = testWorkflow(workflow, { now: 0 }).fail("busy", { times: 1, error });
  expect(await run.finished()).toMatchObject({ result: "free", endedAt: 7_200_000 });
});

test("a failure that the function catches is a step like others", async () => {
  const workflow = async (context: WorkflowContext) => {
    try {
      return await context.run("charge", () => "paid");
    } catch (error) {
      if (!(error instanceof StepError)) throw error;
      return context.run("give up", () => error.attempts);
    }
  };
  const run = testWorkflow(workflow, { now: 0, retries: 1 }).fail("charge", { error: "declined" });
  const { state, result, steps } = await run.finished();
  expect([state, result]).toEqual(["succeeded", 2]);
  expect(steps[0]).toMatchObject({
    state: "failed",
    attempts: 2,
    error: { name: "Error", message: "declined" },
  });
});

test("services are answered by values, responses and functions; one that throws is not there", async () => {
  const workflow = async (context: WorkflowContext) => {
    const url = "https://invoices.example/new";
    const first = await context.call("first", { url, method: "POST", body: { id: 1 } });
    const second = await context.call("second", { url });
    const third = await context.call("third", { url });
    return [first, second, third].map(({ status, body }) => [status, body]);
  };
  const run = testWorkflow(workflow)
    .onCall("first", async (request: Request) => ({ got: await request.json() }))
    .onCall("second", new Response("no", { status: 402 }))
    .onCall("third", () => {
      throw new Error("connection refused");
    });
  const { result } = await run.finished();
  expect(result).toEqual([
    [200, { got: { id: 1 } }],
    [402, "no"],
    [0, "connection refused"],
  ]);
});

test("a call that the test says nothing about is no failure of the run, but of the test", async () => {
  const workflow = async (context: WorkflowContext) =>
    context.call("ask", { url: "https://x.example" });
  await expect(testWorkflow(workflow).finished()).rejects.toThrow('run.onCall("ask", answer)');
});

test("webhooks are called with a request", async () => {
  const workflow = async (context: WorkflowContext) => {
    const webhook = await context.createWebhook("create");
    const { request } = await context.waitForWebhook("wait", webhook, "1h");
    return [request?.method, await request?.text(), request?.headers.get("x-sender")];
  };
  const run = testWorkflow(workflow);
  const { result } = await run.untilStep("create");
  // The step gives a webhook.
  const { webhookUrl } = result as { readonly webhookUrl: string };
  await run.callWebhook(webhookUrl, {
    method: "PUT",
    body: "hello",
    headers: { "X-Sender": "bank" },
  });
  expect((await run.finished()).result).toEqual(["PUT", "hello", "bank"]);
});

test("an invoked workflow runs, or is answered by the test", async () => {
  const child = createWorkflow(async (context: WorkflowContext<number>) =>
    context.run("double", () => context.requestPayload * 2),
  );
  const parent = async (context: WorkflowContext) => {
    const { body, isFailed } = await context.invoke("child", { workflow: child, body: 21 });
    return isFailed ? "failed" : body;
  };
  const ends = [
    testWorkflow(parent),
    testWorkflow(parent).onInvoke("child", 7),
    testWorkflow(parent).onInvoke("child", (payload: unknown) => [payload]),
    testWorkflow(parent).onInvoke("child", () => {
      throw new Error("lost");
    }),
  ].map(async (run) => (await run.finished()).result);
  expect(await Promise.all(ends)).toEqual([42, 7, [21], "failed"]);
});

test("a failed run is resumed with changed code, and keeps what it has", async () => {
  const calls: string[] = [];
  const workflow = (fixed: boolean) => async (context: WorkflowContext) => {
    await context.run("first", () => calls.push("first"));
    return context.run("second", () => {
      calls.push("second");
      if (!fixed) throw new Error("a bug");
      return "fixed";
    });
  };
  const run = testWorkflow(workflow(false), { retries: 0 });
  expect((await run.finished()).state).toBe("failed");
  const resumed = run.resume({ with: workflow(true) });
  expect((await resumed.finished()).result).toBe("fixed");
  expect(calls).toEqual(["first", "second", "second"]);
  expect(() => run.resume()).toThrow("resumed");
});

test("a restart begins anew, without the failures that the test has asked for", async () => {
  const run = testWorkflow(order, { payload: { id: "7" }, retries: 0 }).fail("charge");
  expect((await run.finished()).state).toBe("failed");
  expect((await run.restart().finished()).steps).toHaveLength(4);
});

test("a run is cancelled from outside", async () => {
  const run = start();
  await run.untilStep("charge");
  await run.cancel();
  expect((await run.finished()).state).toBe("canceled");
});

test("a handler of serve is tested as it is, without signatures", async () => {
  const env = { QSTASH_CURRENT_SIGNING_KEY: "a", QSTASH_NEXT_SIGNING_KEY: "b" };
  const handler = serve(order, { env });
  const { state } = await testWorkflow(handler, { payload: { id: "7" } }).finished();
  expect(state).toBe("succeeded");
});

test("the clock of the code under test follows", async () => {
  const instants: number[] = [];
  const run = testWorkflow(order, {
    payload: { id: "7" },
    now: 0,
    onClock: (now) => instants.push(now.getTime()),
  });
  await run.finished();
  expect(instants).toEqual([0, 2 * DAY_MS, 9 * DAY_MS]);
});

test("code that really waits is waited for", async () => {
  const workflow = async (context: WorkflowContext) =>
    context.run("slow", () => new Promise((resolve) => setTimeout(resolve, 20, "done")));
  expect((await testWorkflow(workflow).finished()).result).toBe("done");
});

test("what never comes is told with what did", async () => {
  const run = start();
  await expect(run.untilStep("no such step")).rejects.toThrow(
    'step "no such step" was not done; the run is succeeded: its steps are price (succeeded), charge (succeeded)',
  );
});
