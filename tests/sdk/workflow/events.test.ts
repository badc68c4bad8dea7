// Middleware: the same events in every mode, each once for each step.

import { type MiddlewareCallbacks, WorkflowMiddleware } from "@reprise/sdk";
import { describe, expect, test } from "vitest";
import { waiting } from "../../conformance/surface.ts";
import { modes, useMode } from "./modes.ts";

function recorder() {
  const moments: string[] = [];
  const callbacks: MiddlewareCallbacks = {
    runStarted: () => void moments.push("started"),
    beforeExecution: ({ stepName }) => void moments.push(`before ${stepName}`),
    afterExecution: ({ stepName, result }) =>
      void moments.push(`after ${stepName} ${JSON.stringify(result)}`),
    runCompleted: ({ result }) => void moments.push(`completed ${JSON.stringify(result)}`),
    onError: ({ error }) => void moments.push(`error ${error.message}`),
  };
  return { moments, middlewares: [new WorkflowMiddleware({ name: "recorder", callbacks })] };
}

describe.each(modes)("%s", (mode) => {
  const { world, serve, result } = useMode(mode);

  test("one step after the other, with a failure that is caught", async () => {
    const { moments, middlewares } = recorder();
    const url = serve(
      "/flow",
      async (context) => {
        await context.run("a", () => "A");
        await context.sleep("nap", 0);
        const bad = () => Promise.reject(new Error("no"));
        await context.run("bad", bad).catch(() => {});
        await context.waitForEvent("wait", "event");
        return context.run("z", () => "Z");
      },
      { middlewares },
    );
    const runId = await world.trigger({ url, retries: 0 });
    await waiting(world, "event");
    await world.client.notify({ eventId: "event", eventData: 7 });
    await world.succeeded(runId);
    await world.close();
    expect(moments).toEqual([
      "started",
      "before a",
      'after a "A"',
      "before nap",
      "after nap undefined",
      "before bad",
      "before wait",
      'after wait {"eventData":7,"timeout":false}',
      "before z",
      'after z "Z"',
      'completed "Z"',
    ]);
  });

  test("branches, each begun once and done once", async () => {
    const { moments, middlewares } = recorder();
    const url = serve(
      "/flow",
      async (context) => {
        const branches = ["a", "b", "c"].map((name) => context.run(name, () => name));
        return Promise.all(branches);
      },
      { middlewares },
    );
    expect(await result(url)).toEqual(["a", "b", "c"]);
    await world.close();
    expect(moments.toSorted()).toEqual(
      [
        "started",
        ...["a", "b", "c"].flatMap((name) => [`before ${name}`, `after ${name} "${name}"`]),
        'completed ["a","b","c"]',
      ].toSorted(),
    );
  });

  test("a middleware that throws ends no run, and is told of", async () => {
    const { moments, middlewares } = recorder();
    const broken = new WorkflowMiddleware({
      name: "broken",
      callbacks: {
        beforeExecution: () => {
          throw new Error("broken");
        },
      },
    });
    const url = serve("/flow", (context) => context.run("a", () => 1), {
      middlewares: [broken, ...middlewares],
    });
    expect(await result(url)).toBe(1);
    expect(moments).toContain("error middleware broken failed in beforeExecution");
    expect(moments).toContain("before a");
  });
});
