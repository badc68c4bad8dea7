// A step that has failed for good is an exception of the author's code, in every mode and after every replay.

import { type StepError, WorkflowNonRetryableError } from "@reprise/sdk";
import { describe, expect, test } from "vitest";
import { faultOf } from "../../conformance/surface.ts";
import { modes, stepNames, useMode } from "./modes.ts";

const FAST = { retries: 1, retryDelay: "1" };

class OutOfStockError extends Error {
  override readonly name = "OutOfStockError";
}

interface Shown {
  readonly name: string;
  readonly message: string;
  readonly stepName: string;
  readonly attempts: number;
  readonly errorName: string;
  readonly hasStack: boolean;
}

function shownOf(error: unknown): Shown {
  if (!(error instanceof Error) || error.name !== "StepError") throw error;
  const { name, message, stepName, attempts, errorName, stack } = error as StepError; // By its name.
  const hasStack = stack?.includes("reserveStock") === true;
  return { name, message, stepName, attempts, errorName, hasStack };
}

describe.each(modes)("%s", (mode) => {
  const { world, serve, result } = useMode(mode);

  test("a failed step is caught, recorded once, and is the same in every replay", async () => {
    let attempts = 0;
    const seen: object[] = [];
    const reserveStock = () => {
      attempts++;
      throw new OutOfStockError("nothing left");
    };
    const url = serve("/order", async (context) => {
      try {
        await context.run("reserve", reserveStock);
      } catch (error) {
        seen.push(shownOf(error));
        await context.run("refund", () => "refunded");
      }
      await context.sleep("nap", 0);
      return context.run("tell", () => "told");
    });
    const runId = await world.trigger({ url, ...FAST });
    await world.succeeded(runId);
    expect(attempts).toBe(2);
    expect(seen.length).toBeGreaterThanOrEqual(1);
    for (const one of seen) {
      expect(one).toEqual({
        name: "StepError",
        message: "nothing left",
        stepName: "reserve",
        attempts: 2,
        errorName: "OutOfStockError",
        hasStack: true,
      });
    }
    expect((await stepNames(world, runId)).slice(1)).toEqual(["reserve", "refund", "nap", "tell"]);
    // The log says so too.
    const run = await world.log(runId);
    const recorded =
      run?.steps.flatMap((group) => (group.type === "next" ? [] : group.steps)) ?? [];
    expect(recorded.map(({ failure }) => failure?.message)).toEqual([
      undefined,
      "nothing left",
      undefined,
      undefined,
      undefined,
    ]);
    expect(recorded[1]?.failure).toMatchObject({ attempts: 2, errorName: "OutOfStockError" });
  });

  test("one that must not be retried is caught after its first attempt", async () => {
    let attempts = 0;
    const url = serve("/order", async (context) => {
      try {
        await context.run("charge", () => {
          attempts++;
          throw new WorkflowNonRetryableError("card refused");
        });
      } catch (error) {
        const { message } = shownOf(error);
        return context.run("tell", () => message);
      }
      return null;
    });
    expect(await result(url, { retries: 3 })).toBe("card refused");
    expect(attempts).toBe(1);
  });

  test("a caught failure may be the end of the run", async () => {
    const url = serve("/order", async (context) => {
      try {
        await context.run("charge", () => Promise.reject(new Error("no")));
      } catch (error) {
        return `ended with ${String(error)}`;
      }
      return null;
    });
    expect(await result(url, { retries: 0 })).toBe("ended with StepError: no");
  });

  test("compensation runs what was done backwards, through functions that call each other", async () => {
    const done: string[] = [];
    const url = serve("/trip", async (context) => {
      const undo: (() => Promise<unknown>)[] = [];
      const book = async (name: string, fails = false) => {
        await context.run(`book ${name}`, () => {
          if (fails) throw new Error(`no ${name}`);
          done.push(`book ${name}`);
        });
        undo.push(() => context.run(`cancel ${name}`, () => void done.push(`cancel ${name}`)));
      };
      const trip = async () => {
        await book("flight");
        await book("hotel");
        await book("car", true);
      };
      try {
        await trip();
        return "booked";
      } catch (error) {
        for (const step of undo.reverse()) await step();
        return (error as Error).message; // A step has thrown it.
      }
    });
    expect(await result(url, FAST)).toBe("no car");
    expect(done).toEqual(["book flight", "book hotel", "cancel hotel", "cancel flight"]);
  });

  test("an uncaught failure is a dead letter at its step, which a resume executes again", async () => {
    const counts = { first: 0, second: 0 };
    let isHealed = false;
    const url = serve("/order", async (context) => {
      await context.run("first", () => ++counts.first);
      try {
        await context.run("second", () => {
          counts.second++;
          if (!isHealed) throw new Error("down");
        });
      } catch (error) {
        throw new Error("the order failed", { cause: error });
      }
      return "done";
    });
    const runId = await world.trigger({ url, ...FAST });
    const failed = await world.failed(runId);
    expect(faultOf(failed).body).toContain("the order failed");
    expect(counts).toEqual({ first: 1, second: 2 });
    const { dlqId } = await world.deadLetter(runId);
    isHealed = true;
    const resumed = await world.client.dlq.resume({ dlqId: String(dlqId) });
    await world.succeeded(resumed.workflowRunId);
    expect(counts).toEqual({ first: 1, second: 3 });
  });

  test("a branch of Promise.all is caught when the others are through", async () => {
    const url = serve("/order", async (context) => {
      try {
        await Promise.all([
          context.run("good", () => 1),
          context.run("bad", () => Promise.reject(new Error("bad branch"))),
          context.sleep("nap", 0.05),
        ]);
      } catch (error) {
        const { message } = shownOf(error);
        return context.run("after", () => message);
      }
      return null;
    });
    expect(await result(url, FAST)).toBe("bad branch");
  });

  test("Promise.allSettled tells of each branch", async () => {
    const url = serve("/order", async (context) => {
      const ends = await Promise.allSettled([
        context.run("good", () => 1),
        context.run("bad", () => Promise.reject(new Error("bad branch"))),
        context.run("worse", () => Promise.reject(new TypeError("worse branch"))),
      ]);
      const told = ends.map((end) => (end.status === "fulfilled" ? end.value : String(end.reason)));
      return context.run("after", () => told);
    });
    const told = [1, "StepError: bad branch", "StepError: worse branch"];
    expect(await result(url, FAST)).toEqual(told);
  });

  test("a branch may catch for itself and go on in its own way", async () => {
    const url = serve("/order", async (context) => {
      const branch = async (name: string, fails: boolean) => {
        try {
          return await context.run(name, () => {
            if (fails) throw new Error(name);
            return name;
          });
        } catch (error) {
          return `caught ${(error as Error).message}`; // A step has thrown it.
        }
      };
      const all = await Promise.all([branch("a", false), branch("b", true)]);
      return context.run("after", () => all);
    });
    expect(await result(url, FAST)).toEqual(["a", "caught b"]);
  });
});
