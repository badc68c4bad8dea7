// Parallel groups as wide as they may be.

import { PARALLEL_STEPS_MAX } from "@reprise/protocol";
import { expect, test } from "vitest";
import { startOfficialEndpoint } from "../bench/official-endpoint.ts";
import { newRunId } from "../bench/wire.ts";
import { parallelRoute, runRaw } from "./raw-workflow.ts";
import { costOf, type ScaleWorld, stateOf, useScaleWorlds } from "./scale-world.ts";

const openWorld = useScaleWorlds();

/** A machine with other work takes several times as long as one without. */
const MS_MAX = 600_000;

/** Every step from the first to the last, once each. */
function once(steps: number): Map<number, number> {
  return new Map(Array.from({ length: steps }, (_, index) => [index + 1, 1]));
}

function inOrder(executed: ReadonlyMap<number, number>): Map<number, number> {
  return new Map([...executed].toSorted(([one], [other]) => one - other));
}

test(
  "the widest group joins exactly once",
  async () => {
    const world = await openWorld();
    const steps = PARALLEL_STEPS_MAX;
    const course = await runRaw(world, parallelRoute(steps));
    expect(inOrder(course.executed)).toEqual(once(steps + 1));
    // The payload, every plan, every result and the step behind the group.
    expect(course).toMatchObject({ joins: 1, deliveries: 2 * steps + 2 });
    expect(await stateOf(world, course.runId)).toBe("RUN_SUCCESS");
  },
  MS_MAX,
);

/** The SDK reads the whole list with every delivery, which takes it minutes with a thousand steps: `npm run bench` does that. */
const OFFICIAL_STEPS = 200;

test(
  "a wide group of the unmodified SDK joins exactly once",
  async () => {
    const world = await openWorld();
    const executed = new Map<number, number>();
    const results: number[][] = [];
    const runId = await runOfficial(world, async (context) => {
      const count = (step: number) => executed.set(step, (executed.get(step) ?? 0) + 1);
      const group = Array.from({ length: OFFICIAL_STEPS }, (_, index) =>
        context.run(`step-${index + 1}`, () => {
          count(index + 1);
          return index + 1;
        }),
      );
      const joined = await Promise.all(group);
      return context.run("after", () => {
        results.push(joined);
        count(OFFICIAL_STEPS + 1);
      });
    });
    expect(inOrder(executed)).toEqual(once(OFFICIAL_STEPS + 1));
    expect(results).toEqual([Array.from({ length: OFFICIAL_STEPS }, (_, index) => index + 1)]);
    // Another delivery may have been answered last.
    await expect.poll(() => stateOf(world, runId)).toBe("RUN_SUCCESS");
  },
  MS_MAX,
);

type OfficialRoute = Parameters<typeof startOfficialEndpoint<number>>[1]["route"];

/** Runs a workflow on the SDK from its trigger to the answer that ends it. */
async function runOfficial(world: ScaleWorld, route: OfficialRoute): Promise<string> {
  const ended = Promise.withResolvers<void>();
  let hasReturned = false;
  const endpoint = await startOfficialEndpoint<number>(world.server, {
    route: async (context) => {
      await route(context);
      hasReturned = true;
    },
    onDelivery: () => {},
    onAnswered: () => {
      if (hasReturned) ended.resolve();
    },
    onFault: ended.reject,
  });
  world.onEnd(() => endpoint.close());
  const runId = newRunId();
  await endpoint.trigger(runId, 1);
  await ended.promise;
  return runId;
}

test(
  "a step of a group of 1,000 reads and writes no more rows than one of 100",
  async () => {
    const world = await openWorld();
    await runRaw(world, parallelRoute(10));
    const perStep = async (steps: number) => {
      const cost = await costOf(world, () => runRaw(world, parallelRoute(steps)));
      return { read: cost.read / steps, written: cost.written / steps };
    };
    const small = await perStep(100);
    const large = await perStep(1_000);
    // How many deliveries end in the same commit differs, and with it a few rows; a list read for each step would be hundreds.
    expect(large.read).toBeLessThan(1.2 * small.read);
    expect(large.written).toBeLessThan(1.2 * small.written);
  },
  MS_MAX,
);
