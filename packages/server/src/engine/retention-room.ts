import type { Change, TableName } from "../core/rows.ts";
import type { Host } from "../host/host.ts";
import type { Store } from "../store/store.ts";
import type { Engine } from "./engine.ts";

/** What everything that deletes old rows has around it, and what all of it has in common. */
export interface RetentionRoom {
  readonly host: Host;
  readonly store: Store;
  readonly engine: Pick<Engine, "execute">;
  readonly tally: Tally;
}

/** What retention has taken away: entries of the dead letter queues that expired, and whatever had ended long enough. */
export type Swept =
  | "runs"
  | "messages"
  | "expiredDeadLetters"
  | "expiredDeadMessages"
  | "closedDeadMessages"
  | "dedups"
  | "bulkActions"
  | "audits"
  | "flowControls";

export type OnDeleted = (what: Swept, count: number) => void;

/** Counts what goes, from the start of the server on. */
export class Tally {
  readonly #counts: Record<Swept, number> = {
    runs: 0,
    messages: 0,
    expiredDeadLetters: 0,
    expiredDeadMessages: 0,
    closedDeadMessages: 0,
    dedups: 0,
    bulkActions: 0,
    audits: 0,
    flowControls: 0,
  };
  readonly #onDeleted: OnDeleted;

  constructor(onDeleted: OnDeleted = () => {}) {
    this.#onDeleted = onDeleted;
  }

  /** Only after the commit: a transaction may be run again, or fail. */
  add(what: Swept, count: number): void {
    this.#counts[what] += count;
    if (count > 0) this.#onDeleted(what, count);
  }

  get counts(): Readonly<Record<Swept, number>> {
    return { ...this.#counts };
  }
}

/** Rows that one transaction deletes, give or take the last message or run. */
export const ROWS_MAX = 500;

/** Rows that one step looks at. */
export const PAGE_ROWS = 200;

/** Rows that a clock has made which was ahead: their keys say nothing about those behind them. */
const AHEAD_MS = 3_600_000;

/**
 * The key to go on behind, or null at the end. Keys rise with time, so behind the first row that is younger than `before` none is older.
 */
export function keyBehind(
  page: readonly { readonly key: number; readonly createdAt: number }[],
  { before, now }: { readonly before: number; readonly now: number },
): number | null {
  const isEnd = page.some(({ createdAt }) => createdAt > before && createdAt <= now + AHEAD_MS);
  return isEnd || page.length < PAGE_ROWS ? null : (page.at(-1)?.key ?? null);
}

export function deletion(table: TableName, { key }: { readonly key: number }): Change {
  return { type: "delete", table, key };
}
