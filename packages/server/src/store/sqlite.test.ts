import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import { openSqliteStore } from "./sqlite.ts";
import { storeSuite } from "./store.suite.ts";

const directories: string[] = [];

afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

storeSuite("SQLite in a file", () => {
  const directory = mkdtempSync(join(tmpdir(), "reprise-store-"));
  directories.push(directory);
  return openSqliteStore({ path: join(directory, "reprise.db") });
});

storeSuite("SQLite in memory", () => openSqliteStore({ path: ":memory:" }));
