import type { RunResource } from "@reprise/protocol";
import { expect } from "vitest";
import { until } from "../conformance/until.ts";
import type { World } from "../conformance/world.ts";

type NextStep = Extract<RunResource["steps"][number], { readonly type: "next" }>["steps"][number];

/** What a run shows as being executed, or as having failed. @throws when it shows nothing of the kind. */
export function nextOf(run: RunResource | null): NextStep {
  for (const group of run?.steps ?? []) {
    const step = group.type === "next" ? group.steps[0] : undefined;
    if (step !== undefined) return step;
  }
  throw new Error("the run shows no next step");
}

/** Milliseconds from the failure of attempt `retried` to the one that is planned behind it. */
export async function plannedDelayMs(
  world: World,
  runId: string,
  retried: number,
): Promise<number> {
  return until(`the delay behind attempt ${retried} of ${runId}`, async () => {
    const { errors, nextDeliveryTime, state } = nextOf(await world.log(runId));
    const error = errors?.[retried];
    if (error === undefined || nextDeliveryTime === undefined) return null;
    return state === "STEP_RETRY" && nextDeliveryTime - error.time;
  });
}

/** A delay is counted from the commit that records what it follows, which is a moment later. */
export function expectAbout(actualMs: number, expectedMs: number): void {
  expect(actualMs).toBeGreaterThanOrEqual(expectedMs);
  expect(actualMs).toBeLessThan(expectedMs + 5_000);
}
