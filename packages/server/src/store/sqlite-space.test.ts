import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, onTestFinished, test } from "vitest";
import type { Change } from "../core/rows.ts";
import { firstTables } from "./migrations/0001-first-tables.ts";
import { stepRow } from "./rows.suite.ts";
import { openSqliteStore } from "./sqlite.ts";
import type { Space, Store } from "./store.ts";

const MB = 1024 * 1024;
const BODY_BYTES = 2_000;

function makePath(): string {
  const directory = mkdtempSync(join(tmpdir(), "reprise-space-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return join(directory, "reprise.db");
}

async function open(path: string): Promise<{ readonly store: Store; readonly space: Space }> {
  const store = await openSqliteStore({ path });
  onTestFinished(() => store.close());
  const { space } = store;
  if (space === undefined) throw new Error("an embedded store knows what it takes");
  return { store, space };
}

/** Records with the keys from `first` on, in transactions like those of the engine. */
async function fill(store: Store, first: number, count: number): Promise<void> {
  const body = new Uint8Array(BODY_BYTES).fill(first % 251);
  for (let key = first; key < first + count; key += 500) {
    const rows = Array.from({ length: 500 }, (_, index) =>
      stepRow(key + index, { runKey: key + index, body }),
    );
    const changes = rows.map((row): Change => ({ type: "insert", table: "steps", row }));
    await store.transaction((transaction) => transaction.write(changes));
  }
}

async function empty(store: Store, first: number, count: number): Promise<void> {
  for (let key = first; key < first + count; key += 500) {
    const changes = Array.from({ length: 500 }, (_, index): Change => {
      return { type: "delete", table: "steps", key: key + index };
    });
    await store.transaction((transaction) => transaction.write(changes));
  }
}

async function releaseAll(space: Space): Promise<number> {
  let steps = 0;
  for (let { bytesFree } = await space.use(); bytesFree > 0; steps += 1) {
    await space.release();
    const after = await space.use();
    expect(after.bytesFree).toBeLessThan(bytesFree);
    ({ bytesFree } = after);
  }
  return steps;
}

test("what rows have taken is free when they are gone, and leaves the file step by step", async () => {
  const path = makePath();
  const { store, space } = await open(path);
  const before = await space.use();
  await fill(store, 1, 10_000);
  const full = await space.use();
  expect(full.bytesUsed - before.bytesUsed).toBeGreaterThan(10_000 * BODY_BYTES);
  expect(full.bytesUsed).toBeLessThan(30 * MB);
  await empty(store, 1, 9_500);
  const { bytesUsed, bytesFree } = await space.use();
  expect(bytesFree).toBeGreaterThan(18 * MB);
  expect(bytesUsed).toBeLessThan(3 * MB);
  expect(statSync(path).size).toBeGreaterThan(18 * MB);
  expect(await releaseAll(space)).toBeGreaterThan(30);
  // What is left is whole.
  const rows = await store.list("steps", { where: [], order: "ascending", limit: 1_000 });
  expect(rows.map(({ key }) => key)).toEqual(
    Array.from({ length: 500 }, (_, index) => 9_501 + index),
  );
  // The file follows when the log is moved into it: with the next checkpoint, or at the end.
  await store.close();
  expect(statSync(path).size).toBeLessThan(5 * MB);
  const database = new DatabaseSync(path);
  expect(database.prepare("PRAGMA integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
  database.close();
});

test("a database does not grow over many rounds of work and retention", async () => {
  const path = makePath();
  const { store, space } = await open(path);
  const sizes: number[] = [];
  for (let round = 0; round < 12; round += 1) {
    await fill(store, 1 + round * 2_000, 2_000);
    if (round > 0) await empty(store, 1 + (round - 1) * 2_000, 2_000);
    sizes.push(statSync(path).size + statSync(`${path}-wal`).size);
  }
  expect(Math.max(...sizes.slice(4))).toBeLessThanOrEqual(1.2 * (sizes[3] ?? 0));
  expect((await space.use()).bytesUsed).toBeLessThan(8 * MB);
});

test("a database of an earlier version keeps its length, and a step does no harm", async () => {
  const path = makePath();
  const database = new DatabaseSync(path);
  database.exec(`PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; ${firstTables}`);
  database.exec("PRAGMA application_id = 1380274258; PRAGMA user_version = 1");
  database.close();
  const { store, space } = await open(path);
  await fill(store, 1, 2_000);
  await empty(store, 1, 1_500);
  const before = await space.use();
  expect(before.bytesFree).toBeGreaterThan(2 * MB);
  await space.release();
  expect(await space.use()).toEqual(before);
  await fill(store, 10_001, 1_000);
  const after = await space.use();
  expect(after.bytesUsed + after.bytesFree).toBe(before.bytesUsed + before.bytesFree);
});

test("a database in memory knows what it takes as well", async () => {
  const { store, space } = await open(":memory:");
  await fill(store, 1, 1_000);
  expect((await space.use()).bytesUsed).toBeGreaterThan(2 * MB);
  await store.close();
  await expect(space.release()).rejects.toThrow(/the store is closed/);
});
