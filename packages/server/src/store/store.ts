import type { Change, TableName, Tables } from "../core/rows.ts";
import type { LookupName } from "./tables.ts";

/**
 * The store keeps rows and locks. It knows no verb of the domain: what a change means is decided in `core/`.
 * Everything works in batches, so that a database across the network costs one round trip a call.
 */
export interface Store extends Reader {
  /**
   * Runs `work` in one transaction. Everything written is on disk before the promise resolves; when `work` throws, nothing is.
   * Transactions of one store run one after the other, in the order of the calls. One that has lost a race with another process
   * runs `work` again from its beginning: nothing in it may reach the outside.
   * @throws RepriseError `storage_unavailable` when the database cannot be read or written; then nothing was kept.
   */
  transaction<R>(
    work: (transaction: Transaction) => Promise<R>,
    options?: TransactionOptions,
  ): Promise<R>;
  /** Whether other processes use the same database: what was read before a transaction may have changed, and keys of others lie between one's own. */
  readonly isShared: boolean;
  /** How processes that share the database wake one another; null when nobody else is there. */
  readonly hints: Hints | null;
  /** What the database takes on the disk; absent when it is a server's, which looks after that itself. */
  readonly space?: Space;
  /** The bytes that the database takes at the server that keeps it; absent where `space` is there. */
  readonly bytesUsed?: () => Promise<number>;
  /** Rows read and written since the store was opened; tests assert that a step's cost does not grow. */
  readonly counters: StoreCounters;
  /** Rows of one table put together by their `groupId`; those without one are left out. */
  groups<T extends GroupedTable>(table: T, query: GroupQuery<T>): Promise<readonly RowGroup[]>;
  close(): Promise<void>;
}

export type GroupedTable = "deadLetters" | "deadMessages";

export interface GroupQuery<T extends GroupedTable> {
  /** What counts. */
  readonly where: readonly Condition<T>[];
  /** Which groups come first: those with the newest row, or those with the most rows. */
  readonly order: "latest" | "largest";
  /** Only groups behind this one in the given order. */
  readonly after: GroupPlace | null;
  readonly limit: number;
  /** The rows of each group are counted in so many equal parts of the time from its first row, or from here if that is later, to `until`. */
  readonly parts: number;
  readonly from: number;
  readonly until: number;
}

/** The place of a group in its order. */
export interface GroupPlace {
  /** Its `lastAt` or its `count`. */
  readonly rank: number;
  readonly newestKey: number;
}

export interface RowGroup {
  readonly groupId: string;
  readonly count: number;
  /** `createdAt` of the first and of the last of them. */
  readonly firstAt: number;
  readonly lastAt: number;
  /** `createdAt` of the first that nobody holds; null when all are held. */
  readonly firstFreeAt: number | null;
  readonly newestKey: number;
  readonly partsFrom: number;
  readonly parts: readonly number[];
}

export interface TransactionOptions {
  /** Does not wait for the transactions of this process that were asked for before, where others share the database. */
  readonly isUrgent?: boolean;
}

export interface Space {
  use(): Promise<SpaceUse>;
  /** Gives a little of what is free back to the file system, in one short transaction. */
  release(): Promise<void>;
}

export interface SpaceUse {
  readonly bytesUsed: number;
  /** In the file of the database, for rows to come. */
  readonly bytesFree: number;
}

/** Short texts to all processes that share a database, sent at once and kept nowhere. One may be lost: what it says is found by polling, too. */
export interface Hints {
  send(hint: string): void;
  /** The sender hears its own hints as well. Returns what ends the watch. */
  watch(listener: (hint: string) => void): () => void;
}

export interface StoreCounters {
  readonly rowsRead: number;
  readonly rowsWritten: number;
  readonly commits: number;
}

/**
 * Reads outside a transaction see the last committed state. Those inside one lock the rows of `lockedTables` that they return until
 * it is over, in order of their keys, so that what was read holds until the commit.
 */
export interface Reader {
  /** The clock of the database at this very moment, epoch ms: one for all processes that share it. */
  now(): Promise<number>;
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
  /** The earliest `dueAt` of any row that `claimDue` would ever return to `holder`, or null. */
  nextDueAt(holder: number | null): Promise<number | null>;
  /** The gates that messages wait at, each once. */
  waitingGates(): Promise<readonly string[]>;
}

/** Calls take effect in the order in which they are made, also when none of them has been answered yet. */
export interface Transaction extends Reader {
  /** Writes a batch; an update of a missing row or an insert of an existing key is a bug and throws. */
  write(changes: readonly Change[]): Promise<void>;
  /**
   * At most `limit` rows with `dueAt <= now`, earliest first, locked against other claimants. Of messages only those that are
   * `scheduled`, `active` or `canceling`; attempts of other nodes than `holder` are theirs.
   */
  claimDue<T extends DueTable>(
    table: T,
    now: number,
    limit: number,
    holder: number | null,
  ): Promise<readonly Tables[T][]>;
  /**
   * At most `limit` messages that wait at `gate`, by `waitOrder`, locked against other claimants. Sees what was written. A line keeps its
   * order: nobody is taken from behind a message that somebody else has locked.
   */
  claimWaiting(gate: string, limit: number): Promise<readonly Tables["messages"][]>;
  /** Reserves `count` keys or a few more for ever, in spans that rise. Keys are unique over all tables; a later reservation gets higher ones. */
  reserveKeys(count: number): Promise<readonly KeySpan[]>;
}

/** Keys without a gap; `end` is not among them. */
export interface KeySpan {
  readonly first: number;
  readonly end: number;
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
