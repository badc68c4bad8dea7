import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { migrate, migrations } from "./migrate.ts";

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "reprise-killed-"));
});

afterAll(() => {
  rmSync(directory, { recursive: true });
});

function use<R>(path: string, work: (database: DatabaseSync) => R): R {
  const database = new DatabaseSync(path);
  try {
    return work(database);
  } finally {
    database.close();
  }
}

/** What is in every table that a database of this version has, without the columns that came later. */
function contentsOf(path: string, columns: ReadonlyMap<string, readonly string[]>) {
  return use(path, (database) =>
    Array.from(columns, ([table, names]) => [
      table,
      database.prepare(`SELECT ${names.join(", ")} FROM ${table} ORDER BY key`).all(),
    ]),
  );
}

function columnsOf(path: string): ReadonlyMap<string, readonly string[]> {
  return use(path, (database) => {
    const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
    return new Map(
      tables.map(({ name: table }) => {
        const columns = database
          .prepare("SELECT name FROM pragma_table_info(?)")
          .all(String(table));
        return [String(table), columns.map(({ name }) => String(name))];
      }),
    );
  });
}

function schemaOf(path: string): unknown {
  return use(path, (database) => ({
    version: database.prepare("PRAGMA user_version").get(),
    objects: database.prepare("SELECT type, name, tbl_name FROM sqlite_schema ORDER BY name").all(),
    columns: Array.from(columnsOf(path)),
    integrity: database.prepare("PRAGMA integrity_check").get(),
  }));
}

/** A database as this version has left it, with enough rows that a migration of them writes pages before its end. */
function makeVersion(version: number): string {
  const path = join(directory, `version-${version}.db`);
  use(path, (database) => {
    database.exec("PRAGMA journal_mode = WAL");
    for (const migration of migrations.slice(0, version)) database.exec(migration);
    database.exec(`PRAGMA application_id = ${0x52455052}; PRAGMA user_version = ${version}`);
    const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
    for (const { name } of tables) if (name !== "sequence") fill(database, String(name));
    database.exec("UPDATE sequence SET nextKey = 100");
  });
  return path;
}

function fill(database: DatabaseSync, table: string): void {
  const columns = database.prepare("SELECT name, type FROM pragma_table_info(?)").all(table);
  const places = columns.map(() => "?").join(",");
  const insert = database.prepare(`INSERT INTO ${table} VALUES (${places})`);
  for (let key = 1; key <= 20; key += 1) {
    const values = columns.map(({ name, type }, index) => {
      if (name === "key") return key;
      if (type === "INTEGER") return key * 1000 + index;
      return type === "TEXT" ? `${String(name)} ${key} ${"x".repeat(200)}` : new Uint8Array(500);
    });
    insert.run(...values);
  }
}

/** What `migrate` needs of a database, statement by statement. */
type Executor = Pick<DatabaseSync, "exec" | "prepare" | "isTransaction">;

/** Passes everything on, and calls `onStatement` before each statement with its number. */
function watched(database: DatabaseSync, onStatement: (number: number) => void): Executor {
  let number = 0;
  return {
    exec: (sql) => {
      for (const statement of sql.split(/;\s*(?:\n|$)|; (?=PRAGMA)/)) {
        if (statement.trim() === "") continue;
        onStatement(number);
        number += 1;
        database.exec(statement);
      }
    },
    prepare: (sql) => database.prepare(sql),
    get isTransaction() {
      return database.isTransaction;
    },
  };
}

/** Migrates, and calls `onStatement` as `watched` does. */
function migrateWatched(path: string, onStatement: (number: number) => void): void {
  use(path, (database) => {
    // A cache this small puts the half migration on the disk before its commit.
    database.exec("PRAGMA cache_size = 1; PRAGMA synchronous = OFF");
    // The rest of a database is not used by migrations.
    migrate(watched(database, onStatement) as DatabaseSync, path);
  });
}

const ENDS = ["", "-wal"] as const;

/** The files of a database as a process leaves them that is killed now. */
function copyFiles(from: string, to: string): void {
  for (const end of ENDS)
    if (existsSync(`${from}${end}`)) copyFileSync(`${from}${end}`, `${to}${end}`);
}

function removeFiles(path: string): void {
  for (const end of [...ENDS, "-shm"]) rmSync(`${path}${end}`, { force: true });
}

const versions = migrations.map((_migration, index) => index).slice(1);

describe("what a process leaves that dies in the middle of its migrations is finished by the next", () => {
  test.each(versions)("from version %i", { timeout: 120_000 }, (version) => {
    const made = makeVersion(version);
    const columns = columnsOf(made);
    const before = contentsOf(made, columns);
    const whole = join(directory, "whole.db");
    copyFiles(made, whole);
    const images: string[] = [];
    migrateWatched(whole, (number) => {
      const image = join(directory, `image-${number}.db`);
      copyFiles(whole, image);
      images.push(image);
    });
    const wanted = schemaOf(whole);
    removeFiles(whole);
    expect(images.length).toBeGreaterThan(3);
    for (const image of images) {
      use(image, (database) => migrate(database, image));
      expect([image, schemaOf(image)]).toEqual([image, wanted]);
      expect([image, contentsOf(image, columns)]).toEqual([image, before]);
      removeFiles(image);
    }
  });
});
