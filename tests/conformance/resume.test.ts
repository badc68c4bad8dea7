// A failed run goes on from its failing step, or begins again.

import type { RunAnswer, RunResource } from "@reprise/protocol";
import { expect, test } from "vitest";
import { Counters } from "./counters.ts";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld({ config: { attemptTimeoutMs: 400 } });

/** Resumes or restarts one entry and gives the new run's id. */
async function revive(runId: string, mode: "resume" | "restart" = "resume"): Promise<string> {
  const { dlqId } = await world.deadLetter(runId);
  const answer = await world.call("POST", `/v2/workflows/dlq/${mode}/${dlqId}`);
  expect(answer.status, answer.text).toBe(200);
  return (answer.json as RunAnswer).workflowRunId; // The tests of S40 check the shape.
}

const stepNames = (run: RunResource | null): readonly (string | undefined)[] =>
  run?.steps.flatMap(({ steps }) => steps.map(({ stepName }) => stepName)) ?? [];

/** Four steps, of which the third fails until it is healed. */
function serveOrder(path: string): Counters {
  const counters = new Counters(["charge"]);
  world.serve<{ order: number }>(path, async (context) => {
    const { order } = context.requestPayload;
    const reserved = await context.run("reserve", counters.step("reserve", { order }));
    await context.sleep("pause", 0.01);
    const charge = await context.run("charge", counters.step("charge", `charge ${reserved.order}`));
    return context.run("ship", counters.step("ship", `shipped after ${charge}`));
  });
  return counters;
}

async function failOrder(options: object = {}): Promise<{ runId: string; counters: Counters }> {
  const counters = serveOrder("/order");
  const url = `${world.app.url}/order`;
  const runId = await world.trigger({ url, body: { order: 7 }, retries: 0, ...options });
  await world.failed(runId);
  return { runId, counters };
}

test("S34: a resume goes on from exactly the failed step; finished steps are not executed again", async () => {
  const { runId, counters } = await failOrder();
  expect(counters.all()).toEqual({ reserve: 1, charge: 1 });
  counters.heal();
  const before = world.app.at("/order").length;
  const run = await world.succeeded(await revive(runId));
  expect(run.workflowRunResponse).toBe('"shipped after charge 7"');
  expect(counters.all()).toEqual({ reserve: 1, charge: 2, ship: 1 });
  // One delivery for each step that was missing, and the one that ends the run; the failure call may come between.
  const steps = world.app
    .at("/order")
    .slice(before)
    .filter(({ headers }) => headers["upstash-workflow-is-failure"] === undefined);
  expect(steps).toHaveLength(3);
});

test("S35: a resume runs the branches of a group that failed or were pending, and no other", async () => {
  const counters = new Counters(["bad"]);
  const url = world.serve("/group", async (context) => {
    const before = await context.run("before", counters.step("before", 1));
    const group = await Promise.all([
      context.run("good", counters.step("good", 2)),
      context.run("bad", async () => {
        if (counters.isBroken("bad")) {
          await until("the good branch", () => counters.all().good === 1);
        }
        return counters.step("bad", 3)();
      }),
      context.sleep("nap", "1s"),
    ]);
    return [before, ...group];
  });
  const runId = await world.trigger({ url, retries: 0 });
  const failed = await world.failed(runId);
  counters.heal();
  const run = await world.succeeded(await revive(runId));
  expect(JSON.parse(run.workflowRunResponse ?? "")).toEqual([1, 2, 3, null]);
  expect(counters.all()).toEqual({ before: 1, good: 1, bad: 2 });
  // The sleep kept what was left of its second: it neither began anew nor was cut short.
  const endOf = (of: RunResource) => of.steps[2]?.steps[2];
  expect(endOf(failed)).toMatchObject({ stepName: "nap", sleepUntil: expect.any(Number) });
  const sleepUntil = Reflect.get(endOf(failed) ?? {}, "sleepUntil");
  const last = world.app
    .at("/group")
    .find(({ headers }) => headers["upstash-message-id"] === endOf(run)?.messageId);
  expect(last?.at).toBeGreaterThanOrEqual(sleepUntil);
  const steps = await world.store.find("steps", "byRun", [[await runKeyOf(run.workflowRunId)]]);
  expect(steps.map(({ dueAt }) => dueAt)).toContain(sleepUntil);
});

async function runKeyOf(runId: string): Promise<number> {
  const [run] = await world.store.find("runs", "byId", [[runId]]);
  return run?.key ?? -1;
}

