import { hash } from "node:crypto";
import { newSigningKey, type RandomBytes, RepriseError } from "@reprise/protocol";
import type { Store, Transaction } from "../store/store.ts";
import { deleteSetting, keepSetting, readSetting, writeSetting } from "./settings.ts";
import { tellSettings } from "./settings-watch.ts";
import type { SigningKeys } from "./signer.ts";

const CURRENT = "signingKey.current";
const NEXT = "signingKey.next";
const ROTATED_AT = "signingKey.rotatedAt";
/** When a pair was made, or was given, or was there for the first time. */
const SINCE = "signingKey.since";
/** Digest of the pair that was last given in the settings. */
const GIVEN = "signingKey.given";

export interface RingKeys extends SigningKeys {
  /** Null before the first rotation. */
  readonly rotatedAt: number | null;
  /** When the pair was made or given that the rotations began with. */
  readonly since: number;
}

export interface KeyRingOptions {
  readonly store: Store;
  readonly randomBytes: RandomBytes;
  readonly now: () => number;
  /** A pair from the settings: it replaces what is stored when it differs from the pair given before. */
  readonly given: SigningKeys | null;
  /** The given pair holds at every start, whatever was rotated meanwhile: development. */
  readonly isPinned: boolean;
  /** Time between two rotations that are not forced. */
  readonly guardMs: number;
}

/** The signing keys of an installation: read at start, held in memory, written through. */
export class KeyRing {
  readonly #options: KeyRingOptions;
  #keys: RingKeys;

  private constructor(options: KeyRingOptions, keys: RingKeys) {
    this.#options = options;
    this.#keys = keys;
  }

  /** Reads the keys; missing ones are made and kept. */
  static async open(options: KeyRingOptions): Promise<KeyRing> {
    const keys = await options.store.transaction((transaction) => openKeys(options, transaction));
    return new KeyRing(options, keys);
  }

  get signingKeys(): RingKeys {
    return this.#keys;
  }

  /**
   * The next key becomes the current one; apps that hold both accept deliveries before, during and after.
   * @throws RepriseError `key_rotation_too_soon` when the last rotation is recent and this one is not forced.
   */
  async rotate(isForced: boolean): Promise<RingKeys> {
    const { store, randomBytes, now } = this.#options;
    const keys = await store.transaction(async (transaction) => {
      const rotatedAt = now();
      // Read here and not from memory: of two rotations at once the second one has to see the first.
      if (!isForced) this.#refuseTooSoon(await readRotatedAt(transaction), rotatedAt);
      const current = (await readSetting(transaction, NEXT)) ?? this.#keys.next;
      const { since } = this.#keys;
      const rotated = { current, next: newSigningKey(randomBytes), rotatedAt, since };
      await writeSetting(transaction, CURRENT, rotated.current);
      await writeSetting(transaction, NEXT, rotated.next);
      await writeSetting(transaction, ROTATED_AT, String(rotatedAt));
      return rotated;
    });
    this.#keys = keys;
    tellSettings(store);
    return keys;
  }

  /** Takes over what another node has rotated. */
  async refresh(): Promise<void> {
    const { store } = this.#options;
    // In one read: a rotation in between would give a pair that nobody has.
    const names = [CURRENT, NEXT, ROTATED_AT, SINCE];
    const rows = await store.find(
      "settings",
      "byName",
      Array.from(names, (name) => [name]),
    );
    const textOf = (name: string) => rows.find((row) => row.name === name)?.value ?? null;
    const [current, next, rotatedAt, since] = names.map(textOf);
    if (current == null || next == null) return;
    this.#keys = {
      current,
      next,
      rotatedAt: rotatedAt == null ? null : Number(rotatedAt),
      since: since == null ? this.#keys.since : Number(since),
    };
  }

  /** An app that still holds the pair from before the last rotation knows the current key, but not the one behind it. */
  #refuseTooSoon(rotatedAt: number | null, now: number): void {
    const { guardMs } = this.#options;
    if (rotatedAt === null || now - rotatedAt >= guardMs) return;
    const again = new Date(rotatedAt + guardMs).toISOString();
    throw new RepriseError("key_rotation_too_soon", {
      message: `the signing keys were rotated at ${new Date(rotatedAt).toISOString()}; an app that has not taken the new pair would reject every delivery after another rotation; rotate again after ${again}, or now with ?force=true`,
      details: { rotatedAt, allowedAt: rotatedAt + guardMs },
    });
  }
}

async function openKeys(options: KeyRingOptions, transaction: Transaction): Promise<RingKeys> {
  const { given, randomBytes, now } = options;
  if (given !== null && (await isToTake(given, options, transaction))) {
    await writeSetting(transaction, CURRENT, given.current);
    await writeSetting(transaction, NEXT, given.next);
    await deleteSetting(transaction, ROTATED_AT);
    await deleteSetting(transaction, SINCE);
  }
  const make = () => newSigningKey(randomBytes);
  return {
    current: await keepSetting(transaction, CURRENT, make),
    next: await keepSetting(transaction, NEXT, make),
    rotatedAt: await readRotatedAt(transaction),
    since: Number(await keepSetting(transaction, SINCE, () => String(now()))),
  };
}

/**
 * Whether the given pair replaces the stored one. One that was given before is not taken again: after a rotation it holds the
 * key that apps have dropped meanwhile.
 */
async function isToTake(
  given: SigningKeys,
  { isPinned }: KeyRingOptions,
  transaction: Transaction,
): Promise<boolean> {
  if (isPinned) {
    const isStored = async (name: string, key: string) =>
      (await readSetting(transaction, name)) === key;
    return !((await isStored(CURRENT, given.current)) && (await isStored(NEXT, given.next)));
  }
  const mark = hash("sha256", `${given.current}\n${given.next}`);
  if ((await readSetting(transaction, GIVEN)) === mark) return false;
  await writeSetting(transaction, GIVEN, mark);
  return true;
}

async function readRotatedAt(transaction: Transaction): Promise<number | null> {
  const text = await readSetting(transaction, ROTATED_AT);
  return text === null ? null : Number(text);
}
