import { describe, expect, test } from "vitest";
import {
  APP_URL,
  createWorld,
  type Failed,
  readRecords,
  respond,
  run,
  type StartOptions,
  type StepFields,
  submit,
  type World,
  workflowApp,
} from "../test-world.suite.ts";

const MODES = ["resume", "restart"] as const;
const RUNS = "/v2/workflows/dlq";

async function openIds(world: World): Promise<readonly string[]> {
  const { body } = await world.call(RUNS);
  return body.messages.map(({ dlqId }) => dlqId);
}

async function post(world: World, target: string, headers: Record<string, string> = {}) {
  return world.call(`${RUNS}/${target}`, { method: "POST", headers });
}

async function hasState(world: World, runId: string, state: string) {
  await world.until(async () => (await world.log(runId)).workflowState === state);
}

/** A workflow of steps a, b and c, in which b fails while `isBroken`; it counts what it executes. */
function threeSteps(world: World) {
  const counts: Record<string, number> = { a: 0, b: 0, c: 0 };
  const payloads: string[] = [];
  const state = { isBroken: true, counts, payloads };
  world.host.app = workflowApp(world, (records, request) => {
    const name = ["a", "b", "c"][records.length];
    if (records.length === 0) {
      payloads.push(Buffer.from(JSON.parse(request.text)[0].body, "base64").toString());
    }
    if (name === undefined)
      return { type: "finish", result: JSON.stringify(records.map((r) => r.out)) };
    counts[name] = (counts[name] ?? 0) + 1;
    if (name === "b" && state.isBroken)
      return { type: "answer", outcome: respond(500, "b is down") };
    return { type: "submit", records: [run(records.length + 1, name, `"${name}"`)] };
  });
  return state;
}

async function failThreeSteps(world: World, options: StartOptions = {}) {
  const workflow = threeSteps(world);
  const failed = await world.fail(options);
  return { workflow, failed };
}

