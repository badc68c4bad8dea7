import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { RepriseError } from "@reprise/protocol";
import { isStorageFailure, toStoreError } from "./sqlite-errors.ts";
import { prepareFile } from "./sqlite-files.ts";

/** A data directory that belongs to this process until `release`, or until the process ends in whatever way. */
export interface DirectoryLock {
  release(): void;
}

/**
 * Takes the data directory for this process. The lock is an open exclusive transaction on an empty database of its own:
 * the operating system drops it when the process dies, so a killed server leaves nothing that must be cleaned up.
 * @throws RepriseError `storage_unavailable` when another process holds it.
 */
export function lockDirectory(directory: string): DirectoryLock {
  const path = join(directory, "reprise.lock");
  prepareFile(path);
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(path, { timeout: 0 });
    // Nothing is ever written here, so there is no journal to keep in a file.
    database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
    const held = database;
    return { release: () => held.close() };
  } catch (error) {
    database?.close();
    throw isBusy(error) ? alreadyHeld(directory, error) : toStoreError(error, `lock ${directory}`);
  }
}

function isBusy(error: unknown): boolean {
  return isStorageFailure(error) && error instanceof Error && error.message.includes("locked");
}

function alreadyHeld(directory: string, cause: unknown): RepriseError {
  return new RepriseError("storage_unavailable", {
    message:
      `the data directory ${directory} is in use by another Reprise server; ` +
      "stop that server first, or start this one with another directory (--data DIR)",
    cause,
  });
}
