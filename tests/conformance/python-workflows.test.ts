// Workflows of the Python SDK: its requests replayed byte for byte, and what it reads read as strictly as it reads.

import { expect, test } from "vitest";
import type { Handler, Received } from "./app.ts";
import { Counters } from "./counters.ts";
import { pythonWorkflow, servePython } from "./python-endpoint.ts";
import { dumps } from "./python-wire.ts";
import { callEndpoint, impatient, publishTo } from "./self-started.ts";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const INLINE_CHARS_MAX = 3_000;
const world = useWorld({ surroundings: { limits: { inlineCharsMax: INLINE_CHARS_MAX } } });

/** The texts of the list that a delivery carries: the payload, then the records. */
function textsIn(received: Received | undefined): readonly string[] {
  // A delivery to a workflow is a list of items; the endpoint has read it.
  const items = JSON.parse(received?.body ?? "") as readonly { readonly body: string }[];
  return items.map((item) => Buffer.from(item.body, "base64").toString("utf8"));
}

/** Deliveries to a workflow, without requests of users and other messages. */
const stepDeliveries = (path: string): readonly Received[] =>
  world.app.at(path).filter(({ headers }) => headers["upstash-workflow-sdk-version"] !== undefined);

test("run, sleep and sleep_until one after the other: each is executed once, and one delivery more ends the run", async () => {
  const counters = new Counters();
  const alarmAt = Math.floor(Date.now() / 1000) + 1;
  const ends: unknown[] = [];
  servePython(world, "/sequential", async (context) => {
    const first = await context.run("first", counters.step("first", { a: "ü", n: [1, null] }));
    await context.sleepUntil("alarm", alarmAt);
    await context.sleep("nap", "1s");
    await context.sleep("no nap", 0);
    const nothing = await context.run("nothing", counters.step("nothing", undefined));
    ends.push([context.requestPayload, first, nothing]);
  });
  const runId = await callEndpoint(world, "/sequential", { body: '{"order":7}' });
  const run = await world.succeeded(runId);
  expect(ends).toEqual([[{ order: 7 }, { a: "ü", n: [1, null] }, null]]);
  expect(counters.all()).toEqual({ first: 1, nothing: 1 });
  expect(run.workflowRunResponse).toBeUndefined();
  const deliveries = stepDeliveries("/sequential");
  expect(deliveries).toHaveLength(6);
  const [, , afterAlarm, afterNap] = deliveries;
  expect(afterAlarm?.at).toBeGreaterThanOrEqual(alarmAt * 1000);
  expect(afterNap?.at).toBeGreaterThanOrEqual((afterAlarm?.at ?? 0) + 1_000);
  const [payload, ...records] = textsIn(deliveries.at(-1));
  expect(payload).toBe('{"order": 7}');
  expect(records[0]).toBe(
    dumps({
      ...{ stepId: 1, stepName: "first", stepType: "Run" },
      ...{ out: dumps({ a: "ü", n: [1, null] }), concurrent: 1 },
      ...{ sleepFor: null, sleepUntil: null, targetStep: null },
      ...{ callUrl: null, callMethod: null, callBody: null, callHeaders: null, method: "POST" },
    }),
  );
  const outs = records.map((record) => Reflect.get(JSON.parse(record), "out"));
  expect(outs.slice(1)).toEqual(["null", "null", "null", "null"]);
});

test("the log of such a run shows its steps, and its nulls as nothing", async () => {
  servePython(world, "/logged", async (context) => {
    await context.run("first", () => "text");
    await context.sleep("no nap", 0);
  });
  const run = await world.succeeded(await callEndpoint(world, "/logged", { body: "plain" }));
  const shown = run.steps.map(({ steps: [step] }) => [
    step?.stepName,
    Reflect.get(step ?? {}, "stepType"),
    Reflect.get(step ?? {}, "out"),
  ]);
  expect(shown).toEqual([
    ["init", "Initial", '"plain"'],
    ["first", "Run", '"text"'],
    ["no nap", "SleepFor", "null"],
  ]);
  expect(run.steps.map(({ type }) => type)).toEqual(["sequential", "sequential", "sequential"]);
});

test.each([
  ["JSON", '{"a":[1, 2]}', { a: [1, 2] }],
  ["text", "no JSON ü", "no JSON ü"],
  ["nothing", "", null],
])(
  "the endpoint starts its run itself, with the JSON of what it has parsed: %s",
  async (_name, body, payload) => {
    const payloads: unknown[] = [];
    servePython(world, "/payload", async (context) => {
      payloads.push(context.requestPayload);
      await context.run("only", () => 1);
    });
    await world.succeeded(await callEndpoint(world, "/payload", { body }));
    const [first] = stepDeliveries("/payload");
    expect(textsIn(first)).toEqual([dumps(payload)]);
    expect(new Set(payloads.map(dumps))).toEqual(new Set([dumps(payload)]));
  },
);

test("every header that came in is forwarded on every message, and what the server owns wins over all of it", async () => {
  const users: unknown[] = [];
  servePython(world, "/junk", async (context) => {
    users.push(context.headers["x-user"]);
    await context.run("first", () => 1);
    await context.sleep("no nap", 0);
  });
  const runId = await publishTo(world, "/junk", {
    body: '"a body that is longer than others"',
    headers: {
      "Upstash-Forward-X-User": "me",
      "Upstash-Forward-Authorization": "Bearer user",
    },
  });
  await world.succeeded(runId);
  const [plain] = world.app.at("/junk");
  const deliveries = stepDeliveries("/junk");
  expect(deliveries).toHaveLength(3);
  expect(new Set(users)).toEqual(new Set(["me"]));
  for (const { headers, body, rawHeaders } of deliveries) {
    expect(headers).toMatchObject({
      "x-user": "me",
      authorization: "Bearer user",
      host: new URL(world.app.url).host,
      "content-length": String(Buffer.byteLength(body)),
      "content-type": "application/json",
      "user-agent": "Upstash-QStash",
      "upstash-workflow-runid": runId,
      "upstash-retried": "0",
    });
    const names = rawHeaders.filter((_, index) => index % 2 === 0).map((one) => one.toLowerCase());
    expect(names.toSorted()).toEqual([...new Set(names)].toSorted());
  }
  const ids = [plain, ...deliveries].map((one) => one?.headers["upstash-message-id"]);
  expect(new Set(ids).size).toBe(4);
});

