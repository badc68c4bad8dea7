import { randomBytes } from "node:crypto";
import { openEncrypted } from "./encrypted.ts";
import type { EncryptionKey, EncryptionSettings } from "./encrypted-keys.ts";
import type { Store } from "./store.ts";

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
