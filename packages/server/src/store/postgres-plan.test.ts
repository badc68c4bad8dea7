import { Client, type QueryArrayConfig } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TableName } from "../core/rows.ts";
import { columnTypes } from "./columns.ts";
import { embeddedPostgres } from "./embedded-postgres.suite.ts";
import { openPostgresStore } from "./postgres.ts";
import { toBatches, toStatement } from "./postgres-changes.ts";
import { countStatement, listStatement } from "./postgres-query.ts";
import { settingsText } from "./postgres-session.ts";
import {
  claimDueStatement,
  findStatement,
  getStatement,
  lineStatement,
  nextDueAtStatement,
  type Statement,
  WAITING_GATES,
  waitingStatement,
} from "./postgres-statements.ts";
import { insert, remove, runRow, update } from "./rows.suite.ts";
import { DUE_TABLES, type LookupValue } from "./store.ts";
import { lockedTables, lookups, uniqueColumns } from "./tables.ts";

/** What the database does with each statement when its tables are large. Statistics are those of empty tables, as they are after a rush. */

const ROWS = 3_000;

// The list has every table and nothing else.
const everyTable = Object.keys(columnTypes) as TableName[];

const outside = { isLocking: false, isInTransaction: false };

let client: Client;
let version = 0;

beforeAll(async () => {
  const server = await embeddedPostgres();
  const url = await server.createDatabase();
  await (await openPostgresStore({ url })).close();
  client = new Client({ connectionString: url });
  await client.connect();
  await client.query(settingsText("SET"));
  for (const table of everyTable) await fill(table);
  version = Number.parseInt(server.version, 10);
});

afterAll(() => client.end());

/** Rows that differ in every column; texts that a partial index asks for are those of one row in three. */
async function fill(table: TableName): Promise<void> {
  const states = "(ARRAY['scheduled', 'open', 'started'])[1 + n % 3]";
  const cells = Object.entries(columnTypes[table]).map(([column, type]) => {
    if (column === "state") return states;
    if (type === "INTEGER") return "n";
    return type === "TEXT" ? `'${column}' || n` : "''::bytea";
  });
  const names = Object.keys(columnTypes[table]).map((column) => `"${column}"`);
  await client.query(
    `INSERT INTO "${table}" (${names.join(", ")}) SELECT ${cells.join(", ")} FROM generate_series(1, ${ROWS}) AS n`,
  );
}

/** The plan for these values, and the one for any values that a prepared statement keeps. */
async function plansOf({ text, values, isPrepared }: Statement): Promise<readonly string[]> {
  const plans = [await planOf(`EXPLAIN ${text}`, values)];
  if (isPrepared && version >= 16) plans.push(await planOf(`EXPLAIN (GENERIC_PLAN) ${text}`, []));
  return plans;
}

async function planOf(text: string, values: readonly unknown[]): Promise<string> {
  // Statements without values that name some are sent as plain text: that is what GENERIC_PLAN is for.
  const query: QueryArrayConfig = { text, rowMode: "array" };
  if (values.length > 0) query.values = [...values];
  const { rows } = await client.query<string[]>(query);
  return rows.map(([line]) => line).join("\n");
}

const everyLookup = Object.entries(lookups).flatMap(([table, named]) =>
  Object.entries<readonly string[]>(named).map(
    // As above.
    ([name, columns]) => [table as TableName, name, columns] as const,
  ),
);

test.each(everyLookup)("the lookup %s.%s uses an index", async (table, name, columns) => {
  const types: Readonly<Record<string, string>> = columnTypes[table];
  const value = columns.map((column) => (types[column] === "INTEGER" ? 7 : "a"));
  const values: LookupValue[] = [value, value];
  for (const isLocking of [false, true]) {
    for (const plan of await plansOf(findStatement(table, name, { values, isLocking }))) {
      expect(plan).not.toMatch(/Seq Scan/);
      expect(plan).toMatch(/Index (Only )?Scan|Bitmap Index Scan/);
    }
  }
});

test.each(everyTable)("rows of %s are read and deleted by their keys", async (table) => {
  const statements = [
    getStatement(table, [1, 2, 3], lockedTables.has(table)),
    ...toBatches([remove(table, 1), remove(table, 2)]).map(toStatement),
  ];
  for (const statement of statements) {
    for (const plan of await plansOf(statement)) {
      expect(plan).not.toMatch(/Seq Scan/);
      expect(plan).toMatch(new RegExp(`${table}_pkey`));
    }
  }
});

test("rows are updated by their keys", async () => {
  const changes = [1, 2, 3].map((key) => update("runs", key, { stepCount: 2 }));
  for (const batch of toBatches(changes)) {
    for (const plan of await plansOf(toStatement(batch))) {
      expect(plan).not.toMatch(/Seq Scan/);
      expect(plan).toMatch(/Index Scan using runs_pkey/);
    }
  }
});

test.each(DUE_TABLES)("what is due of %s is claimed in the order of an index", async (table) => {
  const statement = claimDueStatement(table, { now: 99, limit: 50, holder: 7 });
  for (const plan of await plansOf(statement)) {
    expect(plan).not.toMatch(/Seq Scan|Bitmap/);
    expect(plan.match(/Index Scan using/g)).toHaveLength(table === "messages" ? 4 : 1);
    // Each part comes sorted; those of the messages are merged, or a handful of rows is sorted at the end.
    expect(plan).not.toMatch(/Sort[^\n]*\n[^\n]*\n[^\n]*LockRows/);
  }
});

