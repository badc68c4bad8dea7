import {
  type Change,
  type Condition,
  type DueTable,
  type KeySpan,
  type LookupName,
  type LookupValue,
  lockedTables,
  lookups,
  type Query,
  type Tables,
  type Transaction,
  uniqueColumns,
} from "@reprise/server";
import type { TableName } from "../mirror.ts";
import { type Holder, RaceLost } from "./row-locks.ts";
import { isFound, meets, page, type RowsOf, withoutBytes } from "./row-query.ts";
import type { SharedDatabase } from "./shared-database.ts";

type AnyRow = Tables[TableName];
type Predicate = (row: AnyRow) => boolean;

const PENDING: ReadonlySet<string> = new Set(["scheduled", "active", "canceling"]);
const DUE: readonly DueTable[] = ["messages", "schedules", "flowControls", "waits"];

/** One transaction, or, without locks, one reader. */
export class SharedTransaction implements Transaction {
  readonly #database: SharedDatabase;
  readonly #holder: Holder;
  readonly #isLocking: boolean;
  readonly changes: Change[] = [];
  /** What this transaction has written: null is deleted. */
  readonly #own = new Map<TableName, Map<number, AnyRow | null>>();
  isLost = false;
  /** The database has ended it. */
  isEnded = false;
  /** When its node was heard last. */
  usedAt: number;
  /** Settles when everything that was asked so far is answered. */
  #answered: Promise<unknown> = Promise.resolve();

  constructor(database: SharedDatabase, holder: Holder, isLocking: boolean) {
    this.#database = database;
    this.#holder = holder;
    this.#isLocking = isLocking;
    this.usedAt = database.now;
  }

  /** @throws Error when the database has ended it meanwhile. */
  use(): void {
    if (this.isEnded) throw new Error("the database has ended a transaction that stood still");
    this.usedAt = this.#database.now;
  }

