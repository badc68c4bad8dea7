import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { RepriseError } from "@reprise/protocol";
import { checkSqliteVersion, openReader } from "../store/sqlite-connection.ts";
import { isStorageFailure, toStoreError } from "../store/sqlite-errors.ts";
import type { Database, DatabaseRow } from "./database.ts";

/** A SQLite database behind a connection that cannot write, beside a server that may be writing. */
export function openSqliteDatabase(path: string): Database {
  checkSqliteVersion();
  if (!existsSync(path)) {
    throw new RepriseError("storage_unavailable", {
      message: `there is no database ${path}; name the data directory of a server`,
    });
  }
  const connection = attempt(`open ${path}`, () => openReader(path));
  return {
    kind: "sqlite",
    name: path,
    all: async (sql) => attempt(`read ${path}`, () => readAll(connection, sql)),
    now: async () => {
      const [row] = readAll(connection, "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS n");
      return Number(row?.n);
    },
    isInUse: async () => isLocked(join(dirname(path), "reprise.lock")),
    close: async () => {
      if (connection.isOpen) connection.close();
    },
  };
}

function readAll(connection: DatabaseSync, sql: string): readonly DatabaseRow[] {
  return connection.prepare(sql).all();
}

/**
 * Whether a process holds the lock of the data directory. The look itself holds a shared lock for a moment, so that it writes nothing
 * and cannot keep a server that starts from anything but the same moment.
 */
function isLocked(lockPath: string): boolean {
  if (!existsSync(lockPath)) return false;
  const lock = new DatabaseSync(lockPath, { readOnly: true, timeout: 0 });
  try {
    lock.prepare("SELECT count(*) FROM sqlite_schema").get();
    return false;
  } catch (error) {
    if (isStorageFailure(error)) return true;
    throw error;
  } finally {
    lock.close();
  }
}

function attempt<R>(action: string, work: () => R): R {
  try {
    return work();
  } catch (error) {
    throw toStoreError(error, action);
  }
}
