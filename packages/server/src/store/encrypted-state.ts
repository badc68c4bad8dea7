import { isJsonObject, parseJson, type RandomBytes, RepriseError } from "@reprise/protocol";
import type { Change, SettingRow } from "../core/rows.ts";
import { createCodec } from "./encrypted-codec.ts";
import type { EncryptionKey, EncryptionSettings } from "./encrypted-keys.ts";
import { STATE_NAME } from "./encrypted-rows.ts";
import type { Transaction } from "./store.ts";

/** How a database is encrypted. Stands in clear in the setting `encryption`, so that a start without keys can say what is missing. */
export interface EncryptionState {
  /** Names of the keys that are in use, each with a text that it alone can decrypt. */
  readonly keys: Readonly<Record<string, string>>;
  /** Whether there may be encrypted payloads. */
  readonly hasPayloads: boolean;
  /** Proof, made with a key, that no payload is clear any more; null when some may be. */
  readonly seal: string | null;
  /** How far a change of all rows has come; null when none is under way. */
  readonly rotation: RotationMark | null;
}

export interface RotationMark {
  /** What the rows are changed to; a mark of another target is void. */
  readonly target: string;
  readonly table: string;
  readonly afterKey: number;
}

const CHECK = { table: "settings", column: "encryption.check", key: 0 } as const;
const SEAL = { table: "settings", column: "encryption.seal", key: 0 } as const;
const SEALED = "every payload is encrypted";

export const emptyState: EncryptionState = {
  keys: {},
  hasPayloads: false,
  seal: null,
  rotation: null,
};

/** Null for a database that was never encrypted, or is not any more. */
export async function readState(
  transaction: Pick<Transaction, "find">,
): Promise<EncryptionState | null> {
  const row = await findRow(transaction);
  if (row === null) return null;
  const value = parseJson(row.value, `the setting ${STATE_NAME}`);
  if (!isJsonObject(value) || value.version !== 1 || !isJsonObject(value.keys)) {
    throw new RepriseError("storage_unavailable", {
      message: `the setting ${STATE_NAME} of the database is not readable: a newer version has written it, or it is damaged`,
    });
  }
  return value as unknown as EncryptionState; // Written below, and nowhere else.
}

export async function writeState(
  transaction: Transaction,
  state: EncryptionState | null,
): Promise<void> {
  const row = await findRow(transaction);
  if (state === null) {
    if (row !== null)
      await transaction.write([{ type: "delete", table: "settings", key: row.key }]);
    return;
  }
  const { keys, hasPayloads, seal, rotation } = state;
  const value = JSON.stringify({ version: 1, keys, hasPayloads, seal, rotation });
  await transaction.write([await toChange(transaction, row, value)]);
}

async function toChange(
  transaction: Transaction,
  row: SettingRow | null,
  value: string,
): Promise<Change> {
  if (row !== null) return { type: "update", table: "settings", key: row.key, set: { value } };
  const [span] = await transaction.reserveKeys(1);
  if (span === undefined) throw new Error("a reservation of one key is never empty");
  return { type: "insert", table: "settings", row: { key: span.first, name: STATE_NAME, value } };
}

async function findRow(transaction: Pick<Transaction, "find">): Promise<SettingRow | null> {
  return (await transaction.find("settings", "byName", [[STATE_NAME]]))[0] ?? null;
}

/** @throws RepriseError when a key that the database needs is missing or another one. */
export function checkKeys(
  state: EncryptionState,
  settings: EncryptionSettings,
  randomBytes: RandomBytes,
): void {
  for (const [name, check] of Object.entries(state.keys)) {
    const key = settings.keys.find((given) => given.name === name);
    if (key === undefined) throw missingKeys([name]);
    const found = createCodec([key], randomBytes).openText(check, CHECK);
    if (found.type === "open") continue;
    throw new RepriseError("invalid_request", {
      message: `the key "${name}" in REPRISE_ENCRYPTION_KEYS is not the one that the database was encrypted with; give the right one, or another name to a new one`,
    });
  }
}

export function missingKeys(names: readonly string[]): RepriseError {
  const named = names.map((name) => `"${name}"`).join(", ");
  return new RepriseError("invalid_request", {
    message: `the database is encrypted, and the key ${named} is missing: give it in REPRISE_ENCRYPTION_KEYS or in the file of REPRISE_ENCRYPTION_KEYS_FILE`,
  });
}

/** The state in which `key` is one of those in use. */
export function withKey(
  state: EncryptionState,
  key: EncryptionKey,
  randomBytes: RandomBytes,
): EncryptionState {
  if (Object.hasOwn(state.keys, key.name)) return state;
  const check = createCodec([key], randomBytes).sealText(key.name, CHECK);
  return { ...state, keys: { ...state.keys, [key.name]: check } };
}

export function makeSeal(settings: EncryptionSettings, randomBytes: RandomBytes): string {
  return createCodec(settings.keys, randomBytes).sealText(SEALED, SEAL);
}

export function isSealed(
  { seal }: EncryptionState,
  settings: EncryptionSettings,
  randomBytes: RandomBytes,
): boolean {
  if (seal === null) return false;
  const found = createCodec(settings.keys, randomBytes).openText(seal, SEAL);
  return found.type === "open" && Buffer.from(found.bytes).toString() === SEALED;
}
