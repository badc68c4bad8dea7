import { execFile } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { messageKey } from "@reprise/protocol";
import { auditDatabase, type BackupReport, backupDatabase, restoreDatabase } from "@reprise/server";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { quietSdk } from "../conformance/quiet-sdk.ts";
import { until } from "../conformance/until.ts";
import { fill, finish, wantedPaths } from "./busy-work.ts";
import { BusyWorld } from "./busy-world.ts";
import { runCli } from "./cli.ts";

quietSdk();
// Whole worlds on machines that may be slow: several waits, each of which has a deadline of its own.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const main = fileURLToPath(new URL("../../packages/cli/src/main.ts", import.meta.url));

let directory: string;
let dataDir: string;
let file: string;
let world: BusyWorld;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "reprise-backup-"));
  dataDir = join(directory, "data");
  file = join(directory, "backup.db");
  world = new BusyWorld(2);
  await world.start({ dataDir });
});

afterEach(async () => {
  await world.close();
  rmSync(directory, { recursive: true, force: true });
});

function query(path: string, sql: string): readonly Record<string, unknown>[] {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    return database.prepare(sql).all();
  } finally {
    database.close();
  }
}

/** Publishes without end, several at a time; gives the ids that were acknowledged. */
function startLoad(): { readonly ids: readonly string[]; stop(): Promise<void> } {
  const ids: string[] = [];
  let isOver = false;
  const worker = async () => {
    while (!isOver) ids.push(await world.publish("/hook/load", { "Upstash-Delay": "1d" }));
  };
  const workers = Array.from({ length: 8 }, worker);
  return {
    ids,
    stop: async () => {
      isOver = true;
      await Promise.all(workers);
    },
  };
}

