import { createHmac, timingSafeEqual } from "node:crypto";
import { RepriseError } from "@reprise/protocol";

/**
 * Cursors: where the next page begins, as text that clients hand back. The text is authenticated and names its endpoint, so
 * that nobody can put another position into it and no cursor works where it was not issued.
 */

/** Who issues cursors: an endpoint, under the secret of this server. */
export interface CursorIssuer {
  readonly endpoint: string;
  readonly secret: Uint8Array;
}

const CHARS_MAX = 256;
const NUMBERS_MAX = 4;
const TAG_BYTES = 16;
const PATTERN =
  /^((?:0|[1-9a-z][0-9a-z]{0,10})(?:-(?:0|[1-9a-z][0-9a-z]{0,10})){0,3})\.([\w-]{22})$/;

/** Writes row keys and places (safe integers, 0 or more; one to four of them) as a cursor. */
export function encodeCursor(numbers: readonly number[], issuer: CursorIssuer): string {
  const payload = numbers.map((number) => number.toString(36)).join("-");
  return `${payload}.${tagOf(payload, issuer)}`;
}

/**
 * Reads a cursor that `issuer` has issued, with this many numbers.
 * @throws RepriseError `invalid_cursor` for any other text.
 */
export function decodeCursor(text: string, count: number, issuer: CursorIssuer): readonly number[] {
  const match = text.length <= CHARS_MAX ? PATTERN.exec(text) : null;
  const [, payload = "", tag = ""] = match ?? [];
  const expected = Buffer.from(tagOf(payload, issuer));
  const given = Buffer.from(tag);
  if (expected.byteLength !== given.byteLength || !timingSafeEqual(expected, given))
    throw invalid();
  const numbers = payload.split("-", NUMBERS_MAX).map((part) => Number.parseInt(part, 36));
  if (numbers.length !== count || !numbers.every(Number.isSafeInteger)) throw invalid();
  return numbers;
}

function tagOf(payload: string, { endpoint, secret }: CursorIssuer): string {
  const mac = createHmac("sha256", secret).update(`${endpoint}\n${payload}`).digest();
  return mac.subarray(0, TAG_BYTES).toString("base64url");
}

function invalid(): RepriseError {
  return new RepriseError("invalid_cursor", {
    message: "cursor must be the one from the last answer of this very endpoint; start without one",
  });
}
