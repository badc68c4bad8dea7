import { beforeEach, expect, onTestFinished, test } from "vitest";
import { waitConfig, waitRow } from "../core/wait.suite.ts";
import { Sweeper, type SweeperLimits } from "../engine/sweeper.ts";
import { createMessageWorld, type MessageWorld } from "./message-world.suite.ts";
import { type Failed, respond, type World } from "./test-world.suite.ts";

/** What retention makes of runs and dead letters, as the API shows it. */

const DAY_MS = 86_400_000;
const FIRST_ROUND_MS = 600_000;
/** Between two steps of a round. */
const STEP_MS = 25;
/** More than a round has when there is little. */
const STEPS = 20;
const ROUND_MS = FIRST_ROUND_MS + STEPS * STEP_MS;

let known: MessageWorld;
let world: World;

beforeEach(async () => {
  known = await createMessageWorld();
  ({ world } = known);
});

/** Looks once at everything. A sweeper begins its first round ten minutes after its start. */
async function sweep(): Promise<Sweeper> {
  const { host, store, engine, room } = world;
  const limits: SweeperLimits = room.settings;
  const sweeper = new Sweeper({ host, store, engine, limits });
  onTestFinished(() => sweeper.stop());
  sweeper.start();
  await host.advance(FIRST_ROUND_MS);
  for (let step = 0; step < STEPS; step += 1) {
    // A step that asks the engine waits for a group to gather.
    for (let turn = 0; turn < 10; turn += 1) await host.nextTurn();
    await host.advance(STEP_MS);
  }
  await sweeper.stop();
  return sweeper;
}

async function listIds(path: string): Promise<readonly string[]> {
  return (await known.call(path)).body.messages.map(({ dlqId }) => dlqId);
}

async function post(target: string): Promise<number> {
  return (await world.call(target, { method: "POST" })).status;
}

test.each([
  ["run", "/v2/workflows/dlq", () => world.fail()],
  ["message", "/v2/dlq", () => known.fail()],
] as const)(
  "a dead letter of a %s goes when its time is over, unless somebody holds it",
  async (_name, path, fail) => {
    const gone = await fail();
    const held = await fail();
    await post(`${path}/hold/${held.dlqId}`);
    await world.host.advance(3 * ROUND_MS);
    const young = await fail();
    const { expiresAt } = (await known.call(`${path}/${gone.dlqId}`)).body;
    await world.host.advance((expiresAt ?? 0) - world.host.now() - ROUND_MS - 500);
    await sweep();
    expect(await listIds(path)).toEqual([gone.dlqId, held.dlqId, young.dlqId]);
    const { deleted } = await sweep();
    expect(await listIds(path)).toEqual([held.dlqId, young.dlqId]);
    expect(deleted.expiredDeadLetters + deleted.expiredDeadMessages).toBe(1);
    expect((await world.call(`${path}/${gone.dlqId}`)).status).toBe(404);
    expect(await post(`${path}/hold/${gone.dlqId}`)).toBe(404);
    await world.host.advance(100 * DAY_MS);
    await sweep();
    expect(await listIds(path)).toEqual([held.dlqId]);
    await post(`${path}/release/${held.dlqId}`);
    await sweep();
    expect(await listIds(path)).toEqual([]);
  },
);

test("a run whose dead letter has expired cannot be resumed, says so in its log, and goes a week later", async () => {
  const { dlqId, runId, key } = await world.fail();
  await world.host.advance(90 * DAY_MS);
  await sweep();
  expect(await world.store.get("deadLetters", [key])).toMatchObject([
    { state: "expired", isHeld: 0 },
  ]);
  for (const verb of ["resume", "restart", "callback"]) {
    expect(await post(`/v2/workflows/dlq/${verb}/${dlqId}`), verb).toBe(404);
  }
  expect((await world.log(runId)).workflowState).toBe("RUN_FAILED");
  await world.host.advance(7 * DAY_MS);
  await sweep();
  expect((await world.call(`/v2/workflows/logs?workflowRunId=${runId}`)).body.runs).toEqual([]);
  for (const table of [
    "runs",
    "runConfigs",
    "steps",
    "attempts",
    "deadLetters",
    "messages",
  ] as const) {
    expect(await world.store.count(table, []), table).toBe(0);
  }
});

/** Resumes a failed run, and ends the new one. */
async function resume({ dlqId }: Failed): Promise<string> {
  world.host.app = () => respond(200);
  const { body } = await world.call(`/v2/workflows/dlq/resume/${dlqId}`, { method: "POST" });
  const { workflowRunId } = body as unknown as { workflowRunId: string }; // The answer of a resume.
  await world.engine.execute([{ type: "finishRun", runId: workflowRunId, response: null }]);
  return workflowRunId;
}

test("links between runs lead to what is there, also while one of the two has gone", async () => {
  const failed = await world.fail();
  const next = await resume(failed);
  expect((await world.log(failed.runId)).resumedBy?.workflowRunId).toBe(next);
  await world.host.advance(15 * DAY_MS);
  await sweep();
  const { runs } = (await world.call("/v2/workflows/logs")).body;
  expect(runs.map(({ workflowRunId }) => workflowRunId)).toEqual([failed.runId]);
  expect(runs[0]).not.toHaveProperty("resumedBy");
  expect((await world.call(`/v2/workflows/runs/${next}`)).status).toBe(404);
  expect((await world.call("/v2/workflows/events")).status).toBe(200);
  await sweep();
  expect((await world.call("/v2/workflows/logs")).body.runs).toEqual([]);
  expect(await world.store.count("deadLetters", [])).toBe(0);
});

test("a parent shows a child that is gone by its id", async () => {
  const runId = await world.start();
  const [parent] = await world.store.find("runs", "byId", [[runId]]);
  const step = { stepId: 1, stepName: "ask", stepType: "Invoke", concurrent: 1 };
  const child = {
    workflowRunId: "wfr_gone",
    workflowUrl: "https://a.example",
    workflowCreatedAt: 5,
  };
  const config = JSON.stringify(waitConfig({ step, child }));
  const fields = { runKey: parent?.key ?? 0, kind: "invoke", state: "open", config } as const;
  const wait = waitRow({ ...fields, key: 900_000, stepId: 1, dueAt: null, childRunKey: 900_001 });
  await world.store.transaction(async (transaction) => {
    await transaction.get("runs", [wait.runKey]);
    await transaction.write([{ type: "insert", table: "waits", row: wait }]);
  });
  const [shown] = (await world.log(runId)).steps.at(-1)?.steps ?? [];
  expect(shown).toMatchObject({
    invokedWorkflowRunId: "wfr_gone",
    invokedWorkflowUrl: "https://a.example",
  });
});

test("the log of the server says what has gone", async () => {
  await world.fail();
  await world.host.advance(90 * DAY_MS);
  await sweep();
  const said = world.host.logged.filter((line) => line.includes("retention"));
  expect(said).toHaveLength(1);
  expect(said[0]).toContain('"expiredDeadLetters":1');
});
