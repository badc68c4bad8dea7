/** Public ids. Those of messages and dead letters encode the integer key of the row, so no index of ids is needed. */

import { RepriseError } from "./errors.ts";
import { quoted } from "./headers.ts";
import { RUN_ID_CHARS_MAX } from "./limits.ts";

/** Source of chance: gives `length` random bytes. The host provides it. */
export type RandomBytes = (length: number) => Uint8Array;

const KEY_PATTERN = /^(?:0|[1-9a-z][0-9a-z]{0,10})$/;

/** The public id of the message with this row key (a safe integer, 0 or more): `msg_1z`. */
export function messageId(key: number): string {
  return `msg_${encodeKey(key)}`;
}

/** The row key in a message id; null for anything that `messageId` does not make. */
export function messageKey(id: string): number | null {
  return id.startsWith("msg_") ? decodeKey(id.slice(4)) : null;
}

function encodeKey(key: number): string {
  if (!Number.isSafeInteger(key) || key < 0) {
    throw new RepriseError("internal", { message: `row key must be a safe integer, got ${key}` });
  }
  return key.toString(36);
}

function decodeKey(text: string): number | null {
  if (!KEY_PATTERN.test(text)) return null;
  const key = Number.parseInt(text, 36);
  return Number.isSafeInteger(key) ? key : null;
}

/** Where a dead letter is: the instant of failure orders the list, the key finds the row. */
export interface DeadLetterKey {
  /** Epoch milliseconds. */
  readonly failedAt: number;
  readonly key: number;
}

const DEAD_LETTER_PATTERN = /^(0|[1-9]\d{0,15})-(0|[1-9]\d{0,15})$/;

/** The public id of a dead letter: `1725323658779-7`. */
export function deadLetterId({ failedAt, key }: DeadLetterKey): string {
  return `${failedAt}-${key}`;
}

/** Reads a public id of a dead letter; null for anything that `deadLetterId` does not make. */
export function deadLetterKey(id: string): DeadLetterKey | null {
  const match = DEAD_LETTER_PATTERN.exec(id);
  if (match === null) return null;
  const failedAt = Number(match[1]);
  const key = Number(match[2]);
  return Number.isSafeInteger(failedAt) && Number.isSafeInteger(key) ? { failedAt, key } : null;
}

/** 64 characters: six bits of a random byte pick one without bias. */
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

function randomText(randomBytes: RandomBytes, length: number): string {
  let text = "";
  for (const byte of randomBytes(length)) text += ALPHABET.charAt(byte & 63);
  return text;
}

/** A new workflow run id, in the shape that the SDK makes. */
export function newRunId(randomBytes: RandomBytes): string {
  return `wfr_${randomText(randomBytes, 21)}`;
}

/** A new schedule id. */
export function newScheduleId(randomBytes: RandomBytes): string {
  return `scd_${randomText(randomBytes, 21)}`;
}

/** A new signing key; the whole text, prefix included, is the HMAC key. */
export function newSigningKey(randomBytes: RandomBytes): string {
  return `sig_${randomText(randomBytes, 32)}`;
}

/** A new id of one signature. */
export function newJwtId(randomBytes: RandomBytes): string {
  return `jwt_${randomText(randomBytes, 21)}`;
}

const RUN_ID_PATTERN = /^[A-Za-z0-9._-]+$/;

/** Tells whether `text` can be a run id. Clients put the id into paths unescaped, so little is allowed. */
export function isRunId(text: string): boolean {
  return (
    text.length <= RUN_ID_CHARS_MAX &&
    RUN_ID_PATTERN.test(text) &&
    // A path segment of dots alone is taken away by every URL parser.
    text !== "." &&
    text !== ".."
  );
}

/**
 * Returns `text` when it can be a run id.
 * @throws RepriseError `invalid_run_id`.
 */
export function parseRunId(text: string): string {
  if (isRunId(text)) return text;
  throw new RepriseError("invalid_run_id", {
    message: `workflow run id must be 1 to ${RUN_ID_CHARS_MAX} of A-Z a-z 0-9 . _ -, got ${quoted(text)}`,
  });
}