test("a backup under load holds one moment: all that was acknowledged before, and nothing half", async () => {
  await fill(world);
  const load = startLoad();
  await until("some load", () => load.ids.length > 100);
  const before = load.ids.slice();
  // As operators do: from a process of its own.
  const command = ["--conditions=source", main, "backup", file, "--data-dir", dataDir, "--json"];
  const { stdout } = await promisify(execFile)(process.execPath, command);
  expect(load.ids.length).toBeGreaterThan(before.length);
  await load.stop();
  // The report of this command has this shape.
  const report = JSON.parse(stdout) as BackupReport;
  const kept = new Set(query(file, "SELECT key FROM messages").map(({ key }) => key));
  expect(before.filter((id) => !kept.has(messageKey(id) ?? -1))).toEqual([]);
  // Keys rise: a moment has no gap in what one worker after the other got.
  expect(kept.size).toBeLessThan(load.ids.length + 100);
  expect(report).toMatchObject({ file, bytes: statSync(file).size, findings: [] });
  expect(report.contents).toMatchObject({ queues: 3, schedules: 2 });
  expect(report.contents.openRuns).toBeGreaterThan(3);
  expect(await auditDatabase({ path: file }, { isDeep: true })).toMatchObject({ findings: [] });
  expect(readdirSync(directory).toSorted()).toEqual(["backup.db", "data"]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test("a backup that goes on for long is not started again by every commit", async () => {
  // So much that a copy takes several steps.
  const database = new DatabaseSync(join(dataDir, "reprise.db"), { timeout: 5_000 });
  database.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600)
    INSERT INTO attempts (key, messageKey, number, startedAt, endedAt, status, isTruncated, move, responseBody)
    SELECT i, 0, i, 0, 0, 0, 0, '', randomblob(500000) FROM n`);
  database.close();
  const load = startLoad();
  const steps: number[] = [];
  const acknowledged: number[] = [];
  await until("some load", () => load.ids.length > 20);
  const onProgress = ({ step, done, total }: { step: string; done: number; total: number }) => {
    if (step !== "copy") return;
    steps.push(done / total);
    acknowledged.push(load.ids.length);
  };
  await backupDatabase({ dataDir, file, onProgress });
  await load.stop();
  expect(steps.length).toBeGreaterThan(1);
  expect(acknowledged.at(-1)).toBeGreaterThan(acknowledged[0] ?? 0);
  expect(steps).toEqual(steps.toSorted((a, b) => a - b));
  expect(query(file, "SELECT count(*) AS n FROM attempts")).toEqual([{ n: 600 }]);
});

test("a restored backup goes on with everything that was open, at least once", async () => {
  await fill(world);
  await backupDatabase({ dataDir, file });
  // What happens now is lost with the disk: the backup knows nothing of it.
  const lost = await world.publish("/hook/lost", { "Upstash-Delay": "1d" });
  await world.stop();
  rmSync(dataDir, { recursive: true });
  const restored = join(directory, "restored");
  const before = world.delivered.length;
  const report = await restoreDatabase({ file, dataDir: restored });
  expect(report).toMatchObject({ findings: [], putAside: null, contents: { queues: 3 } });
  await world.start({ dataDir: restored });
  await finish(world);
  const again = new Set(world.delivered.slice(before).map(({ path }) => path));
  const all = new Set(world.delivered.map(({ path }) => path));
  expect(wantedPaths.filter((path) => !all.has(path))).toEqual([]);
  // Those that were in flight and never answered are delivered again.
  expect(again).toContain("/held/flight");
  expect((await auditDatabase({ dataDir: restored }, { isDeep: true })).findings).toEqual([]);
  // Ids that were given after the backup are not given to others.
  const next = await world.publish("/hook/next", { "Upstash-Delay": "1d" });
  expect(messageKey(next)).toBeGreaterThan((messageKey(lost) ?? 0) + 1_000_000);
});

test("nothing is overwritten unasked, and what cannot be is refused before anything is written", async () => {
  writeFileSync(file, "an older backup");
  await expect(backupDatabase({ dataDir, file })).rejects.toMatchObject({
    message: expect.stringMatching(/is there already; .*--force/),
  });
  expect(readFileSync(file, "utf8")).toBe("an older backup");
  await backupDatabase({ dataDir, file, isForced: true });
  expect(query(file, "SELECT count(*) AS n FROM runs")).toEqual([{ n: 0 }]);
  for (const [options, fault] of [
    [
      { dataDir: join(directory, "nowhere"), file: join(directory, "a.db") },
      /there is no database/,
    ],
    [{ dataDir, file: join(directory, "no", "where.db") }, /no does not exist; create it first/],
    [{ dataDir, file: join(dataDir, "reprise.db"), isForced: true }, /is the database itself/],
  ] as const) {
    await expect(backupDatabase(options)).rejects.toThrow(fault);
  }
  expect(readdirSync(directory).toSorted()).toEqual(["backup.db", "data"]);
});

test("a damaged database makes no backup, and an older one stays", async () => {
  await world.publish("/hook/late", { "Upstash-Delay": "1d" });
  await backupDatabase({ dataDir, file });
  const older = readFileSync(file);
  const database = new DatabaseSync(join(dataDir, "reprise.db"), { timeout: 5_000 });
  database.exec("UPDATE envelopes SET body = x'00'");
  database.close();
  const failing = backupDatabase({ dataDir, file, isForced: true });
  await expect(failing).rejects.toThrow(
    /is damaged, so this copy is no backup.*damaged-body: message msg_/,
  );
  expect(readFileSync(file).equals(older)).toBe(true);
  expect(readdirSync(directory).toSorted()).toEqual(["backup.db", "data"]);
});

test("a restore needs a directory without a server and without a database, or puts that aside", async () => {
  await world.publish("/hook/late", { "Upstash-Delay": "1d" });
  await backupDatabase({ dataDir, file });
  await expect(restoreDatabase({ file, dataDir })).rejects.toThrow(/is there already; .*--force/);
  await expect(restoreDatabase({ file, dataDir, isForced: true })).rejects.toThrow(
    /in use by another Reprise server/,
  );
  await world.publish("/hook/later", { "Upstash-Delay": "1d" });
  await world.stop();
  const { putAside } = await restoreDatabase({ file, dataDir, isForced: true });
  expect(putAside).toBe(join(dataDir, "reprise.before-restore-1.db"));
  expect(query(putAside ?? "", "SELECT count(*) AS n FROM messages")).toEqual([{ n: 2 }]);
  expect(query(join(dataDir, "reprise.db"), "SELECT count(*) AS n FROM messages")).toEqual([
    { n: 1 },
  ]);
  const again = await restoreDatabase({ file, dataDir, isForced: true });
  expect(again.putAside).toBe(join(dataDir, "reprise.before-restore-2.db"));
  await world.start({ dataDir });
});

test("a log that somebody has left beside a database is not taken for the restored one's", async () => {
  await world.publish("/hook/late", { "Upstash-Delay": "1d" });
  await backupDatabase({ dataDir, file });
  const other = join(directory, "other");
  mkdirSync(other);
  const wal = join(dataDir, "reprise.db-wal");
  expect(statSync(wal).size).toBeGreaterThan(0);
  copyFileSync(wal, join(other, "reprise.db-wal"));
  await restoreDatabase({ file, dataDir: other });
  expect(existsSync(join(other, "reprise.db-wal"))).toBe(false);
  expect(query(join(other, "reprise.db"), "SELECT count(*) AS n FROM messages")).toEqual([
    { n: 1 },
  ]);
});

test("what is no backup of this version is refused, and a dry run changes nothing", async () => {
  await backupDatabase({ dataDir, file });
  chmodSync(file, 0o400);
  const target = join(directory, "target");
  const tried = await restoreDatabase({ file, dataDir: target, isDryRun: true });
  expect(tried).toMatchObject({
    database: join(target, "reprise.db"),
    findings: [],
    putAside: null,
  });
  expect(existsSync(target)).toBe(false);
  const text = join(directory, "text.db");
  writeFileSync(text, "no database at all, and long enough to have been one for sure".repeat(99));
  const foreign = join(directory, "foreign.db");
  new DatabaseSync(foreign).exec("CREATE TABLE a (b); PRAGMA user_version = 1");
  const newer = join(directory, "newer.db");
  copyFileSync(file, newer);
  chmodSync(newer, 0o600);
  new DatabaseSync(newer).exec("PRAGMA user_version = 999");
  for (const [path, fault] of [
    [join(directory, "missing.db"), /there is no such file/],
    [text, /it is no database/],
    [foreign, /it is no database of Reprise/],
    [newer, /its schema version is 999, .* use a newer one/],
  ] as const) {
    await expect(restoreDatabase({ file: path, dataDir: target })).rejects.toThrow(fault);
    expect(existsSync(target)).toBe(false);
  }
});

test("the commands say what they did, to people and to programs", async () => {
  await world.publish("/hook/late", { "Upstash-Delay": "1d" });
  const made = await runCli(["backup", file, "--data-dir", dataDir]);
  expect([made.exitCode, made.out]).toEqual([0, `${file}\n`]);
  expect(made.err).toMatch(
    /^\d+ kB, the state of .*Z: 0 live runs and 0 that ended, 1 open message, 0 dead letters/,
  );
  const refused = await runCli(["backup", file], { REPRISE_DATA_DIR: dataDir });
  expect([refused.exitCode, refused.out]).toEqual([1, ""]);
  expect(refused.err).toMatch(/is there already/);
  const target = join(directory, "target");
  const tried = await runCli(["restore", file, "--data-dir", target, "--dry-run"]);
  expect([tried.exitCode, tried.out]).toEqual([0, ""]);
  expect(tried.err).toMatch(
    /1 open message, .*\nthe newest run or message is of .*Z\nnothing was changed; it would become /,
  );
  const done = await runCli(["restore", file, "--data-dir", target, "--json"]);
  expect(JSON.parse(done.out)).toMatchObject({ contents: { openMessages: 1 }, putAside: null });
  const elsewhere = await runCli(["backup", file], { REPRISE_DATABASE_URL: "postgres://x/y" });
  expect(elsewhere.exitCode).toBe(2);
  expect(elsewhere.err).toContain("pg_dump");
});
