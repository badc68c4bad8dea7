import type { AttemptRow } from "../core/rows.ts";

/** Bytes of responses that one answer shows: a hundred retries of a large error page would not fit into memory twice. */
const RESPONSE_BYTES_MAX = 32 * 1024 * 1024;

/** Lets attempts pass with their response until the budget is spent, then without it, marked as truncated. */
export function createBodyBudget(
  bytesMax = RESPONSE_BYTES_MAX,
): (attempt: AttemptRow) => AttemptRow {
  let left = bytesMax;
  return (attempt) => {
    const size = attempt.responseBody?.byteLength ?? 0;
    left -= size;
    return left >= 0 || size === 0 ? attempt : { ...attempt, responseBody: null, isTruncated: 1 };
  };
}
