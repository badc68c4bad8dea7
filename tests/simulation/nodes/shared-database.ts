import assert from "node:assert";
import type { Change, Store, Tables } from "@reprise/server";
import type { TableName } from "../mirror.ts";
import { type Holder, RaceLost, RowLocks } from "./row-locks.ts";
import { SharedTransaction } from "./shared-transaction.ts";

type AnyRow = Tables[TableName];

/** How often a transaction is run again that has lost a race. */
const RACES_MAX = 100;

/** A transaction whose node says nothing for so long is ended: its locks must not be held by a process that stands still. */
const IDLE_MS_MAX = 15_000;

export interface DatabaseParts {
  /** The database's own clock. */
  readonly now: () => number;
  /** A turn for others, somewhere on the way of a transaction; null for none. */
  readonly point: () => Promise<void> | null;
  /** Hears what is on disk now, before anybody else does. */
  readonly onCommit: (changes: readonly Change[]) => void;
  /** Brings a hint to all who listen, or loses it. */
  readonly carry: (deliver: () => void) => void;
}

/** Reads without locks. */
const READER: Holder = {
  name: "reader",
  over: Promise.resolve(),
  isIdle: () => false,
  end: () => {},
};

/**
 * One database that several nodes share, as PostgreSQL would be at READ COMMITTED: a statement sees what was committed before it began,
 * what a transaction reads of rows that change is locked until its end, whoever has to wait looks again, and unique values are unique.
 */
export class SharedDatabase {
  readonly #parts: DatabaseParts;
  readonly #tables = new Map<TableName, Map<number, AnyRow>>();
  readonly #listeners = new Set<(hint: string) => void>();
  readonly locks = new RowLocks();
  readonly #open = new Set<SharedTransaction>();
  #nextKey = 1;
  #transactions = 0;

  constructor(parts: DatabaseParts) {
    this.#parts = parts;
  }

  get now(): number {
    return this.#parts.now();
  }

  /** Transactions that are not over. */
  get open(): Iterable<SharedTransaction> {
    return this.#open;
  }

  rows(table: TableName): ReadonlyMap<number, AnyRow> {
    const known = this.#tables.get(table);
    if (known !== undefined) return known;
    const rows = new Map<number, AnyRow>();
    this.#tables.set(table, rows);
    return rows;
  }

  drawKeys(count: number): number {
    const first = this.#nextKey;
    this.#nextKey += count;
    return first;
  }

  point(): Promise<void> | null {
    return this.#parts.point();
  }

  /** The database as one node sees it: its transactions come one after the other. */
  connect(): Store {
    let tail: Promise<unknown> = Promise.resolve();
    const counters = { rowsRead: 0, rowsWritten: 0, commits: 0 };
    const reader = new SharedTransaction(this, READER, false);
    return {
      isShared: true,
      hints: {
        send: (hint) => {
          for (const listener of this.#listeners) this.#parts.carry(() => listener(hint));
        },
        watch: (listener) => {
          this.#listeners.add(listener);
          return () => this.#listeners.delete(listener);
        },
      },
      counters,
      now: () => reader.now(),
      get: (table, keys) => reader.get(table, keys),
      find: (table, lookup, values) => reader.find(table, lookup, values),
      list: (table, query) => reader.list(table, query),
      count: (table, where) => reader.count(table, where),
      nextDueAt: (holder) => reader.nextDueAt(holder),
      waitingGates: () => reader.waitingGates(),
      groups: async () => assert.fail("no node of a simulation groups dead letters"),
      transaction: (work) => {
        const result = tail.then(() => this.#run(work));
        tail = result.catch(() => {});
        return result;
      },
      close: async () => {},
    };
  }

  async #run<R>(work: (transaction: SharedTransaction) => Promise<R>): Promise<R> {
    for (let race = 0; ; race += 1) {
      const over = Promise.withResolvers<void>();
      this.#transactions += 1;
      const holder: Holder = {
        name: `transaction ${this.#transactions}`,
        over: over.promise,
        isIdle: () => this.now - transaction.usedAt > IDLE_MS_MAX,
        end: () => {
          transaction.isEnded = true;
          over.resolve();
        },
      };
      const transaction = new SharedTransaction(this, holder, true);
      this.#open.add(transaction);
      try {
        const result = await work(transaction);
        transaction.use();
        this.#commit(transaction);
        return result;
      } catch (error) {
        // What fails behind a lost race fails because of it.
        if (!(transaction.isLost || error instanceof RaceLost) || race >= RACES_MAX) throw error;
      } finally {
        this.#open.delete(transaction);
        this.locks.release(holder);
        over.resolve();
      }
      await this.#parts.point();
    }
  }

  #commit({ changes }: SharedTransaction): void {
    for (const change of changes) {
      // The map is that of the change's own table.
      const rows = this.rows(change.table) as Map<number, AnyRow>;
      if (change.type === "insert") rows.set(change.row.key, change.row);
      else if (change.type === "delete") rows.delete(change.key);
      else {
        const before = rows.get(change.key);
        if (before !== undefined) rows.set(change.key, { ...before, ...change.set } as AnyRow); // As above.
      }
    }
    if (changes.length > 0) this.#parts.onCommit(changes);
  }
}
