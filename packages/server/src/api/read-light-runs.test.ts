import { beforeEach, describe, expect, test } from "vitest";
import {
  createWorld,
  type Move,
  respond,
  type StepFields,
  type World,
  workflowApp,
} from "./test-world.suite.ts";

/** The list of runs as a table shows it: `steps=none`. */

let world: World;

beforeEach(async () => {
  world = await createWorld();
});

async function list(query = ""): Promise<readonly unknown[]> {
  const { status, body } = await world.call(`/v2/workflows/logs?steps=none${query}`);
  expect(status).toBe(200);
  return [...body.runs];
}

test("a failed run says why, and in which step, without its records", async () => {
  const said = { "upstash-error-step-name": ["charge"], "upstash-workflow-sdk-version": ["1"] };
  world.host.app = () => respond(500, '{"error":"Error","message":"card 12 declined"}', said);
  const failed = await world.fail({ runId: "wfr_failed", config: { labels: ["red", "blue"] } });
  const [run] = await list();
  expect(run).toEqual({
    workflowRunId: "wfr_failed",
    workflowUrl: "https://app.example/order",
    workflowState: "RUN_FAILED",
    workflowRunCreatedAt: world.host.now(),
    workflowRunCompletedAt: world.host.now(),
    workflowRunCallerIp: expect.any(String),
    label: "red",
    labels: ["red", "blue"],
    dlqId: failed.dlqId,
    stepCount: 1,
    presentStep: { stepId: 1, stepName: "charge" },
    failure: {
      reason: "500 Internal Server Error",
      cause: "step_error",
      groupId: expect.stringMatching(/^grp_/),
      message: "Error: card <n> declined",
      stepName: "charge",
      responseStatus: 500,
      failedAt: world.host.now(),
      isOpen: true,
    },
    steps: [],
  });
});

test("a resumed run and the one that it goes on from name each other", async () => {
  const { dlqId, runId } = await world.fail();
  world.host.app = () => new Promise(() => {});
  await world.call(`/v2/workflows/dlq/resume/${dlqId}`, { method: "POST" });
  const [resumed, failed] = await list();
  expect(resumed).toMatchObject({
    workflowState: "RUN_STARTED",
    waitingFor: expect.stringContaining("attempt"),
    resumedFrom: { workflowRunId: runId, mode: "resume" },
  });
  expect(failed).toMatchObject({ failure: { isOpen: false }, resumedBy: { mode: "resume" } });
});

test("a page costs the same few reads however many runs it has", async () => {
  const { store } = world;
  const reads: string[] = [];
  for (let nth = 0; nth < 3; nth += 1) await world.fail();
  const counted = { get: store.get, list: store.list, find: store.find };
  Object.assign(store, {
    get: (...given: Parameters<typeof store.get>) => {
      reads.push("get");
      return counted.get(...given);
    },
    list: (...given: Parameters<typeof store.list>) => {
      reads.push("list");
      return counted.list(...given);
    },
    find: (...given: Parameters<typeof store.find>) => {
      reads.push("find");
      return counted.find(...given);
    },
  });
  await list("&count=1");
  const readsOfOne = reads.length;
  expect(readsOfOne).toBeGreaterThan(0);
  await list("&count=3");
  expect(reads.length - readsOfOne).toBe(readsOfOne);
});

test("runs are found by the beginning of their id, and pages follow each other", async () => {
  for (const runId of ["wfr_ab1", "wfr_ab2", "wfr_cd"]) await world.start({ runId });
  expect(await list("&workflowRunIdPrefix=wfr_ab")).toMatchObject([
    { workflowRunId: "wfr_ab2" },
    { workflowRunId: "wfr_ab1" },
  ]);
  const first = await world.call("/v2/workflows/logs?steps=none&count=2");
  const next = await list(`&cursor=${first.body.cursor}`);
  expect(next).toMatchObject([{ workflowRunId: "wfr_ab1" }]);
});

test("a page has up to a hundred runs", async () => {
  for (let nth = 0; nth < 12; nth += 1) await world.start();
  expect(await list("&count=12")).toHaveLength(12);
  expect(await list()).toHaveLength(12);
});

describe("a live run stands at", () => {
  const record = (stepId: number, stepName: string, more: Partial<StepFields> = {}) =>
    ({ stepId, stepName, stepType: "Run", concurrent: 1, ...more }) satisfies StepFields;

  /** What the list says of a run whose app does this, once it has so many records. */
  async function presentOf(stepCount: number, decide: (count: number) => Move) {
    world.host.app = workflowApp(world, (records) => decide(records.length));
    await world.start({ config: { retryDelay: "60000" } });
    const present = async () => {
      const [run] = (await world.call("/v2/workflows/logs?steps=none")).body.runs;
      return run?.stepCount === stepCount ? run.presentStep : undefined;
    };
    await world.until(async () => (await present()) !== undefined);
    return present;
  }

  test("its first step, whose name nobody has said yet", async () => {
    await world.start({ delayMs: 60_000 });
    expect(await list()).toMatchObject([{ presentStep: { stepId: 1 } }]);
  });

  test("the step behind the last record, and why it is tried again", async () => {
    const said = { "upstash-error-step-name": ["charge"], "upstash-workflow-sdk-version": ["1"] };
    const broken = respond(500, '{"error":"Error","message":"declined"}', said);
    const present = await presentOf(2, (count) =>
      count === 0
        ? { type: "submit", records: [record(1, "reserve")] }
        : { type: "answer", outcome: broken },
    );
    await world.until(async () => (await present())?.failedAttempts === 1);
    const error = "500 Internal Server Error";
    expect(await present()).toEqual({ stepId: 2, stepName: "charge", failedAttempts: 1, error });
  });

  test("the sleep that it is in", async () => {
    const nap = record(1, "nap", { stepType: "SleepFor", sleepFor: 10, delay: "10s" });
    const present = await presentOf(2, () => ({ type: "submit", records: [nap] }));
    expect(await present()).toEqual({ stepId: 1, stepName: "nap" });
  });

  test("the first of its open branches", async () => {
    const plan = (stepName: string, targetStep: number) =>
      record(0, stepName, { targetStep, concurrent: 2 });
    const present = await presentOf(3, (count) =>
      count === 0
        ? { type: "submit", records: [plan("left", 1), plan("right", 2)] }
        : { type: "answer", outcome: respond(500) },
    );
    expect(await present()).toMatchObject({
      stepId: expect.any(Number),
      stepName: expect.stringMatching(/^(left|right)$/),
    });
  });
});

test("another value of steps is refused", async () => {
  expect((await world.call("/v2/workflows/logs?steps=all")).status).toBe(400);
});
