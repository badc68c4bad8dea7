// What a resume or restart may change, for one entry and for many.

import { expect, test } from "vitest";
import type { Received } from "../conformance/app.ts";
import { until } from "../conformance/until.ts";
import { useWorld } from "../conformance/world.ts";
import { expectAbout, nextOf, plannedDelayMs } from "./next-step.ts";
import { askToRevive, revivedBy, WAYS, type Way } from "./revive.ts";

const world = useWorld();

/** A workflow whose second step fails as long as the app is broken. */
const app = { isBroken: true, whileRunning: async () => {} };

function serveOrder(): string {
  app.isBroken = true;
  app.whileRunning = async () => {};
  return world.serve("/order", async (context) => {
    await context.run("first", () => 1);
    await context.run("second", async () => {
      await app.whileRunning();
      if (app.isBroken) throw new Error("broken");
    });
  });
}

/** A run that has failed with settings of its own. */
async function failOrder(): Promise<string> {
  const runId = await world.trigger({
    url: serveOrder(),
    retries: 1,
    retryDelay: "2 + retried",
    label: "old",
    flowControl: { key: "old-key", parallelism: 5, rate: 50, period: "5s" },
  });
  await world.failed(runId);
  return runId;
}

/** Fails a run, brings it back with `headers` in a way, and gives the new run's id. */
async function revive(way: Way, headers: Record<string, string>): Promise<string> {
  const runId = await failOrder();
  return revivedBy(await askToRevive(world, { runId, way, headers }));
}

function firstDelivery(runId: string): Received | undefined {
  return world.app.at("/order").find(({ headers }) => headers["upstash-workflow-runid"] === runId);
}

/** Milliseconds from the creation of the run to the delivery that is planned. */
async function plannedAfter(runId: string): Promise<number> {
  return until("the planned delivery", async () => {
    const run = await world.log(runId);
    const at = nextOf(run).nextDeliveryTime;
    return run !== null && at !== undefined && at - run.workflowRunCreatedAt;
  });
}

/** The settings of the run before, by the override that would change each. */
const KEPT = {
  S50: { maxRetries: 1 },
  S52: { retryDelayExpression: "2 + retried" },
  S53: { flowControlKey: "old-key" },
  S54: { parallelism: 5, rate: 50, period: 5 },
  S55: { label: "old", labels: ["old"] },
};

test.each(WAYS)("S50-S56: without overrides every setting of the run is kept: %s", async (way) => {
  const runId = await revive(way, {});
  const entry = await world.deadLetter(runId);
  for (const kept of Object.values(KEPT)) expect(entry).toMatchObject(kept);
  expect(entry.failureCallback).toBe(`${world.app.url}/order`);
  // S51: nothing was waited for.
  const delayMs = (firstDelivery(runId)?.at ?? Infinity) - entry.workflowCreatedAt;
  expect(delayMs).toBeLessThan(60_000);
});

test.each(WAYS)("S50: the remaining steps use the new number of retries: %s", async (way) => {
  const runId = await revive(way, { "Upstash-Retries": "3" });
  const entry = await world.deadLetter(runId);
  expect(entry).toMatchObject({ maxRetries: 3, retryDelayExpression: "2 + retried" });
  expect(entry.attempts).toHaveLength(4);
});

test.each(WAYS)("S51: the next step does not start before the delay: %s", async (way) => {
  const runId = await revive(way, { "Upstash-Delay": "400ms" });
  app.isBroken = false;
  const run = await world.succeeded(runId);
  const startedAt = firstDelivery(runId)?.at ?? 0;
  expect(startedAt - run.workflowRunCreatedAt).toBeGreaterThanOrEqual(400);
});

test.each([
  ["10s", 10_000],
  ["5m", 300_000],
  ["1d10h30m", 124_200_000],
])("S51: a delay of %s is %i ms", async (delay, expectedMs) => {
  const runId = await revive("resume one", { "Upstash-Delay": delay });
  expectAbout(await plannedAfter(runId), expectedMs);
});

test.each(WAYS)("S52: the remaining retries follow the new retry delay: %s", async (way) => {
  const runId = await revive(way, { "Upstash-Retry-Delay": "60000 * (1 + retried)" });
  // The first attempt is planned as well, for at once: the failed one has to be there.
  expectAbout(await plannedDelayMs(world, runId, 0), 60_000);
});

test.each(WAYS)("S53: the remaining steps count under the new key: %s", async (way) => {
  const runId = await failOrder();
  const gate = Promise.withResolvers<void>();
  app.whileRunning = () => gate.promise;
  await askToRevive(world, {
    runId,
    way,
    headers: { "Upstash-Flow-Control-Key": "new-key", "Upstash-Flow-Control-Value": "rate=9" },
  });
  await until("a step under the new key", async () => (await inFlight("new-key")) === 1);
  // The failure call of the failed run may be on its way still.
  await until("nothing under the old key", async () => (await inFlight("old-key")) === 0);
  gate.resolve();
  const [newest] = (await world.client.logs()).runs;
  expect(newest).toMatchObject({ flowControlKey: "new-key" });
});

/** Deliveries that a flow-control key has under way. */
async function inFlight(key: string): Promise<number> {
  const answer = await world.call("GET", `/v2/flowControl/${key}`);
  if (answer.status === 404) return 0; // A key is forgotten when nothing counts under it.
  return (answer.json as { parallelismCount: number }).parallelismCount; // As the tests of flow control check.
}

