// What a resume carries over, what reaches a failed run late, and calling its failure function again.

import type { RunAnswer } from "@reprise/protocol";
import { expect, test } from "vitest";
import { Counters } from "./counters.ts";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld({ isOnDisk: true, config: { attemptTimeoutMs: 300 } });

async function resume(runId: string): Promise<string> {
  const { dlqId } = await world.deadLetter(runId);
  const answer = await world.call("POST", `/v2/workflows/dlq/resume/${dlqId}`);
  expect(answer.status, answer.text).toBe(200);
  return (answer.json as RunAnswer).workflowRunId; // The tests of the resume check the shape.
}

/** One step that fails, with a failure function that fails as long as `mailer` is broken. */
function serveAlarmed(path: string, counters: Counters): string {
  return world.serve(
    path,
    async (context) => {
      await context.run("first", counters.step("first", 1));
      await context.run("charge", counters.step("charge", 2));
    },
    { failureFunction: () => counters.step("mailer", "mailed")() },
  );
}

test("a resume survives the restart of the server before it and behind it", async () => {
  const counters = new Counters(["charge"]);
  const url = serveAlarmed("/order", counters);
  const runId = await world.trigger({ url, retries: 20, retryDelay: "20" });
  await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
  await world.restartServer();
  counters.heal();
  await world.app.stop();
  const resumed = await resume(runId);
  await world.restartServer();
  await world.app.start();
  await world.succeeded(resumed);
  expect(counters.all()).toMatchObject({ first: 1, charge: 22 });
});

test("a resumed run that fails again gets an entry and a failure call of its own, under its own id", async () => {
  const ids: string[] = [];
  const counters = new Counters(["charge"]);
  const url = world.serve(
    "/order",
    async (context) => {
      await context.run("first", counters.step("first", 1));
      await context.run("charge", counters.step("charge", 2));
    },
    { failureFunction: ({ context }) => void ids.push(context.workflowRunId) },
  );
  const runId = await world.trigger({
    url,
    body: "p",
    headers: { "x-user": "me" },
    retries: 1,
    retryDelay: "1",
  });
  const first = await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
  const resumed = await resume(runId);
  const second = await world.deadLetterIn(resumed, "CALLBACK_SUCCESS");
  expect(ids).toEqual([runId, resumed]);
  expect(second.dlqId).not.toBe(first.dlqId);
  expect(second).toMatchObject({ body: "p", maxRetries: 1, workflowRunId: resumed });
  const call = world.app.at("/order").at(-1);
  expect(call?.headers).toMatchObject({ "upstash-workflow-runid": resumed, "x-user": "me" });
  counters.heal();
  await world.succeeded(await resume(resumed));
  expect(counters.all()).toEqual({ first: 1, charge: 5 });
});

test("deliveries of a resumed run carry its id, its creation and the headers of the user", async () => {
  const counters = new Counters(["charge"]);
  const url = serveAlarmed("/order", counters);
  const runId = await world.trigger({
    url,
    headers: { authorization: "Bearer u" },
    label: "blue",
    retries: 0,
  });
  await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
  counters.heal();
  const resumed = await resume(runId);
  const run = await world.succeeded(resumed);
  const deliveries = world.app
    .at("/order")
    .filter(({ headers }) => headers["upstash-workflow-runid"] === resumed);
  expect(deliveries).toHaveLength(2);
  for (const { headers } of deliveries) {
    expect(headers).toMatchObject({
      authorization: "Bearer u",
      "upstash-label": "blue",
      "upstash-workflow-createdat": String(run.workflowRunCreatedAt),
      "upstash-retried": "0",
    });
  }
});

