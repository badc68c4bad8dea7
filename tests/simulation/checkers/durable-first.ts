import type { RunRow } from "@reprise/server";
import type { Checker, Execution } from "../facts.ts";
import { recordNamed } from "../lineage.ts";
import type { Program } from "../program.ts";

/** An invocation that goes on is told of a record only when that is on disk: a step begins behind what it builds on. */
export const durableFirst: Checker = {
  name: "durable before next",
  promise: "no step begins before the results of all steps before it are on disk",
  observe: ({ mirror, programs, violate, mark }) => {
    return (fact) => {
      if (fact.kind === "execution") check(fact.execution);
    };

    function check({ number, runId, program: index, stepName }: Execution): void {
      const program = programs[index];
      const first = program === undefined ? null : firstOf(program, stepName);
      if (first === null) return;
      mark("step begun behind others");
      const runs = mirror.runsById(runId);
      if (!runs.some((run) => hasAllBefore(first, run))) {
        violate(
          `execution ${number} of "${stepName}" in ${runId} begins before the results of steps 1 to ${first - 1} are on disk`,
        );
      }
    }

    function hasAllBefore(first: number, run: RunRow): boolean {
      const steps = mirror.steps(run.key);
      for (let id = 1; id < first; id += 1) {
        if (recordNamed(steps, `result ${id}`) === null) return false;
      }
      return true;
    }
  },
};

/** Id of the first step of the group that the step belongs to; null when nothing comes before it. */
function firstOf(program: Program, stepName: string): number | null {
  let id = 1;
  for (const step of program.steps) {
    if (step.kind === "cancel") break;
    const members = step.kind === "parallel" ? step.branches : [step];
    if (members.some(({ name }) => name === stepName)) return id === 1 ? null : id;
    id += members.length;
  }
  return null;
}
