/** Decides what follows a failed attempt: another one, and when, or none. */

import {
  canonicalHeaderName,
  DAY_MS,
  findRetryAfter,
  formatDuration,
  HEADER,
  isRepriseError,
} from "@reprise/protocol";
import { isSuccess, type Outcome, responseHeader } from "./outcome.ts";
import { evaluateRetryDelayMs, parseRetryDelay } from "./retry-delay.ts";

/** An attempt that has failed, and the settings of its message. */
export interface FailedAttempt {
  /** Epoch milliseconds. */
  readonly now: number;
  /** Retries already made; 0 when this was the first attempt. */
  readonly retried: number;
  /** Retries that the message may have. */
  readonly retries: number;
  /** The retry-delay expression, or null for the default backoff. */
  readonly retryDelay: string | null;
  readonly outcome: Outcome;
}

/** What follows, and a few words for people that say why. */
export type RetryDecision =
  | {
      readonly type: "retry";
      /** Epoch milliseconds. */
      readonly dueAt: number;
      readonly reason: string;
    }
  | { readonly type: "exhausted"; readonly reason: string }
  | { readonly type: "nonRetryable"; readonly reason: string };

/** Decides what follows `attempt`. A wait that the app asks for goes before the expression, that before the default. */
export function nextAttempt(attempt: FailedAttempt): RetryDecision {
  const { now, retried, retries, outcome } = attempt;
  if (isDenied(outcome)) {
    return {
      type: "nonRetryable",
      reason:
        "failed: this server may not deliver there; REPRISE_EGRESS and REPRISE_EGRESS_ALLOW decide where it may",
    };
  }
  if (isDamaged(outcome)) {
    return {
      type: "nonRetryable",
      reason:
        "failed: the stored body is damaged and was not sent; restore a backup, or send it again",
    };
  }
  if (isRefused(outcome)) {
    return { type: "nonRetryable", reason: "failed: what the app's answer submits is refused" };
  }
  if (isNonRetryable(outcome)) {
    return { type: "nonRetryable", reason: "failed: the app answered Upstash-NonRetryable-Error" };
  }
  if (retried >= retries) {
    const spent = retries === 1 ? "the one retry is used up" : `all ${retries} retries are used up`;
    return {
      type: "exhausted",
      reason: `failed: ${retries === 0 ? "no retries are allowed" : spent}`,
    };
  }
  const { delayMs, origin } = chooseDelay(attempt);
  const reason = `retry ${retried + 1} of ${retries} in ${formatDuration(delayMs)}, ${origin}`;
  return { type: "retry", dueAt: now + delayMs, reason };
}

/** Whether no retry follows, however many are left. */
export function isFinal(outcome: Outcome): boolean {
  return isDenied(outcome) || isDamaged(outcome) || isRefused(outcome) || isNonRetryable(outcome);
}

/** Its operator has to change a setting first; until then every retry would end like this one. */
function isDenied(outcome: Outcome): boolean {
  return outcome.type === "error" && outcome.cause === "egress_denied";
}

function isDamaged(outcome: Outcome): boolean {
  return outcome.type === "error" && outcome.cause === "corrupt_body";
}

/** An app that was sent the same again would submit the same again. */
function isRefused(outcome: Outcome): boolean {
  return outcome.type === "response" && outcome.refusal !== undefined;
}

/** The header decides, on any answer that is no success; status 489 without it is a failure like others. */
function isNonRetryable(outcome: Outcome): boolean {
  if (outcome.type !== "response" || isSuccess(outcome)) return false;
  return responseHeader(outcome, HEADER.nonRetryable)?.trim().toLowerCase() === "true";
}

interface ChosenDelay {
  readonly delayMs: number;
  readonly origin: string;
}

function chooseDelay({ now, retried, retryDelay, outcome }: FailedAttempt): ChosenDelay {
  // The process is gone, not overloaded, and the delivery begins as soon as another one is there.
  if (outcome.type === "error" && outcome.cause === "disconnected") {
    return { delayMs: 0, origin: "as soon as the app is connected" };
  }
  const asked = outcome.type === "response" ? findRetryAfter(outcome.headers, now) : null;
  if (asked !== null) {
    return { delayMs: asked.delayMs, origin: `as ${canonicalHeaderName(asked.header)} asks` };
  }
  const computedMs = retryDelay === null ? null : evaluatedMs(retryDelay, retried);
  if (computedMs !== null)
    return { delayMs: computedMs, origin: "by the retry delay of the message" };
  return { delayMs: defaultRetryDelayMs(retried), origin: "by the default backoff" };
}

/** Null for an expression that an earlier version accepted and this one refuses: its message must not strand. */
function evaluatedMs(text: string, retried: number): number | null {
  try {
    return evaluateRetryDelayMs(parseRetryDelay(text), retried);
  } catch (error) {
    if (isRepriseError(error)) return null;
    throw error;
  }
}

/**
 * The default backoff: `min(86400, e^(2.5 n))` seconds before retry `n`, in milliseconds, whole seconds.
 * @param retried retries already made; `n` is one more.
 */
export function defaultRetryDelayMs(retried: number): number {
  return Math.min(DAY_MS, Math.floor(Math.exp(2.5 * (retried + 1))) * 1000);
}
