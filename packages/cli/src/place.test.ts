import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readPlace } from "./place.ts";
import type { Terminal } from "./terminal.ts";

const url = "postgres://reprise@db.internal/reprise";
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "reprise-place-"));
});

afterEach(() => rmSync(directory, { recursive: true }));

/** Only the environment is read. */
const placeOf = (env: Terminal["env"]) => readPlace({}, { env } as Terminal);

test("tools find the database where the server does", async () => {
  const file = join(directory, "url");
  writeFileSync(file, `${url}\n`);
  expect(await placeOf({})).toEqual({ dataDir: ".reprise/data" });
  expect(await placeOf({ REPRISE_DATA_DIR: "/data" })).toEqual({ dataDir: "/data" });
  expect(await placeOf({ REPRISE_DATABASE_URL: url })).toEqual({ databaseUrl: url });
  const env = { REPRISE_DATABASE_URL_FILE: file, REPRISE_DATA_DIR: "/data" };
  expect(await placeOf(env)).toEqual({ databaseUrl: url });
  await expect(placeOf({ REPRISE_DATABASE_URL_FILE: join(directory, "none") })).rejects.toThrow(
    "REPRISE_DATABASE_URL_FILE names a file that cannot be read",
  );
});
