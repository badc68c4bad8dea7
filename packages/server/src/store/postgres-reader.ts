import type { TableName, Tables } from "../core/rows.ts";
import { countStatement, listStatement } from "./postgres-query.ts";
import type { RawRow } from "./postgres-session.ts";
import {
  columnsOf,
  findStatement,
  getStatement,
  NOW,
  nextDueAtStatement,
  type Statement,
  typesOf,
  WAITING_GATES,
} from "./postgres-statements.ts";
import { fromText, type SqlValue, toNumber } from "./postgres-values.ts";
import type { Condition, LookupValue, Query, Reader } from "./store.ts";
import { type LookupName, lockedTables } from "./tables.ts";

/** Sends a statement and gives the rows of its answer. */
export type Ask = (statement: Statement) => Promise<readonly RawRow[]>;

/** Most keys or lookup values of one statement. */
const VALUES_AT_ONCE = 10_000;

export interface ReaderOptions {
  readonly ask: Ask;
  /** Within a transaction: rows that change are locked until its end. */
  readonly isLocking: boolean;
  readonly onRowsRead: (count: number) => void;
}

/** Reads rows, inside a transaction or outside of one. */
export function createReader({ ask, isLocking, onRowsRead }: ReaderOptions): Reader {
  const locks = (table: TableName): boolean => isLocking && lockedTables.has(table);

  async function rows<T extends TableName>(
    table: T,
    statements: readonly Statement[],
  ): Promise<Tables[T][]> {
    const answers = await Promise.all(statements.map(ask));
    const found = answers.flatMap((answer) => answer.map((raw) => toRow(table, raw)));
    onRowsRead(found.length);
    return found;
  }

  return {
    now: async () => toNumber(onlyValue(await ask(NOW))),
    get: async <T extends TableName>(table: T, keys: readonly number[]) => {
      if (keys.length === 0) return [];
      // In order, so that parts that are locked one after the other are in order, too.
      const sorted = Array.from(new Set(keys)).sort((a, b) => a - b);
      return rows(
        table,
        chunks(sorted).map((part) => getStatement(table, part, locks(table))),
      );
    },
    find: async <T extends TableName>(
      table: T,
      lookup: LookupName<T>,
      values: readonly LookupValue[],
    ) => {
      if (values.length === 0) return [];
      const isLockingTable = locks(table);
      const parts = chunks(unique(values));
      const found = await rows(
        table,
        parts.map((part) =>
          findStatement(table, lookup, { values: part, isLocking: isLockingTable }),
        ),
      );
      return found;
    },
    list: async <T extends TableName>(table: T, query: Query<T>) =>
      rows(table, [
        listStatement(table, query, { isLocking: locks(table), isInTransaction: isLocking }),
      ]),
    count: async <T extends TableName>(table: T, where: readonly Condition<T>[]) =>
      toNumber(onlyValue(await ask(countStatement(table, where)))),
    nextDueAt: async (holder) => {
      const value = onlyValue(await ask(nextDueAtStatement(holder)));
      return value === null ? null : toNumber(value);
    },
    waitingGates: async () => (await ask(WAITING_GATES)).map(([gate]) => String(toText(gate))),
  };
}

function toText(value: string | null | undefined): SqlValue {
  return fromText("TEXT", value ?? null);
}

function onlyValue(rows: readonly RawRow[]): string | null {
  return rows[0]?.[0] ?? null;
}

function chunks<V>(values: readonly V[]): readonly (readonly V[])[] {
  if (values.length <= VALUES_AT_ONCE) return [values];
  const parts: (readonly V[])[] = [];
  for (let start = 0; start < values.length; start += VALUES_AT_ONCE) {
    parts.push(values.slice(start, start + VALUES_AT_ONCE));
  }
  return parts;
}

/** Each value once: a row is given once, however often it is asked for. */
function unique(values: readonly LookupValue[]): readonly LookupValue[] {
  if (values.length === 1) return values;
  return Array.from(new Map(values.map((value) => [JSON.stringify(value), value])).values());
}

export function toRow<T extends TableName>(table: T, raw: RawRow): Tables[T] {
  const columns = columnsOf(table);
  const types = typesOf(table);
  const row: Record<string, SqlValue> = {};
  for (let index = 0; index < columns.length; index += 1) {
    const column = columns[index];
    const type = types[index];
    if (column !== undefined && type !== undefined)
      row[column] = fromText(type, raw[index] ?? null);
  }
  // The columns are the row's, in the order in which the statement selects them.
  return row as unknown as Tables[T];
}
