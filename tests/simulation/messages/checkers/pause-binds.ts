import type { Act } from "../acts.ts";
import type { Checker } from "../facts.ts";
import { isAccepted, type Operation, wantedOf } from "../operations.ts";
import type { Attempt } from "../sink-ledger.ts";
import { flowOf } from "../wanted-flow.ts";
import { type Confirmed, confirmedNow, isTakenBefore } from "./taken-before.ts";

/** A pause that was confirmed lets nothing begin until somebody asks for its end, whatever happens to the server meanwhile. */
export const pauseBinds: Checker = {
  name: "pause binds",
  promise:
    "behind a confirmed pause no attempt of the queue, the key or the schedule begins, before somebody asks for its end",
  observe: (scene) => {
    const { sinks, plan, violate, mark } = scene;
    const paused = new Map<string, Confirmed>();
    const checkAttempt = (attempt: Attempt) => {
      const wanted = wantedOf(attempt.messageId, sinks, plan.wanteds);
      const report = sinks.story(attempt.messageId)?.report ?? null;
      if (wanted === null) return;
      // A callback shares the place of the message that it reports about, also while the queue is paused.
      const queue = report === null ? wanted.queue : null;
      const flow = flowOf(wanted, report)?.key ?? null;
      for (const name of [`queue ${queue}`, `flow ${flow}`]) {
        const when = paused.get(name);
        if (when !== undefined && !isTakenBefore(attempt, when, scene)) {
          violate(
            `attempt ${attempt.number} of ${attempt.messageId} begins while ${name} is paused`,
          );
        }
      }
    };
    return (fact) => {
      if (fact.kind === "asked") {
        const name = openedBy(fact.operation.act);
        if (name !== null && paused.delete(name)) mark("pause ended");
      } else if (fact.kind === "answered" && isAccepted(fact.operation)) {
        const name = closedBy(fact.operation);
        if (name !== null) paused.set(name, confirmedNow(scene));
      } else if (fact.kind === "attempt") checkAttempt(fact.attempt);
      else if (fact.kind === "serverCrash" && paused.size > 0) mark("crash during a pause");
    };
  },
};

function openedBy(act: Act): string | null {
  switch (act.type) {
    case "resumeQueue":
    case "deleteQueue":
      return `queue ${act.queue}`;
    case "upsertQueue":
      return act.isPaused ? null : `queue ${act.queue}`;
    case "resumeFlow":
      return `flow ${act.flow}`;
    default:
      return null;
  }
}

function closedBy({ act }: Operation): string | null {
  switch (act.type) {
    case "pauseQueue":
      return `queue ${act.queue}`;
    case "upsertQueue":
      return act.isPaused ? `queue ${act.queue}` : null;
    case "pauseFlow":
      return `flow ${act.flow}`;
    default:
      return null;
  }
}
