// Failed runs of `@upstash/workflow` 0.2, whose failure function and failure URL are given to `serve`.

import type { FailureCallBody } from "@reprise/protocol";
import { expect, test } from "vitest";
import { WorkflowNonRetryableError, WorkflowRetryAfterError } from "workflow-sdk-0.2";
import { App } from "./app.ts";
import { Counters } from "./counters.ts";
import {
  failureCallsAt,
  type OldOptions,
  oldClient,
  oldWorkflow,
  serveOld,
  stepsAt,
} from "./old-sdk.ts";
import { publishTo } from "./self-started.ts";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

type FailureFunction = NonNullable<OldOptions["failureFunction"]>;
type Told = Parameters<FailureFunction>[0];

/** Three steps, of which the second fails until it is healed. */
function serveOrder(path: string, options: Partial<OldOptions> = {}): Counters {
  const counters = new Counters(["charge"]);
  serveOld(
    world,
    path,
    async (context) => {
      const reserved = await context.run("reserve", counters.step("reserve", "reserved"));
      const charge = await context.run("charge", counters.step("charge", `${reserved}, charged`));
      return context.run("ship", counters.step("ship", `${charge}, shipped`));
    },
    { retries: 0, ...options },
  );
  return counters;
}

async function triggerOrder(options: object = {}): Promise<string> {
  const url = `${world.app.url}/order`;
  const { workflowRunId } = await oldClient(world).trigger({ url, body: { n: 7 }, ...options });
  return workflowRunId;
}

test("S16, S17, S18: the failure function is told what failed, in the context of the run", async () => {
  const told: Told[] = [];
  serveOrder("/order", { failureFunction: (failure) => void told.push(failure) });
  const runId = await triggerOrder({ headers: { "x-user": "me" }, label: "blue" });
  await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
  expect(told).toMatchObject([
    {
      failStatus: 500,
      failResponse: "charge is broken",
      failHeaders: { "Upstash-Workflow-Sdk-Version": ["1"] },
      failStack: expect.stringContaining("charge is broken"),
      context: {
        workflowRunId: runId,
        url: `${world.app.url}/order`,
        requestPayload: { n: 7 },
        label: "blue",
      },
    },
  ]);
  expect(told[0]?.context.headers.get("x-user")).toBe("me");
  const [call] = failureCallsAt(world, "/order");
  // With it this SDK would read the call as a list of steps.
  expect(call?.headers["upstash-workflow-sdk-version"]).toBeUndefined();
});

test("S19: what the failure function returns is kept", async () => {
  serveOrder("/order", { failureFunction: () => "told ü" });
  const entry = await world.deadLetterIn(await triggerOrder(), "CALLBACK_SUCCESS");
  expect(entry.failureCallbackInfo).toMatchObject({ responseBody: '{"result":"told ü"}' });
});

test("S20: a failure call that somebody forges does not reach the failure function", async () => {
  const told: Told[] = [];
  serveOrder("/order", { failureFunction: (failure) => void told.push(failure) });
  const answer = await fetch(`${world.app.url}/order`, {
    method: "POST",
    headers: { "upstash-workflow-is-failure": "true", "upstash-signature": "forged" },
    body: "{}",
  });
  expect([answer.status, told]).toEqual([500, []]);
});

test("S21: a failure function that throws is retried with the retries of serve, and then has failed", async () => {
  const told = new Counters(["told"]);
  const failureFunction = told.step("told", undefined);
  const counters = serveOrder("/order", { failureFunction, retries: 1, retryDelay: "1" });
  const entry = await world.deadLetterIn(await triggerOrder(), "CALLBACK_FAIL");
  expect([counters.all(), told.all()]).toEqual([{ reserve: 1, charge: 2 }, { told: 2 }]);
  expect(entry.failureCallbackInfo).toMatchObject({ responseStatus: 500 });
});

test("S23: a failure URL on serve gets the failure of any step, and the workflow does not", async () => {
  const failureUrl = world.app.on("/alarm", () => new Response("noted"));
  serveOrder("/order", { failureUrl });
  const runId = await triggerOrder({ headers: { "x-user": "me" } });
  const entry = await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
  expect(entry).toMatchObject({ failureCallback: failureUrl });
  expect(failureCallsAt(world, "/order")).toEqual([]);
  const [call] = world.app.at("/alarm");
  expect(call).toMatchObject({
    signatureFault: null,
    headers: { "x-user": "me", "upstash-workflow-runid": runId },
  });
  // The tests of the failure URL check its fields.
  const body = JSON.parse(call?.body ?? "") as FailureCallBody;
  expect(body).toMatchObject({
    ...{ status: 500, retried: 0, maxRetries: 0, url: `${world.app.url}/order` },
    ...{ workflowRunId: runId, dlqId: entry.dlqId },
    sourceBody: Buffer.from('{"n":7}').toString("base64"),
  });
});

