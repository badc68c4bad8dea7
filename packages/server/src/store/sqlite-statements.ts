import assert from "node:assert";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Change, TableName, Tables } from "../core/rows.ts";
import { columnTypeOf, columnTypes } from "./columns.ts";
import { isStorageFailure } from "./sqlite-errors.ts";
import { type SqlValue, toSql, toWhere } from "./sqlite-query.ts";
import {
  type Condition,
  DUE_TABLES,
  type DueTable,
  type KeySpan,
  type LookupValue,
  type Query,
} from "./store.ts";
import { type LookupName, lookups } from "./tables.ts";

/** List queries come in many shapes, so only the latest stay prepared. */
const LIST_STATEMENTS_MAX = 100;

/** The same words as in the partial index, or SQLite would not use it. */
const IS_PENDING_MESSAGE = "state IN ('scheduled', 'active', 'canceling')";

/** Attempts of others are not for this holder. */
const IS_HELD = "(nodeKey IS NULL OR nodeKey = :holder)";

/** The parts of each table whose rows become due; an index has each of them in order of `dueAt`. */
const PENDING_PARTS: Readonly<Record<DueTable, readonly string[]>> = {
  messages: [
    `${IS_PENDING_MESSAGE} AND state = 'scheduled'`,
    `${IS_PENDING_MESSAGE} AND state = 'active' AND ${IS_HELD}`,
    `${IS_PENDING_MESSAGE} AND state = 'canceling' AND ${IS_HELD}`,
  ],
  schedules: ["dueAt IS NOT NULL"],
  flowControls: ["dueAt IS NOT NULL"],
  waits: ["dueAt IS NOT NULL"],
};

/** What a lookup asks beside its columns. */
export const lookupConditions: Readonly<Record<string, string>> = {
  "runs.liveById": "state = 'started'",
  "messages.pendingByState": IS_PENDING_MESSAGE,
  "waits.openByEvent": "state = 'open'",
  "waits.openByEventOfRun": "state = 'open'",
  "waits.openByChild": "state = 'open'",
};

/** Jumps from one gate to the next in the index, however many messages wait at each. */
export const WAITING_GATES = `
WITH RECURSIVE gates (gate) AS (
  SELECT min(gate) FROM messages WHERE gate IS NOT NULL
  UNION ALL
  SELECT (SELECT min(messages.gate) FROM messages WHERE messages.gate > gates.gate)
  FROM gates WHERE gates.gate IS NOT NULL
)
SELECT gate FROM gates WHERE gate IS NOT NULL`;

/** The scalar `min` of SQLite is null as soon as one argument is; the aggregate passes over them. */
export const NEXT_DUE_AT = `SELECT min(dueAt) FROM (${DUE_TABLES.flatMap((table) =>
  PENDING_PARTS[table].map(
    (part) => `SELECT (SELECT dueAt FROM ${table} WHERE ${part} ORDER BY dueAt LIMIT 1) AS dueAt`,
  ),
).join(" UNION ALL ")})`;

/** Merges the parts, each in its own order: none is read further than the limit. */
export function claimDueText(table: DueTable): string {
  const columns = columnList(table);
  const parts = PENDING_PARTS[table].map(
    (part) => `SELECT ${columns} FROM ${table} WHERE ${part} AND dueAt <= :now`,
  );
  return `${parts.join(" UNION ALL ")} ORDER BY dueAt, key LIMIT :limit`;
}

/** What a claim may take, at most. */
export interface DueClaim {
  readonly now: number;
  readonly limit: number;
  readonly holder: number | null;
}

export interface MutableCounters {
  rowsRead: number;
  rowsWritten: number;
  commits: number;
}

interface TableStatements {
  readonly columns: readonly string[];
  readonly get: StatementSync;
  readonly insert: StatementSync;
  readonly delete: StatementSync;
  readonly lookups: ReadonlyMap<string, StatementSync>;
  /** By the names of the columns that are set, in their order. */
  readonly updates: Map<string, StatementSync>;
}

