import assert from "node:assert";
import type { TableName } from "../core/rows.ts";
import { type ColumnType, columnTypeOf, columnTypes } from "./columns.ts";
import { type Parameter, POSTGRES_TYPES, type SqlValue, toArray } from "./postgres-values.ts";
import { DUE_TABLES, type DueTable, type LookupValue } from "./store.ts";
import { lookups } from "./tables.ts";

/** What is sent to the database. Statements of the hot path are prepared once a connection. */
export interface Statement {
  readonly text: string;
  readonly values: readonly Parameter[];
  readonly isPrepared: boolean;
}

/** Columns with an index whose texts may be too long for one, by table: the index has their beginnings. */
const LONG_TEXTS: Readonly<Partial<Record<TableName, string>>> = {
  runs: "url",
  deadLetters: "url",
  waits: "eventId",
  events: "eventId",
};

/** As long as four bytes a character fit. */
export const BEGINNING_CHARS = 600;

export function isLongText(table: TableName, column: string): boolean {
  return LONG_TEXTS[table] === column;
}

/** What the index of a long text has. */
export function beginningOf(text: string): string {
  return `left(${text}, ${BEGINNING_CHARS})`;
}

/**
 * A parameter of an array whose length the planner does not see. It would plan a prepared statement anew for every short one, because it
 * takes an unknown one to be longer: the plan is the same, and making it costs more than the rows.
 */
export function unseenArray(number: number, type: ColumnType): string {
  const sqlType = `${POSTGRES_TYPES[type]}[]`;
  return `(SELECT $${number}::${sqlType})::${sqlType}`;
}

const IS_PENDING_MESSAGE = `"state" IN ('scheduled', 'active', 'canceling')`;

/**
 * The parts of each table whose rows become due; an index has each of them in order of `dueAt`. A message that a node holds is
 * active or being cancelled, and stands in the index of that node; all others stand together.
 */
function pendingParts(table: DueTable, holderPlace: string): readonly string[] {
  if (table !== "messages") return [`"dueAt" IS NOT NULL`];
  const free = ["scheduled", "active", "canceling"].map(
    (state) => `"nodeKey" IS NULL AND ${IS_PENDING_MESSAGE} AND "state" = '${state}'`,
  );
  return [...free, `"nodeKey" = ${holderPlace}::bigint AND ${IS_PENDING_MESSAGE}`];
}

/** What a lookup asks beside its columns. */
const lookupConditions: Readonly<Record<string, string>> = {
  "runs.liveById": `"state" = 'started'`,
  "waits.openByEvent": `"state" = 'open'`,
  "waits.openByEventOfRun": `"state" = 'open'`,
  "waits.openByChild": `"state" = 'open'`,
};

/** The statement's own instant is one value for the whole of it, so that an index can be asked for what is before it. */
const STATEMENT_NOW = "floor(extract(epoch FROM statement_timestamp()) * 1000)::bigint";

export const NOW: Statement = {
  text: "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint",
  values: [],
  isPrepared: true,
};

/** Jumps from one gate to the next in the index, however many messages wait at each. */
export const WAITING_GATES: Statement = {
  text: `
WITH RECURSIVE gates ("gate") AS (
  SELECT min("gate") FROM "messages" WHERE "gate" IS NOT NULL
  UNION ALL
  SELECT (SELECT min(m."gate") FROM "messages" m WHERE m."gate" > gates."gate")
  FROM gates WHERE gates."gate" IS NOT NULL
)
SELECT "gate" FROM gates WHERE "gate" IS NOT NULL`,
  values: [],
  isPrepared: true,
};

export function nextDueAtStatement(holder: number | null): Statement {
  const parts = DUE_TABLES.flatMap((table) =>
    pendingParts(table, "$1").map(
      (part) => `(SELECT "dueAt" FROM "${table}" WHERE ${part} ORDER BY "dueAt" LIMIT 1)`,
    ),
  );
  // LEAST passes over nulls.
  return {
    text: `SELECT LEAST(${parts.join(", ")})`,
    values: [toIntegerParameter(holder)],
    isPrepared: true,
  };
}

/** What a claim may take, at most. */
export interface DueClaim {
  readonly now: number;
  readonly limit: number;
  readonly holder: number | null;
}

/**
 * Merges the parts, each in its own order: none is read further than the limit. Locks may not stand around a union, so each part
 * has its own; what the clock of the database does not call due is never taken.
 */
export function claimDueStatement(table: DueTable, { now, limit, holder }: DueClaim): Statement {
  const columns = columnList(table);
  const isDue = `"dueAt" <= LEAST($1::bigint, ${STATEMENT_NOW})`;
  const parts = pendingParts(table, "$3").map(
    (part, index) => `SELECT * FROM (
  SELECT ${columns} FROM "${table}" WHERE ${part} AND ${isDue}
  ORDER BY "dueAt", "key" LIMIT $2::bigint FOR UPDATE SKIP LOCKED
) AS part${index}`,
  );
  const places = table === "messages" ? [now, limit, holder] : [now, limit];
  return {
    text: `${parts.join("\nUNION ALL\n")}\nORDER BY "dueAt", "key" LIMIT $2::bigint`,
    values: places.map(toIntegerParameter),
    isPrepared: true,
  };
}

/** The line as it stands, whoever has locked parts of it. */
export function lineStatement(gate: string, limit: number): Statement {
  return { ...waitingStatement(gate, limit), text: lineText(`"key"`, "") };
}

export function waitingStatement(gate: string, limit: number): Statement {
  const text = lineText(columnList("messages"), " FOR UPDATE SKIP LOCKED");
  return { text, values: [gate, String(limit)], isPrepared: true };
}

