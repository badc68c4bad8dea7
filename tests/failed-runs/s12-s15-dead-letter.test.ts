// The dead letter: what becomes of a run whose retries are used up, and what is kept of it.

import { WorkflowNonRetryableError } from "@upstash/workflow";
import { expect, test } from "vitest";
import { useWorld } from "../conformance/world.ts";

const world = useWorld({ isOnDisk: true });

const retries = { retries: 1, retryDelay: "1" } as const;

/** A workflow whose second step fails. */
function serveFailing(path: string): string {
  return world.serve(path, async (context) => {
    await context.run("fine", () => "kept");
    await context.run("broken", () => {
      throw new Error("database is down");
    });
  });
}

test("S12: after the last retry the run is failed and in the queue exactly once, under the id that its log shows", async () => {
  const runId = await world.trigger({ url: serveFailing("/order"), ...retries });
  const run = await world.failed(runId);
  expect(run.workflowRunCompletedAt).toBeGreaterThanOrEqual(run.workflowRunCreatedAt);
  await world.deadLetterIn(runId, null);
  const { messages } = await world.client.dlq.list();
  expect(messages.map(({ workflowRunId, dlqId }) => [workflowRunId, dlqId])).toEqual([
    [runId, run.dlqId],
  ]);
});

test("S12: the entry has an id of its own, by which it is found", async () => {
  const runId = await world.trigger({ url: serveFailing("/order"), ...retries });
  const { dlqId } = await world.deadLetterIn(runId, null);
  expect(dlqId).toMatch(/^\d+-\d+$/);
  const { messages } = await world.client.dlq.list({ filter: { workflowRunId: runId } });
  expect(messages.map((entry) => entry.dlqId)).toEqual([dlqId]);
});

test("S15: the entry is still there, and whole, when the server comes back", async () => {
  const runId = await world.trigger({ url: serveFailing("/order"), body: { a: 1 }, ...retries });
  const before = await world.deadLetterIn(runId, null);
  await world.restartServer();
  expect(await world.deadLetter(runId)).toEqual(before);
  expect((await world.client.dlq.list()).messages).toHaveLength(1);
});

test("S14: the entry keeps everything that is needed to understand the failure and to go on", async () => {
  const alarm = world.app.on("/alarm", () => new Response("noted", { status: 202 }));
  const url = serveFailing("/order");
  const runId = await world.trigger({
    url,
    body: { order: 7 },
    headers: { authorization: "Bearer user", "x-user": "me" },
    retries: 1,
    retryDelay: "1 + retried",
    label: ["blue", "v2"],
    flowControl: { key: "tenant", parallelism: 3, rate: 100, period: "2s" },
    failureUrl: alarm,
  });
  const run = await world.failed(runId);
  const entry = await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
  expect(entry).toMatchObject({
    dlqId: run.dlqId,
    messageId: world.app.at("/order").at(-1)?.headers["upstash-message-id"],
    url,
    workflowUrl: url,
    method: "POST",
    body: '{"order":7}',
    maxRetries: 1,
    retryDelayExpression: "1 + retried",
    callerIP: "127.0.0.1",
    workflowRunId: runId,
    workflowCreatedAt: run.workflowRunCreatedAt,
    label: "blue",
    labels: ["blue", "v2"],
    flowControlKey: "tenant",
    parallelism: 3,
    rate: 100,
    period: 2,
    responseStatus: 500,
    failureCallback: alarm,
    failureFunctionState: "CALLBACK_SUCCESS",
    failureCallbackInfo: { state: "CALLBACK_SUCCESS", responseStatus: 202, responseBody: "noted" },
  });
  expect(entry.header).toMatchObject({ Authorization: ["Bearer user"], "X-User": ["me"] });
  expect(entry.createdAt).toBe(run.workflowRunCompletedAt);
  expect(entry.notBefore).toBeGreaterThanOrEqual(run.workflowRunCreatedAt);
  expect(entry.responseHeader).toMatchObject({ "Upstash-Error-Step-Name": ["broken"] });
  expect(JSON.parse(entry.responseBody ?? "")).toMatchObject({ message: "database is down" });
  expect(entry.attempts?.map(({ responseStatus, retried }) => [responseStatus, retried])).toEqual([
    [500, 0],
    [500, 1],
  ]);
});

