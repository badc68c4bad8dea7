import type { Checker, Scene } from "../facts.ts";
import { isAccepted, type Operation, wantedOf } from "../operations.ts";
import type { Attempt } from "../sink-ledger.ts";

/** What is cancelled begins no more. */
export const cancelBinds: Checker = {
  name: "cancel binds",
  promise: "behind a confirmed cancel no attempt of the message begins",
  observe: (scene) => {
    const confirmed: Operation[] = [];
    return (fact) => {
      if (fact.kind === "answered" && isAccepted(fact.operation)) confirmed.push(fact.operation);
      if (fact.kind !== "attempt") return;
      const operation = confirmed.find((other) => forbids(other, fact.attempt, scene));
      if (operation === undefined) return;
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
