// Workflows of `@upstash/workflow` 0.2: its steps, and the settings that each of its messages carries itself.

import { expect, test } from "vitest";
import { Counters } from "./counters.ts";
import { oldClient, oldWorkflow, serveOld, stepsAt } from "./old-sdk.ts";
import { publishTo } from "./self-started.ts";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const INLINE_CHARS_MAX = 3_000;
const world = useWorld({ surroundings: { limits: { inlineCharsMax: INLINE_CHARS_MAX } } });

test("steps one after the other, with a sleep and a result: each is executed once", async () => {
  const counters = new Counters();
  const url = serveOld<{ order: number }>(world, "/order", async (context) => {
    const { order } = context.requestPayload;
    const first = await context.run("first", counters.step("first", { order, text: "ü<&>" }));
    await context.sleep("nap", 0);
    await context.sleepUntil("past", new Date(0));
    const nothing = await context.run("nothing", counters.step("nothing", undefined));
    return { first, isNothing: nothing === undefined };
  });
  const { workflowRunId } = await oldClient(world).trigger({ url, body: { order: 7 } });
  const run = await world.succeeded(workflowRunId);
  expect(JSON.parse(run.workflowRunResponse ?? "")).toEqual({
    first: { order: 7, text: "ü<&>" },
    isNothing: true,
  });
  expect(counters.all()).toEqual({ first: 1, nothing: 1 });
  expect(stepsAt(world, "/order")).toHaveLength(5);
});

test("parallel steps with a sleep join once", async () => {
  const counters = new Counters();
  const url = serveOld(world, "/group", async (context) => {
    const group = await Promise.all([
      context.run("a", counters.step("a", "a")),
      context.sleep("nap", "1s"),
      context.run("b", counters.step("b", "b")),
    ]);
    return [...group, await context.run("after", counters.step("after", "after"))];
  });
  const run = await world.succeeded((await oldClient(world).trigger({ url })).workflowRunId);
  expect(JSON.parse(run.workflowRunResponse ?? "")).toEqual(["a", null, "b", "after"]);
  expect(counters.all()).toEqual({ a: 1, b: 1, after: 1 });
  // The first, three plans, three results, and the one behind them.
  expect(stepsAt(world, "/group")).toHaveLength(8);
  expect(run.steps.map(({ type }) => type)).toEqual(["sequential", "parallel", "sequential"]);
});

test("what a client of 0.2 triggers: id, payload, headers, label, and a second trigger that changes nothing", async () => {
  const url = serveOld(world, "/echo", async (context) => {
    await context.run("only", () => 1);
    const { requestPayload, headers, label } = context;
    return { requestPayload, user: headers.get("x-user"), label };
  });
  const client = oldClient(world);
  const options = { url, workflowRunId: "mine", body: "text", label: "blue", delay: 1 };
  const first = await client.trigger({ ...options, headers: { "x-user": "me" } });
  expect(await client.trigger(options)).toEqual(first);
  expect(first.workflowRunId).toBe("wfr_mine");
  const run = await world.succeeded(first.workflowRunId);
  expect(JSON.parse(run.workflowRunResponse ?? "")).toEqual({
    requestPayload: "text",
    user: "me",
    label: "blue",
  });
  expect(run).toMatchObject({ label: "blue", labels: ["blue"] });
  const { runs } = await client.logs({ workflowRunId: first.workflowRunId, label: "blue" });
  expect(runs).toMatchObject([{ workflowState: "RUN_SUCCESS" }]);
  expect(stepsAt(world, "/echo")).toHaveLength(2);
});

test("several runs triggered at once get their ids in the order of the request", async () => {
  const url = serveOld(world, "/echo", async (context) => {
    await context.run("only", () => 1);
    return context.requestPayload;
  });
  const names = ["a", "b"];
  const runs = await oldClient(world).trigger(
    names.map((name) => ({ url, workflowRunId: name, body: name })),
  );
  for (const [index, { workflowRunId }] of runs.entries()) {
    const { workflowRunResponse } = await world.succeeded(workflowRunId);
    expect(workflowRunResponse).toBe(JSON.stringify(names[index]));
  }
});

/** Two steps, of which the second fails for good; `retries` and their delay stand on `serve`. */
function serveBroken(path: string, retries: number): Counters {
  const counters = new Counters(["second"]);
  serveOld(
    world,
    path,
    async (context) => {
      await context.run("first", counters.step("first", 1));
      await context.run("second", counters.step("second", 2));
    },
    { retries, retryDelay: "1 + retried" },
  );
  return counters;
}

test("retries and their delay given on serve hold for each step, whatever the trigger said", async () => {
  const counters = serveBroken("/broken", 2);
  const url = `${world.app.url}/broken`;
  const { workflowRunId } = await oldClient(world).trigger({ url, retries: 0 });
  const run = await world.failed(workflowRunId);
  expect(counters.all()).toEqual({ first: 1, second: 3 });
  expect(run.steps.at(-1)?.steps[0]).toMatchObject({ retries: 2, retryDelay: "1 + retried" });
  const retried = stepsAt(world, "/broken").map(({ headers }) => headers["upstash-retried"]);
  expect(retried).toEqual(["0", "0", "1", "2"]);
});

