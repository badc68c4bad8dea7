import { messageKey } from "@reprise/protocol";
import { clocksApartMs } from "../../nodes/node-clock.ts";
import { isFor } from "../acts.ts";
import type { Checker, Scene } from "../facts.ts";
import { wantedOf } from "../operations.ts";
import { earliestRetryAt } from "../retry-time.ts";
import type { Attempt } from "../sink-ledger.ts";

/** No delivery before its time, by the clients' and the destinations' own records. */
export const neverEarly: Checker = {
  name: "never early",
  promise: "no attempt begins before its delay, or the wait for its retry, is over",
  observe: (scene) => (fact) => {
    if (fact.kind !== "attempt") return;
    const { attempt } = fact;
    const dueAt = earliestOf(attempt, scene);
    if (attempt.startedAt + clocksApartMs(scene.nodes) >= dueAt) return;
    scene.violate(
      `attempt ${attempt.number} (number ${attempt.retried}) of ${attempt.messageId} begins ${dueAt - attempt.startedAt} ms early`,
    );
  },
};

/** Epoch milliseconds. */
export function earliestOf(attempt: Attempt, scene: Scene): number {
  const { sinks, operations, plan } = scene;
  const { messageId, retried } = attempt;
  const story = sinks.story(messageId);
  const wanted = wantedOf(messageId, sinks, plan.wanteds);
  // A message that somebody has sent by hand waits for nothing.
  const isReleased = operations.all.some(
    ({ act, askedAt }) => act.type === "release" && act.messageId === messageId && askedAt !== null,
  );
  if (story === null || wanted === null || isReleased) return 0;
  if (retried > 0) {
    // An attempt whose end nobody knows leads to no retry.
    const ends = story.attempts.filter(
      (other) => other.retried === retried - 1 && other.outcome !== null,
    );
    return Math.min(...ends.map((end) => earliestRetryAt(end, wanted.retryDelay, story.report)));
  }
  if (plan.schedules.some((schedule) => schedule.wanted.ticket === story.ticket)) {
    return notBeforeOf(messageId, scene);
  }
  const isAgain = scene.mirror
    .all("deadMessages")
    .some(({ nextMessageKey }) => nextMessageKey === messageKey(messageId));
  return isAgain || story.ticket === null
    ? 0
    : firstAskedAt(story.ticket, scene) + 1000 * (wanted.delaySeconds ?? 0);
}

/** Of the message of a schedule; another checker compares it with the ticks. */
function notBeforeOf(messageId: string, { mirror }: Scene): number {
  const envelope = mirror.get("envelopes", messageKey(messageId) ?? 0);
  // Written by the server.
  const config = JSON.parse(envelope?.config ?? "{}") as { readonly notBefore?: number };
  return config.notBefore ?? 0;
}

/** When somebody first asked for this message; 0 for those that nobody asks for one by one. */
function firstAskedAt(ticket: string, { operations }: Scene): number {
  const instants = operations.all
    .filter(({ act }) => isFor(act, ticket))
    .map(({ askedAt }) => askedAt)
    .filter((askedAt) => askedAt !== null);
  return instants.length === 0 ? 0 : Math.min(...instants);
}
