import assert from "node:assert";
import type { TableName } from "../core/rows.ts";
import type { ColumnType } from "./columns.ts";
import {
  BEGINNING_CHARS,
  beginningOf,
  columnList,
  equalsAny,
  isLongText,
  type Statement,
  typeOf,
} from "./postgres-statements.ts";
import {
  escapeText,
  type Parameter,
  POSTGRES_TYPES,
  type SqlValue,
  toArray,
  toParameter,
} from "./postgres-values.ts";
import { endOfPrefix } from "./prefix-end.ts";
import type { Condition, Query } from "./store.ts";

/** Most values that one condition may have, as with the other store. */
const VALUES_MAX = 30_000;

/** Tables that are read page by page in a few of their states, most of their rows among them: reading in key order beats sorting. */
const PAGED_BY_STATE: ReadonlySet<TableName> = new Set(["runs", "deadLetters", "deadMessages"]);

export function countStatement<T extends TableName>(
  table: T,
  conditions: readonly Condition<T>[],
): Statement {
  const values: Parameter[] = [];
  const terms = conditions.map((condition) => toTerm(table, condition, values));
  return { text: `SELECT count(*) FROM "${table}"${whereText(terms)}`, values, isPrepared: false };
}

/** Values travel as parameters only; names are checked against the table's columns. */
export function listStatement<T extends TableName>(
  table: T,
  query: Query<T>,
  {
    isLocking,
    isInTransaction,
  }: { readonly isLocking: boolean; readonly isInTransaction: boolean },
): Statement {
  const { limit } = query;
  assert(Number.isSafeInteger(limit) && limit >= 0, "a limit is a whole number from 0");
  const values: Parameter[] = [];
  const terms = query.where.map((condition) => toTerm(table, condition, values));
  const isAscending = query.order === "ascending";
  if (query.afterKey !== undefined) {
    const place = bind(values, toBound(query.afterKey, isAscending ? "down" : "up"));
    terms.push(`"key" ${isAscending ? ">" : "<"} ${place}::bigint`);
  }
  // The limit is part of the text: a plan for any limit would prepare for many rows.
  const order = `ORDER BY "key" ${isAscending ? "ASC" : "DESC"} LIMIT ${limit}`;
  const columns = columnList(table, query.without);
  const lock = isLocking ? " FOR UPDATE" : "";
  return {
    text: `SELECT ${columns} FROM "${table}"${whereText(terms)} ${order}${lock}`,
    values,
    // Those of transactions are few and come again and again; those of callers come in too many shapes to be kept.
    isPrepared: isInTransaction,
  };
}

/** The conditions of a question that is written elsewhere; its own values come behind those of the conditions. */
export function conditionsOf<T extends TableName>(
  table: T,
  conditions: readonly Condition<T>[],
): { readonly terms: readonly string[]; readonly values: Parameter[] } {
  const values: Parameter[] = [];
  return { terms: conditions.map((condition) => toTerm(table, condition, values)), values };
}

function whereText(terms: readonly string[]): string {
  return terms.length === 0 ? "" : ` WHERE ${terms.join(" AND ")}`;
}

export function bind(values: Parameter[], value: Parameter): string {
  values.push(value);
  return `$${values.length}`;
}

function toTerm<T extends TableName>(
  table: T,
  condition: Condition<T>,
  values: Parameter[],
): string {
  const { column } = condition;
  const type = typeOf(table, column);
  switch (condition.type) {
    case "in":
      return inTerm({ table, name: column, type }, condition.values, values);
    case "range":
      assert(type === "INTEGER", `a range needs a column of numbers, ${column} is ${type}`);
      return rangeTerm(column, condition, values);
    case "prefix":
      assert(type === "TEXT", `a prefix needs a column of text, ${column} is ${type}`);
      return prefixTerm({ table, name: column, type }, condition.prefix, values);
    case "contains":
      assert(type === "TEXT", `a list is kept in a column of text, ${column} is ${type}`);
      return containsTerm(column, condition.values, values);
    case "lacks":
      return lacksTerm(table, condition, values);
  }
}

interface Lacks {
  readonly column: string;
  readonly table: TableName;
  readonly by: string;
  readonly states: readonly string[];
}

