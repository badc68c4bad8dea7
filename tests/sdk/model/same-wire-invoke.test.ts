// Invoked runs, groups of steps of different kinds and lists that are fetched, against a server that knows the public wire alone.

import { WorkflowNonRetryableError } from "@upstash/workflow";
import { describe } from "vitest";
import { type Case, type Route, SERVICE, testCases, type Workflows } from "./traces.ts";

/** One workflow that invokes another one and returns how that has ended. */
function invoking(child: Route, settings: object = {}): Workflows {
  return (create) => {
    const invoked = create(child);
    const flow = create(async (context) => {
      const end = await context.invoke("invoke", {
        workflow: invoked,
        body: { n: 1 },
        ...settings,
      });
      await context.run("after", () => 1);
      return end;
    });
    return { flow, child: invoked };
  };
}

const invokes: Readonly<Record<string, Case>> = {
  "an invoked run that succeeds": {
    workflows: invoking(async (context) => {
      const { requestPayload } = context;
      return context.run("step", () => ({ got: requestPayload, text: "ü" }));
    }),
    result: { body: { got: { n: 1 }, text: "ü" }, isFailed: false, isCanceled: false },
  },
  "an invoked run that returns nothing": {
    workflows: invoking(async (context) => {
      await context.run("step", () => 1);
    }),
    result: { isFailed: false, isCanceled: false },
  },
  "an invoked run that fails after its retries": {
    workflows: invoking((context) => context.run("bad", () => Promise.reject(new Error("bad"))), {
      retries: 1,
    }),
    result: { isFailed: true, isCanceled: false },
    faults: [500, 500],
  },
  "an invoked run that must not be retried": {
    workflows: invoking((context) =>
      context.run("never", () => Promise.reject(new WorkflowNonRetryableError("never"))),
    ),
    result: { isFailed: true, isCanceled: false },
    faults: [489],
  },
  "an invoked run that cancels itself": {
    workflows: invoking(async (context) => {
      await context.run("step", () => 1);
      await context.cancel();
    }),
    result: { isFailed: false, isCanceled: true },
  },
  "an invoked run with all settings": {
    workflows: invoking(
      async (context) => {
        const seen = [context.label, context.headers.get("x-child"), context.headers.get("x-run")];
        return context.run("step", () => seen);
      },
      {
        workflowRunId: "child",
        headers: { "X-Child": "yes" },
        label: "blue",
        retries: 5,
        retryDelay: "1000",
        flowControl: { key: "key", parallelism: 2, rate: 3, period: "1m" },
      },
    ),
    result: { body: ["blue", "yes", null], isFailed: false, isCanceled: false },
  },
  "an invoked run that invokes another one": {
    workflows: (create) => {
      const last = create((context) => context.run("step", () => "last"));
      const middle = create((context) =>
        context.invoke("deeper", { workflow: last, body: undefined }),
      );
      const flow = create((context) => context.invoke("deep", { workflow: middle, body: "text" }));
      return { flow, middle, last };
    },
    result: {
      body: { body: "last", isFailed: false, isCanceled: false },
      ...{ isFailed: false, isCanceled: false },
    },
  },
};

const mixed: Workflows = (create) => {
  const child = create((context) => context.run("step", () => "child"));
  const flow = create(async (context) => {
    const first = await Promise.all([
      context.run("run", () => "run"),
      context.sleep("sleep", "5s"),
      context.call<{ echo: string }>("call", { url: SERVICE, method: "POST", body: "hello" }),
      context.waitForEvent("wait", "event", { timeout: "1h" }),
      context.invoke("invoke", { workflow: child, body: undefined }),
      context.createWebhook("make"),
    ]);
    const [run, , { status, body }, { timeout }, invoked, webhook] = first;
    const second = await Promise.all([
      context.sleepUntil("until", 1_900_000_000),
      context.waitForWebhook("hook", webhook, "10m"),
      context.notify("tell", "nobody", 1),
    ]);
    return [run, status, body.echo, timeout, invoked.body, second[1].timeout];
  });
  return { flow, child };
};

const groups: Readonly<Record<string, Case>> = {
  "groups of steps of all kinds": {
    workflows: mixed,
    result: ["run", 200, "hello", true, "child", true],
  },
  "groups of steps of all kinds, whose lists are fetched": {
    workflows: mixed,
    result: ["run", 200, "hello", true, "child", true],
    isLazy: true,
  },
  "steps whose lists are fetched": {
    workflows: (create) => ({
      flow: create(async (context) => {
        const { requestPayload } = context;
        const first = await context.run("first", () => requestPayload);
        const second = await context.run("second", () => "ü");
        return [first, second];
      }),
    }),
    result: [{ hello: "you" }, "ü"],
    isLazy: true,
  },
  "branches that go on by themselves": {
    workflows: (create) => ({
      flow: create(async (context) => {
        const branch = async (name: string) => {
          const first = await context.run(`${name} 1`, () => name);
          return context.run(`${name} 2`, () => first + first);
        };
        return Promise.all([branch("a"), branch("b"), branch("c")]);
      }),
    }),
    result: ["aa", "bb", "cc"],
  },
};

describe.each(["classic", "auto"] as const)("%s", (mode) => {
  testCases(mode, { ...invokes, ...groups });
});