test("the next instant at which something is due is found by one search a part", async () => {
  for (const plan of await plansOf(nextDueAtStatement(7))) {
    expect(plan).not.toMatch(/Seq Scan|Bitmap|Sort/);
    expect(plan.match(/Index (Only )?Scan using/g)).toHaveLength(7);
  }
});

test("a line is read in its order", async () => {
  for (const statement of [lineStatement("gate1", 10), waitingStatement("gate1", 10)]) {
    for (const plan of await plansOf(statement)) {
      expect(plan).not.toMatch(/Seq Scan|Bitmap|Sort/);
      expect(plan).toMatch(/Index (Only )?Scan using "messagesWaiting"/);
    }
  }
});

test("gates with a line are found by one search a gate", async () => {
  const [plan] = await plansOf(WAITING_GATES);
  expect(plan).not.toMatch(/Seq Scan on messages/);
  expect(plan).toMatch(/Index Only Scan using "messagesWaiting"/);
});

test.each([
  ["runs", "id"],
  ["runs", "state"],
  ["runs", "url"],
  ["deadLetters", "runId"],
  ["deadLetters", "state"],
  ["messages", "queueName"],
  ["messages", "flowControlKey"],
  ["messages", "nodeKey"],
  ["messages", "runKey"],
  ["logs", "messageKey"],
  ["deadMessages", "state"],
] as const)(
  "a page of %s by %s is read without a scan and without a sort",
  async (table, column) => {
    const types: Readonly<Record<string, string>> = columnTypes[table];
    const value = types[column] === "INTEGER" ? 7 : "a";
    // The column is one of the table's; the compiler cannot follow the pairs.
    const where = [{ type: "in", column: column as never, values: [value] }] as const;
    for (const order of ["ascending", "descending"] as const) {
      const [plan] = await plansOf(listStatement(table, { where, order, limit: 10 }, outside));
      expect(plan).not.toMatch(/Seq Scan/);
      if (column !== "nodeKey") expect(plan).not.toMatch(/Sort/);
    }
  },
);

test("a page in one of several states is read in key order, without a sort", async () => {
  const where = [{ type: "in", column: "state", values: ["open", "retried"] }] as const;
  const statement = listStatement(
    "deadMessages",
    { where, order: "descending", limit: 10 },
    outside,
  );
  const [plan] = await plansOf(statement);
  expect(plan).toMatch(/Index Scan Backward using "deadMessages_pkey"/);
  expect(plan).not.toMatch(/Sort/);
});

test("a line is counted in its index", async () => {
  const [plan] = await plansOf(
    countStatement("messages", [{ type: "in", column: "gate", values: ["gate1"] }]),
  );
  expect(plan).toMatch(/"messagesWaiting"/);
});

test("the tables have the columns of the list, one key each, and no foreign key", async () => {
  const { rows } = await client.query(`
    SELECT table_name, column_name, data_type, collation_name FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name <> 'repriseSchema'`);
  const sqlTypes = { bigint: "INTEGER", text: "TEXT", bytea: "BLOB" } as const;
  const found: Record<string, Record<string, string>> = {};
  for (const { table_name, column_name, data_type, collation_name } of rows) {
    found[table_name] ??= {};
    // The types of a catalog are texts, and three of them are used here.
    const type = sqlTypes[data_type as keyof typeof sqlTypes];
    (found[table_name] ?? {})[column_name] = type;
    if (type === "TEXT") expect(`${table_name}.${column_name} ${collation_name}`).toMatch(/ C$/);
  }
  expect(found).toEqual(columnTypes);
  const constraints = await client.query(`
    SELECT conrelid::regclass::text AS name, contype, pg_get_constraintdef(oid) AS text FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND contype <> 'n'`);
  expect(constraints.rows).toHaveLength(Object.keys(columnTypes).length + 1);
  for (const { contype, text } of constraints.rows) {
    expect([contype, text]).toEqual(["p", "PRIMARY KEY (key)"]);
  }
});

test("the unique columns are those that the unique indexes read", async () => {
  const { rows } = await client.query(`
    SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexdef LIKE '%UNIQUE%'
    AND indexname NOT LIKE '%_pkey'`);
  const read = rows.map(({ tablename, indexdef }) => {
    const [, columns = "", condition] = /\(([^)]*)\)(?: WHERE \(+"?(\w+)"?)?/.exec(indexdef) ?? [];
    const names = columns.split(", ").map((name) => name.replaceAll('"', ""));
    return [tablename, condition === undefined ? names : [...names, condition]];
  });
  const named = Object.entries(uniqueColumns).filter(([, columns]) => columns.length > 0);
  expect(Object.fromEntries(named)).toEqual(Object.fromEntries(read));
});

test("changes of one table and kind share a statement, unless their order counts", () => {
  const shape = (changes: Parameters<typeof toBatches>[0]) =>
    toBatches(changes).map(({ type, table, changes: { length } }) => `${type} ${table} ${length}`);
  const runs = [1, 2, 3].map((key) => insert("runs", runRow(key)));
  expect(
    shape([...runs, update("runs", 9, { stepCount: 1 }), update("runs", 8, { stepCount: 3 })]),
  ).toEqual(["insert runs 3", "update runs 2"]);
  const ended = [4, 5].map((key) => update("runs", key, { state: "failed" }));
  expect(shape(ended)).toEqual(["update runs 2"]);
  expect(shape([update("runs", 1, { state: "failed" }), insert("runs", runRow(2))])).toHaveLength(
    2,
  );
  expect(
    shape([...runs, update("runs", 1, { stepCount: 4 }), remove("runs", 1), ...runs.slice(0, 1)]),
  ).toEqual(["insert runs 3", "update runs 1", "delete runs 1", "insert runs 1"]);
});