test("S23: a failure URL on serve holds for the first step, when the endpoint has started the run itself", async () => {
  const failureUrl = world.app.on("/alarm", () => new Response("noted"));
  const counters = serveOrder("/order", { failureUrl });
  counters.break("reserve");
  const runId = await publishTo(world, "/order");
  await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
  expect(counters.all()).toEqual({ reserve: 1 });
  expect(world.app.at("/alarm")).toHaveLength(1);
});

test("S23: a client of 0.2 names a failure URL, which holds for the run only if it is to be kept", async () => {
  const failureUrl = world.app.on("/alarm", () => new Response("noted"));
  serveOrder("/order");
  await world.deadLetterIn(await triggerOrder({ failureUrl }), null);
  expect(world.app.at("/alarm")).toEqual([]);
  const kept = await triggerOrder({ failureUrl, retries: 0, keepTriggerConfig: true });
  await world.deadLetterIn(kept, "CALLBACK_SUCCESS");
  expect(world.app.at("/alarm")).toHaveLength(1);
});

test("S24: a failure URL on serve is reached while the app is down", async () => {
  const other = new App(world.server.signingKeys);
  await other.start();
  try {
    const failureUrl = other.on("/alarm", () => new Response("noted"));
    const handler = oldWorkflow(
      world,
      async (context) => {
        await context.run("first", () => 1);
        await context.run("second", () => 2);
      },
      { failureUrl, retries: 0 },
    );
    let count = 0;
    const url = world.app.on("/order", async (request, received) => {
      count += 1;
      if (count < 2) return handler(request, received);
      await world.app.stop();
      return new Response();
    });
    const { workflowRunId } = await oldClient(world).trigger({ url });
    await world.deadLetterIn(workflowRunId, "CALLBACK_SUCCESS");
    expect(other.at("/alarm")).toMatchObject([{ signatureFault: null }]);
  } finally {
    await other.stop();
  }
});

test("S25: of a failure function and a failure URL on serve this SDK takes the function, and says so to the server", async () => {
  const told: Told[] = [];
  const failureUrl = world.app.on("/alarm", () => new Response("noted"));
  serveOrder("/order", { failureUrl, failureFunction: (failure) => void told.push(failure) });
  const entry = await world.deadLetterIn(await triggerOrder(), "CALLBACK_SUCCESS");
  expect(entry).toMatchObject({ failureCallback: `${world.app.url}/order` });
  expect([told.length, world.app.at("/alarm")]).toEqual([1, []]);
});

test("an endpoint without a failure function answers 500 to the call: the callback has failed, and can be made again", async () => {
  serveOrder("/order");
  const options = { useFailureFunction: true, retries: 0, keepTriggerConfig: true };
  const runId = await triggerOrder(options);
  const entry = await world.deadLetterIn(runId, "CALLBACK_FAIL");
  expect(entry.failureCallbackInfo).toMatchObject({ responseStatus: 500 });
  serveOrder("/order", { failureFunction: () => "at last" });
  await oldClient(world).dlq.retryFailureFunction({ dlqId: entry.dlqId });
  await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
});

test("an endpoint that fails without a failure function or URL makes no call at all", async () => {
  serveOrder("/order");
  const entry = await world.deadLetterIn(await triggerOrder(), null);
  expect(entry.failureCallback ?? "").toBe("");
  await world.close();
  expect(failureCallsAt(world, "/order")).toEqual([]);
});

test("S11: an error that allows no retry is not retried", async () => {
  const url = serveOld(
    world,
    "/fatal",
    async (context) => {
      await context.run("first", () => 1);
      await context.run("fatal", () => {
        throw new WorkflowNonRetryableError("no use");
      });
    },
    { retries: 5, retryDelay: "1" },
  );
  const { workflowRunId } = await oldClient(world).trigger({ url });
  const entry = await world.deadLetterIn(workflowRunId, null);
  expect(entry).toMatchObject({ responseStatus: 489, maxRetries: 5 });
  expect(stepsAt(world, "/fatal")).toHaveLength(2);
});

test("S10: an error that names the time of the next attempt is retried then", async () => {
  let count = 0;
  const url = serveOld(world, "/later", async (context) => {
    await context.run("later", () => {
      count += 1;
      if (count === 1) throw new WorkflowRetryAfterError("not now", 1);
    });
  });
  const { workflowRunId } = await oldClient(world).trigger({ url });
  await world.succeeded(workflowRunId);
  const [first, second] = stepsAt(world, "/later");
  expect(first).toMatchObject({ status: 429, answerHeaders: { "retry-after": "1" } });
  expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(1_000);
});

test("S34, S45: the client of 0.2 finds the entry and resumes it from its failing step", async () => {
  const counters = serveOrder("/order");
  const client = oldClient(world);
  const runId = await triggerOrder({ label: "blue" });
  await world.failed(runId);
  const { messages } = await client.dlq.list({ filter: { url: `${world.app.url}/order` } });
  expect(messages).toMatchObject([{ workflowRunId: runId, label: "blue", responseStatus: 500 }]);
  counters.heal();
  const resumed = await client.dlq.resume({ dlqId: messages[0]?.dlqId ?? "" });
  expect(resumed).toEqual({
    workflowRunId: expect.stringMatching(/^wfr_/),
    workflowCreatedAt: expect.any(Number),
  });
  const run = await world.succeeded(resumed.workflowRunId);
  expect(run.workflowRunResponse).toBe('"reserved, charged, shipped"');
  expect(counters.all()).toEqual({ reserve: 1, charge: 2, ship: 1 });
});