/** Reads and writes rows over one connection. Every statement of the hot path is prepared once and bound by position. */
export class SqliteStatements {
  readonly #database: DatabaseSync;
  readonly #counters: MutableCounters;
  readonly #tables: Readonly<Record<TableName, TableStatements>>;
  readonly #lists = new Map<string, StatementSync>();
  readonly #now: StatementSync;
  readonly #nextDueAt: StatementSync;
  readonly #claimDue: Readonly<Record<DueTable, StatementSync>>;
  readonly #claimWaiting: StatementSync;
  readonly #waitingGates: StatementSync;
  readonly #reserveKeys: StatementSync;

  constructor(database: DatabaseSync, counters: MutableCounters) {
    this.#database = database;
    this.#counters = counters;
    this.#tables = {
      runs: prepareTable(database, "runs"),
      runConfigs: prepareTable(database, "runConfigs"),
      steps: prepareTable(database, "steps"),
      messages: prepareTable(database, "messages"),
      attempts: prepareTable(database, "attempts"),
      deadLetters: prepareTable(database, "deadLetters"),
      settings: prepareTable(database, "settings"),
      envelopes: prepareTable(database, "envelopes"),
      logs: prepareTable(database, "logs"),
      deadMessages: prepareTable(database, "deadMessages"),
      dedups: prepareTable(database, "dedups"),
      queues: prepareTable(database, "queues"),
      urlGroups: prepareTable(database, "urlGroups"),
      flowControls: prepareTable(database, "flowControls"),
      schedules: prepareTable(database, "schedules"),
      bulkActions: prepareTable(database, "bulkActions"),
      waits: prepareTable(database, "waits"),
      events: prepareTable(database, "events"),
      nodes: prepareTable(database, "nodes"),
      audits: prepareTable(database, "audits"),
    };
    this.#now = prepare(database, "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)");
    this.#nextDueAt = prepare(database, NEXT_DUE_AT);
    this.#claimDue = {
      messages: prepareClaim(database, "messages"),
      schedules: prepareClaim(database, "schedules"),
      flowControls: prepareClaim(database, "flowControls"),
      waits: prepareClaim(database, "waits"),
    };
    this.#claimWaiting = prepare(
      database,
      `SELECT ${columnList("messages")} FROM messages WHERE gate = ? ORDER BY waitOrder LIMIT ?`,
    );
    this.#waitingGates = prepare(database, WAITING_GATES);
    this.#reserveKeys = prepare(
      database,
      "UPDATE sequence SET nextKey = nextKey + ? WHERE key = 1 RETURNING nextKey",
    );
  }

  get<T extends TableName>(table: T, keys: readonly number[]): Tables[T][] {
    const { get, columns } = this.#tables[table];
    const rows: Tables[T][] = [];
    for (const key of unique(keys)) {
      const values = get.get(key);
      if (values !== undefined) rows.push(toRow<T>(columns, values));
    }
    this.#counters.rowsRead += rows.length;
    return rows;
  }

  find<T extends TableName>(
    table: T,
    lookup: LookupName<T>,
    values: readonly LookupValue[],
  ): Tables[T][] {
    const { columns, lookups: statements } = this.#tables[table];
    const statement = statements.get(lookup);
    assert(statement !== undefined, `table ${table} has no lookup ${lookup}`);
    const rows: Tables[T][] = [];
    const seen = values.length > 1 ? new Set<number>() : null;
    for (const value of values) {
      for (const found of statement.all(...value)) {
        const row = toRow<T>(columns, found);
        if (seen?.has(row.key)) continue;
        seen?.add(row.key);
        rows.push(row);
      }
    }
    this.#counters.rowsRead += rows.length;
    return rows;
  }

  list<T extends TableName>(table: T, query: Query<T>): Tables[T][] {
    const { sql, parameters } = toSql(table, query);
    const columns = columnList(table, query.without);
    const statement = this.#listStatement(`SELECT ${columns} FROM ${table}${sql}`);
    return this.#rows<T>(table, statement.all(...parameters));
  }

  now(): number {
    // One row with one whole number, as an array.
    const values = this.#now.get() as unknown as readonly [number];
    return values[0];
  }

  nextDueAt(holder: number | null): number | null {
    // An array of one whole number or null, because the statement returns arrays and an aggregate has one row.
    const values = this.#nextDueAt.get({ holder }) as unknown as readonly [number | null];
    return values[0];
  }

  count<T extends TableName>(table: T, where: readonly Condition<T>[]): number {
    const { sql, parameters } = toWhere(table, where);
    const statement = this.#listStatement(`SELECT count(*) FROM ${table}${sql}`);
    // As above: one row with one whole number.
    const values = statement.get(...parameters) as unknown as readonly [number];
    return values[0];
  }

  /** Rows of numbers and texts for whoever has written the question itself. */
  ask(sql: string, parameters: readonly SqlValue[]): readonly (readonly SqlValue[])[] {
    // Arrays, because every statement returns arrays.
    return this.#listStatement(sql).all(...parameters) as unknown as readonly SqlValue[][];
  }

  claimDue<T extends DueTable>(table: T, { holder, ...due }: DueClaim): Tables[T][] {
    // A statement takes no name that it does not know.
    const named = table === "messages" ? { ...due, holder } : due;
    return this.#rows<T>(table, this.#claimDue[table].all(named));
  }

  claimWaiting(gate: string, limit: number): Tables["messages"][] {
    return this.#rows("messages", this.#claimWaiting.all(gate, limit));
  }

  waitingGates(): string[] {
    // Arrays of one text each, because the statement returns arrays and leaves nulls out.
    const found = this.#waitingGates.all() as unknown as readonly (readonly [string])[];
    return found.map(([gate]) => gate);
  }

  reserveKeys(count: number): readonly KeySpan[] {
    assert(Number.isSafeInteger(count) && count >= 0, "a count of keys is a whole number from 0");
    // The table has exactly one row, and RETURNING gives its only number.
    const values = this.#reserveKeys.get(count) as unknown as readonly [number] | undefined;
    assert(values !== undefined, "the sequence has its one row since the first migration");
    return [{ first: values[0] - count, end: values[0] }];
  }

  write(changes: readonly Change[]): void {
    for (const change of changes) {
      try {
        this.#counters.rowsWritten += this.#apply(change);
      } catch (error) {
        if (isStorageFailure(error)) throw error;
        const key = change.type === "insert" ? change.row.key : change.key;
        const text = error instanceof Error ? error.message : String(error);
        throw new Error(`${change.type} of ${change.table} ${key} failed: ${text}`, {
          cause: error,
        });
      }
    }
  }

  #apply(change: Change): number {
    const table = this.#tables[change.table];
    switch (change.type) {
      case "insert":
        table.insert.run(...valuesOf(change.row, table.columns));
        return 1;
      case "update":
        return this.#update(table, change);
      case "delete":
        return Number(table.delete.run(change.key).changes);
    }
  }

  #update(table: TableStatements, change: Change & { readonly type: "update" }): number {
    const names = Object.keys(change.set);
    // Nothing to set must still notice that the row is missing.
    if (names.length === 0) assert(table.get.get(change.key) !== undefined, "the row must exist");
    if (names.length === 0) return 0;
    const cacheKey = names.join();
    let statement = table.updates.get(cacheKey);
    if (statement === undefined) {
      statement = prepareUpdate(this.#database, change.table, names);
      table.updates.set(cacheKey, statement);
    }
    const { changes } = statement.run(...valuesOf(change.set, names), change.key);
    assert(Number(changes) === 1, "the row must exist");
    return 1;
  }

  #rows<T extends TableName>(table: T, found: readonly unknown[]): Tables[T][] {
    const { columns } = this.#tables[table];
    this.#counters.rowsRead += found.length;
    return found.map((values) => toRow<T>(columns, values));
  }

  #listStatement(sql: string): StatementSync {
    const known = this.#lists.get(sql);
    const statement = known ?? prepare(this.#database, sql);
    // Taken out and put back, so that the first entry is the one unused for longest.
    this.#lists.delete(sql);
    this.#lists.set(sql, statement);
    const [oldest] = this.#lists.keys();
    if (this.#lists.size > LIST_STATEMENTS_MAX && oldest !== undefined) this.#lists.delete(oldest);
    return statement;
  }
}

