import { DatabaseSync } from "node:sqlite";
import { RepriseError } from "@reprise/protocol";

/** Older ones can lose a WAL reset when a second connection is open. */
const SQLITE_VERSION_MIN = "3.51.3";

/** Nobody else should hold a lock for long: at most a backup tool. */
const BUSY_TIMEOUT_MS = 2_000;

/** Larger pages than the default mean fewer page writes a step: bodies of about 1 KB share them. */
const PAGE_BYTES = 8_192;

/** Refuses a SQLite that can damage the database. */
export function checkSqliteVersion(version = ownSqliteVersion()): void {
  if (version.localeCompare(SQLITE_VERSION_MIN, "en", { numeric: true }) >= 0) return;
  throw new RepriseError("storage_unavailable", {
    message:
      `this Node has SQLite ${version}, ${SQLITE_VERSION_MIN} or newer is needed because older ones can ` +
      "corrupt a database in WAL mode; install Node 24.16 or newer from nodejs.org",
  });
}

function ownSqliteVersion(): string {
  const database = new DatabaseSync(":memory:");
  const row = database.prepare("SELECT sqlite_version() AS version").get();
  database.close();
  return String(row?.version);
}

/**
 * Opens the connection that writes. Every commit waits for the disk: `synchronous` is FULL here and on every other
 * connection, because WAL with NORMAL loses acknowledged commits when the power goes.
 * Checkpoints are the store's, because SQLite swallows the errors of automatic ones.
 */
export function openWriter(path: string): DatabaseSync {
  const database = open(path, false);
  // A new file takes these on in this order, and an old one keeps what it has: only then can it ever be made shorter.
  database.exec(`PRAGMA page_size = ${PAGE_BYTES}; PRAGMA auto_vacuum = INCREMENTAL`);
  database.exec("PRAGMA wal_autocheckpoint = 0");
  const mode = database.prepare("PRAGMA journal_mode = WAL").get()?.journal_mode;
  if (path !== ":memory:" && mode !== "wal") {
    database.close();
    throw new RepriseError("storage_unavailable", {
      message: `${path} cannot use a write-ahead log, which needs a local file system; journal mode is ${mode}`,
    });
  }
  return database;
}

/** Opens a connection that cannot write: it sees the last committed state while a transaction is running. */
export function openReader(path: string): DatabaseSync {
  return open(path, true);
}

function open(path: string, readOnly: boolean): DatabaseSync {
  const database = new DatabaseSync(path, {
    readOnly,
    timeout: BUSY_TIMEOUT_MS,
    enableForeignKeyConstraints: false,
    enableDoubleQuotedStringLiterals: false,
    allowExtension: false,
  });
  // The two fullfsync settings matter on macOS only, where a plain fsync leaves the data in the drive's cache.
  database.exec(`
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = ON;
    PRAGMA checkpoint_fullfsync = ON;
    PRAGMA trusted_schema = OFF;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -16000;
  `);
  return database;
}
