import type { Condition, Query, Tables } from "@reprise/server";
import type { TableName } from "../mirror.ts";

/** What queries mean, over rows in memory. */

type AnyRow = Readonly<Record<string, unknown>> & { readonly key: number };

export type RowsOf = <T extends TableName>(table: T) => readonly Tables[T][];

/** What a lookup asks beside its columns. */
const LOOKUPS: Readonly<Record<string, readonly string[]>> = {
  "runs.liveById": ["state", "started"],
  "waits.openByEvent": ["state", "open"],
  "waits.openByEventOfRun": ["state", "open"],
  "waits.openByChild": ["state", "open"],
};

export function isFound(name: string, columns: readonly string[], value: readonly unknown[]) {
  const [column, wanted] = LOOKUPS[name] ?? [];
  return (row: object): boolean => {
    const fields = row as AnyRow; // Every row has its columns as fields.
    if (column !== undefined && fields[column] !== wanted) return false;
    return columns.every((name, index) => fields[name] === value[index]);
  };
}

export function meets<T extends TableName>(
  row: Tables[T],
  where: readonly Condition<T>[],
  rowsOf: RowsOf,
): boolean {
  // Every row has its columns as fields.
  return where.every((condition) => meetsOne(row as unknown as AnyRow, condition, rowsOf));
}

function meetsOne<T extends TableName>(row: AnyRow, condition: Condition<T>, rowsOf: RowsOf) {
  const value = row[condition.column];
  switch (condition.type) {
    case "in":
      return condition.values.some((each) => each === value);
    case "range": {
      const { from, to } = condition;
      if (typeof value !== "number") return from === undefined && to === undefined;
      return value >= (from ?? value) && value <= (to ?? value);
    }
    case "prefix":
      return typeof value === "string" && value.startsWith(condition.prefix);
    case "contains":
      return (
        typeof value === "string" && condition.values.some((each) => value.includes(`,${each},`))
      );
    case "lacks": {
      const { table, states } = condition;
      const others: readonly { readonly runKey: number | null; readonly state: string }[] =
        rowsOf(table);
      return !others.some(({ runKey, state }) => runKey === value && states.includes(state));
    }
  }
}

/** The rows of a page, in order. */
export function page<T extends TableName>(
  rows: readonly Tables[T][],
  query: Query<T>,
  rowsOf: RowsOf,
): readonly Tables[T][] {
  const { where, order, afterKey, limit } = query;
  const sign = order === "ascending" ? 1 : -1;
  return rows
    .filter((row) => meets(row, where, rowsOf))
    .filter(({ key }) => afterKey === undefined || (key - afterKey) * sign > 0)
    .toSorted((a, b) => (a.key - b.key) * sign)
    .slice(0, limit);
}

/** The columns of a page that are not read. */
export function withoutBytes<T extends TableName>(row: Tables[T], query: Query<T>): Tables[T] {
  const empty = (query.without ?? []).map((column) => [column, new Uint8Array()]);
  return { ...row, ...Object.fromEntries(empty) };
}
