/** Ids that the SDK makes. */

const CHARS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
const RANDOM_CHARS = 21;

/** 126 random bits as text that any id may consist of. */
export function randomId(length = RANDOM_CHARS): string {
  const bytes = crypto.getRandomValues(new Uint8Array(length));
  // 64 characters: a quarter of the values of a byte, so that each is as likely as any other.
  return Array.from(bytes, (byte) => CHARS[byte & 63]).join("");
}

/** The id of a run: a random one, or the author's own. Both begin with `wfr_`. */
export function toRunId(own?: string): string {
  return `wfr_${own ?? randomId()}`;
}