describe("resume", () => {
  test("S34, S44, S45: goes on from the failed step as a new run; finished steps are not executed again", async () => {
    const world = await createWorld();
    const { workflow, failed } = await failThreeSteps(world, { payload: '{"order":1}' });
    workflow.isBroken = false;
    const { status, body } = await post(world, `resume/${failed.dlqId}`);
    expect(status).toBe(200);
    expect(body).toEqual({
      workflowRunId: expect.stringMatching(/^wfr_/),
      workflowCreatedAt: world.host.now(),
    });
    expect(body.workflowRunId).not.toBe(failed.runId);
    await hasState(world, body.workflowRunId, "RUN_SUCCESS");
    expect(workflow.counts).toEqual({ a: 1, b: 2, c: 1 });
    const after = await world.log(body.workflowRunId);
    expect(after.workflowRunResponse).toBe('["\\"a\\"","\\"b\\"","\\"c\\""]');
    expect(after.steps.map(({ steps }) => steps[0])).toMatchObject([
      { stepName: "init", out: '{"order":1}' },
      { stepName: "a", out: '"a"', state: "STEP_SUCCESS" },
      { stepName: "b", out: '"b"', state: "STEP_SUCCESS" },
      { stepName: "c", out: '"c"', state: "STEP_SUCCESS" },
    ]);
    expect(after.resumedFrom).toMatchObject({ workflowRunId: failed.runId, mode: "resume" });
  });

  test("S44: the old run stays, with its history and the run that goes on from it", async () => {
    const world = await createWorld();
    const { workflow, failed } = await failThreeSteps(world);
    workflow.isBroken = false;
    const { body } = await post(world, `resume/${failed.dlqId}`);
    expect(await world.log(failed.runId)).toMatchObject({
      workflowState: "RUN_FAILED",
      dlqId: failed.dlqId,
      resumedBy: { workflowRunId: body.workflowRunId, mode: "resume" },
      steps: [
        { type: "sequential", steps: [{ stepName: "init" }] },
        { type: "sequential", steps: [{ stepName: "a" }] },
        {
          type: "next",
          steps: [{ state: "STEP_FAILED", errors: [{ body: "b is down", status: 500 }] }],
        },
      ],
    });
  });

  test("S35: of a parallel group only the branches without a result are executed again", async () => {
    const world = await createWorld();
    const counts: Record<string, number> = {};
    let isBroken = true;
    const names = ["good", "bad", "slow"];
    const plan = (name: string, index: number): StepFields => ({
      stepId: 0,
      targetStep: index + 1,
      stepName: name,
      stepType: name === "slow" ? "SleepFor" : "Run",
      concurrent: 3,
      ...(name === "slow" ? { sleepFor: 60, delay: "60s" } : {}),
    });
    world.host.app = workflowApp(world, (records) => {
      const last = records.at(-1);
      if (last === undefined) return { type: "submit", records: names.map(plan) };
      if (last.stepId !== 0) {
        return records.length < 6
          ? { type: "answer", outcome: respond(200) }
          : { type: "finish", result: "joined" };
      }
      const { stepName, targetStep = 0 } = last;
      counts[stepName] = (counts[stepName] ?? 0) + 1;
      if (stepName === "bad" && isBroken) return { type: "answer", outcome: respond(500) };
      return { type: "submit", records: [{ ...run(targetStep, stepName), concurrent: 3 }] };
    });
    const failed = await world.fail();
    await world.until(async () => {
      const [, group] = (await world.log(failed.runId)).steps;
      return group?.type === "parallel" && group.steps[0]?.state === "STEP_SUCCESS";
    });
    const [, group] = (await world.log(failed.runId)).steps;
    expect(group).toMatchObject({
      type: "parallel",
      steps: [
        { stepId: 1, stepName: "good", state: "STEP_SUCCESS", out: '"ok"' },
        { stepId: 2, stepName: "bad", state: "STEP_FAILED", errors: [{ status: 500 }] },
        {
          stepId: 3,
          stepName: "slow",
          stepType: "SleepFor",
          sleepFor: 60_000,
          state: "STEP_CANCELED",
        },
      ],
    });
    isBroken = false;
    await world.host.advance(20_000);
    const { body } = await post(world, `resume/${failed.dlqId}`);
    await world.until(async () => {
      const [, open] = (await world.log(body.workflowRunId)).steps;
      return open?.type === "parallel" && open.steps[1]?.state === "STEP_SUCCESS";
    });
    // The sleep keeps what was left of it.
    await world.host.advance(39_000);
    expect((await world.log(body.workflowRunId)).workflowState).toBe("RUN_STARTED");
    await world.host.advance(1_000);
    await hasState(world, body.workflowRunId, "RUN_SUCCESS");
    expect(counts).toEqual({ good: 1, bad: 2, slow: 1 });
  });

  test("results that arrive after the failure are kept for the resume", async () => {
    const world = await createWorld();
    const counts: Record<string, number> = {};
    let isBroken = true;
    let answerSlow = () => {};
    const plans = ["slow", "bad"].map((stepName, index) => ({
      stepId: 0,
      targetStep: index + 1,
      stepName,
      stepType: "Run",
      concurrent: 2,
    }));
    const app = workflowApp(world, (records) => {
      const last = records.at(-1);
      if (last === undefined) return { type: "submit", records: plans };
      if (last.stepId !== 0) {
        return records.length < 4 ? { type: "answer", outcome: respond(200) } : { type: "finish" };
      }
      counts[last.stepName] = (counts[last.stepName] ?? 0) + 1;
      if (last.stepName === "bad" && isBroken) return { type: "answer", outcome: respond(500) };
      return {
        type: "submit",
        records: [{ ...run(last.targetStep ?? 0, last.stepName), concurrent: 2 }],
      };
    });
    world.host.app = async (request) => {
      if (isBroken && readRecords(request.text).at(-1)?.stepName === "slow") {
        await new Promise<void>((resolve) => {
          answerSlow = resolve;
        });
      }
      return app(request);
    };
    const failed = await world.fail();
    const [, before] = (await world.log(failed.runId)).steps;
    expect(before).toMatchObject({ steps: [{ state: "STEP_PROGRESS" }, { state: "STEP_FAILED" }] });
    answerSlow();
    await world.until(async () => {
      const [, group] = (await world.log(failed.runId)).steps;
      return group?.type === "parallel" && group.steps[0]?.state === "STEP_SUCCESS";
    });
    isBroken = false;
    const { body } = await post(world, `resume/${failed.dlqId}`);
    await hasState(world, body.workflowRunId, "RUN_SUCCESS");
    expect(counts).toEqual({ slow: 1, bad: 2 });
  });

  test("S46: a run of many steps goes on without executing one of them again", async () => {
    const world = await createWorld();
    const executed: number[] = [];
    let isBroken = true;
    world.host.app = workflowApp(world, (records) => {
      const stepId = records.length + 1;
      if (stepId > 60) return { type: "finish" };
      if (stepId === 51 && isBroken) return { type: "answer", outcome: respond(500) };
      executed.push(stepId);
      return { type: "submit", records: [run(stepId, `step ${stepId}`)] };
    });
    const failed = await world.fail();
    isBroken = false;
    const { body } = await post(world, `resume/${failed.dlqId}`);
    await hasState(world, body.workflowRunId, "RUN_SUCCESS");
    expect(executed).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
  });

  test("two requests for one entry give one run and one refusal", async () => {
    const world = await createWorld();
    const failed = await world.fail();
    world.host.app = () => new Promise(() => {});
    const replies = await Promise.all([
      post(world, `resume/${failed.dlqId}`),
      post(world, `resume/${failed.dlqId}`),
      post(world, `restart?dlqIds=${failed.dlqId}`),
    ]);
    expect(replies.map(({ status }) => status).toSorted()).toEqual([200, 404, 404]);
    const { body } = await world.call("/v2/workflows/logs");
    expect(body.runs).toHaveLength(2);
  });
});

