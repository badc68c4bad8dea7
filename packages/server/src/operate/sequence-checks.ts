import type { TableName } from "../core/rows.ts";
import { columnTypes } from "../store/columns.ts";
import { KEYS_PER_BLOCK } from "../store/postgres-statements.ts";
import type { Check } from "./check.ts";

/** Keys of attempts are made from those of their messages, and drawn from no sequence. */
const numbered = Object.keys(columnTypes).filter(
  (table) => table !== ("attempts" satisfies TableName),
);

const highestKey = `(SELECT max(key) FROM (${numbered
  .map((table) => `SELECT max(key) AS key FROM ${table}`)
  .join(" UNION ALL ")}) AS highest)`;

const common = {
  name: "key-sequence",
  rule: "the next key is higher than every key that was given",
  meaning: "the next message would take the id of another one",
  advice: "stop all servers at once and restore a backup",
  subject: "database",
} as const;

/** The one thing that each database keeps in its own way. */
export const sequenceChecks: readonly Check[] = [
  {
    ...common,
    only: "sqlite",
    sql: `SELECT 0 AS key, 'sequence' AS name, 'next is ' || s.nextKey || ', the highest is ' || ${highestKey} AS fact
      FROM sequence s WHERE s.nextKey <= ${highestKey}`,
  },
  {
    ...common,
    only: "postgres",
    sql: `SELECT 0 AS key, 'sequence' AS name, 'block ' || CAST(s.last_value AS TEXT) || ', the highest key is '
        || CAST(${highestKey} AS TEXT) AS fact
      FROM keyBlocks s
      WHERE (s.last_value + CASE WHEN s.is_called THEN 1 ELSE 0 END) * ${KEYS_PER_BLOCK} <= ${highestKey}`,
  },
];
