// Calls with settings of their own: flow control, delay, names, and what is refused.

import type { CallSettings } from "@upstash/workflow";
import { expect, test } from "vitest";
import { isOwnSdk, refusedStatus } from "./sdk.ts";
import {
  faultOf,
  flowControlOf,
  invokable,
  recordsOf,
  resultAt,
  resultOf,
  serveTogether,
  submitCall,
} from "./surface.ts";
import { CLOCK_STEP_MS, until } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

test("calls pass the flow control of their own key, one at a time", async () => {
  let [inFlight, most] = [0, 0];
  const url = world.app.on("/service", async () => {
    most = Math.max(most, ++inFlight);
    await new Promise((resolve) => setTimeout(resolve, 20));
    inFlight -= 1;
    return new Response("ok");
  });
  const flowControl = { key: "service", parallelism: 1 };
  const workflow = world.serve("/flow", async (context) => {
    const calls = [1, 2, 3, 4].map((n) => context.call(`ask ${n}`, { url, flowControl }));
    return (await Promise.all(calls)).map(({ status }) => status);
  });
  expect(await resultAt(world, workflow)).toEqual([200, 200, 200, 200]);
  expect(most).toBe(1);
  expect(await flowControlOf(world, "service")).toMatchObject({
    parallelismMax: 1,
    parallelismCount: 0,
  });
});

test("calls without a key do not pass the flow control of their run", async () => {
  const key = { key: "run", parallelism: 1 };
  let isPaused = false;
  const url = world.app.on("/service", async () => {
    // Nothing of this key begins any more; the answer of the call has to wait as well.
    if (!isPaused) await world.call("POST", "/v2/flowControl/run/pause");
    isPaused = true;
    return new Response("ok");
  });
  const workflow = world.serve("/flow", async (context) => {
    return (await context.call("ask", { url, retries: 1, retryDelay: "1" })).status;
  });
  const runId = await world.trigger({ url: workflow, flowControl: key });
  await until("the call", () => isPaused);
  // The delivery that has asked for the call may end behind it.
  await until("a line before the key, whose place is free", async () => {
    const { waitListSize, parallelismCount } = await flowControlOf(world, "run");
    return waitListSize === 1 && parallelismCount === 0;
  });
  expect(world.app.at("/flow")).toHaveLength(1);
  await world.call("POST", "/v2/flowControl/run/resume");
  expect(resultOf(await world.succeeded(runId))).toBe(200);
});

test("a rate spreads the calls of a key over its periods", async () => {
  const url = world.app.on("/service", () => new Response("ok"));
  const flowControl = { key: "rate", rate: 2, period: "2s" } as const;
  const workflow = world.serve("/flow", async (context) => {
    await Promise.all([1, 2, 3].map((n) => context.call(`ask ${n}`, { url, flowControl })));
  });
  await resultAt(world, workflow);
  const at = world.app.at("/service").map((received) => received.at);
  // The period begins when the server starts the first call, whose way to the service may be long.
  expect(Math.max(...at) - Math.min(...at)).toBeGreaterThanOrEqual(500);
});

test("a call with a delay is made later", async () => {
  world.app.on("/service", () => new Response("ok"));
  const workflow = world.serve("/flow", async (context) => {
    await context.sleep("nap", "1h");
  });
  const runId = await world.trigger({ url: workflow });
  await until("the nap", async () => (await recordsOf(world, runId)).length === 1);
  const askedAt = Date.now();
  // The SDK has no setting for it; the wire has.
  const answer = await submitCall(world, {
    url: `${world.app.url}/service`,
    workflow: { url: workflow, runId },
    headers: { "upstash-delay": "1s" },
  });
  expect(answer.status, answer.text).toBe(200);
  const { at } = await until("the call", () => world.app.at("/service")[0]);
  expect(at - askedAt).toBeGreaterThanOrEqual(1_000 - CLOCK_STEP_MS);
});

test.each([
  ["Latin", "füge hinzu"],
  ["quotes and commas", `a "b", 'c'; d=e\\f %20`],
  ["spaces within", "a  b   c"],
])("a step name of a call may hold %s", async (_name, stepName) => {
  const url = world.app.on("/service", () => new Response("ok"));
  const workflow = world.serve("/flow", async (context) => {
    return (await context.call(stepName, { url })).body;
  });
  const run = await world.succeeded(await world.trigger({ url: workflow }));
  expect(resultOf(run)).toBe("ok");
  expect(run.steps[1]?.steps[0]).toMatchObject({ stepName, stepType: "Call" });
});

