import type { RunResource, StepGroupResource } from "@reprise/protocol";
import { describe, expect, test } from "vitest";
import { nextFailed, ticksOf, toTimeline } from "./timeline-model.ts";

function makeRun(groups: readonly (readonly object[])[], completedAt?: number): RunResource {
  const steps = groups.map((inGroup) => ({
    type: inGroup.length > 1 ? "parallel" : "sequential",
    steps: inGroup,
  }));
  return {
    workflowRunId: "wfr_a",
    workflowUrl: "https://app.test/",
    workflowState: "RUN_STARTED",
    workflowRunCreatedAt: 1_000,
    ...(completedAt === undefined ? {} : { workflowRunCompletedAt: completedAt }),
    // What a run has beside this is of no matter here.
    steps: steps as unknown as readonly StepGroupResource[],
  };
}

const initial = { stepType: "Initial", stepName: "init", state: "STEP_SUCCESS", createdAt: 1_000 };
const done = (stepId: number, createdAt: number) => ({
  stepId,
  stepName: `s${stepId}`,
  stepType: "Run",
  state: "STEP_SUCCESS",
  createdAt,
});
const error = (startedAt: number, time: number) => ({ error: "500", status: 500, startedAt, time });

describe("the timeline of a run", () => {
  test("a step begins where the group before it has ended, and ends when it is recorded", () => {
    const run = makeRun([
      [initial],
      [done(1, 1_500)],
      [done(2, 2_000), done(3, 2_400)],
      [done(4, 3_000)],
    ]);
    const spans = toTimeline(run, 4_000).bars.map(({ from, to }) => [from, to]);
    expect(spans).toEqual([
      [1_000, 1_000],
      [1_000, 1_500],
      [1_500, 2_000],
      [1_500, 2_400],
      [2_400, 3_000],
    ]);
  });

  test("a sleep lasts from its record to its end, and not beyond now", () => {
    const sleep = { ...done(1, 1_200), stepType: "SleepFor", sleepUntil: 9_000 };
    const [, bar] = toTimeline(makeRun([[initial], [sleep]]), 5_000).bars;
    expect(bar).toMatchObject({ from: 1_200, to: 5_000, kind: "sleep" });
    const [, whole] = toTimeline(makeRun([[initial], [sleep]]), 20_000).bars;
    expect(whole?.to).toBe(9_000);
  });

  test("what is tried again goes on until now, with its attempts in it", () => {
    const errors = [error(1_100, 1_200), error(1_900, 2_000)];
    const retried = { state: "STEP_RETRY", errors };
    const { bars, to } = toTimeline(makeRun([[initial], [retried]]), 5_000);
    expect(to).toBe(5_000);
    expect(bars[1]).toMatchObject({ from: 1_000, to: 5_000, isOpen: true });
    expect(bars[1]?.attempts.map((attempt) => [attempt.from, attempt.to])).toEqual([
      [1_100, 1_200],
      [1_900, 2_000],
    ]);
  });

  test("what has failed ends with its last attempt", () => {
    const failed = { state: "STEP_FAILED", errors: [error(1_100, 1_200)] };
    const { bars } = toTimeline(makeRun([[initial], [failed]], 3_000), 9_000);
    expect(bars[1]).toMatchObject({ from: 1_000, to: 1_200, isOpen: false });
  });
});

test("an axis has few round steps", () => {
  expect(ticksOf({ from: 0, to: 4_500 })).toEqual([0, 1_000, 2_000, 3_000, 4_000]);
  expect(ticksOf({ from: 100, to: 101 }).length).toBeGreaterThan(0);
  expect(ticksOf({ from: 0, to: 400 * 86_400_000 }).length).toBeLessThan(10);
});

test("keys go from one failed step to the next, and round", () => {
  const failed = { state: "STEP_RETRY", errors: [error(1, 2)] };
  const { bars } = toTimeline(makeRun([[initial], [failed], [done(2, 3_000)], [failed]]), 5_000);
  expect(nextFailed(bars, -1, 1)?.index).toBe(1);
  expect(nextFailed(bars, 1, 1)?.index).toBe(3);
  expect(nextFailed(bars, 3, 1)?.index).toBe(1);
  expect(nextFailed(bars, 1, -1)?.index).toBe(3);
  expect(nextFailed([], 0, 1)).toBeUndefined();
});
