// Attempts that fail: what counts as a failure, what is kept of it, and when the next attempt follows.

import type { AttemptResource, DeadLetterResource, RunResource } from "@reprise/protocol";
import { WorkflowNonRetryableError, WorkflowRetryAfterError } from "@upstash/workflow";
import { expect, test } from "vitest";
import type { Handler } from "./app.ts";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld({ config: { attemptTimeoutMs: 400 } });

/** An answer of a workflow endpoint, so that nothing but its status speaks. */
const NOW = { "retry-after": "0" };

function failing(status: number, headers: Record<string, string>, body = "no"): Handler {
  return () => new Response(body, { status, headers });
}

/** A workflow with one step that always throws. */
function serveBroken(path: string): string {
  return world.serve(path, async (context) => {
    await context.run("broken", () => {
      throw new Error("database is down");
    });
  });
}

/** What the run shows as being executed, or as having failed. */
function nextOf(run: RunResource | null) {
  const step = run?.steps.find(({ type }) => type === "next")?.steps[0];
  // Groups of this type hold nothing else.
  return step as Extract<RunResource["steps"][number], { type: "next" }>["steps"][number];
}

async function attemptsOf(runId: string): Promise<readonly AttemptResource[]> {
  const { dlqId } = await world.failed(runId);
  const answer = await world.call("GET", `/v2/workflows/dlq/${dlqId}`);
  // The tests of the dead letter queue check the shape.
  return (answer.json as DeadLetterResource).attempts ?? [];
}

/** Milliseconds from the failure of attempt `retried` to the next one that is planned. */
async function plannedDelayMs(runId: string, retried: number): Promise<number> {
  return until(`the delay behind attempt ${retried}`, async () => {
    const next = nextOf(await world.log(runId));
    const error = next?.errors?.[retried];
    if (error === undefined || next.nextDeliveryTime === undefined) return null;
    return next.state === "STEP_RETRY" && next.nextDeliveryTime - error.time;
  });
}

/** The delay is counted from the commit that records the failure, which is a moment later. */
function expectAbout(actualMs: number, expectedMs: number): void {
  expect(actualMs).toBeGreaterThanOrEqual(expectedMs);
  expect(actualMs).toBeLessThan(expectedMs + 5_000);
}

test("S1: a step that throws is a failed attempt with status, headers and body", async () => {
  const runId = await world.trigger({ url: serveBroken("/broken"), retries: 0 });
  const next = nextOf(await world.failed(runId));
  expect(next).toMatchObject({ state: "STEP_FAILED", stepName: "broken", retries: 0 });
  const [error] = next.errors ?? [];
  expect(error).toMatchObject({ status: 500, error: "500 Internal Server Error" });
  expect(JSON.parse(error?.body ?? "")).toMatchObject({
    error: "Error",
    message: "database is down",
  });
  expect(error?.headers).toMatchObject({
    "Upstash-Workflow-Sdk-Version": ["1"],
    "Upstash-Error-Step-Name": ["broken"],
  });
});

test("S2: an app that refuses connections fails the attempt with the cause and no status", async () => {
  const url = serveBroken("/broken");
  await world.app.stop();
  const runId = await world.trigger({ url, retries: 0 });
  const next = nextOf(await world.failed(runId));
  expect(next.errors?.[0]).toMatchObject({
    status: 0,
    error: expect.stringContaining("ECONNREFUSED"),
  });
  expect(await attemptsOf(runId)).toMatchObject([{ cause: "refused", responseStatus: 0 }]);
});

test("S2: a connection that is cut before the answer fails the attempt as reset", async () => {
  const url = world.app.onRaw("/cut", (_request, response) => response.destroy());
  const runId = await world.trigger({ url, retries: 0 });
  expect(await attemptsOf(runId)).toMatchObject([{ cause: "reset", responseStatus: 0 }]);
});

test("S2: an app that does not speak TLS fails the attempt as tls", async () => {
  const url = world.app.on("/plain", failing(200, {})).replace("http:", "https:");
  const runId = await world.trigger({ url, retries: 0 });
  expect(await attemptsOf(runId)).toMatchObject([{ cause: "tls", responseStatus: 0 }]);
});

test("S2: an answer that is no HTTP fails the attempt as protocol", async () => {
  const url = world.app.onRaw("/noise", (request) => request.socket.end("this is no HTTP\r\n\r\n"));
  const runId = await world.trigger({ url, retries: 0 });
  expect(await attemptsOf(runId)).toMatchObject([{ cause: "protocol", responseStatus: 0 }]);
});

