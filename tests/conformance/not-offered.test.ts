// Steps that this version does not have: a run that uses one fails at once and says so, and never hangs.

import type { WorkflowContext } from "@upstash/workflow";
import { createWorkflow, serveMany } from "@upstash/workflow/hono";
import { expect, test } from "vitest";
import { useWorld } from "./world.ts";

const world = useWorld();

const child = createWorkflow(async () => {});
// Gives the workflow the name under which it can be invoked.
serveMany({ child });

const steps: Readonly<Record<string, (context: WorkflowContext) => Promise<unknown>>> = {
  "context.call": (context) =>
    context.call("ask", { url: `${world.app.url}/third`, method: "POST" }),
  "context.waitForEvent": (context) => context.waitForEvent("wait", "event", { timeout: "1s" }),
  "context.notify": (context) => context.notify("tell", "event", { a: 1 }),
  "context.waitForWebhook": async (context) => {
    const webhook = await context.createWebhook("make");
    return context.waitForWebhook("wait", webhook, "1s");
  },
  "context.invoke": (context) => context.invoke("child", { workflow: child, body: "b" }),
};

test.each(Object.entries(steps))(
  "a run that uses %s fails at once and says why",
  async (_name, step) => {
    const url = world.serve("/order", async (context) => {
      await context.run("one", () => 1);
      await step(context);
    });
    const run = await world.failed(await world.trigger({ url, retries: 3 }));
    const next = run.steps.at(-1)?.steps[0];
    expect(next).toMatchObject({ state: "STEP_FAILED", errors: [{ status: 489 }] });
    expect(next?.errors?.[0]?.body).toMatch(/does not offer/);
    expect(world.app.at("/third")).toEqual([]);
    expect((await world.client.logs()).runs).toHaveLength(1);
  },
);
