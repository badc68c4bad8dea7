import type { MessageRow, RunRow } from "@reprise/server";
import type { Attempt, Checker } from "../facts.ts";
import { askedFor, recordNamed } from "../lineage.ts";
import type { Mirror } from "../mirror.ts";

/** Once a result is accepted, no attempt that begins later asks the app to make it again. */
export const neverAskedAgain: Checker = {
  name: "never asked again",
  promise:
    "the server never asks for a step whose result it has accepted, or which somebody else completes",
  observe: ({ mirror, violate, mark }) => {
    return (fact) => {
      if (fact.kind === "attempt") check(fact.attempt);
    };

    function check({ number, message, run }: Attempt): void {
      if (message === null || run === null) return;
      const begunIn = mirror.leasedIn(message.key);
      for (const name of namesAsked(message, run)) {
        const record = findNamed(name, run, mirror);
        if (record === null) continue;
        const recordedIn = mirror.bornIn(record.key);
        const isInherited = run.sourceRunKey !== null && recordedIn === mirror.bornIn(run.key);
        // What was recorded by the very commit that began the attempt, or by a later one, came too late to stop it.
        if (recordedIn < begunIn || isInherited) {
          violate(
            `attempt ${number} of message ${message.key} in run ${run.key} asks for ${name}, recorded by commit ${recordedIn}; the attempt began with commit ${begunIn}`,
          );
        } else mark("asked while the result arrived");
      }
    }

    function namesAsked(message: MessageRow, run: RunRow): readonly string[] {
      if (message.kind === "callResult") {
        return [`result ${mirror.get("waits", message.waitKey ?? 0)?.stepId}`];
      }
      if (message.kind !== "step" || message.stepPosition === null) return [];
      return askedFor(mirror.steps(run.key), message.stepPosition);
    }
  },
};

/** `result 3` and `plan 3` are records; `wait 3` is a step that somebody else completes. */
function findNamed(name: string, run: RunRow, mirror: Mirror): { readonly key: number } | null {
  return name.startsWith("wait ")
    ? mirror.waitOfStep(run.key, Number(name.slice("wait ".length)))
    : recordNamed(mirror.steps(run.key), name);
}
