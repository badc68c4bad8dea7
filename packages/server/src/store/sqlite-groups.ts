import { GROUP_COLUMNS, GROUP_RANK, partsOf, toGroupHead } from "./row-groups.ts";
import { type SqlQuery, toWhere } from "./sqlite-query.ts";
import type { SqliteStatements } from "./sqlite-statements.ts";
import type { Condition, GroupedTable, GroupQuery, RowGroup } from "./store.ts";

/** Reads groups of rows: each in the order of one index, and their parts by ranges of the same. */

export function readGroups<T extends GroupedTable>(
  statements: SqliteStatements,
  table: T,
  query: GroupQuery<T>,
): readonly RowGroup[] {
  const { sql, parameters } = groupsQuery(table, query);
  return statements.ask(sql, parameters).map((values) => {
    const head = toGroupHead(values);
    const { from, width } = partsOf(head, query);
    const parts = Array.from({ length: query.parts }, (_, part) => {
      const begin = from + part * width;
      const { sql, parameters } = partQuery(table, query.where, {
        groupId: head.groupId,
        from: begin,
        to: begin + width - 1,
      });
      return Number(statements.ask(sql, parameters)[0]?.[0]);
    });
    return { ...head, partsFrom: from, parts };
  });
}

/** What the index holds that counts groups. */
const COUNTED_COLUMNS: ReadonlySet<string> = new Set(["state", "groupId", "createdAt", "isHeld"]);

/** One pass over the index that has all it asks for, when nothing but the state and times is compared. */
export function groupsQuery<T extends GroupedTable>(
  table: T,
  { where, order, after, limit }: GroupQuery<T>,
): SqlQuery {
  const { sql, parameters } = toWhere(table, where);
  const rank = GROUP_RANK[order];
  const behind = `HAVING ${rank} < ? OR (${rank} = ? AND max("key") < ?)`;
  // A plus keeps SQLite from an index: what the counting one does not hold would be read row by row, all over the table.
  const isCovered = where.every(({ column }) => COUNTED_COLUMNS.has(column));
  const by = isCovered ? "groupId" : "+groupId";
  const asked = isCovered ? sql : sql.replace(/\bstate = /, "+state = ");
  const begin = asked === "" ? " WHERE" : `${asked} AND`;
  return {
    sql:
      `SELECT ${GROUP_COLUMNS} FROM ${table}${begin} ${by} IS NOT NULL GROUP BY ${by} ` +
      `${after === null ? "" : behind} ORDER BY ${rank} DESC, max("key") DESC LIMIT ?`,
    parameters: [
      ...parameters,
      ...(after === null ? [] : [after.rank, after.rank, after.newestKey]),
      limit,
    ],
  };
}

export interface PartAsked {
  readonly groupId: string;
  readonly from: number;
  readonly to: number;
}

export function partQuery<T extends GroupedTable>(
  table: T,
  where: readonly Condition<T>[],
  { groupId, from, to }: PartAsked,
): SqlQuery {
  const { sql, parameters } = toWhere(table, where);
  const begin = sql === "" ? " WHERE" : `${sql} AND`;
  return {
    sql: `SELECT count(*) FROM ${table}${begin} groupId = ? AND createdAt BETWEEN ? AND ?`,
    parameters: [...parameters, groupId, from, to],
  };
}
