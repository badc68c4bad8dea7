// The ways in which a function may call its steps.

import { describe, expect, test } from "vitest";
import { faultOf } from "../../conformance/surface.ts";
import { until } from "../../conformance/until.ts";
import { modes, stepNames, useMode } from "./modes.ts";

/** Hundreds of steps take seconds; a machine that does other things at the same time takes many times as long. */
const DEADLINE_MS = 240_000;

/** Time that passes outside of steps. */
const outside = () => new Promise((resolve) => setTimeout(resolve, 2));

describe.each(modes)("%s", (mode) => {
  const { world, serve, result } = useMode(mode);

  test("steps with the same name are steps of their own", async () => {
    let count = 0;
    const url = serve("/flow", async (context) => {
      const values: number[] = [];
      for (let n = 0; n < 3; n++) values.push(await context.run("same", () => ++count));
      const more = await Promise.all([1, 2].map(() => context.run("same", () => ++count)));
      return [values, more.toSorted()];
    });
    expect(await result(url)).toEqual([
      [1, 2, 3],
      [4, 5],
    ]);
  });

  test("a step may come behind something that is awaited and is no step", async () => {
    let count = 0;
    const url = serve("/flow", async (context) => {
      await outside();
      const a = await context.run("a", () => ++count);
      await outside();
      const b = await context.run("b", () => ++count);
      await outside();
      return [a, b];
    });
    expect(await result(url)).toEqual([1, 2]);
    expect(count).toBe(2);
  });

  test("a step that is not awaited is done before the run ends", async () => {
    const done: string[] = [];
    const url = serve("/flow", async (context) => {
      await context.run("first", () => void done.push("first"));
      void context.run("last", () => void done.push("last"));
      return "end";
    });
    expect(await result(url)).toBe("end");
    expect(done).toEqual(["first", "last"]);
  });

  test.each(["race", "any"] as const)("Promise.%s gives the first of its steps", async (form) => {
    const counts = { a: 0, b: 0, after: 0 };
    const url = serve("/flow", async (context) => {
      const step = (name: keyof typeof counts) =>
        context.run(name, () => {
          counts[name]++;
          return name;
        });
      const winner = await Promise[form]([step("a"), step("b")]);
      return [winner, await step("after")];
    });
    expect(await result(url)).toEqual(["a", "after"]);
    expect(counts).toEqual({ a: 1, b: 1, after: 1 });
  });

  test.each([
    ["run", "run"],
    ["run", "sleep"],
  ])("a step inside a step (%s, %s) says which and where", async (_outer, inner) => {
    const url = serve("/flow", async (context) => {
      await context.run("outer", async () => {
        if (inner === "run") await context.run("inner", () => 1);
        else await context.sleep("inner", 0);
      });
    });
    const run = await world.failed(await world.trigger({ url, retries: 0 }));
    const { body } = faultOf(run);
    expect(body).toContain('step \\"inner\\" was called while step \\"outer\\" was running');
    expect(await stepNames(world, run.workflowRunId)).not.toContain("inner");
  });

  test("context.cancel ends the run inside of branches and catches", async () => {
    const done: string[] = [];
    const url = serve("/flow", async (context) => {
      await context.run("first", () => void done.push("first"));
      try {
        await context.cancel();
      } catch {
        done.push("caught");
      } finally {
        done.push("finally");
      }
      await context.run("last", () => void done.push("last"));
    });
    const run = await world.ended(await world.trigger({ url }));
    expect(run.workflowState).toBe("RUN_CANCELED");
    expect(done).toEqual(["first"]);
  });

  test("the value of a step is what JSON makes of it, also right behind it", async () => {
    const url = serve("/flow", async (context) => {
      const date = await context.run("date", () => new Date(0));
      const nothing = await context.run("nothing", () => {});
      const holes = await context.run("holes", () => ({ a: undefined, b: Number.NaN }));
      const text = await context.run("text", () => "null");
      return [typeof date, nothing === undefined, holes, text];
    });
    expect(await result(url)).toEqual(["string", true, { b: null }, "null"]);
  });

  test("a result that JSON cannot hold fails the run, which says so", async () => {
    const url = serve("/flow", async (context) => {
      await context.run("big", () => 10n);
    });
    const run = await world.failed(await world.trigger({ url, retries: 3, retryDelay: "1" }));
    expect(faultOf(run).body).toContain('the result of step \\"big\\" cannot be written as JSON');
    expect(run.steps.at(-1)?.steps[0]?.errors).toHaveLength(1);
  });

  test("500 steps in a row, and 300 at once", { timeout: DEADLINE_MS + 60_000 }, async () => {
    const count = mode === "classic" ? 100 : 500;
    let calls = 0;
    const url = serve("/flow", async (context) => {
      let sum = 0;
      const step = (n: number) => () => {
        calls++;
        return n;
      };
      for (let n = 0; n < count; n++) sum += await context.run(`step ${n}`, step(n));
      const branches = Array.from({ length: 300 }, (_, n) => context.run(`b ${n}`, () => n));
      return [sum, (await Promise.all(branches)).length];
    });
    const runId = await world.trigger({ url });
    const isOver = async () => (await world.log(runId))?.workflowState !== "RUN_STARTED";
    await until(`the end of ${runId}`, isOver, DEADLINE_MS, 100);
    expect(calls).toBe(count);
    const run = await world.succeeded(runId);
    expect(run.workflowRunResponse).toBe(JSON.stringify([(count * (count - 1)) / 2, 300]));
  });
});