test("a branch that finishes after the run has failed is recorded, and a resume does not run it again", async () => {
  const counters = new Counters(["bad"]);
  let release = (): void => {};
  const url = world.serve("/group", async (context) => {
    return Promise.all([
      context.run("bad", counters.step("bad", 1)),
      context.run("slow", async () => {
        counters.step("slow", null)();
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        return 2;
      }),
    ]);
  });
  const runId = await world.trigger({ url, retries: 0 });
  await world.failed(runId);
  await until("the slow branch", () => counters.all().slow === 1);
  release();
  await until("the late result", async () => {
    const group = (await world.log(runId))?.steps.find(({ type }) => type === "parallel");
    return group?.steps.some((step) => "out" in step && step.out === "2");
  });
  counters.heal();
  const run = await world.succeeded(await resume(runId));
  expect(JSON.parse(run.workflowRunResponse ?? "")).toEqual([1, 2]);
  expect(counters.all()).toEqual({ bad: 2, slow: 1 });
});

test("a step that finishes after its delivery timed out and failed the run is recorded, and a resume does not run it again", async () => {
  const counters = new Counters();
  let release = (): void => {};
  const url = world.serve("/slow", async (context) => {
    const slow = await context.run("slow", async () => {
      counters.step("slow", null)();
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return "late";
    });
    return context.run("after", counters.step("after", `${slow} but there`));
  });
  const runId = await world.trigger({ url, retries: 0 });
  await world.failed(runId);
  release();
  await until("the late result", async () =>
    (await world.log(runId))?.steps.some(
      ({ steps }) => steps[0]?.stepName === "slow" && "out" in (steps[0] ?? {}),
    ),
  );
  expect(counters.all()).toEqual({ slow: 1 });
  const run = await world.succeeded(await resume(runId));
  expect(run.workflowRunResponse).toBe('"late but there"');
  expect(counters.all()).toEqual({ slow: 1, after: 1 });
});

test("S18: a step in the failure function does not take the place of the step that failed", async () => {
  const counters = new Counters(["only"]);
  const url = world.serve(
    "/order",
    async (context) => context.run("only", counters.step("only", "right")),
    {
      failureFunction: async ({ context }) => {
        // The type hides the steps that the object has.
        const run = Reflect.get(context, "run") as (name: string, step: () => unknown) => unknown;
        await run.call(context, "foreign", () => "wrong");
      },
    },
  );
  const runId = await world.trigger({ url, retries: 0 });
  await world.deadLetterIn(runId, "CALLBACK_FAIL");
  counters.heal();
  const run = await world.succeeded(await resume(runId));
  expect(run.workflowRunResponse).toBe('"right"');
});

test("S37: a failure function that failed is called again by hand", async () => {
  const counters = new Counters(["charge", "mailer"]);
  const url = serveAlarmed("/order", counters);
  const runId = await world.trigger({ url, retries: 1, retryDelay: "1" });
  const { dlqId, workflowCreatedAt } = await world.deadLetterIn(runId, "CALLBACK_FAIL");
  expect(counters.all().mailer).toBe(2);
  counters.heal();
  const answer = await world.client.dlq.retryFailureFunction({ dlqId });
  expect(answer).toEqual({ workflowRunId: runId, workflowCreatedAt });
  const entry = await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
  expect(entry).toMatchObject({
    dlqId,
    failureCallbackInfo: { responseBody: '{"result":"mailed"}' },
  });
  expect(counters.all()).toMatchObject({ charge: 2, mailer: 3 });
});

test("S37: a failure function that fails again by hand is in the failed state again, with all retries", async () => {
  const counters = new Counters(["charge", "mailer"]);
  const url = serveAlarmed("/order", counters);
  const runId = await world.trigger({ url, retries: 1, retryDelay: "1" });
  const { dlqId } = await world.deadLetterIn(runId, "CALLBACK_FAIL");
  await world.client.dlq.retryFailureFunction({ dlqId });
  await until("two more calls", () => counters.all().mailer === 4);
  await world.deadLetterIn(runId, "CALLBACK_FAIL");
});

