import { mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const TMPFS_MAGIC = 0x01021994;

/** Runs `work` with a directory of its own and removes it afterwards. */
export async function withTemporaryDirectory<R>(
  work: (directory: string) => Promise<R>,
): Promise<R> {
  const directory = mkdtempSync(join(tmpdir(), "reprise-"));
  try {
    return await work(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Where temporary directories are in memory, a flush costs nothing and every figure is too good. */
export function isTemporaryDirectoryInMemory(): boolean {
  return statfsSync(tmpdir()).type === TMPFS_MAGIC;
}