test("S35: when several branches have failed, a resume runs all of them", async () => {
  const counters = new Counters(["a", "b"]);
  const url = world.serve("/group", async (context) => {
    const names = ["a", "b", "c"];
    return Promise.all(names.map((name) => context.run(name, counters.step(name, name))));
  });
  const runId = await world.trigger({ url, retries: 0 });
  await world.failed(runId);
  await until("all three branches", () => Object.keys(counters.all()).length === 3);
  counters.heal();
  const run = await world.succeeded(await revive(runId));
  expect(JSON.parse(run.workflowRunResponse ?? "")).toEqual(["a", "b", "c"]);
  expect(counters.all()).toEqual({ a: 2, b: 2, c: 1 });
});

test("S36: a restart begins with the first step and the original payload", async () => {
  const { runId, counters } = await failOrder({ headers: { "x-user": "me" } });
  counters.heal();
  const restarted = await revive(runId, "restart");
  const run = await world.succeeded(restarted);
  expect(run.workflowRunResponse).toBe('"shipped after charge 7"');
  expect(counters.all()).toEqual({ reserve: 2, charge: 2, ship: 1 });
  const first = world.app
    .at("/order")
    .find(({ headers }) => headers["upstash-workflow-runid"] === restarted);
  expect(JSON.parse(first?.body ?? "")).toHaveLength(1);
  expect(first?.headers).toMatchObject({ "x-user": "me", "upstash-workflow-sdk-version": "1" });
});

test("S40: resume and restart answer with the new run, and the entry leaves the queue", async () => {
  for (const mode of ["resume", "restart"] as const) {
    const { runId } = await failOrder();
    const { dlqId } = await world.deadLetter(runId);
    const answer = await world.call("POST", `/v2/workflows/dlq/${mode}/${dlqId}`);
    expect(answer.json).toEqual({
      workflowRunId: expect.stringMatching(/^wfr_[A-Za-z0-9_-]{21}$/),
      workflowCreatedAt: expect.any(Number),
    });
    const { workflowRunId, workflowCreatedAt } = answer.json as RunAnswer; // As checked above.
    expect((await world.log(workflowRunId))?.workflowRunCreatedAt).toBe(workflowCreatedAt);
    const { messages } = await world.client.dlq.list({ filter: { workflowRunId: runId } });
    expect(messages).toEqual([]);
    const again = await world.call("POST", `/v2/workflows/dlq/${mode}/${dlqId}`);
    expect(again.status).toBe(404);
    const gone = await world.call("GET", `/v2/workflows/dlq/${dlqId}`);
    expect(gone.status).toBe(404);
  }
});

test.each(["resume", "restart", "callback"])(
  "S40: %s of an unknown id is 404 and of an impossible one 400 or 404",
  async (mode) => {
    const { runId } = await failOrder();
    const unknown = await world.call("POST", `/v2/workflows/dlq/${mode}/1725323658779-999`);
    expect(unknown.status).toBe(404);
    const impossible = await world.call("POST", `/v2/workflows/dlq/${mode}/no%20id`);
    expect([400, 404]).toContain(impossible.status);
    expect((await world.deadLetter(runId)).workflowRunId).toBe(runId);
  },
);

test("S40: of two people who resume the same entry one gets the run and the other 404", async () => {
  const { runId, counters } = await failOrder();
  const { dlqId } = await world.deadLetter(runId);
  counters.heal();
  const resume = () => world.call("POST", `/v2/workflows/dlq/resume/${dlqId}`);
  const answers = await Promise.all([resume(), resume(), resume()]);
  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 404, 404]);
  await until("the end", () => counters.all().ship === 1);
  await world.close();
  expect(counters.all()).toEqual({ reserve: 1, charge: 2, ship: 1 });
});

test("S40: the official client resumes and restarts by id and gets the runs in the order of the ids", async () => {
  const first = await failOrder();
  const second = await failOrder();
  const ids = [
    (await world.deadLetter(second.runId)).dlqId,
    (await world.deadLetter(first.runId)).dlqId,
  ];
  second.counters.heal();
  const { workflowRuns, cursor } = await world.client.dlq.resume(ids);
  expect(cursor).toBeUndefined();
  const logs = await Promise.all(workflowRuns.map((run) => world.succeeded(run.workflowRunId)));
  const sources = logs.map(({ resumedFrom }) => resumedFrom?.workflowRunId);
  expect(sources).toEqual([second.runId, first.runId]);
});

test("S43: the failure of a tunnel can be found by its URL, read, and resumed", async () => {
  const page = "<!DOCTYPE html><title>ngrok</title>ERR_NGROK_3200";
  let isOpen = false;
  const workflow = world.workflow(async (context) => context.run("only", () => "arrived"));
  const url = world.app.on("/tunnel", (request) =>
    isOpen
      ? workflow(request)
      : new Response(page, {
          status: 404,
          headers: { "ngrok-error-code": "ERR_NGROK_3200", "content-type": "text/html" },
        }),
  );
  await world.failed(await world.trigger({ url, retries: 0 }));
  const { messages } = await world.client.dlq.list({ filter: { workflowUrl: url } });
  expect(messages).toHaveLength(1);
  expect(messages[0]).toMatchObject({
    responseStatus: 404,
    responseHeader: { "Ngrok-Error-Code": ["ERR_NGROK_3200"] },
    responseBody: page,
    reason: expect.stringContaining("404"),
  });
  isOpen = true;
  const run = await world.client.dlq.resume(messages[0]?.dlqId ?? "");
  const ended = await world.succeeded(run.workflowRuns[0]?.workflowRunId ?? "");
  expect(ended.workflowRunResponse).toBe('"arrived"');
});

