import { deadLetterId, messageId as idOf, messageKey } from "@reprise/protocol";
import type { Checker, Scene } from "../facts.ts";
import { wantedOf } from "../operations.ts";
import { isSuccess, type Report, type Story } from "../sink-ledger.ts";

/** Whoever asked to hear of a message hears of each of its ends. */
export const callbacks: Checker = {
  name: "callbacks tell of every end",
  promise:
    "the callback is made for each attempt whose end was kept, the failure callback for a dead message, whose entry is there before; none without a cause",
  observe: (scene) => (fact) => {
    if (fact.kind === "attempt") {
      const report = scene.sinks.story(fact.attempt.messageId)?.report ?? null;
      if (report !== null) checkReport(report, scene);
    } else if (fact.kind === "end") checkEnd(scene);
  },
};

/** A report tells of something that the destination of its source knows. */
function checkReport(report: Report, { sinks, mirror, violate }: Scene): void {
  const { sourceMessageId, retried, status, dlqId } = report;
  const source = sinks.story(sourceMessageId);
  const known = source?.attempts.some(({ outcome, retried: number }) => {
    if (outcome === null || number !== retried) return false;
    return (outcome.type === "response" ? outcome.status : 0) === status;
  });
  if (known !== true) violate(`a callback tells of status ${status} of ${sourceMessageId}`);
  if (dlqId === null) return;
  const isThere = mirror
    .all("deadMessages")
    .some(({ key, createdAt }) => deadLetterId({ failedAt: createdAt, key }) === dlqId);
  if (!isThere) violate(`a failure callback names ${dlqId}, which is not there`);
}

function checkEnd(scene: Scene): void {
  const { sinks, mirror, operations, plan } = scene;
  const reports = new Map<string, Report[]>();
  // A dead callback that was sent again tells the same once more.
  const again = new Set(mirror.all("deadMessages").map(({ nextMessageKey }) => nextMessageKey));
  for (const { report, messageId } of sinks.stories) {
    if (report === null || again.has(messageKey(messageId))) continue;
    const { sourceMessageId } = report;
    reports.set(sourceMessageId, [...(reports.get(sourceMessageId) ?? []), report]);
  }
  const dead = new Set(mirror.all("deadMessages").map(({ messageKey }) => idOf(messageKey)));
  for (const story of sinks.stories) {
    const { messageId, report } = story;
    const wanted = wantedOf(messageId, sinks, plan.wanteds);
    // Callbacks that were cancelled tell nothing; those of a label go with its other messages.
    const isSilent = wanted === null || mayCallbacksBeCancelled(scene, wanted.label);
    if (report !== null || isSilent) continue;
    const told = reports.get(messageId) ?? [];
    const isCancelled = operations.mayBeCancelled(messageId, wanted);
    if (wanted.callback !== null) checkEach(story, told, { scene, isCancelled });
    const hasFailed = told.some(({ dlqId }) => dlqId !== null);
    if (wanted.failureCallback !== null && hasFailed !== dead.has(messageId)) {
      scene.violate(
        `${messageId} is ${dead.has(messageId) ? "" : "not "}dead; its failure callback ${hasFailed ? "was made" : "is missing"}`,
      );
    }
  }
}

function checkEach(
  { messageId, attempts }: Story,
  told: readonly Report[],
  { scene, isCancelled }: { readonly scene: Scene; readonly isCancelled: boolean },
): void {
  const ended = new Set<number>();
  for (const { outcome, retried } of attempts) if (outcome !== null) ended.add(retried);
  const last = Math.max(...ended);
  for (const number of ended) {
    // The end of a cancelled message is reported only when it was delivered.
    const isLastOfCancelled = isCancelled && number === last;
    const isDelivered = attempts.some(({ outcome }) => outcome !== null && isSuccess(outcome));
    if (isLastOfCancelled && !isDelivered) continue;
    const count = told.filter(({ retried, dlqId }) => retried === number && dlqId === null).length;
    if (count === 1) scene.mark("callback told");
    else if (!isLastOfCancelled || count > 1) {
      scene.violate(`attempt number ${number} of ${messageId} has ${count} callbacks`);
    }
  }
}

/** Callbacks are messages too: somebody may have cancelled one. */
function mayCallbacksBeCancelled({ operations, sinks }: Scene, label: string | null): boolean {
  return operations.all.some(({ act }) => {
    if (act.type === "cancelLabel") return act.label === label;
    const ids =
      act.type === "cancel" ? [act.messageId] : act.type === "cancelMany" ? act.messageIds : [];
    return ids.some((id) => sinks.story(id)?.report != null);
  });
}