describe("restart", () => {
  test("S36: executes every step again, with the original payload", async () => {
    const world = await createWorld();
    const { workflow, failed } = await failThreeSteps(world, { payload: '{"order":7}' });
    workflow.isBroken = false;
    const { status, body } = await post(world, `restart/${failed.dlqId}`);
    expect(status).toBe(200);
    await hasState(world, body.workflowRunId, "RUN_SUCCESS");
    expect(workflow.counts).toEqual({ a: 2, b: 2, c: 1 });
    expect(workflow.payloads).toEqual(['{"order":7}', '{"order":7}']);
    expect(await world.log(body.workflowRunId)).toMatchObject({
      resumedFrom: { workflowRunId: failed.runId, mode: "restart" },
    });
    expect((await world.log(failed.runId)).resumedBy).toMatchObject({ mode: "restart" });
  });
});

describe.each(MODES)("%s", (mode) => {
  test("S40: answers the new run and takes the entry out of the queue", async () => {
    const world = await createWorld();
    const failed = await world.fail();
    world.host.app = () => new Promise(() => {});
    const one = await post(world, `${mode}/${failed.dlqId}`);
    expect(one).toMatchObject({ status: 200, body: { workflowCreatedAt: world.host.now() } });
    expect(await openIds(world)).toEqual([]);
    expect((await world.call(`${RUNS}/${failed.dlqId}`)).status).toBe(404);
    expect((await post(world, `${mode}/${failed.dlqId}`)).status).toBe(404);
  });

  /** A run that fails, is revived with `headers` (alone and in bulk), and hangs in its next delivery, or waits for it. */
  async function revive(
    headers: Record<string, string>,
    isBulk: boolean,
    options: StartOptions = {},
  ) {
    const world = await createWorld();
    world.host.app = () => respond(500);
    const failed = await world.fail(options);
    world.host.app = () => new Promise(() => {});
    const target = isBulk ? `${mode}?dlqIds=${failed.dlqId}` : `${mode}/${failed.dlqId}`;
    const { status, body } = await post(world, target, headers);
    expect(status, JSON.stringify(body)).toBe(200);
    const runId = (isBulk ? body.workflowRuns[0] : body)?.workflowRunId ?? "";
    const log = await world.log(runId);
    return { world, log, runId, next: log.steps.at(-1)?.steps[0] };
  }

  describe.each([false, true])("with overrides, bulk: %s", (isBulk) => {
    test("S50: retries", async () => {
      expect((await revive({ "upstash-retries": "7" }, isBulk)).next).toMatchObject({ retries: 7 });
      const kept = { config: { retries: 0 } };
      expect((await revive({}, isBulk, kept)).next).toMatchObject({ retries: 0 });
    });

    test("S51: delay", async () => {
      for (const [text, delayMs] of [
        ["10s", 10_000],
        ["5m", 300_000],
        ["1d10h30m", 124_200_000],
      ] as const) {
        const { world, next, runId } = await revive({ "upstash-delay": text }, isBulk);
        expect(next).toMatchObject({ nextDeliveryTime: world.host.now() + delayMs });
        let deliveries = 0;
        world.host.app = () => {
          deliveries += 1;
          return new Promise(() => {});
        };
        await world.host.advance(delayMs - 1);
        expect(deliveries).toBe(0);
        await world.host.advance(1);
        await world.until(async () => deliveries === 1);
        expect((await world.log(runId)).workflowState).toBe("RUN_STARTED");
      }
    });

    test("S52: retry delay", async () => {
      const { next } = await revive({ "upstash-retry-delay": "pow(2, retried)" }, isBulk);
      expect(next).toMatchObject({ retryDelay: "pow(2, retried)" });
      const kept = { config: { retryDelay: "500" } };
      expect((await revive({}, isBulk, kept)).next).toMatchObject({ retryDelay: "500" });
    });

    test("S53, S54: flow control", async () => {
      const { log } = await revive(
        {
          "upstash-flow-control-key": "other",
          "upstash-flow-control-value": "rate=2, period=1m, parallelism=5",
        },
        isBulk,
      );
      expect(log.flowControlKey).toBe("other");
      const flowControl = { key: "own", parallelism: 1, rate: null, periodMs: 1000 };
      expect((await revive({}, isBulk, { config: { flowControl } })).log.flowControlKey).toBe(
        "own",
      );
    });

    test("S55: labels", async () => {
      const { log } = await revive({ "upstash-label": "again, urgent" }, isBulk, {
        config: { labels: ["old"] },
      });
      expect(log).toMatchObject({ label: "again", labels: ["again", "urgent"] });
      const kept = await revive({}, isBulk, { config: { labels: ["old"] } });
      expect(kept.log.labels).toEqual(["old"]);
    });

    test("S56: failure callback", async () => {
      const world = await createWorld();
      const called: string[] = [];
      world.host.app = ({ url }) => {
        if (url === APP_URL) return respond(500);
        called.push(url);
        return respond(200, "{}");
      };
      const failed = await world.fail();
      const target = isBulk ? `${mode}?dlqIds=${failed.dlqId}` : `${mode}/${failed.dlqId}`;
      const failureUrl = "https://pager.example/now";
      await post(world, target, { "upstash-failure-callback": failureUrl });
      await world.until(async () => called.length > 0);
      expect(called).toEqual([failureUrl]);
    });
  });

  test.each([
    ["upstash-retries", "-1", 400],
    ["upstash-retries", "three", 400],
    ["upstash-retries", "21", 412],
    ["upstash-delay", "10 seconds", 400],
    ["upstash-delay", "-5s", 400],
    ["upstash-retry-delay", "1000 +", 400],
    ["upstash-retry-delay", "retries * 2", 400],
    ["upstash-retry-delay", "(".repeat(400), 400],
    ["upstash-retry-delay", "constructor", 400],
    ["upstash-flow-control-key", "k", 400],
    ["upstash-flow-control-value", "rate=1", 400],
    ["upstash-label", ",", 400],
    ["upstash-failure-callback", "ftp://x", 400],
    ["upstash-method", "POST", 400],
    ["upstash-forward-x", "1", 400],
  ])("a bad %s (%s) is refused with %i and changes nothing", async (name, value, expected) => {
    const world = await createWorld();
    const failed = await world.fail();
    for (const target of [
      `${mode}/${failed.dlqId}`,
      `${mode}?dlqIds=${failed.dlqId}`,
      `${mode}?count=5`,
    ]) {
      const { status, body } = await post(world, target, { [name]: value });
      expect(status, target).toBe(expected);
      expect(body.error).not.toContain("\n");
    }
    expect(await openIds(world)).toEqual([failed.dlqId]);
    expect((await world.call("/v2/workflows/logs")).body.runs).toHaveLength(1);
  });
});

test("a late result of a resumed run's predecessor is refused: the run has ended", async () => {
  const world = await createWorld();
  const failed: Failed = await world.fail();
  world.host.app = () => new Promise(() => {});
  await post(world, `resume/${failed.dlqId}`);
  const reply = await submit(world, { runId: failed.runId, url: APP_URL }, [run(1, "late")]);
  expect(reply.status).toBe(400);
});
