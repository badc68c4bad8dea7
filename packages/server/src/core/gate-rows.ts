/** What stands between messages and their attempts, or names where they go. */

export interface QueueRow {
  readonly key: number;
  readonly name: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Messages that may be open at once: from the first attempt until they and their callbacks are done. */
  readonly parallelism: number;
  readonly isPaused: 0 | 1;
  /** Places taken. */
  readonly openCount: number;
  /** Messages in its line. */
  readonly waitingCount: number;
}

export interface UrlGroupRow {
  readonly key: number;
  readonly name: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** JSON of `{ name?, url }[]`, in order. */
  readonly endpoints: string;
  /** JSON of the default headers (lower-case names), or null. */
  readonly headers: string | null;
}

/** One key of flow control: what is allowed, what is taken, and who waits. */
export interface FlowControlRow {
  readonly key: number;
  readonly name: string;
  readonly updatedAt: number;
  /** Attempts at once; null is no limit. */
  readonly parallelism: number | null;
  /** Attempts that may start in one period; null is no limit. */
  readonly rate: number | null;
  readonly periodMs: number;
  readonly isPaused: 0 | 1;
  readonly isPinnedParallelism: 0 | 1;
  readonly isPinnedRate: 0 | 1;
  readonly inFlightCount: number;
  /** Starts in the period that began at `periodStartAt`. */
  readonly rateCount: number;
  readonly periodStartAt: number;
  readonly waitingCount: number;
  /** When somebody waits for the next period: its begin. */
  readonly dueAt: number | null;
}
