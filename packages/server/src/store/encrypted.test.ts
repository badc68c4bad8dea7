import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { TableName, Tables } from "../core/rows.ts";
import { canaryRows, encrypt, keyA, keyB, payloads, secrets } from "./encrypted.suite.ts";
import { openEncrypted } from "./encrypted.ts";
import { protectedColumns, protections } from "./encrypted-columns.ts";
import type { EncryptionSettings } from "./encrypted-keys.ts";
import { fullRows } from "./full-rows.suite.ts";
import { insert, messageRow, runRow, stepRow, update } from "./rows.suite.ts";
import { openSqliteStore } from "./sqlite.ts";
import { storeSuite, write } from "./store.suite.ts";
import type { Condition, Store } from "./store.ts";
import { lookups, uniqueColumns } from "./tables.ts";

storeSuite("SQLite with encrypted payloads", async () =>
  encrypt(await openSqliteStore({ path: ":memory:" }), payloads),
);

const TABLES = Object.keys(protections) as TableName[]; // The table has exactly the tables.
const CANARY = "canary-7f3a9";

let directory: string;
let raw: Store;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "reprise-encrypted-"));
  raw = await openSqliteStore({ path: join(directory, "reprise.db") });
});

afterEach(async () => {
  await raw.close();
  rmSync(directory, { recursive: true });
});

function open(settings: EncryptionSettings | null) {
  return openEncrypted(raw, { settings, randomBytes });
}

/** Names of the files of the database that hold the text. */
function filesWith(text: string): readonly string[] {
  const files = readdirSync(directory).filter((name) => name.startsWith("reprise.db"));
  expect(files).toContain("reprise.db-wal");
  return files.filter((name) => readFileSync(join(directory, name)).includes(text));
}

describe("what is in the files", () => {
  test("with payloads no protected column of any table", async () => {
    const { store } = await open(payloads);
    await write(store, ...canaryRows(CANARY, 100));
    expect(filesWith(CANARY)).toEqual([]);
    for (const change of canaryRows(CANARY, 100)) {
      if (change.type === "insert")
        expect(await store.get(change.table, [change.row.key])).toEqual([change.row]);
    }
    await raw.close();
    expect(readFileSync(join(directory, "reprise.db")).includes(CANARY)).toBe(false);
  });

  test("without payloads no secret", async () => {
    const { store } = await open(secrets);
    const setting = { key: 9, name: "signingKey.next", value: CANARY };
    await write(store, insert("settings", setting));
    expect(filesWith(CANARY)).toEqual([]);
    expect(await store.find("settings", "byName", [["signingKey.next"]])).toEqual([setting]);
  });

  test("without keys everything, so that the search proves something", async () => {
    const { store } = await open(null);
    expect(store).toBe(raw);
    await write(store, ...canaryRows(CANARY, 100));
    expect(filesWith(CANARY)).not.toEqual([]);
  });
});

test("nothing that is looked up, unique or a number is encrypted, and all bytes are", () => {
  for (const table of TABLES) {
    const encrypted = protectedColumns(table, true).map(({ name }) => name);
    const found: readonly (readonly string[])[] = Object.values(lookups[table]);
    const kept = [...found.flat(), ...uniqueColumns[table], "key", "state"];
    expect(kept.filter((name) => encrypted.includes(name))).toEqual([]);
  }
});

test("the page of the documentation lists exactly what is encrypted", () => {
  const page = readFileSync(new URL("../../../../docs/encryption.md", import.meta.url), "utf8");
  const listed = page.split("\n").filter((line) => line.startsWith("| `"));
  const names = listed.flatMap((line) =>
    [...line.matchAll(/`(\w+\.\w+)`/g)].map(([, name]) => name),
  );
  const encrypted = TABLES.filter((table) => table !== "settings").flatMap((table) =>
    protectedColumns(table, true).map(({ name }) => `${table}.${name}`),
  );
  expect(names.toSorted()).toEqual(encrypted.toSorted());
});

test("a condition on an encrypted column is a bug", async () => {
  const { store } = await open(payloads);
  const where: Condition<"messages">[] = [{ type: "in", column: "config", values: ["{}"] }];
  await expect(store.list("messages", { where, order: "ascending", limit: 1 })).rejects.toThrow(
    /messages.config is encrypted/,
  );
  await expect(store.count("messages", where)).rejects.toThrow(/messages.config is encrypted/);
});

