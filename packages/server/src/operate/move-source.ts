import { hash } from "node:crypto";
import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { RepriseError } from "@reprise/protocol";
import type { TableName, Tables } from "../core/rows.ts";
import { columnTypes } from "../store/columns.ts";
import { migrate, migrations } from "../store/migrations/migrate.ts";
import { checkSqliteVersion, openReader } from "../store/sqlite-connection.ts";
import { toStoreError } from "../store/sqlite-errors.ts";
import { lockDirectory } from "../store/sqlite-lock.ts";
import { SqliteStatements } from "../store/sqlite-statements.ts";
import { copyDatabase } from "./backup.ts";
import { databasePath } from "./database.ts";
import { removeDatabase } from "./files.ts";

/** An embedded database that no server uses, page by page. It is only read; one with an older schema is upgraded in a copy. */
export interface MoveSource {
  readonly path: string;
  /** Says whether an interrupted move was of this very state. */
  readonly fingerprint: string;
  /** The lowest key that was never given. */
  readonly nextKey: number;
  count(table: TableName): number;
  /** Rows behind `afterKey` in order of their keys, as many at a time as may be in memory. */
  pages<T extends TableName>(table: T, afterKey: number): Generator<readonly Tables[T][]>;
  close(): void;
}

/** The tables that are moved. Nodes are servers of another database: none of them comes along. */
export const movedTables: readonly TableName[] = (Object.keys(columnTypes) as readonly TableName[]) // The keys of the list of columns are the tables.
  .filter((table) => table !== "nodes");

const PAGE_ROWS_MAX = 2_000;
const PAGE_BYTES_MAX = 8 * 1024 * 1024;

/**
 * Takes the lock of a data directory and opens its database.
 * @throws RepriseError `storage_unavailable` when there is none, or when a server uses it.
 */
export async function openMoveSource(dataDir: string): Promise<MoveSource> {
  checkSqliteVersion();
  const path = databasePath(dataDir);
  if (!existsSync(path)) {
    throw new RepriseError("storage_unavailable", {
      message: `there is no database ${path}; name the data directory of a server`,
    });
  }
  const lock = lockDirectory(dataDir);
  const copy = `${path}.moving`;
  let reader: DatabaseSync | null = null;
  const close = () => {
    if (reader?.isOpen === true) reader.close();
    removeDatabase(copy);
    lock.release();
  };
  try {
    removeDatabase(copy);
    reader = await openUpgraded(path, copy);
    return createSource(reader, path, close);
  } catch (error) {
    close();
    throw toStoreError(error, `open ${path}`);
  }
}

async function openUpgraded(path: string, copy: string): Promise<DatabaseSync> {
  const reader = openReader(path);
  const version = Number(reader.prepare("PRAGMA user_version").get()?.user_version);
  if (version === migrations.length) return reader;
  reader.close();
  await copyDatabase(path, copy);
  const upgraded = new DatabaseSync(copy);
  try {
    migrate(upgraded, path);
  } finally {
    upgraded.close();
  }
  return openReader(copy);
}

function createSource(reader: DatabaseSync, path: string, close: () => void): MoveSource {
  const statements = new SqliteStatements(reader, { rowsRead: 0, rowsWritten: 0, commits: 0 });
  const numberOf = (sql: string): number => Number(reader.prepare(sql).get()?.n ?? 0);
  const count = (table: TableName) => numberOf(`SELECT count(*) AS n FROM ${table}`);
  const nextKey = numberOf("SELECT nextKey AS n FROM sequence");
  const state = movedTables.map((table) => [
    table,
    count(table),
    numberOf(`SELECT max(key) AS n FROM ${table}`),
  ]);
  return {
    path,
    fingerprint: hash("sha256", JSON.stringify([nextKey, state]), "hex").slice(0, 32),
    nextKey,
    count,
    *pages(table, afterKey) {
      const bytes = bytesOf(table);
      const sizes = reader.prepare(
        `SELECT key, ${bytes} AS bytes FROM ${table} WHERE key > ? ORDER BY key LIMIT ${PAGE_ROWS_MAX}`,
      );
      for (let after = afterKey; ; ) {
        const limit = rowsWithin(sizes.all(after));
        if (limit === 0) return;
        const query = { where: [], order: "ascending", afterKey: after, limit } as const;
        const rows = statements.list(table, query);
        after = rows.at(-1)?.key ?? after;
        yield rows;
      }
    },
    close,
  };
}

/** What a row takes in memory, about: the length of what may be long. */
function bytesOf(table: TableName): string {
  const long = Object.entries(columnTypes[table]).filter(([, type]) => type !== "INTEGER");
  return long.length === 0 ? "0" : long.map(([name]) => `coalesce(length(${name}), 0)`).join(" + ");
}

/** How many of these rows fit together; at least one. */
function rowsWithin(rows: readonly Readonly<Record<string, unknown>>[]): number {
  let total = 0;
  let count = 0;
  for (const { bytes } of rows) {
    total += Number(bytes);
    if (count > 0 && total > PAGE_BYTES_MAX) break;
    count += 1;
  }
  return count;
}
