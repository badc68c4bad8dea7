/** What happened when, in memory and for a day: counts in slots of a quarter of a minute. Adding is a sum in an array. */

const SLOT_MS = 15_000;
const SLOTS = 5_760;

/** Upper bounds of the durations of attempts, in milliseconds; longer ones stand behind the last. */
const BOUNDS_MS = [
  5, 10, 25, 50, 75, 100, 150, 200, 300, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000, 10_000,
  20_000, 30_000, 60_000, 300_000,
];

const COUNTS = [
  "runsStarted",
  "runsSucceeded",
  "runsFailed",
  "runsCanceled",
  "delivered",
  "failed",
] as const;

export type TimelineCount = (typeof COUNTS)[number];

export type TimelineCounts = Readonly<Record<TimelineCount, number>>;

const COLUMNS = COUNTS.length + BOUNDS_MS.length + 1;

export interface TimelineSpan extends TimelineCounts {
  /** Its begin, epoch milliseconds. */
  readonly at: number;
}

export interface Window {
  readonly spans: readonly TimelineSpan[];
  readonly total: TimelineCounts;
  /** Bounds below which half, 95 and 99 of 100 attempts stayed; null when there was none. */
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number } | null;
}

/** The lengths of a window that can be cut in 60 parts of whole slots. */
export const WINDOW_MS: Readonly<Record<string, number>> = {
  "15m": 60 * SLOT_MS,
  "1h": 240 * SLOT_MS,
  "6h": 1_440 * SLOT_MS,
  "24h": SLOTS * SLOT_MS,
};

const SPANS = 60;

export class Timeline {
  readonly #values = new Uint32Array(SLOTS * COLUMNS);
  /** The slot of time that each place holds; another one's counts are forgotten when it is needed. */
  readonly #slots = new Float64Array(SLOTS).fill(-1);

  add(count: TimelineCount, at: number): void {
    this.#raise(at, COUNTS.indexOf(count));
  }

  attempt(isSuccess: boolean, endedAt: number, tookMs: number): void {
    this.add(isSuccess ? "delivered" : "failed", endedAt);
    let bound = 0;
    while (bound < BOUNDS_MS.length && tookMs > (BOUNDS_MS[bound] ?? 0)) bound += 1;
    this.#raise(endedAt, COUNTS.length + bound);
  }

  #raise(at: number, column: number): void {
    const slot = Math.floor(at / SLOT_MS);
    const place = slot % SLOTS;
    const known = this.#slots[place] ?? -1;
    // What is older than a day has lost its place to something newer.
    if (known > slot) return;
    if (known < slot) {
      this.#slots[place] = slot;
      this.#values.fill(0, place * COLUMNS, (place + 1) * COLUMNS);
    }
    const index = place * COLUMNS + column;
    this.#values[index] = (this.#values[index] ?? 0) + 1;
  }

  /** @param windowMs one of `WINDOW_MS`. */
  read(windowMs: number, now: number): Window {
    const slotsOfSpan = windowMs / SLOT_MS / SPANS;
    const first = Math.floor(now / SLOT_MS) - SPANS * slotsOfSpan + 1;
    const totals = new Array<number>(COLUMNS).fill(0);
    const spans = Array.from({ length: SPANS }, (_, span) => {
      const begin = first + span * slotsOfSpan;
      const sums = this.#sums(begin, begin + slotsOfSpan);
      for (const [column, sum] of sums.entries()) totals[column] = (totals[column] ?? 0) + sum;
      return { at: begin * SLOT_MS, ...toCounts(sums) };
    });
    return { spans, total: toCounts(totals), latencyMs: toLatency(totals.slice(COUNTS.length)) };
  }

  #sums(from: number, to: number): readonly number[] {
    const sums = new Array<number>(COLUMNS).fill(0);
    for (let slot = from; slot < to; slot += 1) {
      const place = slot % SLOTS;
      if (this.#slots[place] !== slot) continue;
      for (let column = 0; column < COLUMNS; column += 1) {
        sums[column] = (sums[column] ?? 0) + (this.#values[place * COLUMNS + column] ?? 0);
      }
    }
    return sums;
  }
}

function toCounts(sums: readonly number[]): TimelineCounts {
  const [runsStarted = 0, runsSucceeded = 0, runsFailed = 0, runsCanceled = 0] = sums;
  const [, , , , delivered = 0, failed = 0] = sums;
  return { runsStarted, runsSucceeded, runsFailed, runsCanceled, delivered, failed };
}

function toLatency(counts: readonly number[]): Window["latencyMs"] {
  const all = counts.reduce((sum, count) => sum + count, 0);
  if (all === 0) return null;
  const below = (share: number) => {
    let seen = 0;
    const bound = counts.findIndex((count) => {
      seen += count;
      return seen >= share * all;
    });
    return BOUNDS_MS[bound] ?? BOUNDS_MS.at(-1) ?? 0;
  };
  return { p50: below(0.5), p95: below(0.95), p99: below(0.99) };
}