describe("an existing database", () => {
  test("is read as it is, and written encrypted from now on", async () => {
    await write(raw, ...canaryRows(CANARY, 100));
    const { store } = await open(payloads);
    await write(
      store,
      ...canaryRows(CANARY, 200),
      update("runs", 101, { response: new Uint8Array([9]) }),
    );
    for (const change of [...canaryRows(CANARY, 100), ...canaryRows(CANARY, 200)]) {
      if (change.type !== "insert" || change.row.key === 101) continue;
      expect(await store.get(change.table, [change.row.key])).toEqual([change.row]);
    }
    const [changed] = await raw.get("runs", [101]);
    expect(changed?.response).not.toEqual(new Uint8Array([9]));
    expect((await store.get("runs", [101]))[0]?.response).toEqual(new Uint8Array([9]));
  });

  test("has its secrets encrypted at once", async () => {
    await write(raw, insert("settings", { key: 1000, name: "signingKey.next", value: CANARY }));
    const { store } = await open(secrets);
    expect((await raw.get("settings", [1000]))[0]?.value).not.toContain(CANARY);
    expect((await store.get("settings", [1000]))[0]?.value).toBe(CANARY);
  });

  test("can go back to clear payloads, and what looks encrypted is not taken for it", async () => {
    const before = await open(payloads);
    await write(before.store, insert("steps", stepRow(1)));
    const [sealed] = await raw.get("steps", [1]);
    const { store } = await open(secrets);
    const body = sealed?.body ?? new Uint8Array();
    await write(store, insert("steps", stepRow(2, { slot: 5, body })));
    await write(store, insert("steps", stepRow(3, { slot: 7 })));
    expect((await raw.get("steps", [3]))[0]).toEqual(stepRow(3, { slot: 7 }));
    const found = await store.get("steps", [1, 2, 3]);
    const bodies = found.toSorted((a, b) => a.key - b.key).map((row) => row.body);
    expect(bodies).toEqual([stepRow(1).body, body, stepRow(3).body]);
  });
});

describe("a start is refused", () => {
  test("without keys, and the missing one is named", async () => {
    await open(secrets);
    await expect(open(null)).rejects.toThrow(/is encrypted, and the key "a" is missing/);
  });

  test("with other keys alone", async () => {
    await open(secrets);
    await expect(open({ ...secrets, keys: [keyB] })).rejects.toThrow(/the key "a" is missing/);
  });

  test("with another key of the same name", async () => {
    await open(secrets);
    const wrong = { name: "a", bytes: keyB.bytes };
    await expect(open({ ...secrets, keys: [wrong] })).rejects.toThrow(
      /the key "a" in REPRISE_ENCRYPTION_KEYS is not the one/,
    );
  });
});

test("a new first key encrypts what is written, the old one still decrypts", async () => {
  const before = await open(payloads);
  await write(before.store, ...canaryRows(CANARY, 100));
  const { store } = await open({ ...payloads, keys: [keyB, keyA] });
  await write(store, insert("steps", stepRow(1)));
  await expect(open(payloads)).rejects.toThrow(/the key "b" is missing/);
  for (const change of canaryRows(CANARY, 100)) {
    if (change.type === "insert")
      expect(await store.get(change.table, [change.row.key])).toEqual([change.row]);
  }
});

describe("what was tampered with", () => {
  type Tamper = (sealed: Uint8Array, other: Uint8Array) => Uint8Array;
  const cases: readonly (readonly [string, Tamper])[] = [
    ["first bit", (bytes) => flipped(bytes, 0)],
    ["middle bit", (bytes) => flipped(bytes, bytes.byteLength >> 1)],
    ["last bit", (bytes) => flipped(bytes, bytes.byteLength - 1)],
    ["row", (_, other) => other],
    ["length", (bytes) => bytes.subarray(0, 9)],
    ["encryption", () => new TextEncoder().encode("clear")],
    ["everything", () => new Uint8Array()],
  ];

  test.each(cases)("in its %s is not used, and all other rows are", async (_name, tamper) => {
    const { store, shown } = await open(payloads);
    // A fresh database is sealed at its first start: nothing clear is taken any more.
    await write(store, insert("steps", stepRow(1)), insert("steps", stepRow(2, { slot: 9 })));
    const again = await open(payloads);
    const [one, two] = await raw.get("steps", [1, 2]);
    if (one === undefined || two === undefined) throw new Error("both rows are there");
    await write(raw, update("steps", 1, { body: tamper(one.body, two.body) }));
    for (const { store: reader } of [{ store }, again]) {
      const [row, whole] = await reader.get("steps", [1, 2]);
      expect(row?.config).toBe(stepRow(1).config);
      expect(() => row?.body).toThrow(/the column body of row 1 in steps/);
      expect(() => ({ ...row })).toThrow(expect.objectContaining({ code: "storage_damaged" }));
      expect(whole).toEqual(stepRow(2, { slot: 9 }));
    }
    const [row] = await shown.get("steps", [1]);
    expect(row?.body).toEqual(new Uint8Array());
  });

  test("a report is shown as absent, and what it belongs to stays usable", async () => {
    const { store } = await open(payloads);
    await write(store, insert("deadLetters", { ...fullRows.deadLetters, key: 500 }));
    const set: Partial<Tables["deadLetters"]> = { reason: "x", responseBody: new Uint8Array([1]) };
    await write(raw, update("deadLetters", 500, set));
    const [row] = await store.get("deadLetters", [500]);
    expect(row).toMatchObject({ reason: "(the stored text is damaged)", responseBody: null });
  });

  test("a column that was not read is not missed", async () => {
    const { store } = await open(payloads);
    await write(store, insert("messages", messageRow(1, { body: new Uint8Array([1]) })));
    await write(store, insert("runs", runRow(2)));
    const query = { where: [], order: "ascending", limit: 5, without: ["body"] } as const;
    const [row] = await store.list("messages", query);
    expect(row?.body).toEqual(new Uint8Array());
  });
});

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const changed = Uint8Array.from(bytes);
  changed[at] = (changed[at] ?? 0) ^ 1;
  return changed;
}
