// Answers in the middle of a run that do not come from a workflow: a tunnel's page, a proxy, another app under the same URL.

import { expect, test } from "vitest";
import type { Handler } from "./app.ts";
import { Counters } from "./counters.ts";
import { oldClient, oldWorkflow } from "./old-sdk.ts";
import { pythonWorkflow } from "./python-endpoint.ts";
import { callEndpoint } from "./self-started.ts";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

const TUNNEL = "<html>You are about to visit a tunnel</html>";
const NOT_FROM_SDK = /^the answer does not come from a workflow: .*Upstash-Workflow-Sdk-Version/;

/** Steps that every SDK knows. */
interface Context {
  readonly run: <T>(name: string, step: () => T) => Promise<T>;
}

const twoSteps = (counters: Counters) => async (context: Context) => {
  await context.run("first", counters.step("first", 1));
  await context.run("second", counters.step("second", 2));
};

const retries = { retries: 1, retryDelay: "1" } as const;

interface Sdk {
  readonly name: string;
  readonly handler: (counters: Counters) => Handler;
  readonly start: (url: string) => Promise<string>;
}

const sdks: readonly Sdk[] = [
  {
    name: "1.3",
    handler: (counters) => {
      const workflow = world.workflow(twoSteps(counters));
      return (request) => workflow(request);
    },
    start: (url) => world.trigger({ url, ...retries }),
  },
  {
    name: "0.2",
    handler: (counters) => oldWorkflow(world, twoSteps(counters), retries),
    start: async (url) => (await oldClient(world).trigger({ url })).workflowRunId,
  },
  {
    name: "Python",
    handler: (counters) => pythonWorkflow(world, twoSteps(counters), { retries: 1 }),
    start: (url) => callEndpoint(world, new URL(url).pathname),
  },
];

/** Serves an endpoint behind a tunnel that shows its own page to the first `pages` deliveries of the second step. */
function serveBehindTunnel(handler: Handler, pages: number): string {
  let left = pages;
  return world.app.on("/order", async (request, received) => {
    const isSecond = received.body.split("messageId").length === 3;
    if (!isSecond || left === 0) return handler(request, received);
    left -= 1;
    return new Response(TUNNEL, { headers: { "retry-after": "0" } });
  });
}

test.each(sdks)(
  "one page behind the first step of $name is a failed attempt, and the run goes on",
  async ({ handler, start }) => {
    const counters = new Counters();
    const run = await world.succeeded(await start(serveBehindTunnel(handler(counters), 1)));
    expect(counters.all()).toEqual({ first: 1, second: 1 });
    expect(run.steps).toHaveLength(3);
  },
);

test.each(sdks)(
  "nothing but pages behind the first step of $name fails the run with the page and the cause, and a resume goes on",
  async ({ handler, start }) => {
    const counters = new Counters();
    const runId = await start(serveBehindTunnel(handler(counters), 2));
    const run = await world.failed(runId);
    const error = expect.stringMatching(NOT_FROM_SDK);
    expect(run.steps.at(-1)).toMatchObject({
      type: "next",
      steps: [
        {
          state: "STEP_FAILED",
          errors: [
            { error, body: TUNNEL, status: 200 },
            { error, body: TUNNEL, status: 200 },
          ],
        },
      ],
    });
    const entry = await world.deadLetter(runId);
    expect(entry).toMatchObject({ responseStatus: 200, responseBody: TUNNEL });
    const resumed = await world.client.dlq.resume({ dlqId: entry.dlqId });
    await world.succeeded(resumed.workflowRunId);
    expect(counters.all()).toEqual({ first: 1, second: 1 });
  },
);

/** Hides from the server who has answered, from the second delivery of a run on. */
const namelessLater =
  (handler: Handler): Handler =>
  async (request, received) => {
    const { status, headers, body } = await handler(request, received);
    const isFirst = received.body.split("messageId").length === 2;
    if (!isFirst) headers.delete("upstash-workflow-sdk-version");
    return new Response(body, { status, headers });
  };

test.each(sdks)(
  "an endpoint of $name behind a proxy that eats headers goes on as long as its steps arrive",
  async ({ handler, start }) => {
    const counters = new Counters();
    const url = world.app.on("/order", namelessLater(handler(counters)));
    await world.succeeded(await start(url));
    await world.close();
    expect(counters.all()).toEqual({ first: 1, second: 1 });
    const retried = world.app.at("/order").map(({ headers }) => headers["upstash-retried"] ?? "0");
    expect(new Set(retried)).toEqual(new Set(["0"]));
  },
);

test("steps that others complete are steps that have arrived", async () => {
  const third = world.app.on("/third", () => new Response("answer"));
  const workflow = world.workflow(async (context) => {
    await context.run("first", () => 1);
    const { body } = await context.call("call", { url: third });
    const { eventData } = await context.waitForEvent("wait", "go");
    return [body, eventData];
  });
  const url = world.app.on(
    "/order",
    namelessLater((request) => workflow(request)),
  );
  const runId = await world.trigger({ url, retries: 0 });
  await until("the waiter", async () => {
    return (await world.client.getWaiters({ eventId: "go" })).length === 1;
  });
  await world.client.notify({ eventId: "go", eventData: "now" });
  const run = await world.succeeded(runId);
  expect(run.workflowRunResponse).toBe('["answer","now"]');
});

test("a page instead of a branch of a parallel group fails the run, and a resume runs that branch", async () => {
  const counters = new Counters(["tunnel"]);
  const workflow = world.workflow(async (context) => {
    const names = ["a", "b"];
    return Promise.all(names.map((name) => context.run(name, counters.step(name, name))));
  });
  const url = world.app.on("/order", (request, received) => {
    const isPlanOfB = received.body.split("messageId").length === 4;
    return isPlanOfB && counters.isBroken("tunnel") ? new Response(TUNNEL) : workflow(request);
  });
  const runId = await world.trigger({ url, retries: 0 });
  const { dlqId, responseBody } = await world.deadLetter(runId);
  expect(responseBody).toBe(TUNNEL);
  counters.heal();
  const resumed = await world.client.dlq.resume({ dlqId });
  const run = await world.succeeded(resumed.workflowRunId);
  expect(run.workflowRunResponse).toBe('["a","b"]');
});

test("a page instead of the endpoint that is told the answer of a call is a failed attempt", async () => {
  const third = world.app.on("/third", () => new Response("answer"));
  const workflow = world.workflow(
    async (context) => (await context.call("call", { url: third })).body,
  );
  let pages = 1;
  const url = world.app.on("/order", (request, received) => {
    const isCallback = received.headers["upstash-workflow-callback"] !== undefined;
    if (!isCallback || pages === 0) return workflow(request);
    pages -= 1;
    return new Response(TUNNEL);
  });
  const run = await world.succeeded(await world.trigger({ url, ...retries }));
  expect(run.workflowRunResponse).toBe('"answer"');
  expect(world.app.at("/third")).toHaveLength(1);
});
