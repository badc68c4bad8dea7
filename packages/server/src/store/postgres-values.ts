import assert from "node:assert";
import type { ColumnType } from "./columns.ts";

/** A value of a row. */
export type SqlValue = string | number | null | Uint8Array;

/** A value as the driver takes it: a text, or a buffer that it sends as it is. */
export type Parameter = string | Buffer | null;

/** The types of PostgreSQL, by the kinds of values of a column. */
export const POSTGRES_TYPES: Readonly<Record<ColumnType, string>> = {
  INTEGER: "bigint",
  TEXT: "text",
  BLOB: "bytea",
};

/** Object ids of those types: fixed for ever, and part of the binary format of arrays. */
const TYPE_OIDS: Readonly<Record<ColumnType, number>> = { INTEGER: 20, TEXT: 25, BLOB: 17 };

/**
 * PostgreSQL has no NUL in a text. It is written as two characters, the first of which is rare; that one is written as two itself.
 * Each character is written for itself, so that a prefix stays a prefix and a part a part.
 */
const ESCAPE = "\u0001";
const ESCAPED_NUL = `${ESCAPE}0`;
const ESCAPED_ESCAPE = `${ESCAPE}1`;

export function escapeText(text: string): string {
  if (!text.includes(ESCAPE) && !text.includes("\0")) return text;
  return text.replaceAll(ESCAPE, ESCAPED_ESCAPE).replaceAll("\0", ESCAPED_NUL);
}

function unescapeText(text: string): string {
  if (!text.includes(ESCAPE)) return text;
  return text.replaceAll(ESCAPED_NUL, "\0").replaceAll(ESCAPED_ESCAPE, ESCAPE);
}

/** One value as a parameter whose type the statement names. */
export function toParameter(type: ColumnType, value: SqlValue): Parameter {
  if (value === null) return null;
  switch (type) {
    case "INTEGER":
      return String(checkedInteger(value));
    case "TEXT":
      return escapeText(checkedText(value));
    case "BLOB":
      return asBuffer(checkedBytes(value));
  }
}

/** Dimensions, whether there are nulls, the type, the length and the first index. */
const ARRAY_HEADER_BYTES = 20;

/** Values in the binary format of an array: a text would need quotes around texts and two digits a byte. */
export function toArray(type: ColumnType, values: readonly (SqlValue | undefined)[]): Buffer {
  switch (type) {
    case "INTEGER":
      return integerArray(values);
    case "TEXT":
      return textArray(values);
    case "BLOB":
      return bytesArray(values);
  }
}

function integerArray(values: readonly (SqlValue | undefined)[]): Buffer {
  const array = startArray("INTEGER", values, values.length * 8);
  let offset = ARRAY_HEADER_BYTES;
  for (const value of values) {
    if (value === null) {
      offset = array.writeInt32BE(-1, offset);
      continue;
    }
    const integer = checkedInteger(value);
    offset = array.writeInt32BE(8, offset);
    const high = Math.floor(integer / 2 ** 32);
    offset = array.writeInt32BE(high, offset);
    offset = array.writeUInt32BE(integer - high * 2 ** 32, offset);
  }
  return array.subarray(0, offset);
}

function textArray(values: readonly (SqlValue | undefined)[]): Buffer {
  const texts = values.map((value) => (value === null ? null : escapeText(checkedText(value))));
  let bytes = 0;
  // No character of UTF-16 takes more than three bytes; what is not needed is cut off.
  for (const text of texts) bytes += text === null ? 0 : text.length * 3;
  const array = startArray("TEXT", values, bytes);
  let offset = ARRAY_HEADER_BYTES;
  for (const text of texts) {
    if (text === null) {
      offset = array.writeInt32BE(-1, offset);
      continue;
    }
    const length = array.write(text, offset + 4, "utf8");
    array.writeInt32BE(length, offset);
    offset += 4 + length;
  }
  return array.subarray(0, offset);
}

function bytesArray(values: readonly (SqlValue | undefined)[]): Buffer {
  let bytes = 0;
  for (const value of values) bytes += value === null ? 0 : checkedBytes(value).byteLength;
  const array = startArray("BLOB", values, bytes);
  let offset = ARRAY_HEADER_BYTES;
  for (const value of values) {
    if (value === null) {
      offset = array.writeInt32BE(-1, offset);
      continue;
    }
    const blob = checkedBytes(value);
    offset = array.writeInt32BE(blob.byteLength, offset);
    array.set(blob, offset);
    offset += blob.byteLength;
  }
  return array.subarray(0, offset);
}

function startArray(type: ColumnType, values: readonly unknown[], valueBytes: number): Buffer {
  const array = Buffer.allocUnsafe(ARRAY_HEADER_BYTES + values.length * 4 + valueBytes);
  array.writeInt32BE(1, 0);
  array.writeInt32BE(values.includes(null) ? 1 : 0, 4);
  array.writeInt32BE(TYPE_OIDS[type], 8);
  array.writeInt32BE(values.length, 12);
  array.writeInt32BE(1, 16);
  return array;
}

function checkedInteger(value: SqlValue | undefined): number {
  assert(Number.isSafeInteger(value), "a column of whole numbers takes nothing else");
  return value as number; // Proven by the check.
}

function checkedText(value: SqlValue | undefined): string {
  assert(typeof value === "string", "a column of text takes nothing else");
  return value;
}

function checkedBytes(value: SqlValue | undefined): Uint8Array {
  assert(value instanceof Uint8Array, "a column of bytes takes nothing else");
  return value;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A value as PostgreSQL writes it as text. */
export function fromText(type: ColumnType, text: string | null): SqlValue {
  if (text === null) return null;
  switch (type) {
    case "INTEGER":
      return toNumber(text);
    case "TEXT":
      return unescapeText(text);
    case "BLOB":
      return toBytes(text);
  }
}

/** A whole number that a bigint of PostgreSQL can hold and a number of JavaScript cannot is refused, not rounded. */
export function toNumber(text: string | null): number {
  const value = Number(text);
  assert(Number.isSafeInteger(value), `${text} in the database is more than a number can hold`);
  return value;
}

/** `\x` and two digits a byte. */
function toBytes(text: string): Uint8Array {
  const bytes = Buffer.allocUnsafeSlow((text.length - 2) / 2);
  bytes.write(text.slice(2), "hex");
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
