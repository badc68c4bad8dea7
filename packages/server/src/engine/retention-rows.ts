import type { TableName } from "../core/rows.ts";
import type { BytesColumn, Condition } from "../store/store.ts";
import { deletion, PAGE_ROWS, type RetentionRoom, type Swept } from "./retention-room.ts";

/** Rows that nothing hangs on: each goes when an instant of its own has passed. */
export interface RowSweep<T extends TableName> {
  readonly table: T;
  readonly column: Condition<T>["column"];
  /** Rows whose instant is this or earlier go. */
  readonly before: number;
  readonly without?: readonly BytesColumn<T>[];
  readonly what: Swept;
}

/** Returns the key to go on behind, or null at the end. */
export async function sweepRows<T extends TableName>(
  { store, tally }: RetentionRoom,
  { table, column, before, without = [], what }: RowSweep<T>,
  afterKey: number,
): Promise<number | null> {
  const query = { order: "ascending", limit: PAGE_ROWS, without } as const;
  const isOver: Condition<T> = { type: "range", column, to: before };
  const page = await store.list(table, { ...query, where: [], afterKey });
  const last = page.at(-1);
  if (last === undefined) return null;
  // Every table has this column.
  const key = "key" as Condition<T>["column"];
  const span: Condition<T> = { type: "range", column: key, from: afterKey + 1, to: last.key };
  const found = await store.list(table, { ...query, where: [span, isOver], limit: 1 });
  if (found.length > 0) {
    const deleted = await store.transaction(async (transaction) => {
      // Read once more: a row may have been renewed meanwhile.
      const rows = await transaction.list(table, { ...query, where: [span, isOver] });
      await transaction.write(rows.map((row) => deletion(table, row)));
      return rows.length;
    });
    tally.add(what, deleted);
  }
  return page.length < PAGE_ROWS ? null : last.key;
}
