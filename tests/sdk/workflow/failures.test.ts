// What authors are told of failures: in the failure function, and of code that no longer fits what is recorded.

import type { Failure } from "@reprise/sdk";
import { describe, expect, test } from "vitest";
import { faultOf, waiting } from "../../conformance/surface.ts";
import { until } from "../../conformance/until.ts";
import { modes, useMode } from "./modes.ts";

describe.each(modes)("%s", (mode) => {
  const { world, serve } = useMode(mode);

  test("the failure function knows the step, its attempts and the dead letter", async () => {
    const told: Failure<{ readonly order: number }>[] = [];
    const url = serve<{ readonly order: number }, unknown>(
      "/order",
      async (context) => {
        await context.run("reserve", () => 1);
        await context.run("charge", () => {
          throw new TypeError("card refused");
        });
      },
      { failureFunction: (failure) => void told.push(failure) },
    );
    const body = { order: 7 };
    const runId = await world.trigger({ url, body, retries: 1, retryDelay: "1" });
    const failure = await until("the failure", () => told[0]);
    expect(failure).toMatchObject({
      failStatus: 500,
      failResponse: "card refused",
      failStack: expect.stringContaining("card refused"),
      failedStep: { stepName: "charge", stepType: null, stepId: 2 },
    });
    expect(failure.attempts.map(({ status }) => status)).toEqual([500, 500]);
    expect(failure.attempts[0]?.startedAt).toBeLessThanOrEqual(failure.attempts[1]?.endedAt ?? 0);
    expect(failure.dlqId).toBe((await world.deadLetter(runId)).dlqId);
    const { requestPayload, workflowRunId } = failure.context;
    expect([requestPayload, workflowRunId, failure.context.url]).toEqual([body, runId, url]);
  });

  test("code that calls another step than the recorded one is told both, and where", async () => {
    let name = "before";
    const url = serve("/flow", async (context) => {
      await context.run(name, () => 1);
      await context.waitForEvent("wait", "go");
      return "end";
    });
    const runId = await world.trigger({ url, retries: 0 });
    await waiting(world, "go");
    name = "after";
    serve("/flow", async (context) => {
      await context.run("after", () => 1);
      await context.waitForEvent("wait", "go");
      return "end";
    });
    await world.client.notify({ eventId: "go" });
    const { body } = faultOf(await world.failed(runId));
    // A function that is kept does not begin again: it goes on as it began.
    expect(body).toContain('"error":"DivergenceError"');
    expect(body).toContain('is recorded as \\"before\\" (Run)');
    expect(body).toContain('the function calls \\"after\\" (Run) at ');
    expect(body).toContain("failures.test.ts:");
  });

  test("a group of another size than the recorded one is told its steps", async () => {
    const serveGroup = (count: number) =>
      serve("/flow", async (context) => {
        const names = Array.from({ length: count }, (_, n) => `branch ${n}`);
        await Promise.all(names.map((one) => context.waitForEvent(one, one)));
      });
    const url = serveGroup(2);
    const runId = await world.trigger({ url, retries: 0 });
    await waiting(world, "branch 0");
    await waiting(world, "branch 1");
    serveGroup(3);
    await world.client.notify({ eventId: "branch 0" });
    const { body } = faultOf(await world.failed(runId));
    expect(body).toContain("a parallel group of 2 steps is recorded here");
    expect(body).toContain('calls 3 at once: \\"branch 0\\", \\"branch 1\\", \\"branch 2\\"');
  });

  test("no retry is spent on code that does not fit", async () => {
    let calls = 0;
    const url = serve("/flow", async (context) => {
      await context.waitForEvent("one", "go");
    });
    const runId = await world.trigger({ url, retries: 3, retryDelay: "1" });
    await waiting(world, "go");
    serve("/flow", async (context) => {
      calls++;
      await context.waitForEvent("other", "go");
    });
    await world.client.notify({ eventId: "go" });
    await world.failed(runId);
    expect(calls).toBe(mode === "classic" ? 4 : 1);
  });
});
