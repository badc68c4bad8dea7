// A branch that was being delivered when its run failed, and comes to its call, wait or child only afterwards.

import type { InvokableWorkflow, WorkflowContext } from "@upstash/workflow";
import { expect, test } from "vitest";
import type { Received } from "../conformance/app.ts";
import { until } from "../conformance/until.ts";
import { useWorld } from "../conformance/world.ts";

const world = useWorld({ isOnDisk: true });

const LATE_STEP = 2;

/** The step that a delivery asks for: the one of the plan at the end of its list. */
function askedStep({ body }: Received): number | undefined {
  const records = JSON.parse(body) as readonly { readonly body: string }[]; // As the SDK reads it.
  const last = Buffer.from(records.at(-1)?.body ?? "", "base64").toString("utf8");
  return last.startsWith("{") ? JSON.parse(last).targetStep : undefined;
}

/** Two branches: the first fails at once, and the first delivery of the other one is held back until the test lets it go. */
function serveLate(late: (context: WorkflowContext) => Promise<unknown>) {
  const gate = Promise.withResolvers<void>();
  let isBroken = true;
  let held: Received | null = null;
  const workflow = world.workflow(async (context) => {
    const [, other] = await Promise.all([
      context.run("bad", () => {
        if (isBroken) throw new Error("broken");
      }),
      late(context),
    ]);
    return other;
  });
  const url = world.app.on("/many/late", async (request, received) => {
    const isFirst = held === null && received.headers["upstash-workflow-is-failure"] === undefined;
    if (isFirst && askedStep(received) === LATE_STEP) {
      held = received;
      await gate.promise;
    }
    return workflow(request);
  });
  return {
    /** A run that has failed while the other branch is held. */
    fail: async () => {
      const runId = await world.trigger({ url, retries: 0 });
      await world.failed(runId);
      await until("the held branch", () => held !== null);
      return runId;
    },
    /** Lets the branch go on, and waits until the app has answered its delivery. */
    release: async () => {
      gate.resolve();
      await until("the answer of the held branch", () => (held?.status ?? 0) > 0);
    },
    resume: async (runId: string) => {
      isBroken = false;
      const { dlqId } = await world.deadLetter(runId);
      const { workflowRuns } = await world.client.dlq.resume(dlqId);
      return workflowRuns[0]?.workflowRunId ?? "";
    },
  };
}

/** Each kind of step with what ends it and how often it may be asked for. */
const KINDS = {
  call: () => {
    const url = world.app.on("/service", () => new Response("answer"));
    return {
      step: async (context: WorkflowContext) => (await context.call("ask", { url })).body,
      end: async () => {},
      value: "answer",
      asked: () => world.app.at("/service").length,
    };
  },
  child: () => {
    const runs = new Set<string>();
    const routeFunction: InvokableWorkflow<undefined, string>["routeFunction"] = async (
      context,
    ) => {
      runs.add(context.workflowRunId);
      return context.run("work", () => "done");
    };
    world.serve("/many/child", routeFunction);
    const workflow = { routeFunction, options: {}, workflowId: "child" };
    return {
      step: async (context: WorkflowContext) => (await context.invoke("child", { workflow })).body,
      end: async () => {},
      value: "done",
      asked: () => runs.size,
    };
  },
  wait: () => ({
    step: async (context: WorkflowContext) =>
      (await context.waitForEvent("wait", "late-event", { timeout: "1h" })).eventData,
    end: async () => {
      await until("somebody who waits", async () => {
        const waiters = await world.client.getWaiters({ eventId: "late-event" });
        return waiters.length === 1;
      });
      await world.client.notify({ eventId: "late-event", eventData: "told" });
    },
    value: "told",
    asked: () => 1,
  }),
};

const kinds = Object.entries(KINDS);

test.each(kinds)(
  "S35: a %s that a branch asks for after its run has failed is asked for once",
  async (_kind, make) => {
    const { step, end, value, asked } = make();
    const late = serveLate(step);
    const runId = await late.fail();
    await late.release();
    const resumed = await late.resume(runId);
    await end();
    const run = await world.succeeded(resumed);
    expect(JSON.parse(run.workflowRunResponse ?? "")).toBe(value);
    expect(asked()).toBe(1);
  },
);

test.each(kinds)(
  "S35: a %s that a branch of the failed run asks for after the resume is the new run's alone",
  async (_kind, make) => {
    const { step, end, value, asked } = make();
    const late = serveLate(step);
    const runId = await late.fail();
    const resumed = await late.resume(runId);
    await end();
    const run = await world.succeeded(resumed);
    await late.release();
    expect(JSON.parse(run.workflowRunResponse ?? "")).toBe(value);
    await world.server.close();
    expect(asked()).toBe(1);
  },
);
