import { describe, expect, test } from "vitest";
import {
  APP_URL,
  createWorld,
  respond,
  run,
  type StartOptions,
  type StepFields,
  type World,
  workflowApp,
} from "../test-world.suite.ts";

const FAILURE_URL = "https://failures.example/report";

async function logs(world: World, search = "") {
  const { status, body } = await world.call(`/v2/workflows/logs${search}`);
  expect(status, JSON.stringify(body)).toBe(200);
  return body;
}

async function ids(world: World, search = ""): Promise<readonly string[]> {
  return (await logs(world, search)).runs.map(({ workflowRunId }) => workflowRunId);
}

async function hasState(world: World, runId: string, state: string) {
  await world.until(async () => (await world.log(runId)).workflowState === state);
}

function hang(world: World): void {
  world.host.app = () => new Promise(() => {});
}

describe("a run", () => {
  test("that has just started shows its payload and what is executed now", async () => {
    const world = await createWorld();
    hang(world);
    const runId = await world.start({
      payload: '{"order":1}',
      config: { retryDelay: "1000", labels: ["a", "b"] },
    });
    expect(await world.log(runId)).toEqual({
      workflowRunId: runId,
      workflowUrl: APP_URL,
      workflowState: "RUN_STARTED",
      waitingFor: "delivery in flight since 2025-06-15T15:06:40Z (attempt 1 of 4)",
      workflowRunCreatedAt: world.host.now(),
      workflowRunCallerIp: "203.0.113.7",
      label: "a",
      labels: ["a", "b"],
      steps: [
        {
          type: "sequential",
          steps: [
            {
              stepName: "init",
              stepType: "Initial",
              callType: "step",
              concurrent: 1,
              messageId: expect.stringMatching(/^msg_/),
              out: '{"order":1}',
              state: "STEP_SUCCESS",
              createdAt: world.host.now(),
              retries: 3,
              retryDelay: "1000",
              headers: {
                "Content-Type": ["application/json"],
                "Upstash-Workflow-Sdk-Version": ["1"],
              },
            },
          ],
        },
        {
          type: "next",
          steps: [
            {
              messageId: expect.stringMatching(/^msg_/),
              state: "STEP_PROGRESS",
              retries: 3,
              retryDelay: "1000",
            },
          ],
        },
      ],
    });
  });

  test("that waits for its start says when it is delivered", async () => {
    const world = await createWorld();
    const runId = await world.start({ delayMs: 60_000 });
    expect((await world.log(runId)).steps.at(-1)).toMatchObject({
      type: "next",
      steps: [{ state: "STEP_PROGRESS", nextDeliveryTime: world.host.now() + 60_000 }],
    });
  });

  test("shows every kind of step of this release", async () => {
    const world = await createWorld();
    const now = world.host.now();
    const until = now / 1000 + 3600;
    const plan = (stepName: string, targetStep: number): StepFields => ({
      stepId: 0,
      targetStep,
      stepName,
      stepType: "Run",
      concurrent: 2,
    });
    world.host.app = workflowApp(world, (records) => {
      const last = records.at(-1);
      switch (records.length) {
        case 0:
          return { type: "submit", records: [run(1, "first", '{"a":1}')] };
        case 1:
          return {
            type: "submit",
            records: [
              {
                stepId: 2,
                stepName: "nap",
                stepType: "SleepFor",
                concurrent: 1,
                sleepFor: 10,
                delay: "10s",
              },
            ],
          };
        case 2:
          return {
            type: "submit",
            records: [
              { ...run(3, "rest"), stepType: "SleepUntil", sleepUntil: until, delay: "1h" },
            ],
          };
        case 3:
          return { type: "submit", records: [plan("left", 4), plan("right", 5)] };
      }
      if (last?.stepId === 0) {
        return {
          type: "submit",
          records: [{ ...run(last.targetStep ?? 0, last.stepName), concurrent: 2 }],
        };
      }
      return records.length === 7
        ? { type: "finish", result: '{"done":true}' }
        : { type: "answer", outcome: respond(200) };
    });
    const runId = await world.start();
    const isAt = (count: number) => async () => {
      const groups = (await world.log(runId)).steps.filter(({ type }) => type !== "next");
      return groups.length === count;
    };
    await world.until(isAt(3));
    expect((await world.log(runId)).steps.slice(2)).toMatchObject([
      {
        type: "sequential",
        steps: [{ stepName: "nap", state: "STEP_PROGRESS", nextDeliveryTime: now + 10_000 }],
      },
      { type: "next", steps: [{ state: "STEP_PROGRESS", nextDeliveryTime: now + 10_000 }] },
    ]);
    await world.host.advance(10_000);
    await world.until(isAt(4));
    await world.host.advance(3_600_000);
    await hasState(world, runId, "RUN_SUCCESS");
    const log = await world.log(runId);
    expect(log).toMatchObject({
      workflowRunCompletedAt: now + 3_610_000,
      workflowRunResponse: '{"done":true}',
      steps: [
        { type: "sequential", steps: [{ stepName: "init" }] },
        {
          type: "sequential",
          steps: [{ stepId: 1, stepName: "first", stepType: "Run", out: '{"a":1}', concurrent: 1 }],
        },
        {
          type: "sequential",
          steps: [
            {
              stepId: 2,
              stepType: "SleepFor",
              sleepFor: 10_000,
              sleepUntil: now + 10_000,
              state: "STEP_SUCCESS",
            },
          ],
        },
        {
          type: "sequential",
          steps: [
            { stepId: 3, stepType: "SleepUntil", sleepUntil: until * 1000, state: "STEP_SUCCESS" },
          ],
        },
        {
          type: "parallel",
          steps: [
            { stepId: 4, stepName: "left", out: '"ok"', concurrent: 2, state: "STEP_SUCCESS" },
            { stepId: 5, stepName: "right", out: '"ok"', concurrent: 2, state: "STEP_SUCCESS" },
          ],
        },
      ],
    });
    expect(log.steps).toHaveLength(5);
    const nap = log.steps[2]?.steps[0];
    expect(nap).not.toHaveProperty("out");
    expect(nap).not.toHaveProperty("nextDeliveryTime");
  });

  test("shows a step that waits for its retry, with every error and the name that the SDK gave", async () => {
    const world = await createWorld();
    world.host.app = () => respond(400, "bad day", { "upstash-error-step-name": ["charge"] });
    const runId = await world.start({ config: { retries: 2, retryDelay: "5000" } });
    await world.until(
      async () => (await world.log(runId)).steps[1]?.steps[0]?.state === "STEP_RETRY",
    );
    expect((await world.log(runId)).steps[1]).toMatchObject({
      type: "next",
      steps: [
        {
          stepName: "charge",
          retries: 2,
          nextDeliveryTime: world.host.now() + 5000,
          errors: [
            {
              error: "400 Bad Request",
              body: "bad day",
              status: 400,
              time: world.host.now(),
              headers: { "Upstash-Error-Step-Name": ["charge"] },
            },
          ],
        },
      ],
    });
    await world.host.advance(5000);
    await world.until(
      async () => (await world.log(runId)).steps[1]?.steps[0]?.errors?.length === 2,
    );
    await world.host.advance(5000);
    await hasState(world, runId, "RUN_FAILED");
    const [next] = (await world.log(runId)).steps[1]?.steps ?? [];
    expect(next).toMatchObject({ state: "STEP_FAILED" });
    expect(next?.errors).toHaveLength(3);
  });

  test("keeps the errors of a step that succeeded in the end", async () => {
    const world = await createWorld();
    let isBroken = true;
    world.host.app = workflowApp(world, (records) => {
      if (records.length === 1) return { type: "finish" };
      if (isBroken) return { type: "answer", outcome: respond(503) };
      return { type: "submit", records: [run(1, "flaky")] };
    });
    const runId = await world.start({ config: { retryDelay: "1000" } });
    await world.until(
      async () => (await world.log(runId)).steps[1]?.steps[0]?.state === "STEP_RETRY",
    );
    isBroken = false;
    await world.host.advance(1000);
    await hasState(world, runId, "RUN_SUCCESS");
    expect((await world.log(runId)).steps[1]).toMatchObject({
      type: "sequential",
      steps: [{ stepName: "flaky", state: "STEP_SUCCESS", errors: [{ status: 503 }] }],
    });
  });

  test("that was cancelled shows what was not executed any more", async () => {
    const world = await createWorld();
    const runId = await world.start({ delayMs: 60_000 });
    await world.call(`/v2/workflows/runs/${runId}?cancel=true`, { method: "DELETE" });
    const log = await world.log(runId);
    expect(log.workflowState).toBe("RUN_CANCELED");
    expect(log).not.toHaveProperty("dlqId");
    expect(log.steps.at(-1)).toMatchObject({ type: "next", steps: [{ state: "STEP_CANCELED" }] });
  });

  test("S19, S21: the failure function's answer, or its errors", async () => {
    const world = await createWorld();
    const config = { retries: 1, retryDelay: "1000" };
    const failureCallback = { url: FAILURE_URL, config: { forward: {}, ...config } };
    world.host.app = ({ url }) => (url === FAILURE_URL ? respond(500, "no") : respond(404, "gone"));
    const failed = await world.fail({ config: { failureCallback } });
    const failureFunction = async () => (await world.log(failed.runId)).failureFunction;
    await world.until(async () => (await failureFunction())?.errors !== undefined);
    expect(await failureFunction()).toMatchObject({
      messageId: expect.stringMatching(/^msg_/),
      url: FAILURE_URL,
      state: "CALLBACK_INPROGRESS",
      failStatus: 404,
      failResponse: "gone",
      failHeaders: {},
      dlqId: failed.dlqId,
      maxRetries: 1,
      nextDeliveryTime: world.host.now() + 1000,
    });
    await world.host.advance(1000);
    await world.until(async () => (await failureFunction())?.state === "CALLBACK_FAIL");
    expect((await failureFunction())?.errors).toHaveLength(2);
    expect(await failureFunction()).toMatchObject({
      responseStatus: 500,
      responseBody: "no",
      maxRetries: 1,
    });
  });

  test("an endpoint without a failure function shows none", async () => {
    const world = await createWorld();
    const notFound = { "upstash-workflow-failure-callback-notfound": ["true"] };
    world.host.app = ({ url }) =>
      url === FAILURE_URL ? respond(200, "{}", notFound) : respond(500);
    const failureCallback = { url: FAILURE_URL, config: { forward: {} } };
    const failed = await world.fail({ config: { failureCallback } });
    await world.until(async () => (await world.log(failed.runId)).failureFunction === undefined);
    const { body } = await world.call(`/v2/workflows/dlq/${failed.dlqId}`);
    expect(body).not.toHaveProperty("failureFunctionState");
    expect(body).not.toHaveProperty("failureCallbackInfo");
  });

  test("trimBody cuts every body to a number of bytes, or leaves it out", async () => {
    const world = await createWorld();
    world.host.app = () => respond(500, "grün grün");
    const failed = await world.fail({ payload: "äöü" });
    const shown = async (trimBody: string) => {
      const [log] = (await logs(world, `?workflowRunId=${failed.runId}${trimBody}`)).runs;
      const [first, next] = log?.steps.map(({ steps }) => steps[0]) ?? [];
      return [
        first !== undefined && "out" in first ? first.out : undefined,
        next?.errors?.[0]?.body,
      ];
    };
    expect(await shown("")).toEqual(["äöü", "grün grün"]);
    expect(await shown("&trimBody=3")).toEqual(["ä", "gr"]);
    expect(await shown("&trimBody=4")).toEqual(["äö", "grü"]);
    expect(await shown("&trimBody=0")).toEqual(["", ""]);
    expect(await shown("&trimBody=-1")).toEqual([undefined, ""]);
  });

  test("a run whose columns cannot be read is shown without them, its contents hidden", async () => {
    const world = await createWorld();
    hang(world);
    const runId = await world.start({ payload: "secret" });
    const [row] = await world.store.find("runs", "liveById", [[runId]]);
    const key = row?.key ?? 0;
    const [step] = await world.store.find("steps", "byRun", [[key]]);
    if (step === undefined) throw new Error("a run has its first record");
    await world.store.transaction(async (transaction) => {
      await transaction.write([
        { type: "update", table: "runConfigs", key, set: { config: "{broken" } },
        { type: "update", table: "runs", key, set: { invoker: "not json" } },
        { type: "update", table: "steps", key: step.key, set: { config: "" } },
        {
          type: "insert",
          table: "steps",
          row: { ...step, key: 900_000, position: 1, slot: 3, body: new Uint8Array([1]) },
        },
      ]);
    });
    const log = await world.log(runId);
    expect(log.steps).toMatchObject([
      { type: "sequential", steps: [{ out: expect.stringMatching(/^REDACTED:/) }] },
      { type: "sequential", steps: [{ stepId: 1, stepName: "", stepType: "Run" }] },
      { type: "next" },
    ]);
    expect((await world.call("/v2/workflows/events")).status).toBe(200);
  });
});

