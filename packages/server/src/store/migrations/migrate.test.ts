import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { MessageState } from "../../core/rows.ts";
import { openSqliteStore } from "../sqlite.ts";
import { firstTables } from "./0001-first-tables.ts";
import { messageTables } from "./0002-messages.ts";
import { migrate, migrations } from "./migrate.ts";

const APPLICATION_ID = 0x52455052;

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "reprise-migrate-"));
  path = join(directory, "reprise.db");
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

function use<R>(work: (database: DatabaseSync) => R): R {
  const database = new DatabaseSync(path);
  try {
    return work(database);
  } finally {
    database.close();
  }
}

/** A database as the first schema left it: two rows in every table, and messages in every state of then. */
function makeFirst(): void {
  use((database) => {
    database.exec(`PRAGMA journal_mode = WAL; ${firstTables}`);
    database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = 1`);
    for (const table of tablesOf(database)) {
      if (table === "sequence") database.exec("UPDATE sequence SET nextKey = 4711");
      else for (const key of [1, 2]) insertRow(database, table, key);
    }
    const states: readonly MessageState[] = ["scheduled", "active", "failed"];
    for (const [index, state] of states.entries())
      insertRow(database, "messages", 3 + index, state);
    database.exec("UPDATE messages SET runKey = NULL WHERE key = 5");
  });
}

/** Fills every column with a value that no other column and no other row has. */
function insertRow(database: DatabaseSync, table: string, key: number, state?: MessageState): void {
  const columns = database.prepare("SELECT name, type FROM pragma_table_info(?)").all(table);
  const values = columns.map(({ name, type }, index) => {
    if (name === "key") return key;
    if (name === "state" && state !== undefined) return state;
    if (type === "INTEGER") return key * 1000 + index;
    if (type === "TEXT") return `${table} ${String(name)} ${key}`;
    return new Uint8Array([key, index]);
  });
  const places = columns.map(() => "?").join(",");
  database.prepare(`INSERT INTO ${table} VALUES (${places})`).run(...values);
}

function tablesOf(database: DatabaseSync): string[] {
  const sql = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
  const found = database.prepare(sql).all();
  return found.map(({ name }) => String(name));
}

function versionOf(): unknown {
  return use((database) => database.prepare("PRAGMA user_version").get()?.user_version);
}

/** Every row of every table that has any. */
function readAll(): Record<string, Record<string, unknown>[]> {
  return use((database) =>
    Object.fromEntries(
      tablesOf(database)
        .map((table) => [table, database.prepare(`SELECT * FROM ${table} ORDER BY key`).all()])
        .filter(([, rows]) => rows !== undefined && rows.length > 0),
    ),
  );
}

const newMessageColumns = {
  gate: null,
  waitOrder: null,
  queueName: null,
  ticketKey: null,
  flowControlKey: null,
  hasCallback: 0,
  labels: null,
  topicName: null,
  scheduleId: null,
  callerIp: null,
  waitKey: null,
  nodeKey: null,
};

test("a database of the first schema keeps every row", async () => {
  makeFirst();
  const before = readAll();
  expect(Object.keys(before)).toHaveLength(8);
  const store = await openSqliteStore({ path });
  expect(await store.find("messages", "byRun", [[3003]])).toHaveLength(1);
  await store.close();
  expect(versionOf()).toBe(migrations.length);
  const messages = before.messages?.map((row) => ({ ...row, ...newMessageColumns }));
  const attempts = before.attempts?.map((row) => ({ ...row, runKey: null }));
  const deadLetters = before.deadLetters?.map((row) => ({
    ...row,
    isHeld: 0,
    failureCause: null,
    groupId: null,
    failureText: null,
    stepName: null,
  }));
  expect(readAll()).toEqual({ ...before, messages, attempts, deadLetters });
});

test("a migrated database has the schema of a new one", () => {
  const schema = () =>
    use((database) => {
      const sql = "SELECT type, name, tbl_name FROM sqlite_schema ORDER BY type, name";
      const objects = database.prepare(sql).all();
      const columns = tablesOf(database).map((table) =>
        database.prepare("SELECT * FROM pragma_table_info(?)").all(table),
      );
      return { objects, columns };
    });
  makeFirst();
  use((database) => migrate(database, path));
  const migrated = schema();
  rmSync(path);
  use((database) => migrate(database, path));
  expect(migrated).toEqual(schema());
});

test("what was due before a migration is due after it", async () => {
  makeFirst();
  const store = await openSqliteStore({ path });
  const due = await store.transaction((current) => current.claimDue("messages", 1e9, 10, null));
  expect(due.map(({ key, state }) => [key, state])).toEqual([
    [3, "scheduled"],
    [4, "active"],
  ]);
  await store.close();
});

test("a process that is killed in a migration leaves the schema before it", async () => {
  makeFirst();
  const before = readAll();
  const program = `
    const database = new (require("node:sqlite").DatabaseSync)(process.argv[1]);
    // A cache this small puts the half migration on the disk before its commit.
    database.exec("PRAGMA cache_size = 1; BEGIN IMMEDIATE");
    database.exec(process.argv[2]);
    database.exec("PRAGMA user_version = 2");
    process.kill(process.pid, "SIGKILL");
  `;
  const { signal } = spawnSync(process.execPath, ["-e", program, path, messageTables]);
  expect(signal).toBe("SIGKILL");
  expect(versionOf()).toBe(1);
  expect(readAll()).toEqual(before);
  await (await openSqliteStore({ path })).close();
  expect(versionOf()).toBe(migrations.length);
  expect(readAll().runs).toEqual(before.runs);
});

test("a migration that fails is undone whole, and the next start tries again", () => {
  makeFirst();
  const before = readAll();
  // The last thing that the migration makes is there already.
  use((database) => database.exec("CREATE TABLE bulkActions (key INTEGER PRIMARY KEY) STRICT"));
  const run = () => use((database) => migrate(database, path));
  expect(run).toThrow(/bulkActions already exists/);
  expect(versionOf()).toBe(1);
  expect(readAll()).toEqual(before);
  use((database) => database.exec("DROP TABLE bulkActions"));
  run();
  expect(versionOf()).toBe(migrations.length);
});
