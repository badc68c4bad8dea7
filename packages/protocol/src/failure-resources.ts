/** Dead letters by what went wrong, and how many match a filter. */

/** How many match a filter; counting stops at a bound, and the number is then no longer exact. */
export interface MatchCount {
  readonly count: number;
  readonly isExact: boolean;
}

export const FAILURE_CAUSES = [
  "unreachable",
  "timeout",
  "tunnel_page",
  "redirect_to_login",
  "signature_mismatch",
  "not_a_workflow",
  "old_sdk",
  "non_retryable",
  "payload_refused",
  "client_error",
  "server_error",
  "step_error",
  "cancelled",
  "unknown",
] as const;
/** What went wrong, as far as an answer tells. */
export type FailureCause = (typeof FAILURE_CAUSES)[number];

/** Dead letters that went wrong in the same way. */
export interface FailureGroup {
  readonly groupId: string;
  readonly url: string;
  readonly stepName: string | null;
  readonly cause: FailureCause;
  /** Null when there was no answer. */
  readonly responseStatus: number | null;
  /** Without what differs from one failure to the next: numbers, ids, addresses. */
  readonly message: string;
  readonly count: number;
  /** Epoch milliseconds. */
  readonly firstFailedAt: number;
  /** Epoch milliseconds. */
  readonly lastFailedAt: number;
  /** When the first of them leaves the queue, epoch milliseconds; null when all are held. */
  readonly expiresAt: number | null;
  /** Failures in 24 equal parts of the time between `bucketsFrom` and now. */
  readonly buckets: readonly number[];
  /** Epoch milliseconds. */
  readonly bucketsFrom: number;
  readonly sampleDlqId: string;
}

export interface FailureGroupPage {
  readonly groups: readonly FailureGroup[];
  readonly cursor?: string;
}

/** Where a count may stop. */
export const MATCH_COUNT_MAX = 100_000;
