// Steps beyond the limits: the run fails at once and says which limit it was, and nothing hangs.

import type { WorkflowContext } from "@upstash/workflow";
import { describe, expect, test } from "vitest";
import { isOwnSdk, refusedStatus, sdkWords } from "./sdk.ts";
import { faultOf, invokable, resultOf, serveTogether, waitersFor, waiting } from "./surface.ts";
import { useWorld } from "./world.ts";

const LARGE = "x".repeat(20_000);

describe("with small limits", () => {
  const world = useWorld({ config: { bodyBytesMax: 16_384, retriesMax: 5, delayMsMax: 60_000 } });

  /** Runs one step and expects its run to fail for this reason, without a retry. */
  async function expectFault(step: (context: WorkflowContext) => Promise<unknown>, reason: RegExp) {
    const child = invokable(async () => {});
    const parent = invokable(async (context) => step(context));
    const url = serveTogether(world, { parent, child });
    const run = await world.failed(await world.trigger({ url: url("parent") }));
    expect(faultOf(run)).toEqual({ status: refusedStatus, body: expect.stringMatching(reason) });
    expect(run.steps.at(-1)?.steps[0]?.errors).toHaveLength(1);
  }

  const service = () => world.app.on("/service", () => new Response("ok"));

  test.each<[string, (context: WorkflowContext) => Promise<unknown>, RegExp]>([
    ["a result", (context) => context.run("big", () => LARGE), /maxMessageSize/],
    [
      "the body of a call",
      (context) => context.call("ask", { url: service(), method: "POST", body: LARGE }),
      /maxMessageSize/,
    ],
    [
      "the retries of a call",
      (context) => context.call("ask", { url: service(), retries: 6 }),
      /maxRetries/,
    ],
    [
      "the time of a wait",
      (context) => context.waitForEvent("w", "e", { timeout: 61 }),
      /maxDelay/,
    ],
    ["an event", (context) => context.notify("tell", "event", LARGE), /maxMessageSize/],
    ["a nap", (context) => context.sleep("nap", 61), /maxDelay|delay/i],
  ])("%s", async (_name, step, reason) => {
    await expectFault(step, reason);
    expect(world.app.at("/service")).toEqual([]);
    expect(await waitersFor(world, "e")).toEqual([]);
  });

  test("what a child is given", async () => {
    const child = invokable<string>(async () => {});
    const parent = invokable(async (context) => {
      await context.invoke("ask", { workflow: child, body: LARGE });
    });
    const url = serveTogether(world, { parent, child });
    const run = await world.failed(await world.trigger({ url: url("parent") }));
    expect(faultOf(run)).toEqual({
      status: refusedStatus,
      body: expect.stringMatching(/maxMessageSize/),
    });
    expect(world.app.at("/many/child")).toEqual([]);
  });

  test("an event, which its sender is told; who waits for it goes on waiting", async () => {
    const url = world.serve("/flow", async (context) => {
      return (await context.waitForEvent("wait", "event", { timeout: 60 })).eventData;
    });
    const runId = await world.trigger({ url });
    await waiting(world, "event");
    expect(await world.call("POST", "/v2/notify/event", { body: LARGE })).toMatchObject({
      status: 412,
      json: { error: expect.stringMatching(/maxMessageSize/) },
    });
    expect(await waitersFor(world, "event")).toHaveLength(1);
    await world.client.notify({ eventId: "event", eventData: "small" });
    expect(resultOf(await world.succeeded(runId))).toBe("small");
  });

  test("an answer of a call that the app may not submit fails the run, and the service is asked once", async () => {
    const url = world.app.on("/service", () => new Response(LARGE));
    const workflow = world.serve("/flow", async (context) => {
      await context.call("ask", { url });
    });
    const run = await world.failed(await world.trigger({ url: workflow, retries: 0 }));
    expect(faultOf(run)).toMatchObject({
      status: isOwnSdk ? refusedStatus : 500,
      body: expect.stringMatching(/maxMessageSize/),
    });
    expect(world.app.at("/service")).toHaveLength(1);
  });
});

describe("with the limits of every server", () => {
  const world = useWorld();

  test("1,000 parallel steps are a group, and one more is too many", async () => {
    const serve = (path: string, count: number) =>
      world.serve(path, async (context) => {
        const steps = Array.from({ length: count }, (_, n) => context.sleep(`nap ${n}`, "1h"));
        await Promise.all(steps);
      });
    const run = await world.failed(await world.trigger({ url: serve("/more", 1_001) }));
    expect(faultOf(run)).toEqual({
      status: refusedStatus,
      body: expect.stringMatching(/1000|1,000/),
    });
    const runId = await world.trigger({ url: serve("/most", 1_000) });
    const answer = await world.client.cancel(runId);
    expect(answer).toEqual({ cancelled: 1 });
  });

  test.each<[string, (name: string) => (context: WorkflowContext) => Promise<unknown>]>([
    ["a step", (name) => (context) => context.run(name, () => 1)],
    ["a wait", (name) => (context) => context.waitForEvent(name, "event", { timeout: 0 })],
    ["a call", (name) => (context) => context.call(name, { url: `${world.app.url}/service` })],
  ])("the name of %s has at most 1,024 characters", async (_name, named) => {
    world.app.on("/service", () => new Response("ok"));
    const fits = world.serve("/fits", named("n".repeat(1_024)));
    await world.succeeded(await world.trigger({ url: fits }));
    const long = world.serve("/long", named("n".repeat(1_025)));
    const run = await world.failed(await world.trigger({ url: long }));
    expect(faultOf(run)).toEqual({
      status: refusedStatus,
      body: expect.stringMatching(/stepName.*1024/),
    });
  });

  test("a step inside a step fails the run, as the SDK says", async () => {
    const url = world.serve("/flow", async (context) => {
      await context.run("outer", () => context.waitForEvent("inner", "event"));
    });
    const run = await world.failed(await world.trigger({ url, retries: 0 }));
    expect(faultOf(run).body).toMatch(sdkWords.nestedStep);
    expect(await waitersFor(world, "event")).toEqual([]);
  });
});
