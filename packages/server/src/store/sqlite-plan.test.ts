import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TableName, Tables } from "../core/rows.ts";
import { openSqliteStore } from "./sqlite.ts";
import { groupsQuery, partQuery } from "./sqlite-groups.ts";
import { toSql, toWhere } from "./sqlite-query.ts";
import { claimDueText, lookupConditions, NEXT_DUE_AT, WAITING_GATES } from "./sqlite-statements.ts";
import { type Condition, DUE_TABLES } from "./store.ts";
import { lookups, uniqueColumns } from "./tables.ts";

const directory = mkdtempSync(join(tmpdir(), "reprise-plan-"));
let database: DatabaseSync;

beforeAll(async () => {
  const path = join(directory, "reprise.db");
  await (await openSqliteStore({ path })).close();
  database = new DatabaseSync(path);
});

afterAll(() => {
  database.close();
  rmSync(directory, { recursive: true });
});

function planOf(sql: string): string {
  const plan = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all();
  return plan.map(({ detail }) => detail).join("; ");
}

const everyLookup = Object.entries(lookups).flatMap(([table, named]) =>
  Object.entries<readonly string[]>(named).map(([name, columns]): [string, string, string] => {
    const terms = columns.map((column) => `${column} = ?`);
    const condition = lookupConditions[`${table}.${name}`];
    if (condition !== undefined) terms.push(condition);
    return [table, name, terms.join(" AND ")];
  }),
);

test.each(everyLookup)("the lookup %s.%s uses an index", (table, _name, where) => {
  expect(planOf(`SELECT * FROM ${table} WHERE ${where}`)).toMatch(
    new RegExp(`^SEARCH ${table} USING INDEX \\w+ \\(\\w+=\\?`),
  );
});

test.each(DUE_TABLES)("what is due of %s is claimed without a scan and without a sort", (table) => {
  const steps = planOf(claimDueText(table)).split("; ");
  const isSearch = (step: string) => step.startsWith(`SEARCH ${table} USING INDEX ${table}Due (`);
  const others = steps.filter((step) => !isSearch(step));
  expect(steps.length - others.length).toBe(table === "messages" ? 3 : 1);
  expect(steps.filter(isSearch)).toEqual(
    Array(steps.length - others.length).fill(expect.stringMatching(/dueAt<\?\)$/)),
  );
  expect(new Set(others)).toEqual(
    new Set(table === "messages" ? ["MERGE (UNION ALL)", "LEFT", "RIGHT"] : []),
  );
});

test("the next instant at which something is due is found by one search a state", () => {
  const steps = planOf(NEXT_DUE_AT).split("; ");
  const reads = steps.filter(
    (step) => /^(SCAN|SEARCH) \w/.test(step) && !/CONSTANT ROW/.test(step),
  );
  expect(reads).toHaveLength(6);
  expect(reads).toEqual(
    Array(6).fill(expect.stringMatching(/^SEARCH \w+ USING (COVERING )?INDEX \w+Due/)),
  );
});

test("a line is read in its order", () => {
  const plan = planOf("SELECT * FROM messages WHERE gate = ? ORDER BY waitOrder LIMIT ?");
  expect(plan).toBe("SEARCH messages USING INDEX messagesWaiting (gate=?)");
});

/** The plan of a list, as the store would write it. */
function planOfList<T extends TableName>(table: T, column: keyof Tables[T] & string): string {
  const where: Condition<T>[] = [{ type: "in", column, values: ["a"] }];
  const { sql } = toSql(table, { where, order: "descending", limit: 10 });
  return planOf(`SELECT * FROM ${table}${sql}`);
}

test.each([
  ["runs by id", () => planOfList("runs", "id")],
  ["runs by url", () => planOfList("runs", "url")],
  ["runs by state", () => planOfList("runs", "state")],
  ["dead letters by run id", () => planOfList("deadLetters", "runId")],
  ["dead letters by url", () => planOfList("deadLetters", "url")],
  ["dead letters by state", () => planOfList("deadLetters", "state")],
  ["messages by queue", () => planOfList("messages", "queueName")],
  ["messages by flow control", () => planOfList("messages", "flowControlKey")],
  ["messages by run", () => planOfList("messages", "runKey")],
  ["messages by gate", () => planOfList("messages", "gate")],
  ["logs by message", () => planOfList("logs", "messageKey")],
  ["dead messages by state", () => planOfList("deadMessages", "state")],
  ["dead messages by message", () => planOfList("deadMessages", "messageKey")],
  ["queues by name", () => planOfList("queues", "name")],
  ["events by run", () => planOfList("events", "runKey")],
  ["bulk actions by state", () => planOfList("bulkActions", "state")],
])("a list of %s is answered without a scan", (_name, plan) => {
  expect(plan()).toMatch(/^SEARCH \w+ USING INDEX/);
});

