import { messageKey } from "@reprise/protocol";
import type { Attempt, Checker } from "../facts.ts";
import { type ListItem, parseList, parseStep, type WireStep } from "../step-list.ts";

/**
 * A parallel group is joined by exactly one message: the one whose list ends with the last result of the group. Read from
 * what the app receives, not from what is on disk.
 */
export const joinOnce: Checker = {
  name: "join exactly once",
  promise: "exactly one message of a run sees a parallel group complete",
  observe: ({ violate, mark }) => {
    /** Run and group -> the message that saw it complete. */
    const joins = new Map<string, number>();
    return (fact) => {
      if (fact.kind === "delivery") checkDelivery(fact.attempt);
    };

    function checkDelivery({ body, message, run, headers }: Attempt): void {
      if (message?.kind !== "step" || run === null || body === "") return;
      const steps = parseList(body).slice(1).map(toStep);
      const last = steps.at(-1);
      if (last === undefined || last.concurrent === 1 || last.stepId === 0) return;
      const group = groupOf(last, steps);
      if (group === null) return;
      const name = `run ${run.key} group ${group}`;
      const key = messageKey(headers["upstash-message-id"] ?? "") ?? 0;
      const other = joins.get(name);
      if (other !== undefined && other !== key) {
        violate(`${name} was joined by message ${other} and by message ${key}`);
      }
      if (other === undefined) mark("join");
      joins.set(name, key);
    }
  },
};

function toStep(item: ListItem): WireStep {
  return parseStep(Buffer.from(item.body, "base64"));
}

/** First id of the group that `last` completes, or null when results are missing. */
function groupOf(last: WireStep, steps: readonly WireStep[]): number | null {
  const plans = steps.filter((step) => step.stepId === 0).map((step) => step.targetStep ?? 0);
  const width = last.concurrent;
  const index = plans.indexOf(last.stepId);
  if (index === -1) return null;
  // Plans of one group are neighbours, and every group before this one is complete.
  const done = new Set(steps.filter((step) => step.stepId !== 0).map((step) => step.stepId));
  const first = firstOfGroup(plans, last.stepId, steps);
  const ids = Array.from({ length: width }, (_, offset) => first + offset);
  return ids.every((id) => done.has(id)) ? first : null;
}

/** Groups follow each other without a gap in `plans`; their widths stand in the plans. */
function firstOfGroup(
  plans: readonly number[],
  stepId: number,
  steps: readonly WireStep[],
): number {
  let index = 0;
  while (index < plans.length) {
    const first = plans[index] ?? 0;
    const plan = steps.find((step) => step.stepId === 0 && step.targetStep === first);
    const width = plan?.concurrent ?? 1;
    if (stepId >= first && stepId < first + width) return first;
    index += width;
  }
  return stepId;
}
