import type { OverviewBucket } from "@reprise/protocol";

export interface Series {
  readonly title: string;
  readonly good: string;
  readonly bad: string;
  /** Epoch seconds, as the chart takes them. */
  readonly at: readonly number[];
  readonly goodCounts: readonly number[];
  readonly badCounts: readonly number[];
}

export function toMessages(buckets: readonly OverviewBucket[]): Series {
  return {
    title: "Deliveries",
    good: "delivered",
    bad: "failed",
    at: buckets.map(({ at }) => at / 1_000),
    goodCounts: buckets.map(({ delivered }) => delivered),
    badCounts: buckets.map(({ failed }) => failed),
  };
}

export function toRuns(buckets: readonly OverviewBucket[]): Series {
  return {
    title: "Runs that ended",
    good: "succeeded",
    bad: "failed",
    at: buckets.map(({ at }) => at / 1_000),
    goodCounts: buckets.map(({ succeededRuns }) => succeededRuns),
    badCounts: buckets.map(({ failedRuns }) => failedRuns),
  };
}

const sum = (counts: readonly number[]): number => counts.reduce((all, count) => all + count, 0);

/** What the chart shows, for people who do not see it. */
export function describeSeries(series: Series, formatAt: (at: number) => string): string {
  const { title, good, bad, goodCounts, badCounts, at } = series;
  const totals = goodCounts.map((count, index) => count + (badCounts[index] ?? 0));
  const most = Math.max(0, ...totals);
  if (most === 0) return `${title}: none in this time.`;
  const peak = formatAt((at[totals.indexOf(most)] ?? 0) * 1_000);
  return `${title}: ${sum(goodCounts)} ${good}, ${sum(badCounts)} ${bad}; most of them, ${most}, at ${peak}.`;
}

/** `12.5 %`, `0 %`; a dash when there was nothing. */
export function formatShare(part: number, whole: number): string {
  if (whole === 0) return "–";
  const percent = (100 * part) / whole;
  const isWhole = percent === 0 || percent >= 10 || Number.isInteger(percent);
  return `${percent > 0 && percent < 0.1 ? "< 0.1" : percent.toFixed(isWhole ? 0 : 1)} %`;
}
