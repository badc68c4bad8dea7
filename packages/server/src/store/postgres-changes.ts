import assert from "node:assert";
import type { Change, TableName } from "../core/rows.ts";
import { columnTypeOf } from "./columns.ts";
import { columnsOf, type Statement, typeOf, unseenArray } from "./postgres-statements.ts";
import { type Parameter, POSTGRES_TYPES, type SqlValue, toArray } from "./postgres-values.ts";
import { uniqueColumns } from "./tables.ts";

/** Changes of one table and kind that one statement makes. */
export interface Batch {
  readonly type: Change["type"];
  readonly table: TableName;
  /** The columns that are written; none for a delete. */
  readonly columns: readonly string[];
  readonly changes: readonly Change[];
}

interface OpenBatch extends Batch {
  readonly changes: Change[];
}

/**
 * Gathers changes into as few batches as their order allows. A change may not pass another one of the same row, nor one of its table
 * that gives or takes what a unique index reads.
 */
export function toBatches(changes: readonly Change[]): readonly Batch[] {
  const batches: OpenBatch[] = [];
  /** By table and kind and columns: the latest batch of that shape. */
  const open = new Map<string, number>();
  /** By table: row key -> the batch that changed it last. */
  const rows = new Map<TableName, Map<number, number>>();
  /** By table: the last batch that unique indexes care about. */
  const unique = new Map<TableName, number>();
  for (const change of changes) {
    const { table, type } = change;
    const key = keyOf(change);
    const columns = columnsWritten(change);
    const touching = uniqueTouch(change, columns);
    // Inserts write every column and deletes none.
    const written = type === "update" ? `${columns.join()} ${touching ?? ""}` : "";
    const shape = `${table} ${type} ${written}`;
    const ofTable = rows.get(table) ?? new Map<number, number>();
    const after = Math.max(
      // Behind the row's own last change, and not beside it.
      (ofTable.get(key) ?? -1) + 1,
      touching === null ? 0 : (unique.get(table) ?? 0),
    );
    let index = open.get(shape) ?? -1;
    if (index < after) {
      index = batches.length;
      batches.push({ type, table, columns, changes: [] });
      open.set(shape, index);
    }
    batches[index]?.changes.push(change);
    rows.set(table, ofTable.set(key, index));
    if (touching !== null) unique.set(table, Math.max(index, unique.get(table) ?? 0));
  }
  return batches;
}

export function keyOf(change: Change): number {
  return change.type === "insert" ? change.row.key : change.key;
}

function columnsWritten(change: Change): readonly string[] {
  switch (change.type) {
    case "insert":
      return columnsOf(change.table);
    case "delete":
      return [];
    case "update":
      return Object.keys(change.set);
  }
}

/**
 * What a change does to the unique indexes of its table, or null when it does nothing. Updates that set the same values may share a
 * statement: whatever their order, none of them clashes with a value that another one is about to leave.
 */
function uniqueTouch(change: Change, columns: readonly string[]): string | null {
  const read = uniqueColumns[change.table];
  if (read.length === 0) return null;
  if (change.type !== "update") return "";
  const touched = columns.filter((column) => read.includes(column));
  if (touched.length === 0) return null;
  // Sets are flat and hold SQL values only, as their types say.
  const set = change.set as Readonly<Record<string, SqlValue>>;
  return JSON.stringify(touched.map((column) => set[column]));
}

export function toStatement(batch: Batch): Statement {
  switch (batch.type) {
    case "insert":
      return insertStatement(batch);
    case "update":
      return updateStatement(batch);
    case "delete":
      return deleteStatement(batch);
  }
}

function insertStatement({ table, columns, changes }: Batch): Statement {
  const names = columns.map((column) => `"${column}"`).join(", ");
  const rows = changes.map((change) => (change.type === "insert" ? change.row : null));
  const { arrays, values } = bindColumns(table, columns, rows);
  return {
    text: `INSERT INTO "${table}" (${names}) SELECT * FROM unnest(${arrays.join(", ")})`,
    values,
    isPrepared: true,
  };
}

/** A row that is missing must undo the transaction, although its commit may be on its way already: so the statement itself fails. */
const FAIL_UNLESS_ALL = "SELECT 1 / (CASE WHEN count(*) = $1::bigint THEN 1 ELSE 0 END) FROM";

function updateStatement({ table, columns, changes }: Batch): Statement {
  for (const name of columns) {
    const isColumn = name !== "key" && columnTypeOf(table, name) !== null;
    assert(isColumn, `table ${table} has no column ${name} that an update may set`);
  }
  const count = String(changes.length);
  const keys = toArray("INTEGER", changes.map(keyOf));
  // Nothing to set must still notice that the row is missing.
  if (columns.length === 0) {
    const text = `${FAIL_UNLESS_ALL} "${table}" WHERE "key" = ANY($2::bigint[])`;
    return { text, values: [count, keys], isPrepared: true };
  }
  const sets = changes.map((change) => (change.type === "update" ? change.set : null));
  const { arrays, values } = bindColumns(table, columns, sets, 2);
  const names = columns.map((_column, index) => `v${index}`);
  const assignments = columns.map((column, index) => `"${column}" = new.v${index}`);
  return {
    text: `WITH done AS (
  UPDATE "${table}" SET ${assignments.join(", ")}
  FROM unnest(${unseenArray(2, "INTEGER")}, ${arrays.join(", ")}) AS new ("newKey", ${names.join(", ")})
  WHERE "${table}"."key" = new."newKey" RETURNING 1
) ${FAIL_UNLESS_ALL} done`,
    values: [count, keys, ...values],
    isPrepared: true,
  };
}

function deleteStatement({ table, changes }: Batch): Statement {
  return {
    text: `DELETE FROM "${table}" WHERE "key" = ANY(${unseenArray(1, "INTEGER")})`,
    values: [toArray("INTEGER", changes.map(keyOf))],
    isPrepared: true,
  };
}

/** One array a column, and its place in the statement. */
function bindColumns(
  table: TableName,
  columns: readonly string[],
  rows: readonly (object | null)[],
  offset = 0,
): { readonly arrays: readonly string[]; readonly values: readonly Parameter[] } {
  const types = columns.map((column) => typeOf(table, column));
  const values = columns.map((column, index) => {
    // Rows and sets are flat and hold SQL values only, as their types say.
    const cells = rows.map((row) => (row as Readonly<Record<string, SqlValue>> | null)?.[column]);
    return toArray(types[index] ?? "TEXT", cells);
  });
  const arrays = types.map((type, index) => `$${offset + index + 1}::${POSTGRES_TYPES[type]}[]`);
  return { arrays, values };
}
