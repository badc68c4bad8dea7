import type { RunRow, StepRow } from "@reprise/server";
import type { Checker } from "../facts.ts";
import { heirOf, isOwnStep, payloadOf, rootOf } from "../lineage.ts";
import { parseStep } from "../step-list.ts";
import { isCopy } from "../waits.ts";

/** A step starts one other run, however often it is delivered, and hears its end once, when it ends, as it is. */
export const childRuns: Checker = {
  name: "child runs",
  promise:
    "a step invokes one run for ever; the run that waits gets its true end in the commit of that end, once",
  observe: ({ mirror, violate, mark }) => {
    /** Execution and step -> the run that it has started. */
    const children = new Map<string, number>();
    /** Runs that have ended in the commit under the glass. */
    const ended = new Set<number>();
    return (fact) => {
      if (fact.kind !== "commit") return;
      const { changes } = fact.commit;
      ended.clear();
      for (const { table, before, after } of changes) {
        if (table !== "runs" || after === null) continue;
        if (before === null && after.invoker !== null && after.sourceRunKey === null)
          checkNew(after);
        if (before?.state === "started" && after.state !== "started") ended.add(after.key);
      }
      for (const wait of ended.size === 0 ? [] : mirror.all("waits")) {
        if (wait.state === "open" && ended.has(wait.childRunKey ?? 0)) {
          violate(`run ${wait.runKey} is not told that its child ${wait.childRunKey} has ended`);
        }
      }
      for (const { table, before, after } of changes) {
        if (table === "steps" && before === null && after !== null) checkRecord(after);
      }
    };

    function checkNew(run: RunRow): void {
      const parent = payloadOf(run, mirror)?.parent;
      const parentRun = parent === undefined ? null : heirOf(parent.runId, mirror);
      if (parent === undefined || parentRun === null) {
        violate(`run ${run.key} was invoked by nobody`);
        return;
      }
      const name = `${rootOf(parentRun, mirror)} ${parent.stepName}`;
      const other = children.get(name);
      if (other !== undefined) {
        violate(`"${parent.stepName}" of ${parent.runId} has started runs ${other} and ${run.key}`);
      }
      children.set(name, run.key);
      const waits = mirror.all("waits").filter((wait) => wait.childRunKey === run.key);
      const isAwaited = waits.some((wait) => !isCopy(wait, mirror) && wait.kind === "invoke");
      if (!isAwaited) violate(`nobody waits for run ${run.key}, which was invoked`);
      mark(parentRun.invoker === null ? "child" : "grandchild");
    }

    function checkRecord(step: StepRow): void {
      const run = mirror.get("runs", step.runKey);
      if (step.position === 0 || run === null || !isOwnStep(step, run, mirror)) return;
      const { stepType, stepId, out, targetStep } = parseStep(step.body);
      if (stepType !== "Invoke" || targetStep !== undefined) return;
      const childKey = mirror.waitOfStep(run.key, stepId)?.childRunKey ?? 0;
      const child = mirror.get("runs", childKey);
      const name = `step ${stepId} of run ${run.key}`;
      if (child === null || !ended.has(childKey)) {
        violate(`${name} is told of the end of run ${childKey}, which has not ended now`);
      } else if (out !== truth(child)) violate(`${name} is told ${out}; true is ${truth(child)}`);
      mark(`told that the child ${child?.state}`);
      if (run.state === "failed") mark("told of a child while failed");
    }
  },
};

/** What the SDK reads of a run that has ended. */
function truth({ state, response }: RunRow): string {
  const body = response === null ? undefined : Buffer.from(response).toString("utf8");
  return JSON.stringify({
    ...(state === "succeeded" ? { body } : {}),
    isFailed: state === "failed",
    isCanceled: state === "canceled",
  });
}
