// Ending runs from outside and from inside, and what a run hears that goes on after its end.

import { expect, test } from "vitest";
import { CLOCK_STEP_MS, until } from "./until.ts";
import { type TriggerOptions, useWorld } from "./world.ts";

const world = useWorld();

/** A workflow that sleeps for an hour. */
function serveSleeper(path: string): string {
  return world.serve(path, async (context) => {
    await context.sleep("nap", "1h");
  });
}

/** A run that waits a day for its first delivery. */
async function start(options: Partial<TriggerOptions> = {}): Promise<string> {
  return world.trigger({ delay: "1d", ...options, url: options.url ?? serveSleeper("/sleeper") });
}

/** The ids of the runs that are still live. */
async function live(): Promise<readonly string[]> {
  const { runs } = await world.client.logs({ filter: { state: "RUN_STARTED" } });
  return runs.map(({ workflowRunId }) => workflowRunId);
}

test("a run is cancelled by its id, and a second cancel finds nothing", async () => {
  const [first, second] = [await start(), await start()];
  expect(await world.client.cancel(first)).toEqual({ cancelled: 1 });
  expect(await world.client.cancel(first)).toEqual({ cancelled: 0 });
  expect(await live()).toEqual([second]);
  expect((await world.log(first))?.workflowState).toBe("RUN_CANCELED");
});

test("several ids are cancelled at once; those that are unknown or have ended are not counted", async () => {
  const [first, second, third] = [await start(), await start(), await start()];
  await world.client.cancel(second);
  expect(await world.client.cancel([first, second, "wfr_unknown"])).toEqual({ cancelled: 1 });
  expect(await live()).toEqual([third]);
});

test("ids may also come comma separated or in a JSON body", async () => {
  const [a, b, c, d, e] = [
    await start(),
    await start(),
    await start(),
    await start(),
    await start(),
  ];
  const query = await world.call("DELETE", `/v2/workflows/runs?workflowRunIds=${a},${b}`);
  expect(query.json).toEqual({ cancelled: 2 });
  const body = JSON.stringify({ workflowRunIds: [c, d] });
  expect((await world.call("DELETE", "/v2/workflows/runs", { body })).json).toEqual({
    cancelled: 2,
  });
  expect(await live()).toEqual([e]);
});

test.each(["", "?cancel=true"])(
  "a single run is cancelled by DELETE on its path with the query '%s'",
  async (query) => {
    const runId = await start();
    expect((await world.call("DELETE", `/v2/workflows/runs/${runId}${query}`)).status).toBe(200);
    expect((await world.log(runId))?.workflowState).toBe("RUN_CANCELED");
    expect((await world.call("DELETE", `/v2/workflows/runs/${runId}${query}`)).status).toBe(404);
  },
);

test("an exact URL cancels only its own runs, a prefix also those below it", async () => {
  const urls = [serveSleeper("/a"), serveSleeper("/a/b"), serveSleeper("/c")];
  const [a = "", ab = "", c = ""] = await Promise.all(urls.map((url) => start({ url })));
  const [urlOfA = ""] = urls;
  expect(await world.client.cancel({ filter: { workflowUrl: urlOfA } })).toEqual({ cancelled: 1 });
  expect((await live()).toSorted()).toEqual([ab, c].toSorted());
  const again = await start({ url: urlOfA });
  expect(again).not.toBe(a);
  expect(await world.client.cancel({ filter: { workflowUrlStartingWith: urlOfA } })).toEqual({
    cancelled: 2,
  });
  expect(await live()).toEqual([c]);
});

