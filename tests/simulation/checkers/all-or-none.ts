import type { MessageRow, RunRow, StepRow } from "@reprise/server";
import type { Checker } from "../facts.ts";
import { isPlan } from "../lineage.ts";
import type { Commit, Mirror } from "../mirror.ts";
import { parseStep } from "../step-list.ts";
import { isWaiting } from "../waits.ts";

/** What belongs together reaches the disk together: a run and its first message, the plans of a group. */
export const allOrNone: Checker = {
  name: "all or none",
  promise:
    "a run comes with its first message, a parallel group with all of its plans, an id with one live run",
  observe: ({ mirror, violate }) => {
    return (fact) => {
      if (fact.kind !== "commit") return;
      for (const fault of commitFaults(fact.commit, mirror)) violate(fault);
    };
  },
};

function commitFaults({ changes, seq }: Commit, mirror: Mirror): readonly string[] {
  const runs: RunRow[] = [];
  const steps: StepRow[] = [];
  const messages: MessageRow[] = [];
  for (const { table, before, after } of changes) {
    if (before !== null || after === null) continue;
    if (table === "runs") runs.push(after);
    if (table === "steps") steps.push(after);
    if (table === "messages") messages.push(after);
  }
  const isLive = (run: RunRow) => mirror.get("runs", run.key)?.state === "started";
  return [
    ...runs.filter(isLive).flatMap((run) => {
      const isWhole =
        steps.some((step) => step.runKey === run.key && step.position === 0) &&
        (messages.some((message) => message.runKey === run.key) || takesOver(run, mirror)) &&
        mirror.get("runConfigs", run.key) !== null;
      return isWhole ? [] : [`run ${run.key} came without its first record, message or settings`];
    }),
    ...runs.flatMap((run) => {
      const live = mirror.runsById(run.id).filter(isLive);
      return live.length > 1 ? [`the id ${run.id} has ${live.length} live runs`] : [];
    }),
    ...planFaults(steps, seq, mirror),
  ];
}

/** A resumed run may have nothing to deliver, because others are about to complete all that is left. */
function takesOver(run: RunRow, mirror: Mirror): boolean {
  return run.sourceRunKey !== null && mirror.waits(run.key).some(isWaiting);
}

function planFaults(steps: readonly StepRow[], seq: number, mirror: Mirror): readonly string[] {
  return steps.flatMap((step) => {
    if (step.position === 0) return [];
    const record = parseStep(step.body);
    if (!isPlan(record)) return [];
    const group = mirror
      .steps(step.runKey)
      .filter(({ key }) => mirror.bornIn(key) === seq)
      .map(({ position, body }) => (position === 0 ? null : parseStep(body)))
      .filter((other) => other !== null && isPlan(other));
    // A resume brings several groups at once, each of them whole.
    return group.length < record.concurrent
      ? [`${group.length} of ${record.concurrent} plans of run ${step.runKey} came in one commit`]
      : [];
  });
}