test("S14: the run behind the entry keeps the finished steps and the one that failed", async () => {
  const runId = await world.trigger({ url: serveFailing("/order"), ...retries });
  const { messageId } = await world.deadLetterIn(runId, null);
  const run = await world.failed(runId);
  expect(run.steps.map(({ type, steps }) => [type, steps[0]?.stepName, steps[0]?.state])).toEqual([
    ["sequential", "init", "STEP_SUCCESS"],
    ["sequential", "fine", "STEP_SUCCESS"],
    ["next", "broken", "STEP_FAILED"],
  ]);
  expect(run.steps[1]?.steps[0]).toMatchObject({ out: '"kept"' });
  expect(run.steps[2]?.steps[0]).toMatchObject({ messageId, errors: [{ status: 500 }, {}] });
});

test("S14: a payload and a response that are no UTF-8 are kept as base64", async () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
  const url = world.app.on("/binary", () => new Response(bytes, { status: 500 }));
  const headers = { "Upstash-Retries": "0", "content-type": "application/octet-stream" };
  const answer = await world.call("POST", `/v2/trigger/${url}`, {
    headers,
    body: new Uint8Array(bytes),
  });
  const { workflowRunId } = answer.json as { workflowRunId: string }; // Or the next line fails.
  const entry = await world.deadLetter(workflowRunId);
  expect(entry).toMatchObject({
    bodyBase64: bytes.toString("base64"),
    responseBodyBase64: bytes.toString("base64"),
  });
  expect([entry.body, entry.responseBody].join("")).toBe("");
});

test("S15: an entry stays until it is deleted, and then it is gone", async () => {
  const runId = await world.trigger({ url: serveFailing("/order"), ...retries });
  const { dlqId } = await world.deadLetterIn(runId, null);
  expect(await world.client.dlq.delete(dlqId)).toMatchObject({ deleted: 1 });
  expect(await world.client.dlq.delete(dlqId)).toMatchObject({ deleted: 0 });
  expect((await world.client.dlq.list()).messages).toEqual([]);
  const gone = await world.call("GET", `/v2/workflows/dlq/${dlqId}`);
  expect([gone.status, gone.json]).toEqual([
    404,
    { error: expect.any(String), code: "dead_letter_not_found" },
  ]);
  expect((await world.log(runId))?.workflowState).toBe("RUN_FAILED");
});

test("S15: an entry says when its time is over, and that it has none while somebody holds it", async () => {
  const runId = await world.trigger({ url: serveFailing("/order"), ...retries });
  const { dlqId, createdAt } = await world.deadLetterIn(runId, null);
  const path = "/v2/workflows/dlq";
  const expiresAt = createdAt + 90 * 86_400_000;
  const shown = async () => (await world.call("GET", `${path}/${dlqId}`)).json;
  expect(await shown()).toMatchObject({ expiresAt });
  const held = await world.call("POST", `${path}/hold/${dlqId}`);
  expect([held.status, held.json]).toEqual([200, { held: 1 }]);
  await world.restartServer();
  expect(await shown()).toMatchObject({ expiresAt: null });
  const released = await world.call("POST", `${path}/release/${dlqId}`);
  expect([released.status, released.json]).toEqual([200, { released: 1 }]);
  expect(await shown()).toMatchObject({ expiresAt });
});

test("S12: a branch that fails ends the whole run with one entry and one failure call", async () => {
  let told = 0;
  const url = world.serve(
    "/branches",
    async (context) => {
      await Promise.all([
        context.run("a", () => {
          throw new WorkflowNonRetryableError("a");
        }),
        context.run("b", () => {
          throw new WorkflowNonRetryableError("b");
        }),
        context.sleep("c", "1h"),
      ]);
    },
    {
      failureFunction: () => {
        told += 1;
      },
    },
  );
  const runId = await world.trigger({ url });
  await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
  expect((await world.client.dlq.list()).messages).toHaveLength(1);
  await world.close();
  expect(told).toBe(1);
});
