// What the middleware of an app sees, which depends on every single delivery: none may be missing, merged or repeated.

import { WorkflowMiddleware } from "@upstash/workflow";
import { expect, test } from "vitest";
import { expectDeliveries } from "./sdk.ts";
import { resultOf, waiting } from "./surface.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

/** A middleware that notes the moments of runs and steps, results included. */
function recorder() {
  const moments: string[] = [];
  const middleware = new WorkflowMiddleware({
    name: "recorder",
    callbacks: {
      runStarted: () => void moments.push("started"),
      beforeExecution: ({ stepName }) => void moments.push(`before ${stepName}`),
      afterExecution: ({ stepName, result }) =>
        void moments.push(`after ${stepName} ${JSON.stringify(result)}`),
      runCompleted: ({ result }) => void moments.push(`completed ${JSON.stringify(result)}`),
    },
  });
  return { moments, middlewares: [middleware] };
}

test("steps of every kind one after the other, with a retry", async () => {
  const { moments, middlewares } = recorder();
  let count = 0;
  const service = world.app.on("/service", () => new Response("ok", { headers: { date: "now" } }));
  const url = world.serve(
    "/flow",
    async (context) => {
      await context.run("run", () => {
        count += 1;
        if (count === 1) throw new Error("flaky");
        return count;
      });
      await context.sleep("nap", 0);
      const { body } = await context.call("call", { url: service });
      const { eventData } = await context.waitForEvent("wait", "event");
      return [body, eventData];
    },
    { middlewares },
  );
  const runId = await world.trigger({ url, retryDelay: "1" });
  await waiting(world, "event");
  await world.client.notify({ eventId: "event", eventData: 7 });
  expect(resultOf(await world.succeeded(runId))).toEqual(["ok", 7]);
  await world.close();
  expect(moments).toEqual([
    "started",
    "before run",
    // The first delivery is repeated, and with it what belongs to it.
    "started",
    "before run",
    "after run 2",
    "before nap",
    "after nap undefined",
    "before call",
    expect.stringMatching(/^after call \{.*"status":200.*"body":"ok".*\}$/),
    "before wait",
    'after wait {"eventData":7,"timeout":false}',
    'completed ["ok",7]',
  ]);
  expectDeliveries(world.app.at("/flow"), 7);
});

test("each branch of a group is begun once and done once, the last one with what follows", async () => {
  const { moments, middlewares } = recorder();
  const url = world.serve(
    "/flow",
    async (context) => {
      await Promise.all([
        context.run("a", () => "A"),
        context.sleep("nap", 0.3),
        context.waitForEvent("wait", "never", { timeout: 0.6 }),
      ]);
      await context.run("after", () => "Z");
      return "end";
    },
    { middlewares },
  );
  await world.succeeded(await world.trigger({ url }));
  await world.close();
  const count = (moment: string) => moments.filter((one) => one === moment).length;
  expect(moments[0]).toBe("started");
  for (const name of ["a", "nap", "wait", "after"]) expect(count(`before ${name}`)).toBe(1);
  expect(moments.slice(-3)).toEqual(["before after", 'after after "Z"', 'completed "end"']);
  expect(moments.filter((one) => one.startsWith("after ")).toSorted()).toEqual([
    'after a "A"',
    'after after "Z"',
    "after nap undefined",
    'after wait {"timeout":true}',
  ]);
  expectDeliveries(world.app.at("/flow"), 8);
});