function lacksTerm(table: TableName, lacks: Lacks, values: Parameter[]): string {
  const { column, table: other, by, states } = lacks;
  typeOf(other, by);
  const place = bind(values, toArray("TEXT", states));
  return `NOT EXISTS (
  SELECT 1 FROM "${other}" AS other WHERE other."${by}" = "${table}"."${column}" AND other."state" = ANY(${place}::text[])
)`;
}

interface NamedColumn {
  readonly table: TableName;
  readonly name: string;
  readonly type: ColumnType;
}

function inTerm(
  { table, name, type }: NamedColumn,
  wanted: readonly SqlValue[],
  values: Parameter[],
): string {
  assert(type !== "BLOB", `bytes are not searched, ${name} is ${type}`);
  assert(wanted.length <= VALUES_MAX, `a query binds at most ${VALUES_MAX} values`);
  // A text is never equal to a number; PostgreSQL would refuse the question.
  const kind = type === "INTEGER" ? "number" : "string";
  const present = wanted.filter((value) => typeof value === kind);
  const [first] = present;
  const terms: string[] = [];
  const sqlType = POSTGRES_TYPES[type];
  if (present.length === 1 && first !== undefined) {
    const value = `${bind(values, toParameter(type, first))}::${sqlType}`;
    const isEqual = `"${name}" = ${value}`;
    const begins = `${beginningOf(`"${name}"`)} = ${beginningOf(value)}`;
    terms.push(isLongText(table, name) ? `(${begins} AND ${isEqual})` : isEqual);
  } else if (present.length > 1) {
    const place = bind(values, toArray(type, present));
    const isPaged = name === "state" && PAGED_BY_STATE.has(table);
    // The other operator is served by no index, whose rows would have to be sorted before the first one comes out.
    terms.push(
      isPaged
        ? `array_position(${place}::${sqlType}[], "${name}") IS NOT NULL`
        : `(${equalsAny(table, name, `${place}::${sqlType}[]`)})`,
    );
  }
  if (wanted.includes(null)) terms.push(`"${name}" IS NULL`);
  return anyOf(terms);
}

function rangeTerm(
  column: string,
  { from, to }: { readonly from?: number; readonly to?: number },
  values: Parameter[],
): string {
  const terms: string[] = [];
  if (from !== undefined) {
    terms.push(`"${column}" >= ${bind(values, toBound(from, "up"))}::bigint`);
  }
  if (to !== undefined) {
    terms.push(`"${column}" <= ${bind(values, toBound(to, "down"))}::bigint`);
  }
  return terms.length === 0 ? "true" : terms.join(" AND ");
}

/** Between whole numbers lies nothing, so any number can be a bound. */
function toBound(value: number, direction: "up" | "down"): string {
  const whole = direction === "up" ? Math.ceil(value) : Math.floor(value);
  return String(Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, whole)));
}

/** A range, not LIKE: it knows no wildcards, respects case, and an index serves it. */
function prefixTerm({ table, name }: NamedColumn, prefix: string, values: Parameter[]): string {
  const start = escapeText(prefix);
  const term = rangeOfTexts(`"${name}"`, start, values);
  if (!isLongText(table, name)) return term;
  const beginning = Array.from(start).slice(0, BEGINNING_CHARS).join("");
  return `${rangeOfTexts(beginningOf(`"${name}"`), beginning, values)} AND ${term}`;
}

function rangeOfTexts(text: string, start: string, values: Parameter[]): string {
  const end = endOfPrefix(start);
  const isFrom = `${text} >= ${bind(values, start)}::text`;
  return end === null ? isFrom : `${isFrom} AND ${text} < ${bind(values, end)}::text`;
}

function containsTerm(column: string, wanted: readonly string[], values: Parameter[]): string {
  // A value with a comma would match two neighbours, an empty one nothing that a list can hold.
  const searchable = wanted.filter((value) => value !== "" && !value.includes(","));
  return anyOf(
    searchable.map((value) => {
      const place = bind(values, escapeText(`,${value},`));
      return `strpos("${column}", ${place}::text) > 0`;
    }),
  );
}

function anyOf(terms: readonly string[]): string {
  return terms.length === 0 ? "false" : `(${terms.join(" OR ")})`;
}
