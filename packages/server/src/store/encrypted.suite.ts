import { randomBytes } from "node:crypto";
import type { Change, TableName } from "../core/rows.ts";
import { openEncrypted } from "./encrypted.ts";
import { protectedColumns, protections } from "./encrypted-columns.ts";
import type { EncryptionKey, EncryptionSettings } from "./encrypted-keys.ts";
import { fullRows } from "./full-rows.suite.ts";
import { insert } from "./rows.suite.ts";
import type { Store } from "./store.ts";
import { uniqueColumns } from "./tables.ts";

export const keyA: EncryptionKey = { name: "a", bytes: new Uint8Array(32).fill(1) };
export const keyB: EncryptionKey = { name: "b", bytes: new Uint8Array(32).fill(2) };

export const payloads: EncryptionSettings = { keys: [keyA], hasPayloads: true };
export const secrets: EncryptionSettings = { keys: [keyA], hasPayloads: false };

/** Far above the keys that the tests of stores give to rows by hand. */
const KEYS_TAKEN = 1_000_000;

/** A store like any other, with encryption in front of it. */
export async function encrypt(store: Store, settings: EncryptionSettings): Promise<Store> {
  await store.transaction((transaction) => transaction.reserveKeys(KEYS_TAKEN));
  return (await openEncrypted(store, { settings, randomBytes })).store;
}

/** A row of every table that has the canary in every protected column. */
export function canaryRows(canary: string, offset: number): readonly Change[] {
  const tables = Object.keys(protections) as TableName[]; // It has exactly the tables.
  return tables.map((table) => {
    const row: Record<string, unknown> = { ...fullRows[table], key: fullRows[table].key + offset };
    for (const { name, isBytes } of protectedColumns(table, true)) {
      row[name] = isBytes ? Uint8Array.from(Buffer.from(canary)) : canary;
    }
    for (const name of uniqueColumns[table]) {
      if (name === "state") continue;
      row[name] = typeof row[name] === "number" ? row[name] + offset : `${row[name]}${offset}`;
    }
    return insert(table, row as never); // The columns keep their types.
  });
}
