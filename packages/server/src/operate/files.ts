import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { RepriseError } from "@reprise/protocol";
import { syncDirectory } from "../store/sqlite-files.ts";

/** Files that appear whole or not at all. */

/** Files that SQLite keeps beside a database; another database must never find them. */
const COMPANIONS = ["-wal", "-shm", "-journal"] as const;

/** Flushes a file to the disk. */
export function syncFile(path: string): void {
  const handle = openSync(path, "r+");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Gives a finished file its name. Whoever looks sees what was there before, or all of it. */
export function publishFile(from: string, to: string): void {
  syncFile(from);
  renameSync(from, to);
  syncDirectory(dirname(to));
}

/** Takes a database away, with everything that SQLite keeps beside it. */
export function removeDatabase(path: string): void {
  for (const end of ["", ...COMPANIONS]) rmSync(`${path}${end}`, { force: true });
}

/** Puts a database aside under another name, with everything that SQLite keeps beside it. */
export function moveDatabase(from: string, to: string): void {
  for (const end of ["", ...COMPANIONS]) {
    if (existsSync(`${from}${end}`)) renameSync(`${from}${end}`, `${to}${end}`);
  }
  syncDirectory(dirname(to));
}

/** Where a file is made before it gets its name: beside it, so that the rename stays on one disk. */
export function partialPath(path: string): string {
  return join(dirname(path), `.${basename(path)}.${process.pid}.partial`);
}

/** @throws RepriseError `invalid_request` when nothing can be written there. */
export function checkTarget(path: string, isForced: boolean): void {
  if (existsSync(path) && !isForced) {
    throw new RepriseError("invalid_request", {
      message: `${path} is there already; choose another name, or overwrite it with --force`,
    });
  }
  if (existsSync(dirname(path))) return;
  throw new RepriseError("invalid_request", {
    message: `the directory ${dirname(path)} does not exist; create it first`,
  });
}