test("with keepTriggerConfig the retries of the trigger hold for the whole run", async () => {
  const counters = serveBroken("/broken", 2);
  const url = `${world.app.url}/broken`;
  const options = { retries: 1, retryDelay: "1", keepTriggerConfig: true };
  const { workflowRunId } = await oldClient(world).trigger({ url, ...options });
  const run = await world.failed(workflowRunId);
  expect(counters.all()).toEqual({ first: 1, second: 2 });
  expect(run.steps.at(-1)?.steps[0]).toMatchObject({ retries: 1, retryDelay: "1" });
});

test("an endpoint that gets a plain message starts its run with the settings of serve", async () => {
  const counters = new Counters(["first"]);
  serveOld(
    world,
    "/self",
    async (context) => {
      await context.run("first", counters.step("first", context.requestPayload));
    },
    { retries: 1, retryDelay: "1" },
  );
  const headers = { "Upstash-Forward-X-User": "me" };
  const runId = await publishTo(world, "/self", { body: '{"a":1}', headers });
  const entry = await world.deadLetterIn(runId, null);
  expect(counters.all()).toEqual({ first: 2 });
  expect(entry).toMatchObject({ body: '{"a":1}', maxRetries: 1 });
  expect(entry.header).toMatchObject({ "X-User": ["me"] });
});

test("flow control given on serve limits the steps of all runs", async () => {
  let running = 0;
  let most = 0;
  const url = serveOld(
    world,
    "/flow",
    async (context) => {
      await context.run("first", () => 1);
      await context.run("counted", async () => {
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
      });
    },
    { flowControl: { key: "narrow", parallelism: 1 } },
  );
  const runs = await oldClient(world).trigger(Array.from({ length: 5 }, () => ({ url })));
  for (const { workflowRunId } of runs) await world.succeeded(workflowRunId);
  expect(most).toBe(1);
  const key = await world.call("GET", "/v2/flowControl/narrow");
  expect(key.json).toMatchObject({ parallelismMax: 1 });
});

test("a long list is fetched by the endpoint", async () => {
  const long = "x".repeat(INLINE_CHARS_MAX);
  const url = serveOld<string>(world, "/long", async (context) => {
    const [text] = await Promise.all([
      context.run("a", () => context.requestPayload),
      context.run("b", () => 1),
    ]);
    return text.length;
  });
  const { workflowRunId } = await oldClient(world).trigger({ url, body: long });
  const run = await world.succeeded(workflowRunId);
  expect(run.workflowRunResponse).toBe(String(INLINE_CHARS_MAX));
  expect(stepsAt(world, "/long").map(({ body }) => body)).toEqual(["", "", "", "", ""]);
});

test("a run cancels itself, and nothing of it is left", async () => {
  const counters = new Counters();
  const url = serveOld(world, "/cancel", async (context) => {
    await context.run("first", counters.step("first", 1));
    await context.cancel();
    await context.run("never", counters.step("never", 1));
  });
  const { workflowRunId } = await oldClient(world).trigger({ url });
  expect((await world.ended(workflowRunId)).workflowState).toBe("RUN_CANCELED");
  await world.close();
  expect(counters.all()).toEqual({ first: 1 });
});

test("the client cancels by ids and by the beginning of a URL; its word for all says nothing, and is refused", async () => {
  const client = oldClient(world);
  const names = ["a/1", "a/2", "b/1", "b/2"];
  for (const name of names) {
    const url = serveOld(world, `/${name}`, (context) => context.sleep("nap", "1d"));
    await client.trigger({ url, workflowRunId: name.replace("/", "") });
  }
  const live = async () => {
    const runs = await Promise.all(names.map((name) => world.log(`wfr_${name.replace("/", "")}`)));
    return runs.map((run) => run?.workflowState === "RUN_STARTED");
  };
  expect(await client.cancel({ ids: ["wfr_a1", "wfr_none"] })).toEqual({ cancelled: 1 });
  expect(await live()).toEqual([false, true, true, true]);
  await expect(client.cancel({ all: true })).rejects.toThrow(/names no ids and no filter/);
  expect(await live()).toEqual([false, true, true, true]);
  const below = (path: string) => client.cancel({ urlStartingWith: world.app.url + path });
  expect(await below("/a")).toEqual({ cancelled: 1 });
  expect(await live()).toEqual([false, false, true, true]);
  expect(await below("/")).toEqual({ cancelled: 2 });
  expect(await live()).toEqual([false, false, false, false]);
});

test("a step that ends behind a cancellation is passed over without an error", async () => {
  const handler = oldWorkflow(world, async (context) => {
    await context.run("late", async () => {
      await world.client.cancel(context.workflowRunId);
    });
  });
  const url = world.app.on("/late", handler);
  const { workflowRunId } = await oldClient(world).trigger({ url });
  const [delivery] = await until("the answer to the late step", () => {
    const answered = stepsAt(world, "/late").filter(({ status }) => status !== 0);
    return answered.length > 0 && answered;
  });
  expect(delivery?.status).toBe(200);
  expect((await world.ended(workflowRunId)).workflowState).toBe("RUN_CANCELED");
  await world.close();
  expect(stepsAt(world, "/late")).toHaveLength(1);
});