function prepareClaim(database: DatabaseSync, table: DueTable): StatementSync {
  return prepare(database, claimDueText(table));
}

function prepareTable(database: DatabaseSync, table: TableName): TableStatements {
  const columns = Object.keys(columnTypes[table]);
  const places = columns.map(() => "?").join(",");
  const select = `SELECT ${columnList(table)} FROM ${table} WHERE`;
  return {
    columns,
    get: prepare(database, `${select} key = ?`),
    insert: prepare(database, `INSERT INTO ${table} (${columnList(table)}) VALUES (${places})`),
    delete: prepare(database, `DELETE FROM ${table} WHERE key = ?`),
    lookups: new Map(
      Object.entries<readonly string[]>(lookups[table]).map(([name, lookupColumns]) => {
        const terms = lookupColumns.map((column) => `${column} = ?`);
        const condition = lookupConditions[`${table}.${name}`];
        if (condition !== undefined) terms.push(condition);
        return [name, prepare(database, `${select} ${terms.join(" AND ")}`)];
      }),
    ),
    updates: new Map(),
  };
}

function prepareUpdate(
  database: DatabaseSync,
  table: TableName,
  names: readonly string[],
): StatementSync {
  for (const name of names) {
    const isColumn = name !== "key" && columnTypeOf(table, name) !== null;
    assert(isColumn, `table ${table} has no column ${name} that an update may set`);
  }
  const terms = names.map((name) => `${name} = ?`);
  return prepare(database, `UPDATE ${table} SET ${terms.join(", ")} WHERE key = ?`);
}

