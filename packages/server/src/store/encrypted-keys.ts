/** A key of an operator, by its name. */
export interface EncryptionKey {
  /** Stands in clear beside everything that the key has encrypted. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What an operator has asked for. The first key encrypts, all of them decrypt. */
export interface EncryptionSettings {
  readonly keys: readonly [EncryptionKey, ...EncryptionKey[]];
  /** Also what users send and get, beside the secrets of the installation. */
  readonly hasPayloads: boolean;
}

const KEY_BYTES = 32;
const KEYS_MAX = 16;
const NAME = /^[\w.-]{1,32}$/;

/**
 * Reads `name:base64 of 32 bytes`, several of them with commas or line breaks between. Faults go to `faults`, with the name of a key
 * and never with its text.
 */
export function parseEncryptionKeys(
  text: string,
  source: string,
  faults: string[],
): readonly EncryptionKey[] {
  const entries = text.split(/[,\n\r]+/).map((entry) => entry.trim());
  const given = entries.filter((entry) => entry !== "");
  const keys = given.map((entry, index) => parseKey(entry, `${source}: key ${index + 1}`, faults));
  const found = keys.filter((key) => key !== null);
  if (found.length > KEYS_MAX) faults.push(`${source} takes at most ${KEYS_MAX} keys`);
  const names = found.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) faults.push(`${source} has two keys with the name ${twice}`);
  return found;
}

function parseKey(entry: string, place: string, faults: string[]): EncryptionKey | null {
  const colon = entry.indexOf(":");
  const name = entry.slice(0, Math.max(colon, 0));
  if (!NAME.test(name)) {
    faults.push(
      `${place} must be written name:base64, with a name of 1 to 32 letters, digits, dots, dashes and underscores`,
    );
    return null;
  }
  const text = entry.slice(colon + 1);
  const bytes = Buffer.from(text, "base64");
  // What is no base64 is skipped by the decoder: the way back shows it.
  const isBase64 = bytes.toString("base64").replace(/=+$/, "") === text.replace(/=+$/, "");
  if (isBase64 && bytes.byteLength === KEY_BYTES) return { name, bytes };
  faults.push(
    `${place}, ${name}, must be the base64 of ${KEY_BYTES} bytes (openssl rand -base64 32)`,
  );
  return null;
}
