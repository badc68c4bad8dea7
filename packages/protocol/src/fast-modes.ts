/** The two header fields by which Reprise and its own SDK use less of the public wire. See docs/fast-modes.md. */

import { RETRIES_MAX } from "./limits.ts";

/** Version of the page that both ends follow; another one is as good as no field at all. */
export const FAST_MODES_VERSION = "1";

/** What a delivery offers to whoever knows the page. */
export interface Offer {
  /** Lease token of the message that the delivery makes the app hold. */
  readonly hold: number;
  /** Retries that the message has. */
  readonly retries: number;
  /** Given when the body is the part of the list from this record on, for a process that holds the rest. */
  readonly part?: WarmPart;
}

export interface WarmPart {
  /** Records that the process holds. */
  readonly from: number;
  /** Token that the process has given itself. */
  readonly warm: string;
}

/** The value of `Reprise-Delivery`. */
export function formatOffer({ hold, retries, part }: Offer): string {
  const offer = `v=${FAST_MODES_VERSION}; hold=${hold}; retries=${retries}`;
  return part === undefined ? offer : `${offer}; from=${part.from}; warm=${part.warm}`;
}

/** What an answer says of itself. */
export interface AnswerField {
  /** Retries of the step that has failed, in place of the message's; null when it says nothing. */
  readonly retries: number | null;
  /** The process that keeps the function of the run, and how many records that function knows. */
  readonly kept: { readonly warm: string; readonly known: number } | null;
  /** The process does not hold what the part of the list continues. */
  readonly needsHistory: boolean;
  /** The message for which the invocation speaks, and under which lease; absent when it does not say. */
  readonly holds?: { readonly messageId: string; readonly hold: number };
}

const TOKEN_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;
const FIELD_CHARS_MAX = 512;

/** Reads `Reprise-Answer`; null when it is absent or follows another version. A part that cannot be read counts as absent. */
export function parseAnswerField(value: string | null): AnswerField | null {
  if (value === null || value.length > FIELD_CHARS_MAX) return null;
  if (value === `v=${FAST_MODES_VERSION}`) return PLAIN_ANSWER;
  const parts = new Map<string, string>();
  for (const part of value.split(";")) {
    const equals = part.indexOf("=");
    if (equals > 0) parts.set(part.slice(0, equals).trim(), part.slice(equals + 1).trim());
  }
  if (parts.get("v") !== FAST_MODES_VERSION) return null;
  const warm = parts.get("warm") ?? "";
  const known = count(parts.get("known"));
  const retries = count(parts.get("retries"));
  return {
    retries: retries === null ? null : Math.min(retries, RETRIES_MAX),
    kept: TOKEN_PATTERN.test(warm) && known !== null && known > 0 ? { warm, known } : null,
    needsHistory: parts.get("need") === "history",
    ...readHolds(parts.get("holds")),
  };
}

const PLAIN_ANSWER: AnswerField = { retries: null, kept: null, needsHistory: false };

function readHolds(text = ""): Pick<AnswerField, "holds"> {
  const [, messageId, hold] = /^([\w-]{1,64})\.(\d{1,15})$/.exec(text) ?? [];
  return messageId === undefined ? {} : { holds: { messageId, hold: Number(hold) } };
}

function count(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : null;
}