  /** A connection answers one question after the other, however many have been asked. */
  #inTurn<R>(work: () => R | Promise<R>): Promise<R> {
    const answer = this.#answered.then(async () => {
      if (this.isLost) throw new RaceLost(`${this.#holder.name} has lost a race`);
      this.use();
      await this.#database.point();
      this.use();
      return work();
    });
    this.#answered = answer.then(ignore, ignore);
    return answer;
  }

  now(): Promise<number> {
    return this.#inTurn(() => this.#database.now);
  }

  get<T extends TableName>(table: T, keys: readonly number[]) {
    const wanted = new Set(keys);
    return this.#select(table, (row) => wanted.has(row.key));
  }

  find<T extends TableName>(table: T, lookup: LookupName<T>, values: readonly LookupValue[]) {
    const columns: readonly string[] = lookups[table][lookup] as readonly string[]; // The lookup is the table's.
    const tests = values.map((value) => isFound(`${table}.${lookup}`, columns, value));
    return this.#select(table, (row) => tests.some((test) => test(row)));
  }

  list<T extends TableName>(table: T, query: Query<T>): Promise<readonly Tables[T][]> {
    return this.#inTurn(async () => {
      const found = page(this.#rowsOf(table), query, this.#rowsOf);
      // It is asked about rows of this table alone.
      const isMeant: Predicate = (row) => meets(row as Tables[T], query.where, this.#rowsOf);
      const rows = await this.#lockAll(table, found, isMeant);
      return rows.map((row) => withoutBytes(row, query));
    });
  }

  count<T extends TableName>(table: T, where: readonly Condition<T>[]): Promise<number> {
    return this.#inTurn(
      () => this.#rowsOf(table).filter((row) => meets(row, where, this.#rowsOf)).length,
    );
  }

  nextDueAt(holder: number | null): Promise<number | null> {
    return this.#inTurn(() => {
      const due = DUE.flatMap((table) => this.#dueOf(table, Number.MAX_SAFE_INTEGER, holder));
      return due.length === 0 ? null : Math.min(...due.map(({ dueAt }) => dueAt ?? 0));
    });
  }

  waitingGates(): Promise<readonly string[]> {
    return this.#inTurn(() => {
      const gates = this.#rowsOf("messages").map(({ gate }) => gate);
      return Array.from(new Set(gates.filter((gate) => gate !== null)));
    });
  }

  write(changes: readonly Change[]): Promise<void> {
    return this.#inTurn(async () => {
      for (const change of changes) {
        if (change.type === "insert") await this.#hold(change.table, change.row);
        else if (change.type === "update") await this.#holdChanged(change);
        this.#apply(change);
        this.changes.push(change);
      }
    });
  }

  claimDue<T extends DueTable>(table: T, now: number, limit: number, holder: number | null) {
    return this.#inTurn(() => {
      const claimed: Tables[T][] = [];
      const due = this.#dueOf(table, now, holder);
      for (const row of due.toSorted((a, b) => (a.dueAt ?? 0) - (b.dueAt ?? 0) || a.key - b.key)) {
        if (claimed.length >= limit) break;
        if (this.#database.locks.tryLock(this.#holder, rowName(table, row.key))) claimed.push(row);
      }
      return claimed;
    });
  }

  claimWaiting(gate: string, limit: number) {
    return this.#inTurn(() => {
      const line = this.#rowsOf("messages").filter((row) => row.gate === gate);
      const claimed: Tables["messages"][] = [];
      for (const row of line.toSorted((a, b) => (a.waitOrder ?? 0) - (b.waitOrder ?? 0))) {
        if (claimed.length >= limit) break;
        // Nobody passes who is locked elsewhere.
        if (!this.#database.locks.tryLock(this.#holder, rowName("messages", row.key))) break;
        claimed.push(row);
      }
      return claimed;
    });
  }

  reserveKeys(count: number): Promise<readonly KeySpan[]> {
    return this.#inTurn(() => {
      const first = this.#database.drawKeys(count);
      return [{ first, end: first + count }];
    });
  }

  readonly #rowsOf: RowsOf = <T extends TableName>(table: T) => {
    const rows = new Map(this.#database.rows(table));
    for (const [key, row] of this.#own.get(table) ?? []) {
      if (row === null) rows.delete(key);
      else rows.set(key, row);
    }
    return Array.from(rows.values()) as readonly AnyRow[] as readonly Tables[T][]; // The rows of this very table.
  };

  #current(table: TableName, key: number): AnyRow | null {
    const own = this.#own.get(table)?.get(key);
    return own === undefined ? (this.#database.rows(table).get(key) ?? null) : own;
  }

  #select<T extends TableName>(table: T, isMeant: Predicate) {
    return this.#inTurn(() => this.#lockAll(table, this.#rowsOf(table).filter(isMeant), isMeant));
  }

  /** Locks what a statement has found, in order of the keys; what has changed while it waited is looked at again. */
  async #lockAll<T extends TableName>(
    table: T,
    found: readonly Tables[T][],
    isMeant: Predicate,
  ): Promise<readonly Tables[T][]> {
    if (!this.#isLocking || !lockedTables.has(table)) return found;
    const keys = new Set<number>();
    for (const { key } of found.toSorted((a, b) => a.key - b.key)) {
      await this.#racing(() => this.#database.locks.lock(this.#holder, rowName(table, key)));
      const row = this.#current(table, key);
      if (row !== null && isMeant(row)) keys.add(key);
    }
    return found
      .filter(({ key }) => keys.has(key))
      .map(({ key }) => this.#current(table, key) as Tables[T]); // A row of this table, which is there.
  }

  #dueOf<T extends DueTable>(table: T, now: number, holder: number | null) {
    return this.#rowsOf(table).filter((row) => {
      const { dueAt } = row;
      if (dueAt === null || dueAt > now) return false;
      if (!("state" in row) || table !== "messages") return true;
      const { state, nodeKey } = row as Tables["messages"]; // The table says so.
      if (!PENDING.has(state)) return false;
      return state === "scheduled" || nodeKey === null || nodeKey === holder;
    });
  }

  /** Waits for whoever is about to write the same unique value, and loses when it is there. */
  async #hold(table: TableName, row: AnyRow): Promise<void> {
    const value = uniqueValue(table, row);
    if (value === null) return;
    for (const other of this.#database.open) {
      if (other === this || !other.#writesValue(table, value)) continue;
      await this.#racing(() => this.#database.locks.waitFor(this.#holder, other.#holder));
    }
    const isTaken = this.#rowsOf(table).some(
      (known) => known.key !== row.key && uniqueValue(table, known) === value,
    );
    if (isTaken) throw this.#lose(`${table} ${value} is there already`);
  }

  async #holdChanged(change: Change & { readonly type: "update" }): Promise<void> {
    const before = this.#current(change.table, change.key);
    if (before === null) throw new Error(`${change.table} ${change.key} must exist to be updated`);
    const after = { ...before, ...change.set } as AnyRow; // The change is one of this row.
    if (uniqueValue(change.table, before) !== uniqueValue(change.table, after))
      await this.#hold(change.table, after);
  }

  #writesValue(table: TableName, value: string): boolean {
    const rows = Array.from(this.#own.get(table)?.values() ?? []);
    return rows.some((row) => row !== null && uniqueValue(table, row) === value);
  }

  #apply(change: Change): void {
    const rows = this.#own.get(change.table) ?? new Map<number, AnyRow | null>();
    this.#own.set(change.table, rows);
    if (change.type === "insert") rows.set(change.row.key, change.row);
    else if (change.type === "delete") rows.set(change.key, null);
    else {
      const before = this.#current(change.table, change.key);
      rows.set(change.key, { ...before, ...change.set } as AnyRow); // The change is one of this row.
    }
  }

  async #racing(wait: () => Promise<void>): Promise<void> {
    try {
      await wait();
    } catch (error) {
      this.isLost = true;
      throw error;
    }
  }

  #lose(text: string): RaceLost {
    this.isLost = true;
    return new RaceLost(text);
  }
}

function rowName(table: TableName, key: number): string {
  return `${table} ${key}`;
}

/** What the unique index of a table reads of a row; null when it is in none. */
function uniqueValue(table: TableName, row: AnyRow): string | null {
  const columns = uniqueColumns[table];
  if (columns.length === 0) return null;
  const fields = row as unknown as Readonly<Record<string, unknown>>; // Every row has its columns as fields.
  if (table === "runs") return fields.state === "started" ? String(fields.id) : null;
  return columns.map((column) => String(fields[column])).join(" ");
}

function ignore(): void {
  // Whoever has asked hears of it.
}
