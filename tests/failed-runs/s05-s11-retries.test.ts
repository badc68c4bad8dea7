// How often and when a failed attempt of a run is repeated.

import { WorkflowNonRetryableError, WorkflowRetryAfterError } from "@upstash/workflow";
import { expect, test } from "vitest";
import { until } from "../conformance/until.ts";
import { useWorld } from "../conformance/world.ts";
import { failing, serveBroken } from "./broken.ts";
import { expectAbout, nextOf, plannedDelayMs } from "./next-step.ts";

const world = useWorld();

/** An answer of a workflow endpoint, so that nothing but its status speaks. */
const NOW = { "retry-after": "0" };

test("S5: without configuration a step is delivered four times", async () => {
  const url = world.app.on("/down", failing(500, NOW));
  const runId = await world.trigger({ url });
  const run = await world.failed(runId);
  expect(nextOf(run)).toMatchObject({ retries: 3 });
  expect(nextOf(run).errors).toHaveLength(4);
});

test.each([
  ["first", 0, 12_000],
  ["second", 1, 148_000],
  ["third", 2, 1_808_000],
])(
  "S6: the default delay before the %s retry is e to the power of 2.5 n seconds",
  async (_name, retried, expectedMs) => {
    const url = world.app.on("/down", (_request, { headers }) => {
      const isLast = headers["upstash-retried"] === String(retried);
      return new Response("no", { status: 500, headers: isLast ? {} : NOW });
    });
    expectAbout(await plannedDelayMs(world, await world.trigger({ url }), retried), expectedMs);
  },
);

test.each([0, 1, 5])("S7: %i retries are made when the trigger asks for them", async (retries) => {
  const runId = await world.trigger({
    url: serveBroken(world, "/broken"),
    retries,
    retryDelay: "1",
  });
  await world.failed(runId);
  const steps = world.app.at("/broken").slice(0, retries + 1);
  expect(steps.map(({ headers }) => headers["upstash-retried"])).toEqual(
    steps.map((_step, index) => String(index)),
  );
  expect(nextOf(await world.log(runId)).errors).toHaveLength(retries + 1);
});

test("S7: the number of retries of the trigger holds for every later step", async () => {
  const url = world.serve("/late", async (context) => {
    await context.run("fine", () => 1);
    await context.run("broken", () => {
      throw new Error("broken");
    });
  });
  await world.failed(await world.trigger({ url, retries: 2, retryDelay: "10" }));
  const retried = world.app
    .at("/late")
    .slice(0, 4)
    .map(({ headers }) => headers["upstash-retried"]);
  expect(retried).toEqual(["0", "0", "1", "2"]);
});

test("S8: a failure that heals before the last retry leaves nothing but its attempts", async () => {
  let failures = 0;
  let isToldOfFailure = false;
  const url = world.serve(
    "/heals",
    async (context) => {
      await context.run("one", () => 1);
      await context.run("flaky", () => {
        failures += 1;
        if (failures <= 2) throw new Error("not yet");
      });
    },
    {
      failureFunction: () => {
        isToldOfFailure = true;
      },
    },
  );
  const runId = await world.trigger({ url, retries: 2, retryDelay: "1" });
  const run = await world.succeeded(runId);
  expect(run.failureFunction).toBeUndefined();
  expect(run.dlqId).toBeUndefined();
  expect((await world.client.dlq.list()).messages).toEqual([]);
  await world.close();
  expect(isToldOfFailure).toBe(false);
  expect(failures).toBe(3);
});

test("S8: every step has the full number of retries", async () => {
  const attempts = new Map<string, number>();
  const flaky = (name: string) => () => {
    const count = (attempts.get(name) ?? 0) + 1;
    attempts.set(name, count);
    if (count === 1) throw new Error("once");
  };
  const url = world.serve("/flaky", async (context) => {
    await context.run("one", flaky("one"));
    await Promise.all([context.run("two", flaky("two")), context.run("three", flaky("three"))]);
    await context.run("four", flaky("four"));
  });
  await world.succeeded(await world.trigger({ url, retries: 1, retryDelay: "1" }));
  expect([...attempts.values()]).toEqual([2, 2, 2, 2]);
});

test("S9: the context knows how often its step has been retried", async () => {
  const seen: number[] = [];
  const url = world.serve("/counts", async (context) => {
    await context.run("broken", () => {
      seen.push(context.retried);
      throw new Error("again");
    });
  });
  await world.failed(await world.trigger({ url, retries: 2, retryDelay: "1" }));
  expect(seen).toEqual([0, 1, 2]);
});

