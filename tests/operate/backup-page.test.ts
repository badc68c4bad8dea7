import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { auditDatabase } from "@reprise/server";
import { type EmbeddedPostgres, embeddedPostgres } from "@reprise/server/embedded-postgres.suite";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { quietSdk } from "../conformance/quiet-sdk.ts";
import { fill, finish } from "./busy-work.ts";
import { BusyWorld } from "./busy-world.ts";

quietSdk();
// Whole worlds on machines that may be slow: several waits, each of which has a deadline of its own.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const page = readFileSync(new URL("../../docs/backup-and-move.md", import.meta.url), "utf8");
const main = fileURLToPath(new URL("../../packages/cli/src/main.ts", import.meta.url));

const world = new BusyWorld(2);
let directory: string;
let dataDir: string;
let postgres: EmbeddedPostgres;
let databaseUrl: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "reprise-page-"));
  dataDir = join(directory, "data");
  mkdirSync(join(directory, "backups"));
  mkdirSync(join(directory, "bin"));
  const command = `#!/bin/sh\nexec "${process.execPath}" --conditions=source "${main}" "$@"\n`;
  writeFileSync(join(directory, "bin", "reprise"), command, { mode: 0o755 });
  postgres = await embeddedPostgres();
  databaseUrl = await postgres.createDatabase();
  await world.start({ dataDir });
  await fill(world);
});

afterAll(async () => {
  await world.close();
  await postgres.dropDatabase(databaseUrl);
  rmSync(directory, { recursive: true, force: true });
});

function blocksOf(language: string): readonly string[] {
  const blocks = page.matchAll(/^( *)```(.*)\n([\s\S]*?)\n\1```$/gm);
  return Array.from(blocks, ([, , name, text = ""]) => ({ name, text }))
    .filter(({ name }) => name === language)
    .map(({ text }) => text);
}

/** Types a block, line by line; the first line that fails ends it. */
async function type(block: string): Promise<string> {
  const env = {
    ...process.env,
    PATH: `${join(directory, "bin")}:${process.env.PATH}`,
    DATA: dataDir,
    BACKUPS: join(directory, "backups"),
    DATABASE_URL: databaseUrl,
  };
  const { stdout, stderr } = await promisify(execFile)("bash", ["-euc", block], { env });
  return stdout + stderr;
}

test("the commands of the page do what it says, beside a server that works", async () => {
  const running = blocksOf("sh");
  expect(running.length).toBe(5);
  for (const block of running) await type(block);
  // What was restored is a database that a server can go on with.
  expect((await auditDatabase({ dataDir: `${dataDir}.new` }, { isDeep: true })).findings).toEqual(
    [],
  );
});

test("the move of the page takes everything along", async () => {
  await world.stop();
  const [look = "", move = "", ...others] = blocksOf("sh stopped");
  expect(others).toEqual([]);
  expect(await type(look)).toMatch(/is ready for it; nothing was changed/);
  expect(await type(move)).toMatch(/moved and compared/);
  await world.start({ databaseUrl });
  await finish(world);
});

test("the statement behind a restore of PostgreSQL leaves keys out", async () => {
  const [statement = "", ...others] = blocksOf("sql");
  expect(others).toEqual([]);
  const before = await world.publish("/hook/before", { "Upstash-Delay": "1d" });
  await world.stop();
  await postgres.query(statement, databaseUrl);
  await world.start({ databaseUrl });
  const after = await world.publish("/hook/after", { "Upstash-Delay": "1d" });
  const keyOf = (id: string) => Number.parseInt(id.slice(4), 36);
  expect(keyOf(after) - keyOf(before)).toBeGreaterThan(999_000_000);
  expect((await auditDatabase({ databaseUrl }, { isDeep: true })).findings).toEqual([]);
});
