import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { auditChecks, auditDatabase } from "@reprise/server";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { quietSdk } from "../conformance/quiet-sdk.ts";
import { fill } from "./busy-work.ts";
import { BusyWorld } from "./busy-world.ts";
import { type Plant, plants, sqlitePlants } from "./plants.ts";

quietSdk();
// Whole worlds on machines that may be slow: several waits, each of which has a deadline of its own.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

let directory: string;
const world = new BusyWorld(600);

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "reprise-audit-"));
  await world.start({ dataDir: join(directory, "live") });
  await fill(world);
  const live = new DatabaseSync(join(directory, "live", "reprise.db"), { readOnly: true });
  live.prepare("VACUUM INTO ?").run(join(directory, "base.db"));
  live.close();
});

afterAll(async () => {
  await world.close();
  rmSync(directory, { recursive: true, force: true });
});

/** A copy of the live database, as it was at one moment. */
function copyDatabase(name: string): string {
  const path = join(directory, `${name}.db`);
  copyFileSync(join(directory, "base.db"), path);
  return path;
}

/** Plays the server of the directory: it holds the lock, and does nothing. */
function lockDirectory(): DatabaseSync {
  const lock = new DatabaseSync(join(directory, "reprise.lock"));
  lock.exec("BEGIN EXCLUSIVE");
  return lock;
}

test("a busy healthy database is clean, however often it is looked at while it works", async () => {
  let isOver = false;
  const load = (async () => {
    while (!isOver) {
      await Promise.all([
        world.publish("/hook/load"),
        world.enqueue("loaded", "/hook/loaded"),
        world.publish("/broken/load", { "Upstash-Retries": "0" }),
        world.trigger("/quick", "load"),
      ]);
    }
  })();
  const pause = () => new Promise<void>((resolve) => setTimeout(resolve, 300));
  for (let round = 0; round < 10; round += 1) {
    const place = { dataDir: join(directory, "live") };
    const report = await auditDatabase(place, { pause, isDeep: round % 5 === 0 });
    expect(report.findings).toEqual([]);
    expect(report.isInUse).toBe(true);
    expect(report.checked.length).toBeGreaterThan(50);
  }
  isOver = true;
  await load;
});

test("a look leaves the file of a stopped server as it is", async () => {
  const path = copyDatabase("unchanged");
  const before = readFileSync(path);
  const report = await auditDatabase({ path }, { isDeep: true });
  expect(report).toMatchObject({ findings: [], isInUse: false, isDeep: true });
  expect(readFileSync(path).equals(before)).toBe(true);
});

describe("a planted fault is found", () => {
  test.each([...plants, ...sqlitePlants])("$check", async ({ check, sql, also = [] }: Plant) => {
    const path = copyDatabase("planted");
    const database = new DatabaseSync(path);
    for (const statement of sql) {
      expect([statement, database.prepare(statement).run().changes]).not.toEqual([statement, 0]);
    }
    database.close();
    const lock = lockDirectory();
    const { findings } = await auditDatabase({ path }, { isDeep: true });
    lock.close();
    expect(findings.map(({ name }) => name).toSorted()).toEqual([check, ...also].toSorted());
    for (const finding of findings) {
      expect(finding.count).toBeGreaterThan(0);
      expect(finding.examples[0]).not.toMatch(/null|undefined|NaN/);
    }
  });

  test("every check has its plant", () => {
    const planted = [...plants, ...sqlitePlants].map(({ check }) => check);
    const names = new Set(auditChecks.map(({ name }) => name));
    expect(Array.from(names).filter((name) => !planted.includes(name))).toEqual([]);
  });

  test("a page that the disk has changed", async () => {
    const path = copyDatabase("torn");
    const bytes = readFileSync(path);
    bytes.fill(0xff, 8_192 * 3 + 10, 8_192 * 3 + 200);
    writeFileSync(path, bytes);
    const looked = await auditDatabase({ path }).then(
      ({ findings }) => findings.map(({ name }) => name),
      (error: unknown) => [String(error)],
    );
    expect(looked.join()).toMatch(/damaged-file|malformed/);
  });
});

test("what is so for a moment counts only when it stays", async () => {
  const path = copyDatabase("moment");
  const database = new DatabaseSync(path);
  const [plant] = plants;
  database.exec("BEGIN");
  database.exec(plant?.sql[0] ?? "");
  database.exec("COMMIT");
  const stays = await auditDatabase({ path }, { pause: async () => {} });
  expect(stays.findings.map(({ name }) => name)).toEqual(["stuck-run"]);
  const passes = await auditDatabase(
    { path },
    {
      pause: async () => {
        database.exec(
          "UPDATE runs SET state = 'succeeded', completedAt = 1 WHERE state = 'started'",
        );
      },
    },
  );
  database.close();
  expect(passes.findings.map(({ name }) => name)).toEqual([]);
});

test("a stopped server leaves due things behind, which is no fault", async () => {
  const path = copyDatabase("stopped");
  const database = new DatabaseSync(path);
  database.exec(
    "UPDATE messages SET dueAt = 1700000000000; UPDATE schedules SET dueAt = 5 WHERE dueAt > 0",
  );
  database.close();
  expect(await auditDatabase({ path })).toMatchObject({ findings: [], isInUse: false });
});

test("what is no database of this version cannot be looked at, and the error says why", async () => {
  const missing = auditDatabase({ dataDir: join(directory, "nowhere") });
  await expect(missing).rejects.toMatchObject({
    code: "storage_unavailable",
    message: expect.stringContaining("there is no database"),
  });
  const path = copyDatabase("old");
  const database = new DatabaseSync(path);
  database.exec("DROP TABLE waits");
  database.close();
  await expect(auditDatabase({ path })).rejects.toMatchObject({
    message: expect.stringMatching(/has no column waits\.key; .* another version/),
  });
  const foreign = join(directory, "foreign.db");
  writeFileSync(foreign, "this is a text");
  await expect(auditDatabase({ path: foreign })).rejects.toMatchObject({
    code: "storage_unavailable",
  });
});
