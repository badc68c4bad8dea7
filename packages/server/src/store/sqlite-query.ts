import assert from "node:assert";
import type { TableName } from "../core/rows.ts";
import { type ColumnType, columnTypeOf } from "./columns.ts";
import { endOfPrefix } from "./prefix-end.ts";
import type { Condition, Query } from "./store.ts";

export type SqlValue = string | number | null | Uint8Array;

/** Most values that one list query may bind; SQLite takes 32,766. */
const PARAMETERS_MAX = 30_000;

/** Columns with few different values: with several of them asked for, reading in key order beats sorting. */
const LOW_CARDINALITY_COLUMNS: ReadonlySet<string> = new Set(["state"]);

/** As above, for ids: shorter beginnings are those of many. */
const COMMON_ID_CHARS = 12;

export interface SqlQuery {
  /** The text behind `SELECT ... FROM table`. */
  readonly sql: string;
  readonly parameters: readonly SqlValue[];
}

/** Writes the conditions of a count as SQL. */
export function toWhere<T extends TableName>(
  table: T,
  conditions: readonly Condition<T>[],
): SqlQuery {
  const parameters: SqlValue[] = [];
  const terms = conditions.map((condition) => toTerm(table, condition, parameters));
  assert(parameters.length <= PARAMETERS_MAX, `a query binds at most ${PARAMETERS_MAX} values`);
  return { sql: terms.length === 0 ? "" : ` WHERE ${terms.join(" AND ")}`, parameters };
}

/** Writes `query` as SQL. Values travel as parameters only; names are checked against the table's columns. */
export function toSql<T extends TableName>(table: T, query: Query<T>): SqlQuery {
  assert(Number.isSafeInteger(query.limit) && query.limit >= 0, "a limit is a whole number from 0");
  const parameters: SqlValue[] = [];
  const terms = query.where.map((condition) => toTerm(table, condition, parameters));
  const isAscending = query.order === "ascending";
  if (query.afterKey !== undefined) {
    terms.push(isAscending ? "key > ?" : "key < ?");
    parameters.push(query.afterKey);
  }
  parameters.push(query.limit);
  assert(parameters.length <= PARAMETERS_MAX, `a query binds at most ${PARAMETERS_MAX} values`);
  const where = terms.length === 0 ? "" : ` WHERE ${terms.join(" AND ")}`;
  return { sql: `${where} ORDER BY key ${isAscending ? "ASC" : "DESC"} LIMIT ?`, parameters };
}

function toTerm<T extends TableName>(
  table: T,
  condition: Condition<T>,
  parameters: SqlValue[],
): string {
  const { column } = condition;
  const type = columnTypeOf(table, column);
  assert(type !== null, `table ${table} has no column ${column}`);
  switch (condition.type) {
    case "in":
      return inTerm(column, type, condition.values, parameters);
    case "range":
      assert(type === "INTEGER", `a range needs a column of numbers, ${column} is ${type}`);
      return rangeTerm(column, condition.from, condition.to, parameters);
    case "prefix":
      assert(type === "TEXT", `a prefix needs a column of text, ${column} is ${type}`);
      return prefixTerm(column, condition.prefix, parameters);
    case "contains":
      assert(type === "TEXT", `a list is kept in a column of text, ${column} is ${type}`);
      return containsTerm(column, condition.values, parameters);
    case "lacks":
      return lacksTerm(table, condition, parameters);
  }
}

interface Lacks {
  readonly column: string;
  readonly table: TableName;
  readonly by: string;
  readonly states: readonly string[];
}

function lacksTerm(
  table: TableName,
  { column, table: other, by, states }: Lacks,
  parameters: SqlValue[],
): string {
  assert(columnTypeOf(other, by) !== null, `table ${other} has no column ${by}`);
  parameters.push(...states);
  // The plus keeps SQLite from an index of states: a run has few such rows, and the state many.
  const isInState = `+${other}.state IN (${states.map(() => "?").join(",")})`;
  return `NOT EXISTS (SELECT 1 FROM ${other} WHERE ${other}.${by} = ${table}.${column} AND ${isInState})`;
}

function inTerm(
  column: string,
  type: ColumnType,
  values: readonly (string | number | null)[],
  parameters: SqlValue[],
): string {
  assert(type !== "BLOB", `bytes are not searched, ${column} is ${type}`);
  const present = values.filter((value) => value !== null);
  const terms: string[] = [];
  if (present.length === 1) terms.push(`${column} = ?`);
  if (present.length > 1) {
    // The plus keeps SQLite from the index, whose rows it would have to sort before the first one comes out.
    const name = LOW_CARDINALITY_COLUMNS.has(column) ? `+${column}` : column;
    terms.push(`${name} IN (${present.map(() => "?").join(",")})`);
  }
  if (present.length < values.length) terms.push(`${column} IS NULL`);
  parameters.push(...present);
  return anyOf(terms);
}

function rangeTerm(
  column: string,
  from: number | undefined,
  to: number | undefined,
  parameters: SqlValue[],
): string {
  const terms: string[] = [];
  if (from !== undefined) {
    terms.push(`${column} >= ?`);
    parameters.push(from);
  }
  if (to !== undefined) {
    terms.push(`${column} <= ?`);
    parameters.push(to);
  }
  return terms.length === 0 ? "1" : terms.join(" AND ");
}

/** A range, not LIKE: it knows no wildcards, respects case, and an index serves it. */
function prefixTerm(column: string, prefix: string, parameters: SqlValue[]): string {
  parameters.push(prefix);
  const end = endOfPrefix(prefix);
  // Ids begin alike: with a short beginning, reading in key order beats sorting all that an index finds.
  const name = column === "id" && prefix.length < COMMON_ID_CHARS ? `+${column}` : column;
  if (end === null) return `${name} >= ?`;
  parameters.push(end);
  return `${name} >= ? AND ${name} < ?`;
}

function containsTerm(column: string, values: readonly string[], parameters: SqlValue[]): string {
  // A value with a comma would match two neighbours, an empty one nothing that a list can hold.
  const searchable = values.filter((value) => value !== "" && !value.includes(","));
  parameters.push(...searchable.map((value) => `,${value},`));
  return anyOf(searchable.map(() => `instr(${column}, ?) > 0`));
}

function anyOf(terms: readonly string[]): string {
  return terms.length === 0 ? "0" : `(${terms.join(" OR ")})`;
}
