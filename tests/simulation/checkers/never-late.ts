import { DueTimes } from "../due-times.ts";
import type { Checker } from "../facts.ts";

const LATE_MS_MAX = 1_000;
/** A node whose hint was lost is found by the next poll. */
const POLL_MS_MAX = 4_000;
/** Fewer deliveries at once make a queue, and its waits are no fault. */
const LINES_MIN = 50;

/** Where nothing goes wrong and nothing is scarce, nobody waits longer than was asked for. */
export const neverLate: Checker = {
  name: "never late",
  promise:
    "without faults an attempt begins within a second of its time; of several nodes, within the time between two polls",
  observe: (scene) => {
    const dueTimes = new DueTimes(scene);
    const lateMsMax = LATE_MS_MAX + (scene.nodes === 1 ? 0 : POLL_MS_MAX);
    const isFree = scene.isCalm && (scene.limits.perOriginMax ?? 0) >= LINES_MIN;
    return (fact) => {
      if (!isFree) return;
      dueTimes.note(fact);
      if (fact.kind !== "attempt") return;
      const { number, message, startedAt } = fact.attempt;
      // Calls with a key are made one after the other.
      if (message?.flowControlKey != null) return;
      // What was due before it was accepted, or before its run was resumed, has the time of that as its own.
      const dueAt = Math.max(dueTimes.of(fact.attempt) ?? 0, message?.createdAt ?? 0);
      if (startedAt > dueAt + lateMsMax) {
        scene.violate(
          `attempt ${number} of message ${message?.key} begins ${startedAt - dueAt} ms late`,
        );
      }
    };
  },
};
