import type { Attempt, Checker } from "../facts.ts";
import { askedFor, inheritedSteps, recordNamed } from "../lineage.ts";

/** Once a result is accepted, no attempt that begins later asks the app to make it again. */
export const neverAskedAgain: Checker = {
  name: "never asked again",
  promise: "the server never asks for a step whose result it has accepted",
  observe: ({ mirror, violate, mark }) => {
    return (fact) => {
      if (fact.kind === "attempt") check(fact.attempt);
    };

    function check({ number, message, run }: Attempt): void {
      if (message?.kind !== "step" || message.stepPosition === null || run === null) return;
      const steps = mirror.steps(run.key);
      const begunIn = mirror.leasedIn(message.key);
      const inherited = new Set(inheritedSteps(run, mirror));
      for (const name of askedFor(steps, message.stepPosition)) {
        const record = recordNamed(steps, name);
        if (record === null) continue;
        const recordedIn = mirror.bornIn(record.key);
        // What was recorded by the very commit that began the attempt, or by a later one, came too late to stop it.
        if (recordedIn < begunIn || inherited.has(record)) {
          violate(
            `attempt ${number} of message ${message.key} in run ${run.key} asks for ${name}, recorded by commit ${recordedIn}; the attempt began with commit ${begunIn}`,
          );
        } else mark("asked while the result arrived");
      }
    }
  },
};
