import { newSigningKey, type RandomBytes } from "@reprise/protocol";
import type { Change, SettingRow } from "../core/rows.ts";
import type { Store, Transaction } from "../store/store.ts";
import type { SigningKeys } from "./signer.ts";

const CURRENT = "signingKey.current";
const NEXT = "signingKey.next";

/** Texts that an installation keeps: signing keys, secrets. Read at start, held in memory, written through. */
export class KeyRing {
  readonly #store: Store;
  readonly #randomBytes: RandomBytes;
  #keys: SigningKeys;

  constructor(store: Store, randomBytes: RandomBytes, keys: SigningKeys) {
    this.#store = store;
    this.#randomBytes = randomBytes;
    this.#keys = keys;
  }

  /** Reads the keys; given ones replace what is stored, and missing ones are made and kept. */
  static async open(
    store: Store,
    randomBytes: RandomBytes,
    given: SigningKeys | null,
  ): Promise<KeyRing> {
    const current = await keepSetting(store, CURRENT, given?.current ?? null, () =>
      newSigningKey(randomBytes),
    );
    const next = await keepSetting(store, NEXT, given?.next ?? null, () =>
      newSigningKey(randomBytes),
    );
    return new KeyRing(store, randomBytes, { current, next });
  }

  get signingKeys(): SigningKeys {
    return this.#keys;
  }

  /** The next key becomes the current one; apps that hold both accept deliveries before, during and after. */
  async rotate(): Promise<SigningKeys> {
    const keys = await this.#store.transaction(async (transaction) => {
      const current = await readSetting(transaction, NEXT);
      const rotated = {
        current: current ?? this.#keys.next,
        next: newSigningKey(this.#randomBytes),
      };
      await writeSetting(transaction, CURRENT, rotated.current);
      await writeSetting(transaction, NEXT, rotated.next);
      return rotated;
    });
    this.#keys = keys;
    return keys;
  }
}

/** The stored text of a setting; `given` replaces it, and where there is neither, `make` provides one that is kept. */
export async function keepSetting(
  store: Store,
  name: string,
  given: string | null,
  make: () => string,
): Promise<string> {
  return store.transaction(async (transaction) => {
    const stored = await readSetting(transaction, name);
    const value = given ?? stored ?? make();
    if (value !== stored) await writeSetting(transaction, name, value);
    return value;
  });
}

async function findSetting(transaction: Transaction, name: string): Promise<SettingRow | null> {
  const [row] = await transaction.find("settings", "byName", [[name]]);
  return row ?? null;
}

async function readSetting(transaction: Transaction, name: string): Promise<string | null> {
  return (await findSetting(transaction, name))?.value ?? null;
}

async function writeSetting(transaction: Transaction, name: string, value: string): Promise<void> {
  const row = await findSetting(transaction, name);
  const change: Change =
    row === null
      ? {
          type: "insert",
          table: "settings",
          row: { key: await transaction.reserveKeys(1), name, value },
        }
      : { type: "update", table: "settings", key: row.key, set: { value } };
  await transaction.write([change]);
}