test("S3: a step that takes longer than the limit fails the attempt as a timeout", async () => {
  const url = world.app.onRaw("/silent", () => {});
  const before = Date.now();
  const runId = await world.trigger({ url, retries: 0 });
  const next = nextOf(await world.failed(runId));
  expect(next.errors?.[0]).toMatchObject({
    status: 0,
    error: "no complete response within 400 ms",
  });
  expect(Date.now() - before).toBeGreaterThanOrEqual(400);
  expect(await attemptsOf(runId)).toMatchObject([{ cause: "timeout" }]);
});

test("S3: a trigger over REST can set a shorter limit for each attempt", async () => {
  const url = world.app.onRaw("/silent", () => {});
  const headers = { "Upstash-Timeout": "0.1s", "Upstash-Retries": "0" };
  const answer = await world.call("POST", `/v2/trigger/${url}`, { headers });
  const { workflowRunId } = answer.json as { workflowRunId: string }; // Or the next line fails.
  expect(await attemptsOf(workflowRunId)).toMatchObject([
    { cause: "timeout", error: "no complete response within 100 ms" },
  ]);
});

test("S3: a platform that gives up with 504 is a failed attempt with that status", async () => {
  const url = world.app.on("/platform", failing(504, {}, "FUNCTION_INVOCATION_TIMEOUT"));
  const runId = await world.trigger({ url, retries: 0 });
  const next = nextOf(await world.failed(runId));
  expect(next.errors).toMatchObject([
    { status: 504, error: "504 Gateway Timeout", body: "FUNCTION_INVOCATION_TIMEOUT" },
  ]);
});

test("S4: the page of a tunnel without a tunnel is kept with its headers and its HTML", async () => {
  const page =
    '<!DOCTYPE html><html><body data-payload="eyJ4IjoxfQ==">ERR_NGROK_3200 ü</body></html>';
  const headers = { "content-type": "text/html", "ngrok-error-code": "ERR_NGROK_3200" };
  const url = world.app.on("/tunnel", failing(404, headers, page));
  const runId = await world.trigger({ url, retries: 0 });
  const [error] = nextOf(await world.failed(runId)).errors ?? [];
  expect(error).toMatchObject({ status: 404, error: "404 Not Found", body: page });
  expect(error?.headers).toMatchObject({
    "Content-Type": ["text/html"],
    "Ngrok-Error-Code": ["ERR_NGROK_3200"],
  });
});

test("a redirect is not followed and fails the attempt", async () => {
  const elsewhere = world.app.on("/elsewhere", failing(200, {}));
  const url = world.app.on("/moved", failing(307, { location: elsewhere }));
  const runId = await world.trigger({ url, retries: 0 });
  expect(nextOf(await world.failed(runId)).errors).toMatchObject([{ status: 307 }]);
  expect(world.app.at("/elsewhere")).toEqual([]);
});

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
    expectAbout(await plannedDelayMs(await world.trigger({ url }), retried), expectedMs);
  },
);

test.each([0, 1, 5])("S7: %i retries are made when the trigger asks for them", async (retries) => {
  const runId = await world.trigger({ url: serveBroken("/broken"), retries, retryDelay: "1" });
  await world.failed(runId);
  const steps = world.app.at("/broken").slice(0, retries + 1);
  expect(steps.map(({ headers }) => headers["upstash-retried"])).toEqual(
    steps.map((_step, index) => String(index)),
  );
  expect(nextOf(await world.log(runId)).errors).toHaveLength(retries + 1);
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
    if (expectedMs > 0) expectAbout(await plannedDelayMs(runId, retried), expectedMs);
    else expect(nextOf(await world.failed(runId)).errors).toHaveLength(4);
  },
);

test.each<[string, Record<string, string>, number]>([
  ["seconds", { "retry-after": "30" }, 30_000],
  ["a date", { "retry-after": new Date(Date.now() + 3_600_000).toUTCString() }, 0],
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
  async (_name, headers, expectedMs) => {
    const url = world.app.on("/busy", failing(429, headers));
    const runId = await world.trigger({ url, retryDelay: "500000" });
    const delayMs = await plannedDelayMs(runId, 0);
    if (expectedMs > 0) return expectAbout(delayMs, expectedMs);
    // The date was taken when the file was read and has whole seconds.
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
  expectAbout(await plannedDelayMs(runId, 1), 20_000);
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