/** Rows come as arrays: the objects of `node:sqlite` have slow properties and cost more than twice as much. */
function prepare(database: DatabaseSync, sql: string): StatementSync {
  const statement = database.prepare(sql);
  statement.setReturnArrays(true);
  return statement;
}

function columnList(table: TableName, without: readonly string[] = []): string {
  for (const name of without) {
    assert(columnTypeOf(table, name) === "BLOB", `table ${table} has no bytes in ${name}`);
  }
  const columns = Object.keys(columnTypes[table]);
  return columns.map((name) => (without.includes(name) ? "x''" : name)).join(", ");
}

function valuesOf(row: object, columns: readonly string[]): SqlValue[] {
  // Rows and sets are flat and hold SQL values only: their types say so, and the database refuses anything else.
  const source = row as Readonly<Record<string, SqlValue>>;
  const values: SqlValue[] = [];
  // A column that is missing is `undefined`, which `node:sqlite` refuses to bind.
  for (const column of columns) values.push(source[column] as SqlValue);
  return values;
}

function toRow<T extends TableName>(columns: readonly string[], found: unknown): Tables[T] {
  // The statement selected these columns in this order and returns arrays.
  const values = found as readonly SqlValue[];
  const row: Record<string, SqlValue | undefined> = {};
  for (let index = 0; index < columns.length; index += 1) {
    const column = columns[index];
    if (column !== undefined) row[column] = values[index];
  }
  // The columns are the row's, and the strict tables prove their types.
  return row as unknown as Tables[T];
}

function unique(keys: readonly number[]): Iterable<number> {
  return keys.length > 1 ? new Set(keys) : keys;
}
