// Calling the failure function of a dead letter again, or no longer.

import { expect, test } from "vitest";
import { Counters } from "../conformance/counters.ts";
import { until } from "../conformance/until.ts";
import { useWorld } from "../conformance/world.ts";
import { serveAlarmed } from "./alarmed.ts";
import { revive } from "./revive.ts";

const world = useWorld({ isOnDisk: true });

test("S37: a failure function that failed is called again by hand", async () => {
  const counters = new Counters(["charge", "mailer"]);
  const url = serveAlarmed(world, "/order", counters);
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
  const url = serveAlarmed(world, "/order", counters);
  const runId = await world.trigger({ url, retries: 1, retryDelay: "1" });
  const { dlqId } = await world.deadLetterIn(runId, "CALLBACK_FAIL");
  await world.client.dlq.retryFailureFunction({ dlqId });
  await until("two more calls", () => counters.all().mailer === 4);
  await world.deadLetterIn(runId, "CALLBACK_FAIL");
});

test("S37: a failure call that never arrived is delivered by hand", async () => {
  const counters = new Counters(["charge"]);
  const url = serveAlarmed(world, "/order", counters);
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
  const url = serveAlarmed(world, "/order", counters);
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
  const run = await world.succeeded(await revive(world, runId));
  release();
  expect(run.workflowRunResponse).toBe('"done"');
  expect((await world.client.dlq.list()).messages).toEqual([]);
});