test("S50, S53: overrides of a resume win over what each message of the endpoint says", async () => {
  const counters = serveOrder("/order", {
    retries: 3,
    retryDelay: "1",
    flowControl: { key: "own", parallelism: 3 },
  });
  const runId = await triggerOrder();
  const { dlqId } = await world.deadLetter(runId);
  expect(counters.all()).toEqual({ reserve: 1, charge: 4 });
  const flowControl = { key: "narrow", parallelism: 1 };
  const [resumed] = await oldClient(world).dlq.resume({ dlqId: [dlqId], retries: 1, flowControl });
  const entry = await world.deadLetter(resumed?.workflowRunId ?? "");
  expect(counters.all()).toEqual({ reserve: 1, charge: 6 });
  expect(entry).toMatchObject({ maxRetries: 1, flowControlKey: "narrow", parallelism: 1 });
});

test("a resumed run that fails again tells its failure function its own id", async () => {
  const ids: string[] = [];
  serveOrder("/order", {
    failureFunction: ({ context }) => void ids.push(context.workflowRunId),
  });
  const runId = await triggerOrder();
  const { dlqId } = await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
  const { workflowRunId } = await oldClient(world).dlq.resume({ dlqId });
  await world.deadLetterIn(workflowRunId, "CALLBACK_SUCCESS");
  expect(ids).toEqual([runId, workflowRunId]);
});

test("S35: a resume of a parallel group runs the branch that failed, and no other", async () => {
  const counters = new Counters(["bad"]);
  const names = ["good", "bad", "better"];
  const url = serveOld(
    world,
    "/group",
    async (context) => {
      const branch = (name: string) =>
        context.run(name, async () => {
          if (counters.isBroken(name)) await othersSucceeded(context.workflowRunId);
          return counters.step(name, name)();
        });
      return Promise.all(names.map(branch));
    },
    { retries: 0 },
  );
  const client = oldClient(world);
  const { workflowRunId } = await client.trigger({ url });
  const { dlqId } = await world.deadLetter(workflowRunId);
  counters.heal();
  const resumed = await client.dlq.resume({ dlqId });
  const run = await world.succeeded(resumed.workflowRunId);
  expect(JSON.parse(run.workflowRunResponse ?? "")).toEqual(names);
  expect(counters.all()).toEqual({ good: 1, bad: 2, better: 1 });
});

/** Until two branches of the only group have their results. */
const othersSucceeded = (runId: string) =>
  until("the other branches", async () => {
    const states = (await world.log(runId))?.steps[1]?.steps.map(({ state }) => state) ?? [];
    return states.filter((state) => state === "STEP_SUCCESS").length === 2;
  });

test("S36: a restart begins again with the payload", async () => {
  const counters = serveOrder("/order");
  const { dlqId } = await world.deadLetter(await triggerOrder());
  counters.heal();
  const { workflowRunId } = await oldClient(world).dlq.restart({ dlqId });
  const run = await world.succeeded(workflowRunId);
  expect(counters.all()).toEqual({ reserve: 2, charge: 2, ship: 1 });
  expect(run.workflowRunResponse).toBe('"reserved, charged, shipped"');
});

test.each(["resume", "restart"] as const)(
  "after a %s the settings of serve hold as before",
  async (mode) => {
    const told: string[] = [];
    const counters = serveOrder("/order", {
      ...{ retries: 1, retryDelay: "1" },
      failureFunction: ({ failResponse }) => void told.push(failResponse),
    });
    const runId = await triggerOrder();
    const { dlqId } = await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
    counters.heal();
    counters.break("ship");
    const { workflowRunId } = await oldClient(world).dlq[mode]({ dlqId });
    const entry = await world.deadLetterIn(workflowRunId, "CALLBACK_SUCCESS");
    expect(entry).toMatchObject({ maxRetries: 1 });
    expect(told).toEqual(["charge is broken", "ship is broken"]);
    expect(counters.all()).toMatchObject({ ship: 2 });
  },
);

test("after a resume from the first step the settings of serve hold for the others", async () => {
  const told: string[] = [];
  const counters = serveOrder("/order", {
    failureFunction: ({ failResponse }) => void told.push(failResponse),
  });
  counters.break("reserve");
  const { dlqId } = await world.deadLetterIn(await triggerOrder({ retries: 0 }), null);
  counters.heal();
  counters.break("ship");
  const { workflowRunId } = await oldClient(world).dlq.resume({ dlqId });
  await world.deadLetterIn(workflowRunId, "CALLBACK_SUCCESS");
  expect(told).toEqual(["ship is broken"]);
});
