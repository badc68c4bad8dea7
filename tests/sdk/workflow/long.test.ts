// Long runs and wide ones: as many steps as an app may reasonably have.

import { describe, expect, test } from "vitest";
import type { SdkMode } from "../../conformance/sdk.ts";
import { resultOf } from "../../conformance/surface.ts";
import { until } from "../../conformance/until.ts";
import { type ModeWorld, useMode } from "./modes.ts";

const STEPS = 1_000;
const SUM = (STEPS * (STEPS - 1)) / 2;

/** A few seconds are needed; a machine that does other things at the same time takes many times as long. */
const DEADLINE_MS = 400_000;

/** A log of so many steps is long, and reading it takes time from the run. */
const PAUSE_MS = 200;

const every = Array.from({ length: STEPS }, (_, n) => n);

async function sumOf({ world }: ModeWorld, url: string): Promise<unknown> {
  const runId = await world.trigger({ url, retries: 0 });
  const isOver = async () => (await world.log(runId))?.workflowState !== "RUN_STARTED";
  await until(`the end of ${runId}`, isOver, DEADLINE_MS, PAUSE_MS);
  return resultOf(await world.succeeded(runId));
}

describe.each<SdkMode>(["warm", "continued", "connected"])("%s", (mode) => {
  const modeWorld = useMode(mode);

  test(
    "1,000 steps in a row are done once each, by one call of the function",
    async () => {
      const done: number[] = [];
      let begun = 0;
      const url = modeWorld.serve("/row", async (context) => {
        begun++;
        let sum = 0;
        for (const n of every) {
          sum += await context.run(`step ${n}`, () => {
            done.push(n);
            return n;
          });
        }
        return sum;
      });
      expect(await sumOf(modeWorld, url)).toBe(SUM);
      expect(done).toEqual(every);
      expect(begun).toBe(1);
    },
    DEADLINE_MS,
  );
});

describe.each<SdkMode>(["warm", "continued", "connected"])("%s, side by side", (mode) => {
  const modeWorld = useMode(mode);

  test(
    "1,000 branches of one invocation are done once each, and joined",
    async () => {
      const done: number[] = [];
      const url = modeWorld.serve(
        "/wide",
        async (context) => {
          const branches = every.map((n) =>
            context.run(`branch ${n}`, () => {
              done.push(n);
              return n;
            }),
          );
          const all = await Promise.all(branches);
          return context.run("after", () => all.reduce((sum, n) => sum + n, 0));
        },
        { parallel: "invocation" },
      );
      expect(await sumOf(modeWorld, url)).toBe(SUM);
      expect(done.toSorted((a, b) => a - b)).toEqual(every);
    },
    DEADLINE_MS,
  );
});
