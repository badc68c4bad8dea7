import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { RepriseError } from "@reprise/protocol";
import { syncDirectory } from "../store/sqlite-files.ts";
import type { Reader } from "../store/store.ts";
import { syncFile } from "./files.ts";

/** Marks that keep servers away from a database that is being moved, and from the one that it came from. */

/** The setting that stands in a target until everything is there; its value says of what. */
export const MOVE_MARK = "moving";

export async function moveMarkOf(reader: Pick<Reader, "find">): Promise<string | null> {
  const [mark] = await reader.find("settings", "byName", [[MOVE_MARK]]);
  return mark?.value ?? null;
}

/** @throws RepriseError `storage_unavailable` for a database that is only half there. */
export async function refuseHalfMoved(reader: Pick<Reader, "find">): Promise<void> {
  if ((await moveMarkOf(reader)) === null) return;
  throw new RepriseError("storage_unavailable", {
    message:
      "a move into this database was not finished, so that only a part of everything is here; run the same " +
      "`reprise migrate` again",
  });
}

const FILE_NAME = "reprise.moved";

/** Leaves word in the directory that its database lives elsewhere now. */
export function markMoved(databasePath: string, target: string): void {
  const directory = dirname(databasePath);
  const path = join(directory, FILE_NAME);
  writeFileSync(path, `${target}\n`, { mode: 0o600 });
  syncFile(path);
  syncDirectory(directory);
}

/** Where the database of a directory was moved to, or null. */
export function movedTo(dataDir: string): string | null {
  const path = join(dataDir, FILE_NAME);
  return existsSync(path) ? readFileSync(path, "utf8").trim() : null;
}

/** @throws RepriseError `storage_unavailable` for a directory whose runs go on elsewhere: they must not go on twice. */
export function refuseMoved(dataDir: string): void {
  const target = movedTo(dataDir);
  if (target === null) return;
  throw new RepriseError("storage_unavailable", {
    message:
      `everything in ${dataDir} was moved to ${target}, where it goes on; set REPRISE_DATABASE_URL. If it shall go on here ` +
      `after all, and nothing there, delete ${join(dataDir, FILE_NAME)}`,
  });
}
