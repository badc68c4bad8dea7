import type { Checker, Scene } from "../facts.ts";
import { isAccepted, type Operation, wantedOf } from "../operations.ts";
import { type Attempt, isFinal, isSuccess, type Story } from "../sink-ledger.ts";
import { retriesOf, type Wanted } from "../wanted.ts";
import { retriesFor } from "./attempt-numbers.ts";

/** A queue with one place has one message under way, from its first attempt to the end of its last callback. */
export const queuePlaces: Checker = {
  name: "queues never overlap",
  promise:
    "a message of a queue begins only while fewer messages than the queue has places are between their first attempt and the end of their callbacks",
  observe: (scene) => {
    const places = new Map<string, Places>();
    for (const queue of scene.plan.queues) {
      places.set(queue, { counts: new Set([1]), most: 1, changedTurn: 0, begun: new Set() });
    }
    return (fact) => {
      if (fact.kind === "asked") noteAsked(fact.operation, places);
      else if (fact.kind === "answered" && isAccepted(fact.operation)) {
        noteAccepted(fact.operation, places);
      } else if (fact.kind === "attempt") check(fact.attempt, places, scene);
    };
  },
};

interface Places {
  /** How many the queue may have now. */
  readonly counts: Set<number>;
  /** The most it ever had: who has a place keeps it. */
  most: number;
  /** When a change of the count was confirmed last. */
  changedTurn: number;
  readonly begun: Set<string>;
}

function noteAsked({ act }: Operation, all: ReadonlyMap<string, Places>): void {
  if (act.type !== "upsertQueue" && act.type !== "deleteQueue") return;
  const places = all.get(act.queue);
  if (places === undefined) return;
  const count = act.type === "upsertQueue" ? act.parallelism : 1;
  places.counts.add(count);
  places.most = Math.max(places.most, count);
  // What has begun in a queue that is deleted goes on without a place.
  if (act.type === "deleteQueue") places.begun.clear();
}

function noteAccepted({ act, answeredTurn }: Operation, all: ReadonlyMap<string, Places>): void {
  if (act.type !== "upsertQueue" && act.type !== "deleteQueue") return;
  const places = all.get(act.queue);
  if (places === undefined) return;
  places.counts.clear();
  places.changedTurn = answeredTurn;
  places.counts.add(act.type === "upsertQueue" ? act.parallelism : 1);
  if (act.type === "deleteQueue") places.begun.clear();
}

function check(attempt: Attempt, all: ReadonlyMap<string, Places>, scene: Scene): void {
  const { number, messageId } = attempt;
  const { sinks, plan, violate, mark } = scene;
  const wanted = wantedOf(messageId, sinks, plan.wanteds);
  const story = sinks.story(messageId);
  if (story === null || story.report !== null || wanted?.queue == null) return;
  const places = all.get(wanted.queue);
  if (places === undefined) return;
  const isNew = story.attempts.length === 1;
  // The retry of a message whose queue was deleted meanwhile holds no place.
  if (!isNew && !places.begun.has(messageId)) return;
  places.begun.add(messageId);
  checkRepetition(attempt, story, scene);
  const open = Array.from(places.begun).filter((id) => id === messageId || isOpen(id, scene));
  // A message that was there before the count became smaller may have got its place before, and have waited for its key.
  const promised = scene.operations.promise(messageId);
  const isYounger = promised !== null && promised.operation.askedTurn > places.changedTurn;
  const count = isNew && isYounger ? Math.max(...places.counts) : places.most;
  if (open.length === count) mark("queue full");
  if (open.length <= count) return;
  const others = open.filter((id) => id !== messageId).join(", ");
  violate(
    `attempt ${number} of ${messageId} begins while ${others} hold the ${count} places of ${wanted.queue}`,
  );
}

/** What a dead node has begun keeps its place to itself until its destination can have no more to do. */
function checkRepetition({ number, messageId }: Attempt, { attempts }: Story, scene: Scene): void {
  const { nodes, now, violate } = scene;
  if (nodes === 1) return;
  const before = attempts.find(
    (other) =>
      other.number !== number &&
      (other.endedAt === null || other.isCut) &&
      other.worksUntil > now(),
  );
  if (before === undefined) return;
  violate(
    `attempt ${number} of ${messageId} begins while its destination works on ${before.number}`,
  );
}

/** Whether a message that has begun, or a callback about it, is not done yet. */
function isOpen(messageId: string, scene: Scene): boolean {
  const { sinks, plan, operations } = scene;
  const story = sinks.story(messageId);
  const wanted = wantedOf(messageId, sinks, plan.wanteds);
  if (story === null || wanted === null) return false;
  const last = story.attempts.at(-1);
  if (last === undefined || last.endedAt === null) return last !== undefined;
  const isAtWork = last.isCut && scene.nodes > 1 && last.worksUntil > scene.now();
  // Destinations cannot see when a cancelled message gives its place back.
  if (operations.mayBeCancelled(messageId, wanted)) return false;
  if (isAtWork) return true;
  if (last.outcome === null || !isFinal(last.outcome, last.retried, retriesOf(wanted))) return true;
  return hasOpenCallback(
    story,
    { wanted, isDead: !isSuccess(last.outcome), last: last.retried },
    scene,
  );
}

function hasOpenCallback(
  { messageId }: Story,
  {
    wanted,
    isDead,
    last,
  }: { readonly wanted: Wanted; readonly isDead: boolean; readonly last: number },
  scene: Scene,
): boolean {
  const isDone = (retried: number, isFailure: boolean) =>
    scene.sinks.stories.some(
      (story) =>
        story.report?.sourceMessageId === messageId &&
        story.report.retried === retried &&
        (story.report.dlqId !== null) === isFailure &&
        isReportDone(story, wanted, scene),
    );
  if (wanted.label !== null && scene.operations.of("cancelLabel").length > 0) return false;
  const numbers = Array.from({ length: last + 1 }, (_, number) => number);
  const isToldOfAll = wanted.callback === null || numbers.every((number) => isDone(number, false));
  const isToldOfEnd = wanted.failureCallback === null || !isDead || isDone(last, true);
  return !isToldOfAll || !isToldOfEnd;
}

function isReportDone(story: Story, wanted: Wanted, scene: Scene): boolean {
  const last = story.attempts.at(-1);
  if (last === undefined || last.endedAt === null) return false;
  if (scene.operations.mayBeCancelled(story.messageId, wanted)) return true;
  return (
    last.outcome !== null && isFinal(last.outcome, last.retried, retriesFor(last, wanted, scene))
  );
}