test("a step name that no header can hold fails the run, which says so", async () => {
  const url = world.app.on("/service", () => new Response("ok"));
  const workflow = world.serve("/flow", async (context) => {
    await context.call("查询 service", { url });
  });
  const run = await world.failed(await world.trigger({ url: workflow, retries: 0 }));
  // What the server says to ours it will always say: no retry can help.
  const status = isOwnSdk ? refusedStatus : 500;
  const body = expect.stringMatching(isOwnSdk ? /header/i : /ByteString/);
  expect(faultOf(run)).toEqual({ status, body });
  expect(world.app.at("/service")).toEqual([]);
});

test("a call of another workflow starts a run of it, and its answer is the id", async () => {
  const child = invokable(async (context) => {
    return context.run("greet", () => `hello ${String(context.requestPayload)}`);
  });
  const parent = invokable(async (context) => {
    const { status, body } = await context.call("start", { workflow: child, body: "you" });
    return { status, body };
  });
  const url = serveTogether(world, { parent, child });
  const run = await world.succeeded(await world.trigger({ url: url("parent") }));
  const answer = resultOf<{ status: number; body: { workflowRunId: string } }>(run);
  expect(answer.status).toBe(200);
  const started = await world.succeeded(answer.body.workflowRunId);
  expect(resultOf(started)).toBe("hello you");
  expect(started).not.toHaveProperty("invoker");
});

test("a workflow that is called by its URL checks the signature of the call", async () => {
  const other = world.serve("/other", async (context) => {
    return context.run("echo", () => context.requestPayload);
  });
  const workflow = world.serve("/flow", async (context) => {
    const { body } = await context.call<{ workflowRunId: string }>("start", {
      url: other,
      method: "POST",
      body: JSON.stringify({ n: 7 }),
    });
    return body.workflowRunId;
  });
  const runId = String(await resultAt(world, workflow));
  expect(resultOf(await world.succeeded(runId))).toEqual({ n: 7 });
});

const refused: [string, Omit<CallSettings, "url"> & { readonly url?: string }, RegExp][] = [
  ["a scheme that is not HTTP", { url: "ftp://files.test/a" }, /destination|url/i],
  ["no URL at all", { url: "nowhere" }, /nowhere/],
  ["a user in the URL", { url: "http://user:secret@127.0.0.1:1/" }, /user|credential/i],
  // The types of the SDK forbid the next ones; JavaScript does not.
  ["an unknown method", { method: "BREW" as "GET" }, /Upstash-Method/i],
  ["retries below zero", { retries: -1 }, /Upstash-Retries/i],
  ["too many retries", { retries: 1_000_000 }, /maxRetries/],
  ["a retry delay that is no expression", { retryDelay: "soon" }, /retry.delay/i],
  // The type forbids it; JavaScript does not.
  ["a timeout that is no duration", { timeout: "soon" as "1s" }, /Upstash-Timeout|duration/i],
  ["a flow control of nothing", { flowControl: { key: "k", parallelism: -1 } }, /parallelism/i],
];

// As above.
const objectBody = { method: "POST", body: { a: 1 } as unknown as string } as const;

// The SDK would send the object as it is, and no server can know as what it is meant; ours writes it as JSON.
if (!isOwnSdk) refused.push(["a body that is no text", objectBody, /body must be/]);

test.each(refused)("%s fails the run at once and says why", async (_name, settings, reason) => {
  world.app.on("/service", () => new Response("ok"));
  const workflow = world.serve("/flow", async (context) => {
    await context.call("ask", { url: `${world.app.url}/service`, ...settings });
  });
  const run = await world.failed(await world.trigger({ url: workflow }));
  expect(faultOf(run)).toEqual({ status: refusedStatus, body: expect.stringMatching(reason) });
  await world.close();
  expect(world.app.at("/service")).toEqual([]);
  expect(run.steps.at(-1)?.steps[0]?.errors).toHaveLength(1);
});
