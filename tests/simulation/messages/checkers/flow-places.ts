import type { Checker, Scene } from "../facts.ts";
import { isAccepted, type Operation, wantedOf } from "../operations.ts";
import type { Attempt } from "../sink-ledger.ts";
import { flowOf } from "../wanted-flow.ts";

/** Destinations never see more connections of a key than it allows. */
export const flowPlaces: Checker = {
  name: "never above parallelism",
  promise:
    "an attempt begins only while fewer connections of its key are open than the parallelism in force",
  observe: (scene) => {
    const limits = new Map<string, Limit>();
    for (const { key, parallelism } of scene.plan.flows) {
      limits.set(key, { asked: parallelism, pinned: null, isPinSure: true });
    }
    return (fact) => {
      if (fact.kind === "attempt") check(fact.attempt, limits, scene);
      else if (fact.kind === "asked") noteAsked(fact.operation, limits);
      else if (fact.kind === "answered") noteAnswered(fact.operation, limits);
    };
  },
};

interface Limit {
  /** What every message asks for; null is no limit. */
  readonly asked: number | null;
  pinned: number | null;
  /** False while nobody knows whether the pin, or its end, is in force. */
  isPinSure: boolean;
}

function check(attempt: Attempt, limits: ReadonlyMap<string, Limit>, scene: Scene): void {
  const key = keyOf(attempt, scene);
  const limit = key === null ? null : largest(limits.get(key));
  if (limit === null) return;
  const open = underWay(scene).filter((other) => keyOf(other, scene) === key);
  if (open.length === limit) scene.mark("parallelism reached");
  if (open.length <= limit) return;
  scene.violate(
    `attempt ${attempt.number} of ${attempt.messageId} is the ${open.length}th open one of ${key}, which allows ${limit}`,
  );
}

/** A server that is alone begins anew; what one of several has begun keeps its place until its destination can have no more to do. */
export function underWay({ sinks, nodes, now }: Scene): readonly Attempt[] {
  return nodes === 1 ? sinks.open : sinks.underWay(now());
}

/** The largest limit that may be in force; null is no limit. */
function largest(limit: Limit | undefined): number | null {
  if (limit === undefined) return null;
  const { asked, pinned, isPinSure } = limit;
  if (pinned === null) return asked;
  if (isPinSure) return pinned;
  return asked === null ? null : Math.max(asked, pinned);
}

/** Epoch of the pin: from the request on it may be in force, from the answer on it is. */
function noteAsked({ act }: Operation, limits: ReadonlyMap<string, Limit>): void {
  if (act.type !== "pin" && act.type !== "unpin") return;
  const limit = limits.get(act.flow);
  if (limit === undefined) return;
  if (act.type === "pin") {
    if (act.parallelism === null) return;
    limit.pinned = Math.max(limit.pinned ?? 0, act.parallelism);
    limit.isPinSure = false;
  } else if (act.parallelism) {
    // The numbers of the pin stay until a message brings other ones.
    limit.isPinSure = false;
  }
}

function noteAnswered(operation: Operation, limits: ReadonlyMap<string, Limit>): void {
  const { act } = operation;
  if (act.type !== "pin" || act.parallelism === null || !isAccepted(operation)) return;
  const limit = limits.get(act.flow);
  if (limit === undefined) return;
  limit.pinned = act.parallelism;
  limit.isPinSure = true;
}

export function keyOf({ messageId }: Attempt, { sinks, plan }: Scene): string | null {
  const wanted = wantedOf(messageId, sinks, plan.wanteds);
  const report = sinks.story(messageId)?.report ?? null;
  return wanted === null ? null : (flowOf(wanted, report)?.key ?? null);
}
