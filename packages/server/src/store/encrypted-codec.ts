import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hkdfSync,
  type KeyObject,
} from "node:crypto";
import type { RandomBytes } from "@reprise/protocol";
import { assert } from "../core/assert.ts";
import type { EncryptionKey } from "./encrypted-keys.ts";

/** Where a value stands: it can be read at no other place. */
export interface ValuePlace {
  readonly table: string;
  readonly column: string;
  readonly key: number;
}

/**
 * `clear`: it was never encrypted. `unknownKey`: nobody here has its key. `damaged`: it was changed, moved to another place, or
 * encrypted with another key of the same name.
 */
export type Opened =
  | { readonly type: "open"; readonly bytes: Uint8Array; readonly keyName: string }
  | { readonly type: "clear" }
  | { readonly type: "unknownKey"; readonly keyName: string }
  | { readonly type: "damaged"; readonly keyName: string };

export interface Codec {
  /** Encrypts with the first key. */
  seal(bytes: Uint8Array, place: ValuePlace): Uint8Array;
  open(value: Uint8Array, place: ValuePlace): Opened;
  sealText(text: string, place: ValuePlace): string;
  openText(value: string, place: ValuePlace): Opened;
}

/** No UTF-8 begins like this. The last byte is the version of the format. */
const MAGIC = Buffer.from([0x9f, 0x52, 0xe5, 0x01]);
const TEXT_PREFIX = "\u0001reprise:1:";
const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const TAG = { authTagLength: TAG_BYTES };

/** Random nonces of 96 bits repeat with a chance below 2^-40 within so many values; then another salt gives another key. */
const VALUES_PER_SALT = 2 ** 28;

/** Keys that were derived for reading: one for each start of a server that has written something which is still there. */
const DERIVED_KEYS_MAX = 10_000;

/**
 * AES-256-GCM with a random nonce. What encrypts is derived from the operator's key and a random salt of this process, so that no
 * number of values, processes and years wears out a key. A value is: magic and version, length and name of the key, salt, nonce,
 * ciphertext, tag. A column of text holds a prefix and the base64 of all that behind the magic.
 */
export function createCodec(
  keys: readonly [EncryptionKey, ...EncryptionKey[]],
  randomBytes: RandomBytes,
): Codec {
  const byName = new Map(keys.map(({ name, bytes }) => [name, bytes]));
  const writer = createWriter(keys[0], randomBytes);
  const derived = new Map<string, KeyObject>();

  function keyOf(name: string, salt: Buffer): KeyObject | null {
    const id = `${name}:${salt.toString("latin1")}`;
    const known = derived.get(id);
    if (known !== undefined) return known;
    const bytes = byName.get(name);
    if (bytes === undefined) return null;
    const key = deriveKey(bytes, salt);
    if (derived.size >= DERIVED_KEYS_MAX) derived.clear();
    derived.set(id, key);
    return key;
  }

  /** `value` without the magic. */
  function openBehind(value: Buffer, place: ValuePlace): Opened {
    const nameEnd = 1 + (value[0] ?? 0);
    const nonceAt = nameEnd + SALT_BYTES;
    const start = nonceAt + NONCE_BYTES;
    const end = value.byteLength - TAG_BYTES;
    if (end < start) return { type: "damaged", keyName: "" };
    const keyName = value.toString("latin1", 1, nameEnd);
    const key = keyOf(keyName, value.subarray(nameEnd, nonceAt));
    if (key === null) return { type: "unknownKey", keyName };
    const decipher = createDecipheriv("aes-256-gcm", key, value.subarray(nonceAt, start), TAG);
    decipher.setAAD(toIdentity(place));
    decipher.setAuthTag(value.subarray(end));
    const { buffer, byteOffset, byteLength } = decipher.update(value.subarray(start, end));
    const bytes = new Uint8Array(buffer, byteOffset, byteLength);
    try {
      decipher.final();
    } catch {
      return { type: "damaged", keyName }; // It throws when the tag is wrong, and for nothing else.
    }
    return { type: "open", bytes, keyName };
  }

  return {
    seal: (bytes, place) => Buffer.concat([MAGIC, ...writer(bytes, place)]),
    open: (value, place) => {
      const buffer = toBuffer(value);
      if (!MAGIC.equals(buffer.subarray(0, MAGIC.byteLength))) return { type: "clear" };
      return openBehind(buffer.subarray(MAGIC.byteLength), place);
    },
    sealText: (text, place) =>
      TEXT_PREFIX + Buffer.concat(writer(Buffer.from(text), place)).toString("base64"),
    openText: (value, place) => {
      if (!value.startsWith(TEXT_PREFIX)) return { type: "clear" };
      return openBehind(Buffer.from(value.slice(TEXT_PREFIX.length), "base64"), place);
    },
  };
}

/** Whether a value was encrypted, by whatever key. */
export function isEncryptedValue(value: unknown): boolean {
  if (typeof value === "string") return value.startsWith(TEXT_PREFIX);
  return value instanceof Uint8Array && MAGIC.equals(value.subarray(0, MAGIC.byteLength));
}

/** The parts of a value behind the magic. */
type Writer = (bytes: Uint8Array, place: ValuePlace) => readonly Uint8Array[];

function createWriter({ name, bytes: secret }: EncryptionKey, randomBytes: RandomBytes): Writer {
  const named = Buffer.from(`\0${name}`, "latin1");
  named[0] = name.length;
  assert(name.length === named.byteLength - 1, "names of keys are ASCII");
  let head = named;
  let key = createSecretKey(secret);
  let valuesLeft = 0;
  return (bytes, place) => {
    if (valuesLeft === 0) {
      const salt = Buffer.from(randomBytes(SALT_BYTES));
      head = Buffer.concat([named, salt]);
      key = deriveKey(secret, salt);
      valuesLeft = VALUES_PER_SALT;
    }
    valuesLeft -= 1;
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv("aes-256-gcm", key, nonce, TAG);
    cipher.setAAD(toIdentity(place));
    const encrypted = cipher.update(bytes);
    cipher.final();
    return [head, nonce, encrypted, cipher.getAuthTag()];
  };
}

function deriveKey(secret: Uint8Array, salt: Uint8Array): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync("sha256", secret, salt, "reprise at rest 1", 32)));
}

/** Names of tables and columns have no dot. */
function toIdentity({ table, column, key }: ValuePlace): Buffer {
  return Buffer.from(`${table}.${column}.${key}`);
}

function toBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
