import type { TestResult } from "./test-result.ts";
import type { TestRun } from "./test-run.ts";
import { type TestOptions, testWorkflow } from "./test-workflow.ts";
import type { Testable } from "./testable.ts";

/** How a workflow is tried in many orders. */
export interface ExploreOptions<Payload = unknown, Result = unknown>
  extends Omit<TestOptions<Payload, Result>, "order" | "seed"> {
  /** Orders to try: the seeds from 1 to this; 100 when not given. */
  readonly seeds?: number;
  /** Prepares each run: stubs, failures, answers. */
  readonly prepare?: (run: TestRun<Result>) => void;
  /** Takes each run to its end in place of `run.finished()`, to notify it on the way. */
  readonly play?: (run: TestRun<Result>) => Promise<TestResult<Result>>;
  /** Throws when a run is not as it has to be. */
  readonly check?: (result: TestResult<Result>) => void | Promise<void>;
}

/** What many orders of the same run have led to. */
export interface Exploration<Result = unknown> {
  readonly runs: number;
  /** The different ends, each with the first seed that led to it. One is what most workflows should have. */
  readonly ends: readonly { readonly seed: number; readonly result: TestResult<Result> }[];
}

const SEEDS_DEFAULT = 100;

/** Runs a workflow in many orders of its parallel steps. An error of a check names the seed, for `testWorkflow(..., { order: "random", seed })`. */
export async function explore<Payload = unknown, Result = unknown>(
  target: Testable<Payload, Result>,
  options: ExploreOptions<Payload, Result> = {},
): Promise<Exploration<Result>> {
  const { seeds = SEEDS_DEFAULT, prepare, check, play = (run) => run.finished(), ...own } = options;
  const { now = 0 } = own;
  const ends = new Map<string, { readonly seed: number; readonly result: TestResult<Result> }>();
  for (let seed = 1; seed <= seeds; seed++) {
    const run = testWorkflow(target, { ...own, now, order: "random", seed });
    try {
      prepare?.(run);
      const result = await play(run);
      await check?.(result);
      const end = JSON.stringify([result.state, result.result, result.error?.message]);
      if (!ends.has(end)) ends.set(end, { seed, result });
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`with seed ${seed}: ${reason}`, { cause });
    }
  }
  return { runs: seeds, ends: [...ends.values()] };
}