function lineText(columns: string, lock: string): string {
  // A row without a place comes first.
  const order = `"waitOrder" NULLS FIRST, "key"`;
  return `SELECT ${columns} FROM "messages" WHERE "gate" = $1::text ORDER BY ${order} LIMIT $2::bigint${lock}`;
}

/** Rows by key. Those that are locked are locked in the order of their keys, so that two transactions never wait for each other. */
export function getStatement(
  table: TableName,
  keys: readonly number[],
  isLocking: boolean,
): Statement {
  return {
    text: `SELECT ${columnList(table)} FROM "${table}" WHERE "key" = ANY(${unseenArray(1, "INTEGER")})${lockText(isLocking)}`,
    values: [toArray("INTEGER", keys)],
    isPrepared: true,
  };
}

export function findStatement(
  table: TableName,
  lookup: string,
  { values, isLocking }: { readonly values: readonly LookupValue[]; readonly isLocking: boolean },
): Statement {
  const named: Readonly<Record<string, readonly string[]>> = lookups[table];
  const columns = Object.hasOwn(named, lookup) ? named[lookup] : undefined;
  assert(columns !== undefined, `table ${table} has no lookup ${lookup}`);
  const types = columns.map((column) => typeOf(table, column));
  const terms = [matchText(table, columns, types)];
  const condition = lookupConditions[`${table}.${lookup}`];
  if (condition !== undefined) terms.push(condition);
  const where = lookup === "pendingByState" ? PENDING_BY_STATE : terms.join(" AND ");
  return {
    text: `SELECT ${columnList(table)} FROM "${table}" WHERE ${where}${lockText(isLocking)}`,
    values: types.map((type, index) => toArray(type, columnOf(values, index))),
    isPrepared: true,
  };
}

/** Two partial indexes have the pending messages between them, and one condition can use one. */
const PENDING_BY_STATE = `"key" IN (
  SELECT "key" FROM "messages" WHERE "nodeKey" IS NULL AND ${IS_PENDING_MESSAGE} AND "state" = ANY($1::text[])
  UNION ALL
  SELECT "key" FROM "messages" WHERE "nodeKey" IS NOT NULL AND "state" = ANY($1::text[]) AND ${IS_PENDING_MESSAGE}
)`;

function matchText(
  table: TableName,
  columns: readonly string[],
  types: readonly ColumnType[],
): string {
  const arrays = types.map((type, index) => unseenArray(index + 1, type));
  const [only] = columns;
  if (columns.length === 1 && only !== undefined) return equalsAny(table, only, arrays[0] ?? "");
  const isLong = columns.map((column) => isLongText(table, column));
  const names = columns.map((column) => `"${table}"."${column}"`);
  const wanted = columns.map((_column, index) => `wanted.c${index}`);
  const beginningsOf = (texts: readonly string[]) =>
    texts.filter((_text, index) => isLong[index]).map(beginningOf);
  return `(${[...names, ...beginningsOf(names)].join(", ")}) IN (
  SELECT ${[...wanted, ...beginningsOf(wanted)].join(", ")}
  FROM unnest(${arrays.join(", ")}) AS wanted (${columns.map((_column, index) => `c${index}`).join(", ")})
)`;
}

/** `array` is a place for values, with its type. */
export function equalsAny(table: TableName, column: string, array: string): string {
  const isEqual = `"${column}" = ANY(${array})`;
  if (!isLongText(table, column)) return isEqual;
  const beginnings = `ARRAY(SELECT ${beginningOf("wanted")} FROM unnest(${array}) AS wanted)`;
  return `${beginningOf(`"${column}"`)} = ANY(${beginnings}) AND ${isEqual}`;
}

function lockText(isLocking: boolean): string {
  return isLocking ? ` ORDER BY "key" FOR UPDATE` : "";
}

function columnOf(values: readonly LookupValue[], index: number): SqlValue[] {
  return values.map((value) => {
    const part = value[index];
    assert(part !== undefined, "a lookup has one value a column");
    return part;
  });
}

/** Keys that one value of the sequence stands for: fewer calls of the sequence, and few keys that nobody uses. */
export const KEYS_PER_BLOCK = 8;

/** Numbers of blocks, in the order in which they were drawn. */
export function reserveStatement(blockCount: number): Statement {
  return {
    text: `SELECT nextval('"keyBlocks"') FROM generate_series(1, (SELECT $1::bigint))`,
    values: [String(blockCount)],
    isPrepared: true,
  };
}

/** Made once: they are asked for with every row. */
const columnNames = new Map(
  Object.entries(columnTypes).map(([table, types]) => [table, Object.keys(types)]),
);
const columnKinds = new Map<string, readonly ColumnType[]>(
  Object.entries(columnTypes).map(([table, types]) => [table, Object.values(types)]),
);

export function columnsOf(table: TableName): readonly string[] {
  return columnNames.get(table) ?? [];
}

export function typesOf(table: TableName): readonly ColumnType[] {
  return columnKinds.get(table) ?? [];
}

export function columnList(table: TableName, without: readonly string[] = []): string {
  for (const name of without) {
    assert(columnTypeOf(table, name) === "BLOB", `table ${table} has no bytes in ${name}`);
  }
  const names = columnsOf(table);
  return names
    .map((name) => (without.includes(name) ? `''::bytea AS "${name}"` : `"${name}"`))
    .join(", ");
}

export function typeOf(table: TableName, column: string): ColumnType {
  const type = columnTypeOf(table, column);
  assert(type !== null, `table ${table} has no column ${column}`);
  return type;
}

function toIntegerParameter(value: number | null): Parameter {
  return value === null ? null : String(value);
}
