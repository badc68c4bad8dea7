import type { Attempt, Report } from "./sink-ledger.ts";
import type { RetryDelay } from "./wanted.ts";

/** When the retry behind this attempt may begin, by a formula of this test's own. */
export function earliestRetryAt(
  { outcome, endedAt, retried }: Attempt,
  retryDelay: RetryDelay | null,
  report: Report | null,
): number {
  if (outcome === null || endedAt === null) return 0;
  if (outcome.type === "response") {
    const asked = outcome.headers["retry-after"]?.[0];
    if (asked !== undefined) return endedAt + 1000 * Number(asked);
  }
  // The retry delay of a message is not that of its callbacks.
  const expression = report === null ? retryDelay : null;
  return endedAt + delayMs(expression, retried);
}

function delayMs(expression: RetryDelay | null, retried: number): number {
  switch (expression) {
    case "1000":
      return 1000;
    case "500 * (1 + retried)":
      return 500 * (1 + retried);
    case "pow(2, retried) * 1000":
      return 1000 * 2 ** retried;
    case null:
      return 1000 * Math.min(86_400, Math.floor(Math.exp(2.5 * (retried + 1))));
  }
}
