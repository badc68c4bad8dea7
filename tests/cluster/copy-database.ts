import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { openSqliteStore } from "@reprise/server";
import { Client } from "pg";

/** Copies every row into an SQLite file of the same columns, so that the audits of one node read the database of several. */
export async function copyDatabase(databaseUrl: string, path: string): Promise<void> {
  const store = await openSqliteStore({ path });
  await store.close();
  const source = new Client({ connectionString: databaseUrl });
  await source.connect();
  const target = new DatabaseSync(path);
  try {
    // One snapshot of everything.
    await source.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    target.exec("PRAGMA synchronous = OFF; BEGIN");
    for (const table of tablesOf(target)) await copyTable(source, target, table);
    target.exec("COMMIT");
  } finally {
    target.close();
    await source.end();
  }
}

interface CopiedTable {
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
}

function tablesOf(target: DatabaseSync): readonly CopiedTable[] {
  const names = target
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    .all();
  return names.map(({ name }) => {
    const columns = target.prepare("SELECT name, type FROM pragma_table_info(?)").all(String(name));
    return {
      name: String(name),
      columns: columns.map((row) => ({ name: String(row.name), type: String(row.type) })),
    };
  });
}

async function copyTable(
  source: Client,
  target: DatabaseSync,
  { name, columns }: CopiedTable,
): Promise<void> {
  // How keys are drawn is a matter of each database.
  if (name === "sequence") return;
  const list = columns.map((column) => `"${column.name}"`).join(", ");
  const { rows } = await source.query<Record<string, unknown>>(`SELECT ${list} FROM "${name}"`);
  target.exec(`DELETE FROM "${name}"`);
  const marks = columns.map(() => "?").join(", ");
  const insert = target.prepare(`INSERT INTO "${name}" (${list}) VALUES (${marks})`);
  for (const row of rows) {
    insert.run(...columns.map((column) => toValue(row[column.name], column.type)));
  }
}

function toValue(value: unknown, type: string): SQLInputValue {
  if (value === null || value === undefined) return null;
  if (type === "INTEGER") return Number(value);
  // What `pg` gives for bytea and text.
  return value as Uint8Array | string;
}
