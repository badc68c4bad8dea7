import { join } from "node:path";
import { RepriseError } from "@reprise/protocol";
import type { TableName } from "../core/rows.ts";
import { columnTypes } from "../store/columns.ts";
import { openPostgresDatabase } from "./postgres-database.ts";
import { openSqliteDatabase } from "./sqlite-database.ts";

/** A database as the tools of operators see it: whole tables and plain queries, beside the servers that use it. */

export type DatabaseKind = "sqlite" | "postgres";

/** A row as a query gives it. Whole numbers come as numbers, bytes as `Uint8Array`. */
export type DatabaseRow = Readonly<Record<string, unknown>>;

export interface Database {
  readonly kind: DatabaseKind;
  /** For people; without a password. */
  readonly name: string;
  /** Runs one query. */
  all(sql: string): Promise<readonly DatabaseRow[]>;
  /** The clock that due times are compared with, epoch ms. */
  now(): Promise<number>;
  /** Whether a server works with this database at the moment. */
  isInUse(): Promise<boolean>;
  close(): Promise<void>;
}

/** Where a database is: one file, the data directory around it, or a PostgreSQL. */
export type DatabasePlace =
  | { readonly path: string }
  | { readonly dataDir: string }
  | { readonly databaseUrl: string };

/** The file of the database in a data directory. */
export function databasePath(dataDir: string): string {
  return join(dataDir, "reprise.db");
}

/**
 * Opens a database to look at it. Nothing can be written over this connection.
 * @throws RepriseError `storage_unavailable` when it is not there, cannot be read, or is no database of this version of Reprise.
 */
export async function openDatabase(place: DatabasePlace): Promise<Database> {
  const database =
    "databaseUrl" in place
      ? await openPostgresDatabase(place.databaseUrl)
      : openSqliteDatabase("path" in place ? place.path : databasePath(place.dataDir));
  try {
    await checkSchema(database);
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
}

const COLUMNS_OF = {
  sqlite: `SELECT t.name AS "table", c.name AS "column" FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table'`,
  postgres: `SELECT table_name AS "table", column_name AS "column" FROM information_schema.columns WHERE table_schema = current_schema()`,
} as const;

/** A query over a column that is not there would fail half-way, in words that help nobody. */
async function checkSchema(database: Database): Promise<void> {
  const found = await database.all(COLUMNS_OF[database.kind]);
  const present = new Set(found.map(({ table, column }) => `${String(table)}.${String(column)}`));
  if (present.size === 0) {
    throw unusable(database, "is empty; a server makes its tables at its first start");
  }
  for (const table of tableNames) {
    for (const column of Object.keys(columnTypes[table])) {
      if (present.has(`${table}.${column}`)) continue;
      throw unusable(
        database,
        `has no column ${table}.${column}; it belongs to another version of Reprise (start a server of this version ` +
          "once, or use the command of the version that wrote it) or to another program",
      );
    }
  }
}

function unusable({ name }: Database, fault: string): RepriseError {
  return new RepriseError("storage_unavailable", { message: `the database ${name} ${fault}` });
}

// The keys of the list of columns are the tables, no more and no less.
export const tableNames = Object.keys(columnTypes) as readonly TableName[];
