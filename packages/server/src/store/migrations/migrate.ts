import type { DatabaseSync } from "node:sqlite";
import { RepriseError } from "@reprise/protocol";
import { firstTables } from "./0001-first-tables.ts";
import { messageTables } from "./0002-messages.ts";
import { waitTables } from "./0003-waits.ts";
import { nodeTables } from "./0004-nodes.ts";
import { retentionColumns } from "./0005-retention.ts";
import { auditTable } from "./0006-audit.ts";
import { failureGroupColumns } from "./0007-failure-groups.ts";

/** Forward only; a released migration is never edited. The position in this list, from 1, is the schema version. */
export const migrations: readonly string[] = [
  firstTables,
  messageTables,
  waitTables,
  nodeTables,
  retentionColumns,
  auditTable,
  failureGroupColumns,
];

/** Stands in the file's header and says whose database it is ("REPR"). */
const APPLICATION_ID = 0x52455052;

/**
 * Brings the database to the newest schema. Each migration and its version number are one transaction, so that a
 * process killed in between finds a whole schema and goes on from there.
 * @throws RepriseError `storage_unavailable` for another program's database or one of a newer server.
 */
export function migrate(database: DatabaseSync, path: string): void {
  const version = checkedVersion(database, path);
  for (let next = version; next < migrations.length; next += 1) {
    database.exec("BEGIN IMMEDIATE");
    try {
      database.exec(migrations[next] ?? "");
      database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${next + 1}`);
      database.exec("COMMIT");
    } catch (error) {
      if (database.isTransaction) database.exec("ROLLBACK");
      throw error;
    }
  }
}

function checkedVersion(database: DatabaseSync, path: string): number {
  const version = readInteger(database, "SELECT user_version FROM pragma_user_version");
  const owner = readInteger(database, "SELECT application_id FROM pragma_application_id");
  const tableCount = readInteger(database, "SELECT count(*) FROM sqlite_schema");
  if (owner !== APPLICATION_ID && tableCount > 0) {
    throw new RepriseError("storage_unavailable", {
      message: `${path} is a database of another program; choose another data directory`,
    });
  }
  if (version > migrations.length) {
    throw new RepriseError("storage_unavailable", {
      message:
        `${path} has schema version ${version}, this server knows versions up to ${migrations.length}; ` +
        "start a newer server or restore a backup",
    });
  }
  return version;
}

function readInteger(database: DatabaseSync, sql: string): number {
  const statement = database.prepare(sql);
  statement.setReturnArrays(true);
  // An array, because the statement returns arrays, which the type of `get` does not know.
  const row = statement.get() as unknown as readonly unknown[];
  return Number(row[0]);
}