describe("the list of runs", () => {
  test("is the same at both paths, newest first, in pages of ten", async () => {
    const world = await createWorld();
    hang(world);
    const started: string[] = [];
    for (let index = 0; index < 23; index += 1) started.push(await world.start());
    const newestFirst = started.toReversed();
    for (const path of ["/v2/workflows/logs?", "/v2/workflows/events?groupBy=workflowRunId&"]) {
      const seen: string[] = [];
      let cursor: string | undefined = "";
      let pages = 0;
      while (cursor !== undefined) {
        const { body } = await world.call(`${path}count=1000&cursor=${cursor}`);
        for (const entry of body.runs) seen.push(entry.workflowRunId);
        cursor = body.cursor;
        pages += 1;
      }
      expect(seen).toEqual(newestFirst);
      expect(pages).toBe(3);
    }
    const { runs, cursor } = await logs(world, "?count=1");
    expect(runs).toHaveLength(1);
    expect(typeof cursor).toBe("string");
  });

  test("has no cursor at the end, also when nothing matches", async () => {
    const world = await createWorld();
    hang(world);
    await world.start();
    expect(await logs(world, "?count=1")).not.toHaveProperty("cursor");
    expect(await logs(world, "?workflowRunId=nobody")).toEqual({ runs: [] });
  });

  test("filters by state, URL, id, creation, label, key, address, host, path and message", async () => {
    const world = await createWorld();
    const failed = await world.fail({ callerIp: "192.0.2.9" });
    hang(world);
    await world.host.advance(1000);
    const flowControl = { key: "k", parallelism: 1, rate: null, periodMs: 1000 };
    const live = await world.start({
      url: "http://other.example:8080/path?x=1",
      config: { labels: ["l"], flowControl },
    });
    const now = world.host.now();
    const [group] = (await world.log(live)).steps;
    const messageId = group?.steps[0]?.messageId;
    const only = async (search: string) => (await ids(world, `?${search}`)).join();
    expect(await only("state=RUN_STARTED")).toBe(live);
    expect(await only("state=RUN_FAILED")).toBe(failed.runId);
    expect(await only("state=RUN_FAILED,RUN_STARTED")).toBe(`${live},${failed.runId}`);
    expect(
      await only(`workflowUrl=${encodeURIComponent("http://other.example:8080/path?x=1")}`),
    ).toBe(live);
    expect(await only("workflowUrl=http://other.example:8080")).toBe("");
    expect(await only(`workflowRunId=${failed.runId}`)).toBe(failed.runId);
    expect(await only(`workflowCreatedAt=${now}`)).toBe(live);
    expect(await only(`fromDate=${now}`)).toBe(live);
    expect(await only(`toDate=${now - 1}`)).toBe(failed.runId);
    expect(await only("label=l&label=m")).toBe(live);
    expect(await only("flowControlKey=k")).toBe(live);
    expect(await only("callerIp=192.0.2.9")).toBe(failed.runId);
    expect(await only("host=other.example")).toBe(live);
    expect(await only("host=other.example:8080&path=/path")).toBe(live);
    expect(await only("host=other.example&path=/")).toBe("");
    expect(await only(`messageId=${messageId}`)).toBe(live);
    expect(await only("messageId=msg_zzz")).toBe("");
    expect(await only(`state=RUN_FAILED&label=l`)).toBe("");
  });

  test("workflowRuns names runs by id and creation, and no other filter counts", async () => {
    const world = await createWorld();
    const first = await world.fail({ runId: "wfr_a@b" });
    const before = world.host.now();
    await world.host.advance(1000);
    const second = await world.fail({ runId: "wfr_a@b" });
    hang(world);
    const third = await world.start({ runId: "wfr_c" });
    const now = world.host.now();
    const named = async (value: string) =>
      (
        await logs(world, `?state=RUN_CANCELED&label=x&workflowRuns=${encodeURIComponent(value)}`)
      ).runs.map(
        ({ workflowRunId, workflowRunCreatedAt }) => `${workflowRunId}@${workflowRunCreatedAt}`,
      );
    expect(await named(`wfr_a@b@${before}`)).toEqual([`${first.runId}@${before}`]);
    expect(await named(`wfr_c,wfr_a@b@${now}`)).toEqual([
      `${third}@${now}`,
      `${second.runId}@${now}`,
    ]);
    expect(await named(`wfr_c@${now + 1}`)).toEqual([]);
  });

  test.each([
    ["state=STEP_FAILED", /^state must be one of RUN_STARTED/],
    ["state=failed", /^state must be one of RUN_STARTED/],
    ["groupBy=url", /^groupBy must be one of workflowRunId/],
    ["count=0", /^count must be a whole number of 1 or more/],
    ["cursor=abc", /^cursor must be/],
    ["fromDate=3&toDate=2", /^fromDate must not be after toDate, got 3 and 2/],
    ["trimBody=-2", /^trimBody must be a whole number of -1 or more/],
    ["trimBody=x", /^trimBody must be a whole number of -1 or more/],
    ["workflowCreatedAt=x", /^workflowCreatedAt must be a whole number/],
    ["workflowRuns=", /^workflowRuns must have a value/],
    ["workflowRuns=@5", /^workflowRuns must be a list of ID@TIMESTAMP/],
    ["workflowRuns=wfr_1@x", /^workflowRuns must be a whole number/],
  ])("%s is refused", async (search, message) => {
    const world = await createWorld();
    const { status, body } = await world.call(`/v2/workflows/logs?${search}`);
    expect(status).toBe(400);
    expect(body.error).toMatch(message);
  });

  test("a page ends where its runs have become too much for one answer", async () => {
    const world = await createWorld();
    hang(world);
    const payload = "x".repeat(900_000);
    // Nothing but the sum of the bodies is looked at, so a few runs with large sums will do.
    const started: string[] = [];
    for (let index = 0; index < 4; index += 1) started.push(await world.start({ payload }));
    const rows = await world.store.list("runs", { where: [], order: "ascending", limit: 10 });
    await world.store.transaction((transaction) =>
      transaction.write(
        rows.map(({ key }) => ({
          type: "update" as const,
          table: "runs" as const,
          key,
          set: { bodyBytes: 20 * 1024 * 1024 },
        })),
      ),
    );
    const first = await logs(world);
    expect(first.runs).toHaveLength(2);
    expect(await ids(world, `?cursor=${first.cursor}`)).toEqual(started.slice(0, 2).toReversed());
  });
});

