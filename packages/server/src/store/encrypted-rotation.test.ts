import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Change } from "../core/rows.ts";
import { canaryRows, keyA, keyB, payloads, secrets } from "./encrypted.suite.ts";
import { openEncrypted } from "./encrypted.ts";
import type { EncryptionSettings } from "./encrypted-keys.ts";
import { removeRemains } from "./encrypted-remains.ts";
import { type RotationReport, rotateEncryption } from "./encrypted-rotation.ts";
import { insert, remove, stepRow, update } from "./rows.suite.ts";
import { openSqliteStore } from "./sqlite.ts";
import { write } from "./store.suite.ts";
import type { Store } from "./store.ts";

const CANARY = "canary-b3d81";

let directory: string;
let path: string;
let raw: Store;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "reprise-rotation-"));
  path = join(directory, "reprise.db");
  raw = await openSqliteStore({ path });
});

afterEach(async () => {
  await raw.close();
  rmSync(directory, { recursive: true });
});

function rotate(
  settings: EncryptionSettings,
  more: {
    readonly isDecrypting?: boolean;
    readonly onProgress?: (report: RotationReport) => void;
  } = {},
): Promise<RotationReport> {
  return rotateEncryption(raw, { settings, isDecrypting: false, randomBytes, ...more });
}

async function open(settings: EncryptionSettings | null): Promise<Store> {
  return (await openEncrypted(raw, { settings, randomBytes })).store;
}

async function expectRows(store: Store, changes: readonly Change[]): Promise<void> {
  for (const change of changes) {
    if (change.type !== "insert") continue;
    expect(await store.get(change.table, [change.row.key])).toEqual([change.row]);
  }
}

/** Names of the files of the closed database that hold the text. */
function filesWith(text: string): readonly string[] {
  return readdirSync(directory).filter((name) =>
    readFileSync(join(directory, name)).includes(text),
  );
}

test("an existing database is encrypted wholly, and what is clear from then on is refused", async () => {
  const rows = [...canaryRows(CANARY, 100), ...canaryRows(CANARY, 200)];
  await write(raw, ...rows);
  const report = await rotate(payloads);
  expect(report.damaged).toEqual([]);
  expect(report.rowsChanged).toBeGreaterThan(20);
  await expectRows(await open(payloads), rows);
  await write(raw, update("steps", 101, { body: new TextEncoder().encode("clear") }));
  const [step] = await (await open(payloads)).get("steps", [101]);
  expect(() => step?.body).toThrow(/is not encrypted as all others are/);
});

test("remains of clear values are gone when the file was rewritten", async () => {
  const rows = canaryRows(CANARY, 100);
  const body = Buffer.from(CANARY.repeat(500));
  const gone = Array.from({ length: 50 }, (_, at) => stepRow(500 + at, { slot: at, body }));
  await write(raw, ...rows, ...gone.map((step) => insert("steps", step)));
  await write(raw, ...gone.map(({ key }) => remove("steps", key)));
  await rotate(payloads);
  await raw.close();
  expect(filesWith(CANARY)).not.toEqual([]);
  removeRemains(path);
  expect(filesWith(CANARY)).toEqual([]);
  expect(readdirSync(directory)).not.toContain("reprise.db.new");
  expect(statSync(path).mode & 0o777).toBe(0o600);
  raw = await openSqliteStore({ path });
  await expectRows(await open(payloads), rows);
});

test("a database in use is not rewritten", () => {
  expect(() => removeRemains(path)).toThrow(/is in use by another Reprise server/);
});

test("another key takes over, and the old one can go", async () => {
  const rows = canaryRows(CANARY, 100);
  await write(await open(payloads), ...rows);
  const both: EncryptionSettings = { hasPayloads: true, keys: [keyB, keyA] };
  await open(both);
  await expect(open({ ...both, keys: [keyB] })).rejects.toThrow(/the key "a" is missing/);
  await rotate(both);
  await expectRows(await open({ ...both, keys: [keyB] }), rows);
  expect((await rotate({ ...both, keys: [keyB] })).rowsChanged).toBe(0);
});

test("payloads become clear when they shall be, and secrets do not", async () => {
  const rows = canaryRows(CANARY, 100);
  await write(await open(payloads), ...rows);
  await rotate(secrets);
  await expectRows(await open(secrets), rows);
  expect((await raw.get("steps", [101]))[0]?.body).toEqual(Uint8Array.from(Buffer.from(CANARY)));
  expect((await raw.get("settings", [101]))[0]?.value).not.toContain(CANARY);
});

describe("decrypting", () => {
  test("makes everything clear, so that the keys can go", async () => {
    const rows = canaryRows(CANARY, 100);
    await write(await open(payloads), ...rows);
    await rotate(payloads, { isDecrypting: true });
    await expectRows(await open(null), rows);
  });

  test("is refused while a server is running, and of a clear database", async () => {
    await expect(rotate(payloads, { isDecrypting: true })).rejects.toThrow(/is not encrypted/);
    await open(payloads);
    const leaseUntil = (await raw.now()) + 60_000;
    const node = { key: 500, id: "n", startedAt: 1, leaseUntil };
    await write(raw, insert("nodes", node));
    await expect(rotate(payloads, { isDecrypting: true })).rejects.toThrow(/a server is running/);
  });
});

describe("a rotation that was killed", () => {
  const steps = Array.from({ length: 700 }, (_, at) =>
    insert("steps", stepRow(1000 + at, { slot: at, body: new Uint8Array(20_000).fill(at) })),
  );

  test.each([0, 1, 2])("behind transaction %i goes on where it was", async (last) => {
    await write(raw, ...steps);
    const whole = await killed(last);
    const rest = await rotate(payloads);
    expect(rest.rowsChanged).toBe(steps.length - whole);
    expect(rest.rowsSeen).toBe(steps.length - whole + 1);
    await expectRows(await open(payloads), steps.slice(0, 3));
  });

  test("and whose target has changed meanwhile begins anew", async () => {
    await write(raw, ...steps);
    await killed(1);
    await rotate({ ...payloads, keys: [keyB, keyA] });
    await expectRows(await open({ ...payloads, keys: [keyB] }), steps);
  });

  /** How many rows were changed before the end. */
  async function killed(lastTransaction: number): Promise<number> {
    let transactions = 0;
    let rows = 0;
    const onProgress = (report: RotationReport) => {
      rows = report.rowsChanged;
      transactions += 1;
      if (transactions > lastTransaction) throw new Error("killed");
    };
    await expect(rotate(payloads, { onProgress })).rejects.toThrow("killed");
    expect(rows).toBeLessThan(steps.length);
    return rows;
  }
});

test("what cannot be decrypted is named and left", async () => {
  const store = await open(payloads);
  await write(store, insert("steps", stepRow(1)), insert("steps", stepRow(2, { slot: 9 })));
  const [two] = await raw.get("steps", [2]);
  await write(raw, update("steps", 1, { body: two?.body ?? new Uint8Array() }));
  const report = await rotate({ hasPayloads: true, keys: [keyB, keyA] });
  expect(report.damaged).toEqual([{ table: "steps", column: "body", key: 1 }]);
});