test("each step has its own retries, and the message that starts the run those that nobody has chosen", async () => {
  const counters = new Counters(["first"]);
  const handler = pythonWorkflow(
    world,
    async (context) => {
      await context.run("first", () => {
        if (counters.all().first === 3) counters.heal();
        return counters.step("first", 1)();
      });
      counters.break("second");
      await context.run("second", counters.step("second", 2));
    },
    { retries: 1 },
  );
  world.app.on("/retries", impatient(handler));
  const runId = await callEndpoint(world, "/retries");
  const run = await world.failed(runId);
  expect(counters.all()).toEqual({ first: 4, second: 2 });
  expect(run.steps.at(-1)?.steps[0]).toMatchObject({ state: "STEP_FAILED", retries: 1 });
  const entry = await world.deadLetterIn(runId, null);
  expect(entry).toMatchObject({ maxRetries: 1, responseStatus: 500 });
  // A 500 of this SDK has no header of its own.
  expect(Object.keys(entry.responseHeader ?? {}).join()).not.toMatch(/upstash/i);
});

test("a request that is sent again because its answer was lost changes nothing", async () => {
  const counters = new Counters();
  const handler = pythonWorkflow(
    world,
    async (context) => {
      await context.run("first", counters.step("first", 1));
      await context.sleep("no nap", 0);
      await context.run("second", counters.step("second", 2));
    },
    { losesAnswers: true },
  );
  world.app.on("/twice", handler);
  const run = await world.succeeded(await callEndpoint(world, "/twice"));
  await world.close();
  expect(counters.all()).toEqual({ first: 1, second: 1 });
  expect(stepDeliveries("/twice").map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  expect(run.steps).toHaveLength(4);
});

test("a step whose delivery failed behind its submission is not executed again", async () => {
  const counters = new Counters();
  const handler = pythonWorkflow(world, async (context) => {
    await context.run("first", counters.step("first", 1));
    await context.run("second", counters.step("second", 2));
  });
  const cutOff: Handler = async (request, received) => {
    const response = await handler(request, received);
    const isStep = received.headers["upstash-workflow-sdk-version"] !== undefined;
    return isStep ? new Response("the worker is gone", { status: 502 }) : response;
  };
  world.app.on("/cut", impatient(cutOff));
  await world.succeeded(await callEndpoint(world, "/cut"));
  await world.close();
  expect(counters.all()).toEqual({ first: 1, second: 1 });
  expect(stepDeliveries("/cut")).toHaveLength(3);
});

test("a step that is submitted after the run was cancelled is a 500 to this SDK, and is not tried again", async () => {
  const told: unknown[] = [];
  servePython(
    world,
    "/late",
    async (context) => {
      await context.run("first", () => 1);
      await context.run("second", () => world.client.cancel(context.workflowRunId));
    },
    { failureFunction: (failure) => told.push(failure) },
  );
  const runId = await callEndpoint(world, "/late");
  expect((await world.ended(runId)).workflowState).toBe("RUN_CANCELED");
  const late = await until("the answer to the late step", () => {
    const delivery = stepDeliveries("/late")[1];
    return delivery !== undefined && delivery.status !== 0 && delivery;
  });
  expect([late.status, late.answer]).toEqual([
    500,
    expect.stringContaining("Request failed with status: 400"),
  ]);
  expect((await world.ended(runId)).workflowState).toBe("RUN_CANCELED");
  expect((await world.client.dlq.list()).messages).toEqual([]);
  await world.close();
  expect(stepDeliveries("/late")).toHaveLength(2);
  expect(told).toEqual([]);
});

test("a list is never left out, however long: this SDK says that it fetches, and cannot", async () => {
  const long = "x".repeat(INLINE_CHARS_MAX);
  let payload: unknown;
  servePython(world, "/long", async (context) => {
    const first = await context.run("first", () => long);
    await context.run("second", () => first);
    payload = context.requestPayload;
  });
  await world.succeeded(await callEndpoint(world, "/long", { body: long }));
  expect(payload).toBe(long);
  expect(stepDeliveries("/long").filter(({ body }) => body === "")).toEqual([]);
});

test("a list is not left out either when a client of JavaScript, which could fetch it, has triggered the run", async () => {
  const url = servePython(world, "/long", async (context) => {
    const first = await context.run("first", () => "x".repeat(INLINE_CHARS_MAX));
    await context.run("second", () => first.length);
  });
  await world.succeeded(await world.trigger({ url }));
  expect(stepDeliveries("/long").map(({ body }) => body === "")).toEqual([false, false, false]);
});

test("steps that the code no longer has are told apart by name and type", async () => {
  let name = "first";
  servePython(
    world,
    "/changed",
    async (context) => {
      await context.run(name, () => (name = "renamed"));
      await context.run("second", () => 2);
    },
    { retries: 0 },
  );
  const run = await world.failed(await callEndpoint(world, "/changed"));
  expect(run.steps.at(-1)?.steps[0]?.errors?.[0]?.body).toContain("Run first was recorded");
});
