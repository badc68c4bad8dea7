// Failures and ends, against a server that knows the public wire alone.

import { WorkflowNonRetryableError, WorkflowRetryAfterError } from "@upstash/workflow";
import { describe } from "vitest";
import { type Case, type Route, testCases, type Workflows } from "./traces.ts";

/** A flow by itself. */
function only(route: Route): Workflows {
  return (create) => ({ flow: create(route) });
}

/** A step that fails as often as this. */
function failing(times: number, error: () => Error): Workflows {
  return (create) => {
    let count = 0;
    const step = () => {
      count++;
      if (count <= times) throw error();
      return "done";
    };
    return { flow: create((context) => context.run("step", step)) };
  };
}

const later = () => new WorkflowRetryAfterError("later", "10s");
const never = () => new WorkflowNonRetryableError("never");

const errors: Readonly<Record<string, Case>> = {
  "an error that asks for a pause": { workflows: failing(1, later), result: "done", faults: [429] },
  "an error that asks for a pause in seconds": {
    workflows: failing(1, () => new WorkflowRetryAfterError("later", 7)),
    result: "done",
    faults: [429],
  },
  "a pause that is asked for too often": {
    workflows: failing(9, later),
    result: undefined,
    faults: [429, 429],
  },
  "an error between the steps that must not be retried": {
    workflows: only(async (context) => {
      await context.run("step", () => 1);
      throw never();
    }),
    result: undefined,
    faults: [489],
  },
  "an error between the steps that asks for a pause": {
    workflows: only(async (context) => {
      await context.run("step", () => 1);
      throw later();
    }),
    result: undefined,
    faults: [429, 429],
  },
  "a branch that must not be retried": {
    workflows: only((context) =>
      Promise.all([
        context.run("good", () => 1),
        context.run("never", () => Promise.reject(never())),
      ]),
    ),
    result: undefined,
    faults: [489],
  },
  "a branch that asks for a pause": {
    workflows: (create) => {
      let count = 0;
      const step = () => {
        count++;
        if (count === 1) throw later();
        return 2;
      };
      const route: Route = (context) =>
        Promise.all([context.run("good", () => 1), context.run("later", step)]);
      return { flow: create(route) };
    },
    result: [1, 2],
    faults: [429],
  },
};

const cancels: Readonly<Record<string, Case>> = {
  "a cancel at once": {
    workflows: only((context) => context.cancel()),
    result: "",
  },
  "a cancel behind a group": {
    workflows: only(async (context) => {
      await Promise.all([context.run("a", () => 1), context.sleep("b", 1)]);
      await context.cancel();
    }),
    result: "",
  },
};

/** A run that fails, and whose failure function shows what it is told. */
function failed(error: () => Error, told: (facts: readonly unknown[]) => unknown): Workflows {
  return (create) => ({
    flow: create(
      async (context) => {
        await context.run("good", () => 1);
        await context.run("bad", () => Promise.reject(error()));
      },
      {
        failureFunction: async ({ context, failStatus, failResponse }) => {
          const { workflowRunId, url, requestPayload, headers, label } = context;
          const facts = [failStatus, failResponse, workflowRunId, url, requestPayload, label];
          return String(told([...facts, headers.get("x-run")]));
        },
      },
    ),
  });
}

const failures: Readonly<Record<string, Case>> = {
  "a failure function": {
    workflows: failed(() => new Error("bad"), JSON.stringify),
    result: undefined,
    faults: [500, 500],
    failure: '[500,"bad","wfr_1","http://app.test/flow",{"hello":"you"},"red","run"]',
  },
  "a failure function behind an error that must not be retried": {
    workflows: failed(never, JSON.stringify),
    result: undefined,
    faults: [489],
    failure: '[489,"never","wfr_1","http://app.test/flow",{"hello":"you"},"red","run"]',
  },
  "a failure function that fails": {
    workflows: failed(
      () => new Error("bad"),
      () => {
        throw new Error("worse");
      },
    ),
    result: undefined,
    faults: [500, 500, 500, 500],
  },
};

describe.each(["classic", "auto"] as const)("%s", (mode) => {
  testCases(mode, { ...errors, ...cancels, ...failures });
});
