import type { Checker } from "../facts.ts";
import { wantedOf } from "../operations.ts";
import { flowOf } from "../wanted-flow.ts";
import { earliestOf } from "./never-early.ts";

const LATE_MS_MAX = 250;
/** Fewer deliveries at once make a line, and its waits are no fault. */
const LINES_MIN = 50;

/** Where nothing goes wrong and nothing is scarce, nobody waits longer than was asked for. */
export const neverLate: Checker = {
  name: "never late",
  promise: "without faults and gates an attempt begins within a quarter of a second of its time",
  observe: (scene) => {
    const { isCalm, plan, sinks, operations, violate, mark } = scene;
    const { perOriginMax = 0, parallelismMax = 0 } = plan.limits;
    const isFree = isCalm && Math.min(perOriginMax, parallelismMax) >= LINES_MIN;
    return (fact) => {
      if (!isFree || fact.kind !== "attempt") return;
      const { attempt } = fact;
      const wanted = wantedOf(attempt.messageId, sinks, plan.wanteds);
      const report = sinks.story(attempt.messageId)?.report ?? null;
      if (wanted === null || wanted.queue !== null || flowOf(wanted, report) !== null) return;
      const isFirst = attempt.retried === 0;
      // The first attempts of callbacks and of schedules' messages have other causes.
      if (isFirst && operations.promise(attempt.messageId) === null) return;
      const dueAt = earliestOf(attempt, scene);
      if (dueAt === 0) return;
      mark("punctual");
      if (attempt.startedAt > dueAt + LATE_MS_MAX) {
        violate(
          `attempt ${attempt.number} of ${attempt.messageId} begins ${attempt.startedAt - dueAt} ms late`,
        );
      }
    };
  },
};