test("labels, flow control keys, caller, host and path select; several values are alternatives, several filters must all hold", async () => {
  const flowControl = { key: "tenant", rate: 9 };
  const blue = await start({ label: ["blue", "v1"], url: serveSleeper("/a") });
  const red = await start({ label: "red", flowControl, url: serveSleeper("/a") });
  const green = await start({ label: "green", url: serveSleeper("/b") });
  expect(await world.client.cancel({ filter: { label: "blue", path: "/b" } })).toEqual({
    cancelled: 0,
  });
  expect(await world.client.cancel({ filter: { callerIp: "10.0.0.1" } })).toEqual({ cancelled: 0 });
  expect(await world.client.cancel({ filter: { label: ["v1", "nobody"] } })).toEqual({
    cancelled: 1,
  });
  expect((await world.log(blue))?.workflowState).toBe("RUN_CANCELED");
  expect(await world.client.cancel({ filter: { flowControlKey: "tenant" } })).toEqual({
    cancelled: 1,
  });
  expect((await world.log(red))?.workflowState).toBe("RUN_CANCELED");
  const { host } = new URL(world.app.url);
  const filter = { host, path: "/b", callerIp: "127.0.0.1" };
  expect(await world.client.cancel({ filter })).toEqual({ cancelled: 1 });
  expect((await world.log(green))?.workflowState).toBe("RUN_CANCELED");
});

test("dates include their own millisecond, which is that of the creation", async () => {
  const created: number[] = [];
  for (let count = 0; count < 3; count += 1) {
    const at = (await world.log(await start()))?.workflowRunCreatedAt ?? 0;
    created.push(at);
    await until("a later time on the clock", () => Date.now() > at + CLOCK_STEP_MS);
  }
  const [, second = 0, third = 0] = created;
  expect(
    await world.client.cancel({ filter: { fromDate: second + 1, toDate: third - 1 } }),
  ).toEqual({ cancelled: 0 });
  expect(await world.client.cancel({ filter: { fromDate: second, toDate: second } })).toEqual({
    cancelled: 1,
  });
  expect(await world.client.cancel({ filter: { toDate: third } })).toEqual({ cancelled: 2 });
});

test("all cancels everything that is live, count at most so many", async () => {
  for (let count = 0; count < 5; count += 1) await start();
  expect(await world.client.cancel({ all: true, count: 2 })).toEqual({ cancelled: 2 });
  expect(await world.client.cancel({ all: true })).toEqual({ cancelled: 3 });
  expect(await live()).toEqual([]);
});

test("a cancel takes away deliveries that are waiting: first ones, sleeps and retries", async () => {
  const down = world.app.on("/down", () => new Response("", { status: 500 }));
  const sleeper = serveSleeper("/sleeper");
  const delayed = await start();
  const asleep = await world.trigger({ url: sleeper });
  const retrying = await world.trigger({ url: down, retryDelay: "60000" });
  await until("the nap and the failure", async () => {
    const [nap, failure] = await Promise.all([world.log(asleep), world.log(retrying)]);
    return (nap?.steps.length ?? 0) > 1 && failure?.steps.at(-1)?.steps[0]?.state === "STEP_RETRY";
  });
  expect(await world.client.cancel([delayed, asleep, retrying])).toEqual({ cancelled: 3 });
  const query = { where: [], order: "ascending", limit: 10 } as const;
  expect(await world.store.list("messages", query)).toEqual([]);
  expect((await world.log(retrying))?.steps.at(-1)?.steps[0]).toMatchObject({
    state: "STEP_CANCELED",
    errors: [{ status: 500 }],
  });
  expect((await world.client.dlq.list()).messages).toEqual([]);
});

test("a run that has failed cannot be cancelled and stays in the queue", async () => {
  const url = world.app.on("/down", () => new Response("", { status: 500 }));
  const runId = await world.trigger({ url, retries: 0 });
  await world.failed(runId);
  expect(await world.client.cancel(runId)).toEqual({ cancelled: 0 });
  expect((await world.call("DELETE", `/v2/workflows/runs/${runId}`)).status).toBe(404);
  expect((await world.log(runId))?.workflowState).toBe("RUN_FAILED");
  expect((await world.client.dlq.list()).messages).toHaveLength(1);
});