describe("single events", () => {
  async function failOnce(options: StartOptions = {}) {
    const world = await createWorld();
    world.host.app = workflowApp(world, (records) =>
      records.length === 0
        ? { type: "submit", records: [run(1, "first")] }
        : { type: "answer", outcome: respond(500, "boom", { "x-a": ["1"] }) },
    );
    const failed = await world.fail(options);
    return { world, failed };
  }

  test("tell the story of a run, newest first", async () => {
    const { world, failed } = await failOnce({ config: { labels: ["l"] } });
    const { status, body } = await world.call("/v2/workflows/events");
    expect(status).toBe(200);
    const shared = { workflowRunId: failed.runId, workflowUrl: APP_URL, labels: ["l"] };
    expect(body).not.toHaveProperty("cursor");
    expect(body.events).toMatchObject([
      { ...shared, state: "RUN_FAILED", dlqId: failed.dlqId },
      {
        ...shared,
        state: "STEP_FAILED",
        error: "500 Internal Server Error",
        responseStatus: 500,
        responseBody: "boom",
        responseHeaders: { "X-A": ["1"] },
        headers: { "Upstash-Retried": ["0"] },
        stepInfo: { stepName: "first", state: "STEP_FAILED" },
      },
      { ...shared, state: "STEP_SUCCESS", stepInfo: { stepId: 1, stepName: "first", out: '"ok"' } },
      { ...shared, state: "STEP_SUCCESS", stepInfo: { stepName: "init", stepType: "Initial" } },
      { ...shared, state: "RUN_STARTED", workflowCreatedAt: world.host.now() },
    ]);
  });

  test("filter by their own states", async () => {
    const { world } = await failOnce();
    for (const [state, count] of [
      ["STEP_SUCCESS", 2],
      ["STEP_FAILED", 1],
      ["RUN_STARTED", 1],
      ["STEP_RETRY", 0],
      ["RUN_FAILED,STEP_FAILED", 2],
    ] as const) {
      const { body } = await world.call(`/v2/workflows/events?state=${state}`);
      expect(body.events, state).toHaveLength(count);
    }
    expect((await world.call("/v2/workflows/events?state=FAILED")).status).toBe(400);
  });

  test("pages follow each other without a gap, whatever their size", async () => {
    const { world } = await failOnce();
    await world.fail();
    const all = (await world.call("/v2/workflows/events")).body.events;
    expect(all).toHaveLength(10);
    for (const count of [1, 2, 3, 5, 10]) {
      const seen: unknown[] = [];
      let cursor: string | undefined = "";
      for (let pages = 0; cursor !== undefined && pages < 20; pages += 1) {
        const { body } = await world.call(`/v2/workflows/events?count=${count}&cursor=${cursor}`);
        seen.push(...body.events);
        cursor = body.cursor;
      }
      expect(cursor).toBeUndefined();
      expect(seen).toEqual(all);
    }
  });
});
