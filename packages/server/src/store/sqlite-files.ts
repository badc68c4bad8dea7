import { closeSync, fsyncSync, mkdirSync, openSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { RepriseError } from "@reprise/protocol";

/** Only the server's own user may read what workflows carry. */
const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;

/** Creates the directory of a database when it is missing, and makes its entry durable. */
export function prepareDirectory(directory: string): void {
  try {
    const created = mkdirSync(directory, { recursive: true, mode: DIRECTORY_MODE });
    if (created !== undefined) syncParents(resolve(directory), resolve(created));
  } catch (error) {
    throw unusable(directory, error);
  }
}

/**
 * Creates an empty file, which is a valid empty database, so that SQLite takes over its permissions for every file it
 * puts beside it. An existing file is not opened: closing any handle of it would release the locks of this process.
 */
export function prepareFile(path: string): void {
  try {
    closeSync(openSync(path, "wx", FILE_MODE));
    syncDirectory(dirname(path));
  } catch (error) {
    if (isErrno(error, "EEXIST")) return;
    throw unusable(dirname(path), error);
  }
}

/** Syncs the parents of all directories from `path` up to the first one that was created. */
function syncParents(path: string, firstCreated: string): void {
  for (let current = path; current.length >= firstCreated.length; current = dirname(current)) {
    syncDirectory(dirname(current));
    if (current === dirname(current)) return;
  }
}

/** Makes what was created, renamed or removed in a directory durable. */
export function syncDirectory(directory: string): void {
  // Windows cannot open a directory; its file systems journal the entries themselves.
  if (process.platform === "win32") return;
  const handle = openSync(directory, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function unusable(directory: string, error: unknown): RepriseError {
  const text = error instanceof Error ? error.message : String(error);
  return new RepriseError("storage_unavailable", {
    message: `the data directory ${directory} cannot be used: ${text}; choose one that this user may write`,
    cause: error,
  });
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
