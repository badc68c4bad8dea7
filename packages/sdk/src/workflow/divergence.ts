import { DivergenceError } from "../errors.ts";
import type { StepRecord } from "./records.ts";
import type { StepCall } from "./step-call.ts";

/** What to tell an author whose function no longer asks for the steps that its run has recorded. */

const FIX =
  "Runs under way keep their order of steps: restore the step, or put new ones behind those that are recorded, or give the changed workflow another URL and let the old one finish; a dead run can be restarted instead of resumed. Whatever decides which steps are called (time, chance, requests) belongs into a step";

/** The function has called another step at this place than the recorded one. */
export function divergence(recorded: StepRecord, stepId: number, found: StepCall): DivergenceError {
  const place = callSite(new Error().stack);
  return new DivergenceError(
    `step ${stepId} of this run is recorded as ${shown(recorded.stepName, recorded.stepType)}, but the function calls ${shown(found.name, found.type)}${place === null ? "" : ` at ${place}`}. ${FIX}`,
  );
}

/** The function has called more or fewer steps at once than the recorded group has. */
export function groupDivergence(names: readonly string[], size: number): DivergenceError {
  const found = names.map((name) => JSON.stringify(name)).join(", ");
  const recorded = size === 1 ? "one step by itself" : `a parallel group of ${size} steps`;
  return new DivergenceError(
    `${recorded} is recorded here, but the function calls ${names.length} at once: ${found}. ${FIX}`,
  );
}

function shown(name: string, type: string): string {
  return `${JSON.stringify(name)} (${type})`;
}

/** File and line of the author's call: the first frame that is not the SDK's own. */
function callSite(stack: string | undefined): string | null {
  const frames = (stack ?? "").split("\n").slice(1);
  const own = frames.findLastIndex((frame) => /\bWorkflowContext\b/.test(frame));
  const frame = frames[own + 1];
  if (own === -1 || frame === undefined) return null;
  return /\(?((?:file:|\/|[a-z]:\\|\w+:\/\/)[^()\s]+:\d+:\d+)\)?/i.exec(frame)?.[1] ?? null;
}
