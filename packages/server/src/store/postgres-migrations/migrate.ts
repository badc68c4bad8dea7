import type { Pauses } from "../../host/system-pause.ts";
import { codeOf, kindOf } from "../postgres-errors.ts";
import { refuse, type Session } from "../postgres-session.ts";
import type { Statement } from "../postgres-statements.ts";
import { withoutSecrets } from "../postgres-url.ts";
import { firstIndexes } from "./0001-first-indexes.ts";
import { firstTables } from "./0001-first-tables.ts";
import { auditTable } from "./0002-audit.ts";
import { failureGroupColumns } from "./0003-failure-groups.ts";

/** Forward only; a released migration is never edited. The position in this list, from 1, is the schema version. */
export const postgresMigrations: readonly string[] = [
  firstTables + firstIndexes,
  auditTable,
  failureGroupColumns,
];

/** The one row that says whose database it is and how far its schema has come. */
const VERSION_TABLE = "repriseSchema";

/** Several nodes that start at once meet here. */
const ATTEMPTS_MAX = 10;
const PAUSE_MS = 100;
const DUPLICATE_TABLE = "42P07";

export interface MigrateOptions {
  readonly url: string;
  readonly pauses: Pauses;
}

/**
 * Brings the database to the newest schema. One node does so at a time, in one transaction with the number of the version: the others wait
 * at the lock of the table, and find everything done.
 * @throws RepriseError `storage_unavailable` for another program's database or one of a newer server.
 */
export async function migratePostgres(
  session: Session,
  { url, pauses }: MigrateOptions,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await migrateOnce(session, withoutSecrets(url));
      return;
    } catch (error) {
      if (!session.isLost) await session.send("ROLLBACK");
      const isRace = kindOf(error) === "race" || codeOf(error) === DUPLICATE_TABLE;
      if (!isRace || attempt === ATTEMPTS_MAX) throw error;
      await pauses.pause(PAUSE_MS);
    }
  }
}

async function migrateOnce(session: Session, name: string): Promise<void> {
  const found = await versionOf(session);
  if (found !== null) checkVersion(found, name);
  if (found === postgresMigrations.length) return;
  await session.send("BEGIN; SET LOCAL lock_timeout = 60000; SET LOCAL statement_timeout = 0");
  if (found === null) {
    // First, so that whoever comes second waits here, and is told that the name is taken.
    await session.send(
      `CREATE TABLE "${VERSION_TABLE}" ("key" bigint PRIMARY KEY, "version" bigint NOT NULL)`,
    );
    await refuseOthers(session, name);
    await session.send(`INSERT INTO "${VERSION_TABLE}" VALUES (1, 0)`);
  }
  await session.send(`LOCK TABLE "${VERSION_TABLE}" IN ACCESS EXCLUSIVE MODE`);
  const version = await readVersion(session);
  checkVersion(version, name);
  for (const migration of postgresMigrations.slice(version)) await session.send(migration);
  await session.send(`UPDATE "${VERSION_TABLE}" SET "version" = ${postgresMigrations.length}`);
  await session.send("COMMIT");
}

function checkVersion(version: number, name: string): void {
  if (version <= postgresMigrations.length) return;
  throw refuse(
    `${name} has schema version ${version}, this server knows versions up to ${postgresMigrations.length}; ` +
      "start a newer server or restore a backup",
  );
}

/** The version of the schema, or null when there is none yet. */
async function versionOf(session: Session): Promise<number | null> {
  const [table] = await ask(session, `SELECT to_regclass('"${VERSION_TABLE}"') IS NOT NULL`);
  return table === "t" ? readVersion(session) : null;
}

async function readVersion(session: Session): Promise<number> {
  const [version] = await ask(session, `SELECT "version" FROM "${VERSION_TABLE}"`);
  return Number(version ?? 0);
}

/** The one table that is there is the one that has just been made. */
async function refuseOthers(session: Session, name: string): Promise<void> {
  const [count] = await ask(
    session,
    "SELECT count(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')",
  );
  if (count === undefined) {
    throw refuse(`${name} has no schema to put tables into; create one, or name it in search_path`);
  }
  if (count === "1") return;
  throw refuse(
    `${name} belongs to another program: it has tables, and none of Reprise; choose an empty database or schema`,
  );
}

async function ask(session: Session, text: string): Promise<readonly (string | null)[]> {
  const statement: Statement = { text, values: [], isPrepared: false };
  const { rows } = await session.run(statement);
  return rows[0] ?? [];
}
