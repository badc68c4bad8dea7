import type { StepRow } from "@reprise/server";
import type { Checker } from "../facts.ts";

/** The first record of a slot wins for ever: none is added to it, and none is changed or taken away. */
export const oneResult: Checker = {
  name: "one recorded result",
  promise: "each step of a run has at most one recorded result, and the list only grows",
  observe: ({ mirror, violate }) => {
    const owners = new Map<string, number>();
    return (fact) => {
      if (fact.kind !== "commit") return;
      for (const { table, before, after } of fact.commit.changes) {
        if (table !== "steps") continue;
        if (after === null) violate(`record ${before?.key} of run ${before?.runKey} was deleted`);
        else if (before !== null) checkUnchanged(before, after, violate);
        else checkNew(after);
      }
    };

    function checkNew(step: StepRow): void {
      const slot = `${step.runKey} ${step.slot}`;
      const owner = owners.get(slot);
      if (owner !== undefined) {
        violate(`slot ${step.slot} of run ${step.runKey} has records ${owner} and ${step.key}`);
      }
      owners.set(slot, step.key);
      const position = mirror.steps(step.runKey).findIndex(({ key }) => key === step.key);
      if (position !== step.position) {
        violate(
          `record ${step.key} of run ${step.runKey} says position ${step.position}, but is number ${position}`,
        );
      }
    }
  },
};

function checkUnchanged(was: StepRow, is: StepRow, violate: (message: string) => void): void {
  const isSame =
    was.runKey === is.runKey &&
    was.position === is.position &&
    was.slot === is.slot &&
    Buffer.compare(was.body, is.body) === 0;
  if (!isSame) violate(`record ${was.key} of run ${was.runKey} was changed`);
}