test.each([
  ["runs", () => planOfList("runs", "state")],
  ["dead letters", () => planOfList("deadLetters", "state")],
  ["dead messages", () => planOfList("deadMessages", "state")],
])("a page of %s in one state is read without a sort", (_name, plan) => {
  expect(plan()).not.toMatch(/TEMP B-TREE/);
});

test("a page of rows in one of several states is read in key order, without a sort", () => {
  const where = [{ type: "in", column: "state", values: ["open", "retried"] }] as const;
  const { sql } = toSql("deadMessages", { where, order: "descending", limit: 10 });
  expect(planOf(`SELECT * FROM deadMessages${sql}`)).toBe("SCAN deadMessages");
});

const ofState = { type: "in", column: "state", values: ["open"] } as const;

test("dead letters are grouped in the order of an index that holds all they are asked for", () => {
  const query = { where: [ofState], order: "latest", after: null, limit: 20 } as const;
  const parts = { parts: 24, from: 0, until: 1 };
  for (const table of ["deadLetters", "deadMessages"] as const) {
    const steps = planOf(groupsQuery(table, { ...query, ...parts }).sql).split("; ");
    expect(steps).toEqual([
      `SEARCH ${table} USING COVERING INDEX ${table}Counted (state=? AND groupId>?)`,
      "USE TEMP B-TREE FOR ORDER BY",
    ]);
    const part = partQuery(table, [ofState], { groupId: "a", from: 0, to: 1 }).sql;
    expect(planOf(part)).toBe(
      `SEARCH ${table} USING COVERING INDEX ${table}Counted (state=? AND groupId=? AND createdAt>? AND createdAt<?)`,
    );
  }
});

test("a filter that the index does not hold is asked first, and groups what it finds", () => {
  const where = [ofState, { type: "in", column: "url", values: ["a"] } as const];
  const query = { order: "latest", after: null, limit: 20, parts: 1, from: 0, until: 1 } as const;
  const { sql } = groupsQuery("deadLetters", { ...query, where });
  expect(planOf(sql)).toMatch(/^SEARCH deadLetters USING INDEX deadLettersByUrl \(url=\?\); /);
});

test("ids that begin alike are read in key order, others are looked up", () => {
  const page = (prefix: string) => {
    const where = [{ type: "prefix", column: "id", prefix } as const];
    const { sql } = toSql("runs", { where, order: "descending", limit: 10 });
    return planOf(`SELECT * FROM runs${sql}`);
  };
  expect(page("wfr_")).toBe("SCAN runs");
  expect(page("wfr_0123456789")).toMatch(/^SEARCH runs USING INDEX runsById \(id>\? AND id<\?\)/);
});

test("a page of one group is read without a sort", () => {
  const ofGroup = { type: "in", column: "groupId", values: ["a"] } as const;
  const query = { where: [ofState, ofGroup], order: "ascending", limit: 10 } as const;
  for (const table of ["deadLetters", "deadMessages"] as const) {
    const plan = planOf(`SELECT * FROM ${table}${toSql(table, query).sql}`);
    expect(plan).toBe(`SEARCH ${table} USING INDEX ${table}ByGroup (groupId=?)`);
  }
});

test("a line is counted in its index alone", () => {
  const { sql } = toWhere("messages", [{ type: "in", column: "gate", values: ["queue:a"] }]);
  const plan = planOf(`SELECT count(*) FROM messages${sql}`);
  expect(plan).toBe("SEARCH messages USING COVERING INDEX messagesWaiting (gate=?)");
});

test("gates with a line are found by one search a gate", () => {
  const steps = planOf(WAITING_GATES).split("; ");
  const reads = steps.filter((step) => / messages\b/.test(step));
  expect(reads).toEqual([
    expect.stringMatching(/^SEARCH messages USING COVERING INDEX messagesWaiting/),
    expect.stringMatching(/^SEARCH messages USING COVERING INDEX messagesWaiting \(gate>\?\)/),
  ]);
});

test("the unique columns are those that the unique indexes read", () => {
  const sql = `
    SELECT tbl_name AS "table", sql FROM sqlite_schema
    WHERE type = 'index' AND sql LIKE 'CREATE UNIQUE INDEX%'`;
  const indexes = database.prepare(sql).all();
  expect(indexes.length).toBeGreaterThan(5);
  const read = indexes.map((index) => {
    const [, columns = "", conditionColumn] =
      /\((.*?)\)(?: WHERE (\w+) = '\w+')?$/.exec(String(index.sql)) ?? [];
    const names = columns.split(", ");
    return [index.table, conditionColumn === undefined ? names : [...names, conditionColumn]];
  });
  const named = Object.entries(uniqueColumns).filter(([, columns]) => columns.length > 0);
  expect(Object.fromEntries(named)).toEqual(Object.fromEntries(read));
});
