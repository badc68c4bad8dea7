import { existsSync, rmSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { backup, DatabaseSync } from "node:sqlite";
import { RepriseError } from "@reprise/protocol";
import { checkSqliteVersion, openReader } from "../store/sqlite-connection.ts";
import { toStoreError } from "../store/sqlite-errors.ts";
import { prepareFile } from "../store/sqlite-files.ts";
import { type AuditReport, auditDatabase, type Finding } from "./audit.ts";
import { type DatabaseContents, readContents } from "./contents.ts";
import { databasePath } from "./database.ts";
import { checkTarget, partialPath, publishFile, removeDatabase } from "./files.ts";

/** Copies an embedded database into one file while its server goes on, and looks at the copy before it calls it a backup. */

export interface BackupOptions {
  readonly dataDir: string;
  /** Where the backup goes. */
  readonly file: string;
  /** Replaces a file that is there. */
  readonly isForced?: boolean;
  readonly onProgress?: (progress: CopyProgress) => void;
}

export interface CopyProgress {
  readonly step: "copy" | "check";
  /** Parts of the step that are done, and all of them. */
  readonly done: number;
  readonly total: number;
}

export interface BackupReport {
  readonly file: string;
  readonly bytes: number;
  /** When the state was that the backup holds, epoch ms. */
  readonly at: number;
  readonly contents: DatabaseContents;
  /** Promises that did not hold in the database itself; the copy is true all the same. */
  readonly findings: readonly Finding[];
}

/** Pages that are copied between two looks at the progress: 64 MB. */
const PAGES_PER_STEP = 8_192;

/** Findings that say that bytes are not what they were: such a copy is no backup. */
const DAMAGE: ReadonlySet<string> = new Set([
  "damaged-file",
  "damaged-body",
  "damaged-text",
  "key-sequence",
]);

/**
 * Writes the state of one moment into `file`. Until it is complete and was looked at, nothing stands under that name.
 * @throws RepriseError `invalid_request` for a target that cannot be, `storage_unavailable` when the database cannot be read or is damaged.
 */
export async function backupDatabase(options: BackupOptions): Promise<BackupReport> {
  const { dataDir, isForced = false, onProgress } = options;
  checkSqliteVersion();
  const source = databasePath(dataDir);
  const file = resolve(options.file);
  if (!existsSync(source)) {
    throw new RepriseError("storage_unavailable", {
      message: `there is no database ${source}; name the data directory of a server`,
    });
  }
  checkTarget(file, isForced);
  if (file === resolve(source)) {
    throw new RepriseError("invalid_request", { message: `${file} is the database itself` });
  }
  const partial = partialPath(file);
  removeDatabase(partial);
  try {
    prepareFile(partial);
    const at = await copyDatabase(source, partial, onProgress);
    const report = await check(partial, onProgress);
    const contents = await readContents({ path: partial });
    publishFile(partial, file);
    return { file, bytes: statSync(file).size, at, contents, findings: report.findings };
  } catch (error) {
    throw toStoreError(error, `be backed up to ${file}`);
  } finally {
    removeDatabase(partial);
  }
}

/**
 * Copies the state of one moment. The open read transaction holds on to it: without one, every commit of the server would make the
 * copy begin again.
 */
export async function copyDatabase(
  from: string,
  to: string,
  onProgress?: (progress: CopyProgress) => void,
): Promise<number> {
  const reader = openReader(from);
  try {
    reader.exec("BEGIN");
    const [row] = reader
      .prepare(
        "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS at, (SELECT count(*) FROM sqlite_schema) AS tables",
      )
      .all();
    await backup(reader, to, {
      rate: PAGES_PER_STEP,
      progress: ({ totalPages, remainingPages }) =>
        onProgress?.({ step: "copy", done: totalPages - remainingPages, total: totalPages }),
    });
    reader.exec("COMMIT");
    closeLog(to);
    return Number(row?.at);
  } finally {
    reader.close();
  }
}

/** A copy of a database with a write-ahead log expects one beside it. Without, it is one file that can be read from a read-only disk. */
function closeLog(path: string): void {
  const copy = new DatabaseSync(path);
  try {
    copy.exec("PRAGMA synchronous = FULL");
    copy.prepare("PRAGMA journal_mode = DELETE").get();
  } finally {
    copy.close();
  }
  for (const end of ["-wal", "-shm"]) rmSync(`${path}${end}`, { force: true });
}

async function check(
  path: string,
  onProgress?: (progress: CopyProgress) => void,
): Promise<AuditReport> {
  const report = await auditDatabase(
    { path },
    {
      isDeep: true,
      onProgress: ({ number, count }) =>
        onProgress?.({ step: "check", done: number, total: count }),
    },
  );
  const damage = report.findings.filter(({ name }) => DAMAGE.has(name));
  if (damage.length === 0) return report;
  const faults = damage.map(({ name, examples }) => `${name}: ${examples.slice(0, 3).join(", ")}`);
  throw new RepriseError("storage_unavailable", {
    message:
      `the database is damaged, so this copy is no backup and was thrown away (${faults.join("; ")}); ` +
      "keep your earlier backups, stop the server, copy its directory as it is, and check the disk",
  });
}