test("S37: a failure call that never arrived is delivered by hand", async () => {
  const counters = new Counters(["charge"]);
  const url = serveAlarmed("/order", counters);
  await world.app.stop();
  const runId = await world.trigger({ url, retries: 0 });
  const { dlqId } = await world.deadLetterIn(runId, "CALLBACK_FAIL");
  await world.app.start();
  await world.client.dlq.retryFailureFunction({ dlqId });
  await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
  expect(counters.all()).toEqual({ mailer: 1 });
});

/** A dead letter whose failure call hangs until `release` answers it. */
async function hangCallback() {
  let release = (_answer: Response): void => {};
  const failureUrl = world.app.on(
    "/alarm",
    () =>
      new Promise<Response>((resolve) => {
        release = resolve;
      }),
  );
  const url = world.app.on("/down", () => new Response("", { status: 500 }));
  const runId = await world.trigger({ url, failureUrl, retries: 0 });
  await until("the call", () => world.app.at("/alarm").length === 1);
  const { dlqId } = await world.deadLetterIn(runId, "CALLBACK_INPROGRESS");
  return {
    runId,
    path: `/v2/workflows/dlq/callback/${dlqId}`,
    release: () => release(new Response("noted")),
  };
}

test("S38, S73: a failure call in progress can be cancelled; what it answers later is ignored", async () => {
  const { runId, path, release } = await hangCallback();
  const early = await world.call("POST", path);
  expect([early.status, early.json]).toEqual([
    400,
    { error: expect.stringContaining("CALLBACK_INPROGRESS"), code: "callback_not_retryable" },
  ]);
  const cancelled = await world.call("DELETE", path);
  expect(cancelled.status).toBe(200);
  await world.deadLetterIn(runId, "CALLBACK_CANCELED");
  release();
  const again = await world.call("POST", path);
  expect([again.status, again.json]).toEqual([
    400,
    { error: expect.stringContaining("CALLBACK_CANCELED"), code: "callback_not_retryable" },
  ]);
  const twice = await world.call("DELETE", path);
  expect([twice.status, twice.json]).toEqual([
    400,
    { error: expect.stringContaining("CALLBACK_CANCELED"), code: "callback_not_in_progress" },
  ]);
  await world.restartServer();
  expect((await world.deadLetter(runId)).failureFunctionState).toBe("CALLBACK_CANCELED");
  expect((await world.failed(runId)).failureFunction?.state).toBe("CALLBACK_CANCELED");
});

test("S38: the callback of an entry whose callback succeeded, or that has none, is refused", async () => {
  const counters = new Counters(["charge"]);
  const url = serveAlarmed("/order", counters);
  const succeeded = await world.deadLetterIn(
    await world.trigger({ url, retries: 0 }),
    "CALLBACK_SUCCESS",
  );
  const plain = world.serve("/plain", async (context) => {
    await context.run("charge", counters.step("charge", 1));
  });
  const runId = await world.trigger({ url: plain, retries: 0 });
  await until("the answer", () =>
    world.app
      .at("/plain")
      .some(
        ({ answerHeaders }) =>
          answerHeaders["upstash-workflow-failure-callback-notfound"] === "true",
      ),
  );
  const none = await world.deadLetterIn(runId, null);
  for (const { dlqId } of [succeeded, none]) {
    const path = `/v2/workflows/dlq/callback/${dlqId}`;
    expect((await world.call("POST", path)).status).toBe(400);
    expect((await world.call("DELETE", path)).status).toBe(400);
  }
  const unknown = await world.call("DELETE", "/v2/workflows/dlq/callback/1725323658779-999");
  expect(unknown.status).toBe(404);
});

test("S38: a failure call that is in flight when its entry is resumed does not come back to life", async () => {
  const { runId, release } = await hangCallback();
  world.serve("/down", async (context) => context.run("only", () => "done"));
  const run = await world.succeeded(await resume(runId));
  release();
  expect(run.workflowRunResponse).toBe('"done"');
  expect((await world.client.dlq.list()).messages).toEqual([]);
});
