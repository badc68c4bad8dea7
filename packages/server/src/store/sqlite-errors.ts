import { RepriseError } from "@reprise/protocol";

/** Primary result codes of SQLite that mean trouble with the machine, not with the program. */
const STORAGE_CODES: ReadonlySet<number> = new Set([
  3, // PERM
  5, // BUSY
  6, // LOCKED
  7, // NOMEM
  8, // READONLY
  10, // IOERR
  11, // CORRUPT
  13, // FULL
  14, // CANTOPEN
  15, // PROTOCOL
  22, // NOLFS
  26, // NOTADB
]);

/** Codes after which nobody knows what is on disk: IOERR, CORRUPT, NOTADB. */
const UNKNOWN_OUTCOME_CODES: ReadonlySet<number> = new Set([10, 11, 26]);

/** IOERR_FSYNC and IOERR_DIR_FSYNC: the kernel may have dropped what it could not write, and asking again would lie. */
const SYNC_CODES: ReadonlySet<number> = new Set([1034, 1290]);

/** The extended result code of SQLite, or null for any other error. */
function codeOf(error: unknown): number | null {
  const code = error instanceof Error && "errcode" in error ? error.errcode : null;
  return typeof code === "number" ? code : null;
}

/** True when SQLite reports trouble of the machine: a full disk, a failing one, a lock of another process. */
export function isStorageFailure(error: unknown): boolean {
  const code = codeOf(error);
  return code !== null && STORAGE_CODES.has(code & 0xff);
}

/** True when a flush to the disk failed. */
export function isSyncFailure(error: unknown): boolean {
  const code = codeOf(error);
  return code !== null && SYNC_CODES.has(code);
}

/** True when an error of a commit leaves open whether the transaction is on disk. */
export function isOutcomeUnknown(error: unknown): boolean {
  const code = codeOf(error);
  return code !== null && UNKNOWN_OUTCOME_CODES.has(code & 0xff);
}

/** Wraps trouble of the machine as the refusal `storage_unavailable`; leaves every other error as it is. */
export function toStoreError(error: unknown, action: string): unknown {
  if (!isStorageFailure(error)) return error;
  return new RepriseError("storage_unavailable", {
    message: `the database could not ${action}: ${textOf(error)}`,
    cause: error,
  });
}

/** SQLite's own words for the code, with the code, because the message alone ("disk I/O error") has many causes. */
function textOf(error: unknown): string {
  return error instanceof Error ? `${error.message} (SQLite code ${codeOf(error)})` : String(error);
}
