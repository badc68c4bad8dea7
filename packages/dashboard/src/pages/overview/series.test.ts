import { expect, test } from "vitest";
import { describeSeries, formatShare, toMessages, toRuns } from "./series.ts";

const bucket = (at: number, delivered: number, failed: number) => ({
  at,
  delivered,
  failed,
  succeededRuns: delivered,
  failedRuns: failed,
});

test("a chart is told in a sentence", () => {
  const buckets = [bucket(1_000, 2, 0), bucket(2_000, 5, 3), bucket(3_000, 0, 1)];
  const at = (instant: number) => `${instant} ms`;
  expect(describeSeries(toMessages(buckets), at)).toBe(
    "Deliveries: 7 delivered, 4 failed; most of them, 8, at 2000 ms.",
  );
  expect(describeSeries(toRuns([]), at)).toBe("Runs that ended: none in this time.");
});

test.each([
  [0, 0, "–"],
  [0, 5, "0 %"],
  [1, 8, "13 %"],
  [1, 30, "3.3 %"],
  [1, 100_000, "< 0.1 %"],
  [3, 3, "100 %"],
])("%i of %i is %s", (part, whole, text) => {
  expect(formatShare(part, whole)).toBe(text);
});
