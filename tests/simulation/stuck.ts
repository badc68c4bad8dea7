import { messageId } from "@reprise/protocol";
import type { Outcome, RunRow } from "@reprise/server";
import type { Attempt, Fact } from "./facts.ts";
import type { Mirror } from "./mirror.ts";

const VERSION_HEADER = "upstash-workflow-sdk-version";
const NOTHING = "nothing was done";

/** A success of the SDK behind which nothing follows: no server can tell it from a good one. */
export function answeredNothing(): Outcome {
  const body = new TextEncoder().encode(NOTHING);
  return {
    type: "response",
    status: 200,
    headers: { [VERSION_HEADER]: ["1"] },
    body,
    isTruncated: false,
  };
}

/** An answer with a line that no server can accept. */
export function answeredNonsense(): Outcome {
  const body = new TextEncoder().encode('{"stepId":1,"stepName":""}');
  const headers = { [VERSION_HEADER]: ["1"], "reprise-answer": ["v=1"] };
  return { type: "response", status: 200, headers, body, isTruncated: false };
}

/** Whether an app's answer says that all is well; a tunnel's page only looks like it. */
export function isAppSuccess(outcome: Outcome): boolean {
  if (outcome.type !== "response" || outcome.status < 200 || outcome.status >= 300) return false;
  return outcome.headers[VERSION_HEADER] !== undefined;
}

/** Whether the answer is that of an invocation which has been told to stop, because another one goes on for the same delivery. */
export function isOfOther({ messageKey: key, message, hold }: Attempt, outcome: Outcome): boolean {
  if (outcome.type !== "response") return false;
  const holds = /\bholds=([\w.-]+)/.exec(outcome.headers["reprise-answer"]?.[0] ?? "")?.[1];
  return holds !== undefined && holds !== `${messageId(key)}.${message?.leaseToken ?? hold}`;
}

/** Messages that the app has answered without going on, and that the server took for done. */
export class Swallowed {
  readonly #messages = new Set<number>();
  /** Waits whose answers such messages were to tell. */
  readonly #waits = new Set<number>();

  note(fact: Fact): void {
    if (fact.kind !== "outcome" || fact.outcome.type !== "response") return;
    if (Buffer.from(fact.outcome.body).toString("utf8") !== NOTHING) return;
    this.#messages.add(fact.attempt.messageKey);
    this.#waits.add(fact.attempt.message?.waitKey ?? 0);
  }

  hasMessage(key: number): boolean {
    return this.#messages.has(key);
  }

  hasWait(key: number): boolean {
    return this.#waits.has(key);
  }
}

/** Whether a live run has nothing left that could wake it. */
export function isStuck(run: RunRow, mirror: Mirror): boolean {
  if (run.state !== "started" || mirror.openMessages(run.key).length > 0) return false;
  return mirror.waits(run.key).every(({ state }) => state !== "open");
}