test("context.cancel ends the run and nothing behind it is executed", async () => {
  const calls: string[] = [];
  const url = world.serve("/order", async (context) => {
    await context.run("one", () => calls.push("one"));
    await context.cancel();
    await context.run("two", () => calls.push("two"));
  });
  const run = await world.ended(await world.trigger({ url }));
  expect(run.workflowState).toBe("RUN_CANCELED");
  await world.close();
  expect(calls).toEqual(["one"]);
});

/** Serves `steps`, cancels the run while the step "cancelled here" runs, and expects the app to answer 200. */
async function expectQuietEnd(
  workflow: (
    run: (name: string) => Promise<unknown>,
    cancel: () => Promise<unknown>,
  ) => Promise<unknown>,
) {
  let runId = "";
  const cancel = () => world.client.cancel(runId);
  const url = world.serve("/order", async (context) => {
    await workflow(
      (name) => context.run(name, async () => name === "cancelled here" && (await cancel())),
      cancel,
    );
  });
  runId = "wfr_quiet";
  await world.trigger({ url, workflowRunId: "quiet", retries: 0 });
  const run = await world.ended(runId);
  expect(run.workflowState).toBe("RUN_CANCELED");
  await world.close();
  const answers = world.app
    .at("/order")
    .map(({ status, answer }) => [status, JSON.parse(answer).finishCondition]);
  expect(new Set(answers.map(String))).toEqual(new Set(["200,success"]));
  return run;
}

test("a single step that is submitted after the cancel ends quietly", async () => {
  await expectQuietEnd(async (run) => {
    await run("cancelled here");
    await run("never");
  });
});

test("a branch that is submitted after the cancel ends quietly", async () => {
  await expectQuietEnd(async (run) => {
    await Promise.all([run("cancelled here"), run("other")]);
  });
});

test("a group that is planned after the cancel ends quietly", async () => {
  let isCancelled = false;
  await expectQuietEnd(async (run, cancel) => {
    await run("before");
    // The route function itself reaches this line only with the delivery behind the first step, after a dry run.
    if (!isCancelled) {
      isCancelled = true;
      await cancel();
    }
    await Promise.all([run("a"), run("b")]);
  });
});

test("a finish after the cancel does not turn it into a success", async () => {
  let runId = "";
  const url = world.serve("/order", async (context) => {
    await context.run("one", () => 1);
    await world.client.cancel(runId);
    return "finished";
  });
  runId = "wfr_late";
  await world.trigger({ url, workflowRunId: "late" });
  const run = await world.ended(runId);
  await world.close();
  expect(run.workflowState).toBe("RUN_CANCELED");
  expect(world.app.at("/order").at(-1)).toMatchObject({ status: 200 });
});

test("submissions to ended and unknown runs are answered 400, and the list of the run 404", async () => {
  const url = world.serve("/order", async (context) => context.run("one", () => 1));
  const finished = await world.trigger({ url });
  await world.succeeded(finished);
  const cancelled = await start();
  await world.client.cancel(cancelled);
  for (const runId of [finished, cancelled, "wfr_unknown"]) {
    const headers = { "upstash-workflow-init": "false", "upstash-workflow-runid": runId };
    const record = { stepId: 9, stepName: "late", stepType: "Run", out: "1", concurrent: 1 };
    const plan = { ...record, stepId: 0, targetStep: 9, concurrent: 2 };
    const item = (body: object) => ({ destination: url, headers, body: JSON.stringify(body) });
    for (const items of [[item(record)], [item(plan), item({ ...plan, targetStep: 10 })]]) {
      const answer = await world.call("POST", "/v2/batch", { body: JSON.stringify(items) });
      expect([runId, answer.status, answer.json]).toMatchObject([
        runId,
        400,
        { code: "run_ended" },
      ]);
    }
    const body = JSON.stringify(record);
    const publish = await world.call("POST", `/v2/publish/${url}`, { headers, body });
    expect([runId, publish.status]).toEqual([runId, 400]);
    expect((await world.call("GET", `/v2/workflows/runs/${runId}`)).status).toBe(404);
  }
});
