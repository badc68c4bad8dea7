import type { Checker, Scene } from "../facts.ts";
import { type Promised, wantedOf } from "../operations.ts";
import type { Attempt } from "../sink-ledger.ts";

/** A queue with one place delivers in the order in which it was given. */
export const queueOrder: Checker = {
  name: "queues never reorder",
  promise:
    "of two messages that a queue with one place has accepted one after the other, the first one begins first",
  observe: (scene) => {
    /** Queues that may have, or have had, more than one place. */
    const wide = new Set<string>();
    return (fact) => {
      if (fact.kind === "asked") {
        const { act } = fact.operation;
        if (act.type === "upsertQueue" && act.parallelism > 1) wide.add(act.queue);
      } else if (fact.kind === "attempt") check(fact.attempt, wide, scene);
    };
  },
};

function check({ messageId, number }: Attempt, wide: ReadonlySet<string>, scene: Scene): void {
  const { operations, sinks, plan, violate, mark } = scene;
  if (sinks.story(messageId)?.attempts.length !== 1) return;
  const mine = operations.promise(messageId);
  const queue = mine?.wanted?.queue ?? null;
  if (mine === null || queue === null || wide.has(queue) || isOutOfLine(mine)) return;
  const promises = operations.promises;
  const place = promises.indexOf(mine);
  for (const [index, other] of promises.entries()) {
    if (
      other.wanted?.queue !== queue ||
      isOutOfLine(other) ||
      sinks.story(other.messageId) !== null
    ) {
      continue;
    }
    const isSame = other.operation === mine.operation;
    const isBefore = isSame
      ? index < place
      : other.operation.answeredTurn < mine.operation.askedTurn;
    if (!isBefore || operations.mayBeCancelled(other.messageId, other.wanted)) continue;
    violate(`attempt ${number} of ${messageId} begins before ${other.messageId} of ${queue}`);
  }
  if (wantedOf(messageId, sinks, plan.wanteds)?.callback != null) mark("queue with callbacks");
}

/** A delayed message joins the line when its delay is over; a duplicate joins none. */
function isOutOfLine({ wanted, isDuplicate }: Promised): boolean {
  return isDuplicate || wanted?.delaySeconds != null;
}
