import { DueTimes } from "../due-times.ts";
import type { Checker } from "../facts.ts";
import { clocksApartMs } from "../nodes/node-clock.ts";

/** Sleeps, delays of triggers and waits between retries last at least as long as was asked for. */
export const neverEarly: Checker = {
  name: "never early",
  promise: "no attempt begins before it is due",
  observe: (scene) => {
    const dueTimes = new DueTimes(scene);
    return (fact) => {
      dueTimes.note(fact);
      if (fact.kind !== "attempt") return;
      const { number, messageKey, startedAt } = fact.attempt;
      const dueAt = dueTimes.of(fact.attempt);
      if (dueAt === null) return;
      scene.mark("waited for");
      if (startedAt + clocksApartMs(scene.nodes) < dueAt) {
        scene.violate(
          `attempt ${number} of message ${messageKey} begins ${dueAt - startedAt} ms early`,
        );
      }
    };
  },
};
