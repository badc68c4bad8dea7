import type { Checker, Scene } from "../facts.ts";
import { isAccepted, type Operation, type Promised } from "../operations.ts";
import type { Wanted } from "../wanted.ts";

/** One message for one deduplication id within the window, whoever asks, how often, and whatever breaks. */
export const dedupExact: Checker = {
  name: "deduplication is exact",
  promise:
    "within ten minutes of the first publish every other one with its id gets its message; behind them a new one",
  observe: (scene) => {
    const claims = new Map<string, Claim>();
    return (fact) => {
      if (fact.kind !== "answered" || !isAccepted(fact.operation)) return;
      const promised = scene.operations.promises.filter(
        ({ operation }) => operation === fact.operation,
      );
      for (const one of promised) check(one, claims, scene);
    };
  },
};

const WINDOW_MS = 10 * 60_000;

interface Claim {
  readonly messageId: string;
  /** The first publish arrived not before this; null when nobody has heard of it. */
  readonly askedAt: number | null;
  readonly answeredAt: number;
}

function check(promised: Promised, claims: Map<string, Claim>, scene: Scene): void {
  const { wanted, url, messageId, isDuplicate, operation } = promised;
  const name = wanted === null ? null : nameOf(wanted, url);
  if (name === null) {
    if (isDuplicate) scene.violate(`${messageId} counts as a duplicate, and has no id for it`);
    return;
  }
  const claim = claims.get(name);
  const text = `#${operation.number} with the id ${name}`;
  if (isDuplicate) {
    scene.mark("duplicate recognised");
    // The first one may have been made by a request whose answer was lost.
    const isKnown = claim !== undefined && claim.messageId !== messageId;
    if (isKnown && !isOver(claim, operation)) {
      scene.violate(`${text} gets ${messageId}, not ${claim.messageId}`);
    }
    if (claim?.messageId === messageId) {
      if (isSurelyOver(claim, operation))
        scene.violate(`${text} gets the message of a window that is over`);
      return;
    }
    claims.set(name, { messageId, askedAt: null, answeredAt: operation.answeredAt ?? 0 });
    return;
  }
  if (claim !== undefined && !isOver(claim, operation)) {
    scene.violate(`${text} makes ${messageId} within the window of ${claim.messageId}`);
  }
  if (claim !== undefined) scene.mark("deduplication window over");
  const { askedAt, answeredAt } = operation;
  claims.set(name, { messageId, askedAt, answeredAt: answeredAt ?? 0 });
}

/** What the publish claims; null for nothing. An id wins over the content. */
function nameOf(
  { dedupId, isDeduplicatedByContent, destination, ticket }: Wanted,
  url: string | null,
) {
  if (dedupId !== null) return destination.kind === "group" ? `${dedupId} ${url}` : dedupId;
  return isDeduplicatedByContent ? `content of ${ticket} ${url}` : null;
}

/** Whether the window may have ended when `operation` was decided on. */
function isOver({ askedAt }: Claim, { answeredAt }: Operation): boolean {
  return askedAt === null || (answeredAt ?? 0) >= askedAt + WINDOW_MS;
}

function isSurelyOver({ askedAt, answeredAt }: Claim, operation: Operation): boolean {
  return askedAt !== null && (operation.askedAt ?? 0) > answeredAt + WINDOW_MS;
}