test.each([
  ["500000", 0, 500_000],
  ["100000 * (1 + retried)", 2, 300_000],
  ["pow(2, retried) * 100000", 2, 400_000],
  ["max(100000, pow(2, retried) * 10000)", 1, 100_000],
  ["min(600000, exp(10) * 10)", 0, 220_265],
  ["round(sqrt(16) * 10000.4) + floor(7.9) * 10000 + ceil(0.1) * 10000 + abs(-20000)", 0, 140_002],
  ["(retried + 7) % 5 * 100000 - -50000", 0, 250_000],
  ["retried - 100", 1, 0],
  ["100 * 86400000", 0, 86_400_000],
])(
  "S9: the retry delay %s gives after attempt %i a delay of %i ms",
  async (retryDelay, retried, expectedMs) => {
    const url = world.app.on("/down", (_request, { headers }) => {
      const isEarlier = Number(headers["upstash-retried"]) < retried;
      return new Response("no", { status: 500, headers: isEarlier ? NOW : {} });
    });
    const runId = await world.trigger({ url, retryDelay, retries: 3 });
    if (expectedMs > 0) expectAbout(await plannedDelayMs(world, runId, retried), expectedMs);
    else expect(nextOf(await world.failed(runId)).errors).toHaveLength(4);
  },
);

test.each<[string, Record<string, string> | (() => Record<string, string>), number]>([
  ["seconds", { "retry-after": "30" }, 30_000],
  ["a date", () => ({ "retry-after": new Date(Date.now() + 3_600_000).toUTCString() }), 0],
  ["a duration", { "retry-after": "6m5s" }, 365_000],
  ["a duration of the SDK", { "retry-after": "1d" }, 86_400_000],
  ["milliseconds", { "retry-after": "150500ms" }, 150_500],
  ["x-ratelimit-reset", { "x-ratelimit-reset": "40" }, 40_000],
  ["x-ratelimit-reset-requests", { "x-ratelimit-reset-requests": "1m0s" }, 60_000],
  ["x-ratelimit-reset-tokens", { "x-ratelimit-reset-tokens": "2h" }, 7_200_000],
  ["more than a day, which is ignored", { "retry-after": "86401" }, 500_000],
  ["nonsense, which is ignored", { "retry-after": "soon" }, 500_000],
])(
  "S10: a wait that the app asks for overrides the retry delay: %s",
  async (_name, given, expectedMs) => {
    const headers = typeof given === "function" ? given() : given;
    const url = world.app.on("/busy", failing(429, headers));
    const runId = await world.trigger({ url, retryDelay: "500000" });
    const delayMs = await plannedDelayMs(world, runId, 0);
    if (expectedMs > 0) return expectAbout(delayMs, expectedMs);
    // The date was taken when the test began and has whole seconds.
    expect(delayMs).toBeGreaterThan(3_540_000);
    expect(delayMs).toBeLessThanOrEqual(3_600_000);
  },
);

test("S10: a wait that the SDK asks for is kept and takes one retry", async () => {
  const url = world.serve("/busy", async (context) => {
    await context.run("busy", () => {
      throw new WorkflowRetryAfterError("busy", context.retried === 0 ? 0 : "20s");
    });
  });
  const runId = await world.trigger({ url, retries: 2 });
  expectAbout(await plannedDelayMs(world, runId, 1), 20_000);
  const next = nextOf(await world.log(runId));
  expect(next.errors?.map(({ status }) => status)).toEqual([429, 429]);
  expect(next).toMatchObject({ state: "STEP_RETRY", retries: 2 });
});

test("S11: 489 with the header skips the remaining retries and runs the failure function", async () => {
  const told: string[] = [];
  const url = world.serve(
    "/fatal",
    async (context) => {
      await context.run("fatal", () => {
        throw new WorkflowNonRetryableError("never works");
      });
    },
    {
      failureFunction: ({ failStatus, failResponse }) => {
        told.push(`${failStatus} ${failResponse}`);
      },
    },
  );
  const run = await world.failed(await world.trigger({ url, retries: 5 }));
  expect(nextOf(run).errors).toHaveLength(1);
  expect(run.dlqId).toEqual(expect.any(String));
  await until("the failure function", () => told.length > 0);
  expect(told).toEqual(["489 never works"]);
});

test("S11: 489 without the header is a failure like others", async () => {
  const url = world.app.on("/down", failing(489, NOW));
  const run = await world.failed(await world.trigger({ url, retries: 1 }));
  expect(nextOf(run).errors).toHaveLength(2);
});

test("S11: a run that cancels itself gets no dead letter and no failure call", async () => {
  let isToldOfFailure = false;
  const url = world.serve(
    "/gives-up",
    async (context) => {
      await context.run("one", () => 1);
      await context.cancel();
    },
    {
      failureFunction: () => {
        isToldOfFailure = true;
      },
    },
  );
  const run = await world.ended(await world.trigger({ url }));
  expect(run.workflowState).toBe("RUN_CANCELED");
  expect((await world.client.dlq.list()).messages).toEqual([]);
  await world.close();
  expect(isToldOfFailure).toBe(false);
  expect(world.app.at("/gives-up")).toHaveLength(2);
});
