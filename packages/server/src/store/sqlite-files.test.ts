import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { columnTypes } from "./columns.ts";
import { migrations } from "./migrations/migrate.ts";
import { insert } from "./rows.suite.ts";
import { openSqliteStore } from "./sqlite.ts";
import { checkSqliteVersion } from "./sqlite-connection.ts";
import type { Store } from "./store.ts";

let directory: string;
let path: string;
const stores: Store[] = [];
const children: ChildProcess[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "reprise-files-"));
  path = join(directory, "data", "reprise.db");
});

afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
  for (const child of children.splice(0)) child.kill("SIGKILL");
  rmSync(directory, { recursive: true });
});

async function open(file = path): Promise<Store> {
  const store = await openSqliteStore({ path: file });
  stores.push(store);
  return store;
}

function setting(key: number) {
  return insert("settings", { key, name: `name ${key}`, value: "" });
}

/** Another process that opens the store, writes setting 1 and holds the directory until it is killed. */
async function openElsewhere(): Promise<ChildProcess> {
  const program = `
    import { openSqliteStore } from ${JSON.stringify(new URL("./sqlite.ts", import.meta.url).href)};
    const store = await openSqliteStore({ path: ${JSON.stringify(path)} });
    const row = { key: 1, name: "name 1", value: "" };
    await store.transaction((current) => current.write([{ type: "insert", table: "settings", row }]));
    console.log("ready");
    // A store that nobody holds is collected, and its lock with it.
    setInterval(() => store.counters, 1000);
  `;
  const flags = ["--conditions=source", "--input-type=module", "-e", program];
  const child = spawn(process.execPath, flags, { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  await once(child.stdout, "data");
  return child;
}

const inUse = /is in use by another Reprise server/;

test("a directory belongs to one store at a time", async () => {
  const first = await open();
  await expect(open()).rejects.toMatchObject(matching(inUse));
  await expect(open(join(directory, "data", "other.db"))).rejects.toMatchObject(matching(inUse));
  await first.transaction((current) => current.write([setting(1)]));
  await first.close();
  const second = await open();
  expect(await second.get("settings", [1])).toHaveLength(1);
});

test("a refused opener does not loosen the lock", async () => {
  await open();
  for (let round = 0; round < 3; round += 1) await expect(open()).rejects.toThrow(inUse);
});

test("a directory is refused while another process holds it, and free once that one is killed", async () => {
  const child = await openElsewhere();
  const refused = open();
  await expect(refused).rejects.toThrow(inUse);
  await expect(refused).rejects.toThrow(join(directory, "data"));
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
  const store = await open();
  expect(await store.get("settings", [1])).toHaveLength(1);
});

test("reads do not wait for the transaction that is running", async () => {
  const store = await open();
  await store.transaction(async (current) => {
    await current.write([setting(1)]);
    expect(await store.get("settings", [1])).toEqual([]);
  });
  expect(await store.get("settings", [1])).toHaveLength(1);
});

test("rows and reserved keys outlive the store", async () => {
  const first = await open();
  const before = await first.transaction(async (current) => {
    await current.write([setting(7)]);
    return current.reserveKeys(50);
  });
  await first.close();
  const second = await open();
  expect(await second.find("settings", "byName", [["name 7"]])).toHaveLength(1);
  const after = await second.transaction((current) => current.reserveKeys(1));
  expect(after[0]?.first).toBeGreaterThanOrEqual(before.at(-1)?.end ?? Number.NaN);
});

test("a long log is moved into the database while the store is open", async () => {
  const store = await open();
  const value = "x".repeat(100_000);
  for (let key = 1; key <= 400; key += 1) {
    const row = { key, name: `name ${key}`, value };
    await store.transaction((current) => current.write([insert("settings", row)]));
  }
  // 40 MB were written; without checkpoints all of it would still be in the log.
  expect(statSync(`${path}-wal`).size).toBeLessThan(15_000_000);
});

test("a missing directory is created for this user alone", async () => {
  const deep = join(directory, "a", "b", "reprise.db");
  await open(deep);
  if (process.platform === "win32") return;
  const modeOf = (file: string) => (statSync(file).mode & 0o777).toString(8);
  expect(modeOf(join(directory, "a"))).toBe("700");
  expect(modeOf(join(directory, "a", "b"))).toBe("700");
  const files = readdirSync(join(directory, "a", "b"));
  expect(files).toContain("reprise.db-wal");
  for (const file of files) expect(modeOf(join(directory, "a", "b", file))).toBe("600");
});

test("a store in memory leaves no file and no lock", async () => {
  // Where nobody else makes files meanwhile.
  const before = process.cwd();
  process.chdir(directory);
  try {
    await open(":memory:");
    await open(":memory:");
  } finally {
    process.chdir(before);
  }
  expect(readdirSync(directory)).toEqual([]);
});

test("a directory that cannot be made is refused", async () => {
  writeFileSync(join(directory, "file"), "");
  const below = join(directory, "file", "data");
  await expect(open(join(below, "reprise.db"))).rejects.toMatchObject(
    matching(/the data directory .*file.data cannot be used: .*choose one/),
  );
});

// The superuser may write everywhere.
if (process.getuid?.() !== 0 && process.platform !== "win32") {
  test("a directory that cannot be written is refused", async () => {
    mkdirSync(join(directory, "data"));
    chmodSync(join(directory, "data"), 0o500);
    await expect(open()).rejects.toMatchObject(matching(/cannot be used/));
    chmodSync(join(directory, "data"), 0o700);
  });
}

test("a file that is no database is refused and left alone", async () => {
  mkdirSync(join(directory, "data"));
  writeFileSync(path, "this is a text about workflows, not a database\n".repeat(100));
  const size = statSync(path).size;
  await expect(open()).rejects.toMatchObject(matching(/could not open .*not a database/));
  expect(statSync(path).size).toBe(size);
  expect(existsSync(`${path}-wal`)).toBe(false);
});

test("another program's database is refused and left alone", async () => {
  mkdirSync(join(directory, "data"));
  change("CREATE TABLE theirs (a)");
  await expect(open()).rejects.toMatchObject(matching(/is a database of another program/));
  expect(tablesOf()).toEqual(["theirs"]);
});

test("a newer schema is refused, and the directory is free again", async () => {
  await (await open()).close();
  const newest = migrations.length;
  change(`PRAGMA user_version = ${newest + 1}`);
  const message = new RegExp(`has schema version ${newest + 1}, .*up to ${newest};`);
  await expect(open()).rejects.toMatchObject(matching(message));
  change(`PRAGMA user_version = ${newest}`);
  await open();
});

test("a damaged page is an error, not an answer", async () => {
  const first = await open();
  const rows = Array.from({ length: 2_000 }, (_, key) => setting(key));
  await first.transaction((current) => current.write(rows));
  await first.close();
  damage();
  const second = await open();
  const reading = second.list("settings", { where: [], order: "ascending", limit: 5_000 });
  await expect(reading).rejects.toMatchObject({ code: "storage_unavailable" });
});

test("an SQLite that can damage the log is refused", () => {
  for (const version of ["3.51.3", "3.51.10", "3.100.0", "4.0.0"]) checkSqliteVersion(version);
  for (const version of ["3.51.2", "3.9.9", "3.46.1"]) {
    expect(() => checkSqliteVersion(version)).toThrow(`has SQLite ${version}, 3.51.3 or newer`);
  }
});

test("the schema has exactly the columns of the rows, in strict tables", async () => {
  await (await open()).close();
  const database = new DatabaseSync(path);
  expect(tablesOf()).toEqual([...Object.keys(columnTypes), "sequence"].sort());
  for (const [table, columns] of Object.entries(columnTypes)) {
    const found = database.prepare("SELECT name, type FROM pragma_table_info(?)").all(table);
    expect(Object.fromEntries(found.map(({ name, type }) => [name, type]))).toEqual(columns);
    const list = database.prepare("SELECT strict FROM pragma_table_list(?)").get(table);
    expect(list?.strict).toBe(1);
  }
  database.close();
});

function matching(message: RegExp) {
  return { code: "storage_unavailable", message: expect.stringMatching(message) };
}

function change(sql: string): void {
  const database = new DatabaseSync(path);
  database.exec(sql);
  database.close();
}

function tablesOf(): unknown[] {
  const database = new DatabaseSync(path, { readOnly: true });
  const sql = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
  const names = database.prepare(sql).all();
  database.close();
  return names.map(({ name }) => name);
}

/** Zeroes a page of the settings in the middle of the file. */
function damage(): void {
  const database = new DatabaseSync(path);
  const sql = "SELECT pageno FROM dbstat WHERE name = 'settings' AND pagetype = 'leaf'";
  const pages = database.prepare(sql).all();
  database.close();
  const page = Number(pages[Math.floor(pages.length / 2)]?.pageno);
  const bytes = new Uint8Array(8_192).fill(0xee);
  const file = openSync(path, "r+");
  writeSync(file, bytes, 0, bytes.length, (page - 1) * bytes.length);
  closeSync(file);
}
