import type { RandomBytes } from "@reprise/protocol";
import { assert } from "../core/assert.ts";
import type { Change, TableName, Tables } from "../core/rows.ts";
import { createCodec } from "./encrypted-codec.ts";
import { protections } from "./encrypted-columns.ts";
import type { EncryptionSettings } from "./encrypted-keys.ts";
import { createRowCodec, type Damage, type RowCodec, STATE_NAME } from "./encrypted-rows.ts";
import {
  checkKeys,
  type EncryptionState,
  emptyState,
  isSealed,
  makeSeal,
  missingKeys,
  readState,
  withKey,
  writeState,
} from "./encrypted-state.ts";
import { passOnStore, passOnTransaction } from "./pass-on.ts";
import type { Condition, Reader, Store, Transaction } from "./store.ts";

export interface EncryptionOptions {
  readonly settings: EncryptionSettings | null;
  readonly randomBytes: RandomBytes;
}

export interface OpenedStore {
  /** Refuses to use what cannot be decrypted. */
  readonly store: Store;
  /** The same for whoever only shows rows: what cannot be decrypted comes empty, so that it does not hide the others. */
  readonly shown: Store;
}

/**
 * Puts encryption between a store and all who use it. Without settings the store itself is given back. Secrets are encrypted here and
 * now, whatever they were before; payloads as they are written.
 * @throws RepriseError `invalid_request` when a key that the database needs is missing or wrong; the message names it.
 */
export async function openEncrypted(
  store: Store,
  options: EncryptionOptions,
): Promise<OpenedStore> {
  const { settings, randomBytes } = options;
  if (settings === null) {
    const state = await readState(store);
    if (state !== null) throw missingKeys(Object.keys(state.keys));
    return { store, shown: store };
  }
  const state = await takeUp(store, settings, randomBytes);
  const rows = createRowCodec(createCodec(settings.keys, randomBytes), {
    hasPayloads: settings.hasPayloads,
    readsPayloads: state.hasPayloads,
    isSealed: isSealed(state, settings, randomBytes),
  });
  return {
    store: encryptedStore(store, { rows, damage: "refuse" }),
    shown: encryptedStore(store, { rows, damage: "show" }),
  };
}

/** Brings the state up to the settings, before anything is written with them. */
export async function takeUp(
  store: Store,
  settings: EncryptionSettings,
  randomBytes: RandomBytes,
): Promise<EncryptionState> {
  return store.transaction(async (transaction) => {
    const known = await readState(transaction);
    if (known !== null) checkKeys(known, settings, randomBytes);
    const isFresh = known === null && settings.hasPayloads && (await isEmpty(transaction));
    const keyed = withKey(known ?? emptyState, settings.keys[0], randomBytes);
    const seal = isFresh ? makeSeal(settings, randomBytes) : keyed.seal;
    const state: EncryptionState = {
      ...keyed,
      hasPayloads: keyed.hasPayloads || settings.hasPayloads,
      // Clear payloads are about to be written.
      seal: settings.hasPayloads ? seal : null,
    };
    await encryptSecrets(transaction, settings, randomBytes);
    if (JSON.stringify(state) !== JSON.stringify(known)) await writeState(transaction, state);
    return state;
  });
}

async function isEmpty(transaction: Transaction): Promise<boolean> {
  // The table of protections has exactly the tables.
  for (const table of Object.keys(protections) as TableName[]) {
    const rows = await transaction.list(table, { where: [], order: "ascending", limit: 1 });
    if (rows.length > 0) return false;
  }
  return true;
}

/** Tokens, keys and marks of an installation: a few hundred at most. */
const SETTINGS_MAX = 10_000;

/** Those that are clear, and those that an older key has encrypted, change to the first key. */
async function encryptSecrets(
  transaction: Transaction,
  { keys }: EncryptionSettings,
  randomBytes: RandomBytes,
): Promise<void> {
  const codec = createCodec(keys, randomBytes);
  const query = { where: [], order: "ascending", limit: SETTINGS_MAX } as const;
  const changes: Change[] = [];
  for (const { key, name, value } of await transaction.list("settings", query)) {
    if (name === STATE_NAME) continue;
    const place = { table: "settings", column: "value", key };
    const found = codec.openText(value, place);
    if (found.type === "damaged" || found.type === "unknownKey") continue;
    if (found.type === "open" && found.keyName === keys[0].name) continue;
    const text = found.type === "open" ? Buffer.from(found.bytes).toString() : value;
    const set = { value: codec.sealText(text, place) };
    changes.push({ type: "update", table: "settings", key, set });
  }
  if (changes.length > 0) await transaction.write(changes);
}

interface Layer {
  readonly rows: RowCodec;
  readonly damage: Damage;
}

function encryptedStore(store: Store, layer: Layer): Store {
  return passOnStore(store, {
    ...encryptedReader(store, layer),
    transaction: (work, options) =>
      store.transaction((transaction) => work(encryptedTransaction(transaction, layer)), options),
    groups: (table, query) => {
      refuseProtected(table, query.where, layer);
      return store.groups(table, query);
    },
  });
}

function encryptedTransaction(transaction: Transaction, layer: Layer): Transaction {
  const { rows } = layer;
  return passOnTransaction(transaction, {
    ...encryptedReader(transaction, layer),
    write: (changes) => transaction.write(changes.map(rows.encode)),
    claimDue: async (table, now, limit, holder) =>
      opened(table, await transaction.claimDue(table, now, limit, holder), layer),
    claimWaiting: async (gate, limit) =>
      opened("messages", await transaction.claimWaiting(gate, limit), layer),
  });
}

/** The calls that give rows, or compare them. */
function encryptedReader(
  reader: Reader,
  layer: Layer,
): Pick<Reader, "get" | "find" | "list" | "count"> {
  return {
    get: async (table, keys) => opened(table, await reader.get(table, keys), layer),
    find: async (table, lookup, values) =>
      opened(table, await reader.find(table, lookup, values), layer),
    list: async (table, query) => {
      refuseProtected(table, query.where, layer);
      return opened(table, await reader.list(table, query), layer, query.without);
    },
    count: async (table, where) => {
      refuseProtected(table, where, layer);
      return reader.count(table, where);
    },
  };
}

function opened<T extends TableName>(
  table: T,
  found: readonly Tables[T][],
  { rows, damage }: Layer,
  without: readonly string[] = [],
): readonly Tables[T][] {
  return found.map((row) => rows.decode(table, row, { damage, without }));
}

/** What is encrypted with a random nonce equals nothing: such a condition would silently find nothing. */
function refuseProtected<T extends TableName>(
  table: T,
  where: readonly Condition<T>[],
  { rows }: Layer,
): void {
  for (const { column } of where) {
    const isSearched = !rows.isProtected(table, column);
    assert(isSearched, `the column ${table}.${column} is encrypted: no condition may name it`);
  }
}
