import { messageId as idOf } from "@reprise/protocol";
import type { Checker, Scene } from "../facts.ts";
import { wantedOf } from "../operations.ts";
import { type Attempt, isFinal, isSuccess } from "../sink-ledger.ts";
import { bodyOf, retriesOf, type Wanted } from "../wanted.ts";

/** Attempts are counted from 0 without gaps, and one is repeated only when the process that made it has died before its end was kept. */
export const attemptNumbers: Checker = {
  name: "attempts are counted exactly",
  promise:
    "Upstash-Retried counts failed attempts; the same number comes again only behind a crash; nothing follows a success or the last failure; body and address are those of the publisher",
  observe: (scene) => (fact) => {
    if (fact.kind === "attempt") check(fact.attempt, scene);
  },
};

function check(attempt: Attempt, scene: Scene): void {
  const { sinks, plan, violate } = scene;
  const wanted = wantedOf(attempt.messageId, sinks, plan.wanteds);
  const fault =
    wanted === null
      ? "belongs to no publish"
      : (contentFault(attempt, wanted) ?? numberFault(attempt, wanted, scene));
  if (fault === null) return;
  violate(`attempt ${attempt.number} (number ${attempt.retried}) of ${attempt.messageId} ${fault}`);
}

function numberFault(attempt: Attempt, wanted: Wanted, scene: Scene): string | null {
  const { retried } = attempt;
  const previous = scene.sinks.story(attempt.messageId)?.attempts.at(-2);
  if (previous === undefined) return retried === 0 ? null : "is the first one that arrives";
  const retries = retriesFor(attempt, wanted, scene);
  if (retried > retries) return `has only ${retries} retries`;
  if (retried === previous.retried) return repetitionFault(previous, attempt, scene);
  if (retried !== previous.retried + 1) return `follows number ${previous.retried}`;
  const { outcome } = previous;
  if (outcome === null) return "counts a try whose end nobody knows";
  if (isSuccess(outcome)) return "follows a success";
  return isFinal(outcome, previous.retried, retries) ? "follows the last failure" : null;
}

function repetitionFault(previous: Attempt, attempt: Attempt, scene: Scene): string | null {
  // A process that has lost its lease goes on as another node, and its attempts were everybody's.
  const isSameNode = previous.nodeKey === attempt.nodeKey;
  if (previous.generation === attempt.generation && isSameNode)
    return "is made twice by one process";
  if (isKept(attempt, scene)) return "is repeated, although its end was kept";
  scene.mark("attempt repeated after a crash");
  return null;
}

function contentFault({ url, body, method }: Attempt, wanted: Wanted): string | null {
  if (method !== "POST") return `has the method ${method}`;
  const targets = [wanted.callback?.url, wanted.failureCallback?.url];
  if (targets.includes(url)) return null;
  if (body !== bodyOf(wanted)) return `has the body ${body}`;
  const { destination } = wanted;
  return destination.kind === "url" && destination.url !== url ? `has the address ${url}` : null;
}

/** How often this message may be tried again. */
export function retriesFor({ messageId }: Attempt, wanted: Wanted, { sinks }: Scene): number {
  const report = sinks.story(messageId)?.report ?? null;
  if (report === null) return retriesOf(wanted);
  const target = report.dlqId === null ? wanted.callback : wanted.failureCallback;
  return target?.retries ?? retriesOf(wanted);
}

/** Whether the disk holds the end of the attempt with this number already. */
function isKept({ messageId, retried }: Attempt, { mirror }: Scene): boolean {
  const ends = ["delivered", "retry", "failed", "canceledLate"];
  return mirror
    .all("logs")
    .some(
      (row) =>
        idOf(row.messageKey) === messageId && row.retried === retried && ends.includes(row.moment),
    );
}
