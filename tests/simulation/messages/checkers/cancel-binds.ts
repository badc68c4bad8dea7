import type { Checker, Scene } from "../facts.ts";
import { isAccepted, type Operation, wantedOf } from "../operations.ts";
import type { Attempt } from "../sink-ledger.ts";
import { type Confirmed, confirmedNow, isTakenBefore } from "./taken-before.ts";

/** What is cancelled begins no more. */
export const cancelBinds: Checker = {
  name: "cancel binds",
  promise: "behind a confirmed cancel no attempt of the message begins",
  observe: (scene) => {
    const confirmed = new Map<Operation, Confirmed>();
    return (fact) => {
      if (fact.kind === "answered" && isAccepted(fact.operation))
        confirmed.set(fact.operation, confirmedNow(scene));
      if (fact.kind !== "attempt") return;
      const binding = Array.from(confirmed).find(
        ([other, when]) =>
          forbids(other, fact.attempt, scene) && !isTakenBefore(fact.attempt, when, scene),
      );
      if (binding === undefined) return;
      const [operation] = binding;
      const { number, messageId } = fact.attempt;
      scene.violate(`attempt ${number} of ${messageId} begins behind #${operation.number}`);
    };
  },
};

function forbids(
  { act, askedTurn }: Operation,
  { messageId }: Attempt,
  { operations, sinks, plan }: Scene,
): boolean {
  switch (act.type) {
    case "cancel":
      return act.messageId === messageId;
    case "cancelMany":
      return act.messageIds.includes(messageId);
    case "deleteQueue":
    case "cancelLabel": {
      // Only what was there for certain when the request arrived; a background job takes its time.
      const promised = operations.promise(messageId);
      if (promised === null || promised.operation.answeredTurn > askedTurn) return false;
      const wanted = wantedOf(messageId, sinks, plan.wanteds);
      // Callbacks go on without the queue, also one that was dead and is sent again.
      return act.type === "deleteQueue"
        ? wanted?.queue === act.queue && sinks.story(messageId)?.report == null
        : !act.isAsync && wanted?.label === act.label;
    }
    default:
      return false;
  }
}
