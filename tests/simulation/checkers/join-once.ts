import { messageKey } from "@reprise/protocol";
import type { Attempt, Checker } from "../facts.ts";
import { firstOfGroup, isPlan } from "../lineage.ts";
import { deliveredList, type ListItem, parseStep, type WireStep } from "../step-list.ts";

/**
 * A parallel group is joined by exactly one message: the one whose list ends with the last result of the group. Read from
 * what the app receives, not from what is on disk.
 */
export const joinOnce: Checker = {
  name: "join exactly once",
  promise: "exactly one message of a run sees a parallel group complete",
  observe: ({ mirror, violate, mark }) => {
    /** Run and group -> the message that saw it complete. */
    const joins = new Map<string, number>();
    return (fact) => {
      if (fact.kind === "delivery") checkDelivery(fact.attempt);
    };

    function checkDelivery(attempt: Attempt): void {
      const { body, message, run, headers } = attempt;
      if (message?.kind !== "step" || run === null || body === "") return;
      const steps = deliveredList(attempt, mirror.steps(run.key)).slice(1).map(toStep);
      const first = completedGroup(steps);
      if (first === null) return;
      const name = `run ${run.key} group ${first}`;
      const key = messageKey(headers["upstash-message-id"] ?? "") ?? 0;
      const other = joins.get(name);
      if (other !== undefined && other !== key) {
        violate(`${name} was joined by message ${other} and by message ${key}`);
      }
      if (other === undefined) mark("join");
      else mark("join delivered again");
      joins.set(name, key);
    }
  },
};

function toStep(item: ListItem): WireStep {
  return parseStep(Buffer.from(item.body, "base64"));
}

/** First id of the parallel group that the last record completes, or null when it completes none. */
function completedGroup(steps: readonly WireStep[]): number | null {
  const last = steps.at(-1);
  if (last === undefined || last.concurrent === 1 || isPlan(last)) return null;
  const first = firstOfGroup(last.stepId, steps);
  const results = steps.filter((step) => !isPlan(step) && step.stepId >= first);
  const ids = new Set(results.map((step) => step.stepId));
  for (let id = first; id < first + last.concurrent; id += 1) if (!ids.has(id)) return null;
  return first;
}
