import type { Checker, Scene } from "../facts.ts";
import type { Attempt } from "../sink-ledger.ts";

/** Nobody makes the attempts of a node that is there. */
export const oneNode: Checker = {
  name: "one node at a time",
  promise:
    "an attempt of a message begins only when the one before it has ended, or when the lease of the node that made it is over",
  observe: (scene) => (fact) => {
    if (fact.kind === "attempt") check(fact.attempt, scene);
  },
};

function check(attempt: Attempt, scene: Scene): void {
  const { sinks, violate, mark } = scene;
  for (const other of sinks.story(attempt.messageId)?.attempts ?? []) {
    if (other === attempt || other.endedAt !== null) continue;
    if (!isHolding(other, scene)) {
      mark("attempt taken over");
      continue;
    }
    violate(
      `attempt ${attempt.number} of ${attempt.messageId} begins while node ${other.nodeKey} makes attempt ${other.number}`,
    );
  }
}

function isHolding({ nodeKey }: Attempt, { mirror, now }: Scene): boolean {
  if (nodeKey === null) return true;
  const node = mirror.get("nodes", nodeKey);
  return node !== null && node.leaseUntil > now();
}
