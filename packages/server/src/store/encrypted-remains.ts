import { closeSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { openWriter } from "./sqlite-connection.ts";
import { toStoreError } from "./sqlite-errors.ts";
import { prepareFile, syncDirectory } from "./sqlite-files.ts";
import { lockDirectory } from "./sqlite-lock.ts";

/**
 * Writes the database anew, into another file that takes its place: free pages hold remains of what was clear before it was encrypted.
 * @throws RepriseError `storage_unavailable` when a server uses it, or when there is no room for a second copy; nothing is lost then.
 */
export function removeRemains(path: string): void {
  const lock = lockDirectory(dirname(path));
  const copy = `${path}.new`;
  try {
    rmSync(copy, { force: true });
    prepareFile(copy);
    const database = openWriter(path);
    try {
      database.prepare("VACUUM INTO ?").run(copy);
    } finally {
      // The last connection to close moves the write-ahead log into the database and removes it.
      database.close();
    }
    // SQLite leaves it to the caller to bring such a copy to the disk.
    flush(copy);
    renameSync(copy, path);
    syncDirectory(dirname(path));
  } catch (error) {
    rmSync(copy, { force: true });
    throw toStoreError(error, `rewrite ${path}`);
  } finally {
    lock.release();
  }
}

function flush(path: string): void {
  const file = openSync(path, "r+");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
