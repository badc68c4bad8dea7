import { bind, conditionsOf } from "./postgres-query.ts";
import type { RawRow } from "./postgres-session.ts";
import type { Statement } from "./postgres-statements.ts";
import { toArray, toParameter } from "./postgres-values.ts";
import { GROUP_COLUMNS, GROUP_RANK, type GroupHead, partsOf } from "./row-groups.ts";
import type { GroupedTable, GroupQuery, RowGroup } from "./store.ts";

/** Groups of rows in two questions: which groups, and how many rows of each in each part of its time. */

export function groupsStatement<T extends GroupedTable>(
  table: T,
  { where, order, after, limit }: GroupQuery<T>,
): Statement {
  const { terms, values } = conditionsOf(table, where);
  const rank = GROUP_RANK[order];
  const number = (value: number) => `${bind(values, toParameter("INTEGER", value))}::bigint`;
  const behind =
    after === null
      ? ""
      : `HAVING (${rank}, max("key")) < (${number(after.rank)}, ${number(after.newestKey)})`;
  const all = [...terms, '"groupId" IS NOT NULL'].join(" AND ");
  return {
    text:
      `SELECT ${GROUP_COLUMNS} FROM "${table}" WHERE ${all} GROUP BY "groupId" ${behind} ` +
      `ORDER BY ${rank} DESC, max("key") DESC LIMIT ${limit}`,
    values,
    isPrepared: false,
  };
}

export function partsStatement<T extends GroupedTable>(
  table: T,
  query: GroupQuery<T>,
  heads: readonly GroupHead[],
): Statement {
  const { terms, values } = conditionsOf(table, query.where);
  const parts = heads.map((head) => partsOf(head, query));
  const ids = bind(
    values,
    toArray(
      "TEXT",
      heads.map(({ groupId }) => groupId),
    ),
  );
  const begins = bind(
    values,
    toArray(
      "INTEGER",
      parts.map(({ from }) => from),
    ),
  );
  const widths = bind(
    values,
    toArray(
      "INTEGER",
      parts.map(({ width }) => width),
    ),
  );
  const asked = `unnest(${ids}::text[], ${begins}::bigint[], ${widths}::bigint[]) AS asked ("askedId", "begin", "width")`;
  const all = [...terms, '"createdAt" >= "begin"'].join(" AND ");
  return {
    text:
      `SELECT "groupId", ("createdAt" - "begin") / "width" AS "part", count(*) ` +
      `FROM "${table}" JOIN ${asked} ON "groupId" = "askedId" WHERE ${all} GROUP BY 1, 2`,
    values,
    isPrepared: false,
  };
}

export function withParts<T extends GroupedTable>(
  heads: readonly GroupHead[],
  query: GroupQuery<T>,
  rows: readonly RawRow[],
): readonly RowGroup[] {
  const counts = new Map(rows.map(([id, part, count]) => [`${id} ${part}`, Number(count)]));
  return heads.map((head) => ({
    ...head,
    partsFrom: partsOf(head, query).from,
    parts: Array.from(
      { length: query.parts },
      (_, part) => counts.get(`${head.groupId} ${part}`) ?? 0,
    ),
  }));
}
