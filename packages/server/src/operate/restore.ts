import { existsSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { RepriseError } from "@reprise/protocol";
import { migrate, migrations } from "../store/migrations/migrate.ts";
import { checkSqliteVersion, openReader } from "../store/sqlite-connection.ts";
import { toStoreError } from "../store/sqlite-errors.ts";
import { prepareDirectory, prepareFile } from "../store/sqlite-files.ts";
import { lockDirectory } from "../store/sqlite-lock.ts";
import { auditDatabase, type Finding } from "./audit.ts";
import { type CopyProgress, copyDatabase } from "./backup.ts";
import { type DatabaseContents, readContents } from "./contents.ts";
import { databasePath } from "./database.ts";
import { moveDatabase, publishFile, removeDatabase } from "./files.ts";

/** Puts a backup where a server will find it. Nothing is there under its name before it is complete and was looked at. */

export interface RestoreOptions {
  readonly file: string;
  readonly dataDir: string;
  /** Looks at the file and at the directory, and changes nothing. */
  readonly isDryRun?: boolean;
  /** Puts a database that is there aside, under another name. */
  readonly isForced?: boolean;
  readonly onProgress?: (progress: CopyProgress) => void;
}

export interface RestoreReport {
  /** The database that was, or would be, made. */
  readonly database: string;
  readonly bytes: number;
  readonly schemaVersion: number;
  /** Null in a dry run of a backup whose schema has to be upgraded first. */
  readonly contents: DatabaseContents | null;
  readonly findings: readonly Finding[];
  /** Where the database went that was there before. */
  readonly putAside: string | null;
}

/**
 * Keys that are left out behind those of the backup. Ids that were given after it was taken are in the hands of clients: they must
 * never name other messages. So many keys are more than any server gives between two backups.
 */
const KEYS_LEFT_OUT = 1_000_000_000;

/**
 * Restores `file` into a data directory that no server uses.
 * @throws RepriseError `invalid_request` when there is a database already, `storage_unavailable` when the backup cannot be used or a server runs.
 */
export async function restoreDatabase(options: RestoreOptions): Promise<RestoreReport> {
  const { isDryRun = false, isForced = false, onProgress } = options;
  checkSqliteVersion();
  const file = resolve(options.file);
  const schemaVersion = checkBackup(file);
  const database = databasePath(resolve(options.dataDir));
  const isThere = existsSync(database);
  if (isThere && !isForced) {
    throw new RepriseError("invalid_request", {
      message:
        `${database} is there already; choose another data directory, or put what is there aside with --force ` +
        "(it is kept under another name)",
    });
  }
  const bytes = statSync(file).size;
  if (isDryRun) {
    return {
      database,
      bytes,
      schemaVersion,
      putAside: null,
      ...(await preview(file, schemaVersion)),
    };
  }
  prepareDirectory(options.dataDir);
  const lock = lockDirectory(options.dataDir);
  // The lock keeps others away, so that what an interrupted restore has left has this name.
  const partial = `${database}.partial`;
  try {
    removeDatabase(partial);
    prepareFile(partial);
    await copyDatabase(file, partial, onProgress);
    bringUp(partial, file);
    const { findings } = await audit(partial, file, onProgress);
    const contents = await readContents({ path: partial });
    const putAside = isThere ? putDatabaseAside(database) : null;
    // What is left of a database that somebody has taken away by hand would be taken for this one's.
    removeDatabase(database);
    publishFile(partial, database);
    return { database, bytes, schemaVersion, contents, findings, putAside };
  } catch (error) {
    throw toStoreError(error, `be restored from ${file}`);
  } finally {
    removeDatabase(partial);
    lock.release();
  }
}

/** Says what the file is. @throws RepriseError `storage_unavailable` for anything but a backup that this version can use. */
function checkBackup(file: string): number {
  const refuse = (fault: string): RepriseError =>
    new RepriseError("storage_unavailable", { message: `${file} cannot be restored: ${fault}` });
  if (!existsSync(file)) throw refuse("there is no such file");
  let version: number;
  let owner: number;
  try {
    const reader = openReader(file);
    try {
      version = Number(reader.prepare("PRAGMA user_version").get()?.user_version);
      owner = Number(reader.prepare("PRAGMA application_id").get()?.application_id);
    } finally {
      reader.close();
    }
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw refuse(`it is no database (${text})`);
  }
  if (owner !== APPLICATION_ID) throw refuse("it is no database of Reprise");
  if (version > migrations.length) {
    throw refuse(
      `its schema version is ${version}, and this version of Reprise knows versions up to ${migrations.length}; use a newer one`,
    );
  }
  return version;
}

/** As in store/migrations/migrate.ts, "REPR". */
const APPLICATION_ID = 0x52455052;

async function preview(file: string, schemaVersion: number) {
  if (schemaVersion < migrations.length) return { contents: null, findings: [] };
  const { findings } = await audit(file, file);
  return { contents: await readContents({ path: file }), findings };
}

/** Upgrades the copy, and lets its keys go on behind those that may have been given since the backup. */
function bringUp(path: string, file: string): void {
  const copy = new DatabaseSync(path);
  try {
    copy.exec("PRAGMA synchronous = FULL");
    migrate(copy, file);
    copy.prepare("UPDATE sequence SET nextKey = nextKey + ?").run(KEYS_LEFT_OUT);
  } finally {
    copy.close();
  }
}

async function audit(
  path: string,
  file: string,
  onProgress?: (progress: CopyProgress) => void,
): Promise<{ readonly findings: readonly Finding[] }> {
  const { findings } = await auditDatabase(
    { path },
    {
      isDeep: true,
      onProgress: ({ number, count }) =>
        onProgress?.({ step: "check", done: number, total: count }),
    },
  );
  const damage = findings.find(({ name }) => name.startsWith("damaged-"));
  if (damage === undefined) return { findings };
  throw new RepriseError("storage_unavailable", {
    message: `${file} cannot be restored: it is damaged (${damage.name}: ${damage.examples.slice(0, 3).join(", ")}); use another backup`,
  });
}

/** Takes the write-ahead log into the database that is there, and puts it aside. A damaged one is put aside as it is. */
function putDatabaseAside(database: string): string {
  try {
    const old = new DatabaseSync(database);
    try {
      old.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get();
    } finally {
      old.close();
    }
  } catch {
    // Its log goes with it.
  }
  for (let number = 1; ; number += 1) {
    const name = join(dirname(database), `reprise.before-restore-${number}.db`);
    if (existsSync(name)) continue;
    moveDatabase(database, name);
    return name;
  }
}