test.each(WAYS)("S54: the remaining steps have the new limits: %s", async (way) => {
  const runId = await revive(way, {
    "Upstash-Flow-Control-Key": "new-key",
    "Upstash-Flow-Control-Value": "parallelism=2, rate=7, period=10s",
  });
  const entry = await world.deadLetter(runId);
  expect(entry).toMatchObject({ flowControlKey: "new-key", parallelism: 2, rate: 7, period: 10 });
});

test.each([
  ["rate=7", { rate: 7, period: 1 }],
  ["parallelism=2", { parallelism: 2, period: 1 }],
  ["period=1m,rate=7", { rate: 7, period: 60 }],
  ["rate=7 , parallelism=2", { rate: 7, parallelism: 2, period: 1 }],
])("S54: the flow control value may be any subset in any order: %s", async (value, expected) => {
  const runId = await revive("resume one", {
    "Upstash-Flow-Control-Key": "new-key",
    "Upstash-Flow-Control-Value": value,
  });
  const { rate, parallelism, period } = await world.deadLetter(runId);
  expect(JSON.parse(JSON.stringify({ rate, parallelism, period }))).toEqual(expected);
});

test.each(WAYS)(
  "S55: the new run carries the new labels, and the app sees them: %s",
  async (way) => {
    const runId = await revive(way, { "Upstash-Label": "new,v2" });
    const entry = await world.deadLetter(runId);
    expect(entry).toMatchObject({ label: "new", labels: ["new", "v2"] });
    const { messages } = await world.client.dlq.list({ filter: { label: "v2" } });
    expect(messages.map(({ workflowRunId }) => workflowRunId)).toEqual([runId]);
    expect(firstDelivery(runId)?.headers["upstash-label"]).toBe("new,v2");
  },
);

test.each(WAYS)("S56: a second failure is reported to the new URL: %s", async (way) => {
  const alarm = world.app.on("/alarm", () => new Response("noted"));
  const runId = await revive(way, { "Upstash-Failure-Callback": alarm });
  const entry = await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
  expect(entry.failureCallback).toBe(alarm);
  expect(world.app.at("/alarm")).toHaveLength(1);
  expect(JSON.parse(world.app.at("/alarm")[0]?.body ?? "")).toMatchObject({ workflowRunId: runId });
});

test("S50-S56: several overrides hold at once, also when they come from the official client", async () => {
  const { dlqId } = await world.deadLetter(await failOrder());
  const flowControl = { key: "new-key", rate: 9, period: "1m" } as const;
  const { workflowRuns } = await world.client.dlq.resume(dlqId, { retries: 2, flowControl });
  const entry = await world.deadLetter(workflowRuns[0]?.workflowRunId ?? "");
  expect(entry).toMatchObject({ maxRetries: 2, flowControlKey: "new-key", rate: 9, period: 60 });
  const again = await world.client.dlq.restart(entry.dlqId, { retries: 0 });
  const last = await world.deadLetter(again.workflowRuns[0]?.workflowRunId ?? "");
  expect(last).toMatchObject({ maxRetries: 0, flowControlKey: "new-key", rate: 9 });
});

test("S50-S56: overrides stay with the run when it is resumed again", async () => {
  const first = await revive("resume one", { "Upstash-Retries": "2", "Upstash-Label": "new" });
  await world.failed(first);
  const answer = await askToRevive(world, { runId: first, way: "restart one" });
  const entry = await world.deadLetter(revivedBy(answer));
  expect(entry).toMatchObject({ maxRetries: 2, labels: ["new"] });
});

const FAULTS: readonly (readonly [
  fault: string,
  headers: Record<string, string>,
  named: RegExp,
])[] = [
  ["S50: retries that are no number", { "Upstash-Retries": "many" }, /Upstash-Retries/],
  ["S50: retries below zero", { "Upstash-Retries": "-1" }, /Upstash-Retries/],
  ["S51: a delay without a unit that is known", { "Upstash-Delay": "5 parsecs" }, /Upstash-Delay/],
  ["S51: a negative delay", { "Upstash-Delay": "-5s" }, /Upstash-Delay/],
  [
    "S52: a retry delay that calls code",
    { "Upstash-Retry-Delay": "process.exit()" },
    /Upstash-Retry-Delay|retry delay/i,
  ],
  ["S54: a key without a value", { "Upstash-Flow-Control-Key": "k" }, /Upstash-Flow-Control-Value/],
  [
    "S54: a value without a key",
    { "Upstash-Flow-Control-Value": "rate=1" },
    /Upstash-Flow-Control-Key/,
  ],
  [
    "S54: a rate of zero",
    { "Upstash-Flow-Control-Key": "k", "Upstash-Flow-Control-Value": "rate=0" },
    /rate/,
  ],
  ["S55: an empty label", { "Upstash-Label": "" }, /Upstash-Label/],
  [
    "S56: a failure URL that is none",
    { "Upstash-Failure-Callback": "alarm" },
    /Upstash-Failure-Callback/,
  ],
];

test.each(FAULTS)("%s is refused by name and the entry stays", async (_fault, headers, named) => {
  const runId = await failOrder();
  const before = await world.deadLetter(runId);
  for (const way of WAYS) {
    const answer = await askToRevive(world, { runId, way, headers });
    expect([way, answer.status]).toEqual([way, 400]);
    expect(answer.json).toEqual({
      error: expect.stringMatching(named),
      code: expect.any(String),
    });
  }
  const { dlqId } = await world.deadLetter(runId);
  expect(dlqId).toBe(before.dlqId);
  const { runs } = await world.client.logs();
  expect(runs).toHaveLength(1);
});
