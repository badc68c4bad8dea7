import type { Change, TableName, Tables } from "../core/rows.ts";
import type { LookupName } from "./tables.ts";

/**
 * The store keeps rows and locks. It knows no verb of the domain: what a change means is decided in `core/`.
 * Everything works in batches, so that a database across the network costs one round trip a call.
 */
export interface Store extends Reader {
  /**
   * Runs `work` in one transaction. Everything written is on disk before the promise resolves; when `work` throws, nothing is.
   * Transactions of one store run one after the other, in the order of the calls.
   * @throws RepriseError `storage_unavailable` when the database cannot be read or written; then nothing was kept.
   */
  transaction<R>(work: (transaction: Transaction) => Promise<R>): Promise<R>;
  /** Rows read and written since the store was opened; tests assert that a step's cost does not grow. */
  readonly counters: StoreCounters;
  close(): Promise<void>;
}

export interface StoreCounters {
  readonly rowsRead: number;
  readonly rowsWritten: number;
  readonly commits: number;
}

/** Reads outside a transaction see the last committed state. */
export interface Reader {
  /** Rows by key, in no promised order; unknown keys are left out. */
  get<T extends TableName>(table: T, keys: readonly number[]): Promise<readonly Tables[T][]>;
  /** Rows whose lookup columns equal one of `values`; each value is an array with one entry a column. */
  find<T extends TableName>(
    table: T,
    lookup: LookupName<T>,
    values: readonly LookupValue[],
  ): Promise<readonly Tables[T][]>;
  /** Rows that meet every condition, in order of their keys. */
  list<T extends TableName>(table: T, query: Query<T>): Promise<readonly Tables[T][]>;
  /** How many rows meet every condition. */
  count<T extends TableName>(table: T, where: readonly Condition<T>[]): Promise<number>;
  /** The earliest `dueAt` of any row that `claimDue` would ever return, or null. */
  nextDueAt(): Promise<number | null>;
  /** The gates that messages wait at, each once. */
  waitingGates(): Promise<readonly string[]>;
}

export interface Transaction extends Reader {
  /** Writes a batch; an update of a missing row or an insert of an existing key is a bug and throws. */
  write(changes: readonly Change[]): Promise<void>;
  /**
   * At most `limit` rows with `dueAt <= now`, earliest first, locked against other claimants. Of messages only those that are
   * `scheduled`, `active` or `canceling`.
   */
  claimDue<T extends DueTable>(table: T, now: number, limit: number): Promise<readonly Tables[T][]>;
  /** At most `limit` messages that wait at `gate`, by `waitOrder`, locked against other claimants. Sees what was written. */
  claimWaiting(gate: string, limit: number): Promise<readonly Tables["messages"][]>;
  /** Reserves `count` keys for ever and returns the first. Keys are unique over all tables and rise. */
  reserveKeys(count: number): Promise<number>;
}

/** The tables whose rows become due. */
export type DueTable = "messages" | "schedules" | "flowControls" | "waits";

export const DUE_TABLES: readonly DueTable[] = ["messages", "schedules", "flowControls", "waits"];

export type LookupValue = readonly (string | number)[];

export interface Query<T extends TableName> {
  readonly where: readonly Condition<T>[];
  readonly order: "ascending" | "descending";
  /** Exclusive: only rows behind this key in the given order. */
  readonly afterKey?: number;
  readonly limit: number;
  /** Columns that are not read and come empty: a page of rows is small, their bodies together may be gigabytes. */
  readonly without?: readonly BytesColumn<T>[];
}

/** Conditions are AND-ed; the values within one are OR-ed. */
export type Condition<T extends TableName> =
  | {
      readonly type: "in";
      readonly column: Column<T>;
      readonly values: readonly (string | number | null)[];
    }
  /** Inclusive on both ends. */
  | {
      readonly type: "range";
      readonly column: Column<T>;
      readonly from?: number;
      readonly to?: number;
    }
  | { readonly type: "prefix"; readonly column: Column<T>; readonly prefix: string }
  /** No row of `table` in one of `states` has this row's `column` in its own column `by`. */
  | {
      readonly type: "lacks";
      readonly column: Column<T>;
      readonly table: "messages" | "waits";
      readonly by: "runKey";
      readonly states: readonly string[];
    }
  /** The column holds a list written as `,a,b,`; true when it contains one of `values`. */
  | { readonly type: "contains"; readonly column: Column<T>; readonly values: readonly string[] };

export type Column<T extends TableName> = keyof Tables[T] & string;

/** The columns that hold bytes. */
export type BytesColumn<T extends TableName> = {
  [C in Column<T>]: NonNullable<Tables[T][C]> extends Uint8Array ? C : never;
}[Column<T>];