test("S44: the resumed run has a new id, and the old one keeps its history", async () => {
  const { runId, counters } = await failOrder();
  const before = await world.log(runId);
  counters.heal();
  const resumed = await revive(runId);
  await world.succeeded(resumed);
  expect(resumed).not.toBe(runId);
  const after = await world.log(runId);
  expect(after?.workflowState).toBe("RUN_FAILED");
  expect(stepNames(after)).toEqual(stepNames(before));
  expect(stepNames(after)).toEqual(["init", "reserve", "pause", "charge"]);
});

test("S45: results of finished steps stand in the log of the new run", async () => {
  const { runId, counters } = await failOrder({ label: "blue" });
  counters.heal();
  const run = await world.succeeded(await revive(runId));
  expect(stepNames(run)).toEqual(["init", "reserve", "pause", "charge", "ship"]);
  expect(run.steps[1]?.steps[0]).toMatchObject({ out: '{"order":7}', state: "STEP_SUCCESS" });
  expect(run).toMatchObject({ labels: ["blue"], workflowRunCallerIp: "127.0.0.1" });
});

test("S46: sixty finished steps are kept and none of them is executed again", async () => {
  const counters = new Counters(["last"]);
  const url = world.serve("/long", async (context) => {
    let sum = 0;
    for (let index = 0; index < 60; index += 1) {
      sum += await context.run(`step ${index}`, counters.step(`step ${index}`, index));
    }
    await context.run("last", counters.step("last", null));
    return sum;
  });
  const runId = await world.trigger({ url, retries: 0 });
  await world.failed(runId);
  counters.heal();
  const run = await world.succeeded(await revive(runId));
  expect(run.workflowRunResponse).toBe("1770");
  const { last, ...others } = counters.all();
  expect(last).toBe(2);
  expect(Object.values(others)).toEqual(Array.from({ length: 60 }, () => 1));
});

test("S47: code that has changed behind the failed step is used by the resumed run", async () => {
  const { runId, counters } = await failOrder();
  counters.heal();
  world.serve("/order", async (context) => {
    await context.run("reserve", counters.step("reserve", null));
    await context.sleep("pause", 0.01);
    await context.run("charge", counters.step("charge", "charged"));
    await context.run("thank", counters.step("thank", null));
    return "new code";
  });
  const run = await world.succeeded(await revive(runId));
  expect(run.workflowRunResponse).toBe('"new code"');
  expect(counters.all()).toEqual({ reserve: 1, charge: 2, thank: 1 });
});

test("S48: code that has changed in front of the failed step is refused by name, and the entry can be resumed later", async () => {
  const { runId, counters } = await failOrder();
  counters.heal();
  world.serve("/order", async (context) => {
    await context.run("reserve stock", counters.step("reserve stock", null));
  });
  const refused = await revive(runId);
  const entry = await world.deadLetter(refused);
  expect(entry.responseBody).toContain(
    "Incompatible step name. Expected 'reserve stock', got 'reserve' from the request",
  );
  expect(counters.all()).toEqual({ reserve: 1, charge: 1 });
  const restored = serveOrder("/order");
  restored.heal();
  await world.succeeded(await revive(refused));
  expect(restored.all()).toEqual({ charge: 1, ship: 1 });
});

test.each(["resume", "restart", "callback"])(
  "S49: %s needs the token, in the header or in the query",
  async (mode) => {
    const { runId } = await failOrder();
    const { dlqId } = await world.deadLetter(runId);
    const path = `/v2/workflows/dlq/${mode}/${dlqId}`;
    const missing = await world.call("POST", path, { token: null });
    const wrong = await world.call("POST", path, { token: "wrong" });
    expect([missing.status, wrong.status]).toEqual([401, 401]);
    expect(missing.json).toMatchObject({ error: expect.any(String) });
    expect((await world.deadLetter(runId)).dlqId).toBe(dlqId);
    const query = `?qstash_token=${encodeURIComponent(world.server.token)}`;
    const right = await world.call("POST", path + query, { token: null });
    // The callback of an entry without a failure function cannot be called again: the token was accepted.
    expect(right.status).toBe(mode === "callback" ? 400 : 200);
  },
);
