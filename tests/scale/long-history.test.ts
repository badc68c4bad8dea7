// Runs with very many steps, one after the other. `npm run bench -- steps.history` runs the longest one that may be.

import { expect, test } from "vitest";
import { runRaw, sequentialRoute } from "./raw-workflow.ts";
import { costOf, stateOf, useScaleWorlds } from "./scale-world.ts";

const openWorld = useScaleWorlds();

/** A machine with other work takes several times as long as one without. */
const MS_MAX = 600_000;

const STEPS = 3_000;

/** Lists longer than this are fetched: about half of them. */
const INLINE_BYTES_MAX = 240 * 1024;

test(
  "a long run comes to its end, and no delivery misses a record or has one too many",
  async () => {
    const world = await openWorld({ inlineCharsMax: INLINE_BYTES_MAX });
    const course = await runRaw(world, sequentialRoute(STEPS));
    expect(course).toMatchObject({ deliveries: STEPS + 1 });
    expect(course.executed.size).toBe(STEPS);
    expect(new Set(course.executed.values())).toEqual(new Set([1]));
    expect(course.fetched).toBeGreaterThan(STEPS / 4);
    expect(course.fetched).toBeLessThan((STEPS * 3) / 4);
    expect(await stateOf(world, course.runId)).toBe("RUN_SUCCESS");
  },
  MS_MAX,
);

test(
  "a step of a run of 1,000 reads and writes no more rows than one of 100",
  async () => {
    const world = await openWorld();
    await runRaw(world, sequentialRoute(10));
    const perStep = async (steps: number) => {
      const cost = await costOf(world, () => runRaw(world, sequentialRoute(steps)));
      return {
        read: cost.read / steps,
        written: cost.written / steps,
        commits: cost.commits / steps,
      };
    };
    const short = await perStep(100);
    const long = await perStep(1_000);
    expect(long.read).toBeLessThan(1.2 * short.read);
    expect(long.written).toBeLessThan(1.2 * short.written);
    expect(long.commits).toBeLessThan(1.2 * short.commits);
  },
  MS_MAX,
);
