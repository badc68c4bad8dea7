import { hash } from "node:crypto";
import { messageId } from "@reprise/protocol";
import type { TableName } from "../core/rows.ts";
import { createCodec, isEncryptedValue, type ValuePlace } from "../store/encrypted-codec.ts";
import type { EncryptionSettings } from "../store/encrypted-keys.ts";
import { openValue } from "../store/encrypted-rows.ts";
import type { Finding } from "./audit.ts";
import type { Database } from "./database.ts";

/** What no query sees: pages that the disk has changed, bodies that are not what was accepted, texts that are no JSON. */

/** Bodies that are compared without `--deep`: the newest. */
const SAMPLE_ROWS = 500;

/** Bodies that are read together, at most, unless a single one is longer. */
const BATCH_BYTES_MAX = 8 * 1024 * 1024;
const BATCH_ROWS_MAX = 500;

const EXAMPLES_MAX = 10;

export interface Damage {
  readonly checked: readonly string[];
  readonly findings: readonly Finding[];
  /** Values that were not looked at, because they are encrypted with a key that was not given. */
  readonly unreadCount: number;
}

export interface DamageOptions {
  readonly isDeep: boolean;
  readonly encryption: EncryptionSettings | null;
}

export async function findDamage(database: Database, options: DamageOptions): Promise<Damage> {
  const { isDeep } = options;
  const values = createValues(options);
  const findings = [
    await checkPages(database, isDeep),
    await checkBodies(database, isDeep, values),
    ...(isDeep ? [await checkTexts(database, values)] : []),
  ];
  const checked = [
    ...(database.kind === "sqlite" ? ["damaged-file"] : []),
    "damaged-body",
    ...(isDeep ? ["damaged-text"] : []),
  ];
  return {
    checked,
    findings: findings.filter((finding) => finding !== null),
    unreadCount: values.unreadCount,
  };
}

/** Opens values that may be encrypted. */
interface Values {
  /** Null for what nobody here has the key of, `damaged` for what its key does not open. */
  read(value: unknown, place: ValuePlace): Uint8Array | string | null | "damaged";
  readonly unreadCount: number;
}

function createValues({ encryption }: DamageOptions): Values {
  // Nothing is encrypted here, so that there is nothing to draw.
  const codec =
    encryption === null ? null : createCodec(encryption.keys, (length) => new Uint8Array(length));
  let unreadCount = 0;
  return {
    read: (value, place) => {
      const isValue = typeof value === "string" || value instanceof Uint8Array;
      if (!isValue) return "damaged";
      if (!isEncryptedValue(value)) return value;
      const opened = codec === null ? null : openValue(value, place, codec);
      if (opened === null || opened.type === "unknownKey") {
        unreadCount += 1;
        return null;
      }
      if (opened.type === "open") {
        return typeof value === "string" ? Buffer.from(opened.bytes).toString() : opened.bytes;
      }
      return opened.type === "clear" ? value : "damaged";
    },
    get unreadCount() {
      return unreadCount;
    },
  };
}

/** SQLite can compare its pages and indexes; PostgreSQL has tools of its own for that. */
async function checkPages(database: Database, isDeep: boolean): Promise<Finding | null> {
  if (database.kind !== "sqlite") return null;
  const pragma = isDeep ? "integrity_check" : "quick_check";
  const rows = await database.all(`PRAGMA ${pragma}(100)`);
  const faults = rows.map((row) => String(row[pragma])).filter((text) => text !== "ok");
  if (faults.length === 0) return null;
  return {
    name: "damaged-file",
    rule: "the database file is whole",
    meaning: "the disk, or another program, has changed the file; what was stored may be lost",
    advice: "stop the server, keep a copy of the directory, check the disk, and restore a backup",
    count: faults.length,
    examples: faults.slice(0, EXAMPLES_MAX),
  };
}

async function checkBodies(
  database: Database,
  isDeep: boolean,
  values: Values,
): Promise<Finding | null> {
  const faults: string[] = [];
  for await (const keys of batchesOf(database, isDeep)) {
    const rows = await database.all(
      `SELECT key, "bodyHash" AS hash, body FROM envelopes WHERE key IN (${keys.join(",")}) ORDER BY key`,
    );
    for (const { key, hash: wanted, body } of rows) {
      const place = { table: "envelopes", key: Number(key) };
      const bytes = values.read(body, { ...place, column: "body" });
      const known = values.read(wanted, { ...place, column: "bodyHash" });
      if (bytes === null || known === null) continue;
      const isWhole = bytes !== "damaged" && hash("sha256", bytes, "base64url") === known;
      if (!isWhole) faults.push(`message ${messageId(Number(key))}`);
    }
  }
  if (faults.length === 0) return null;
  return {
    name: "damaged-body",
    rule: "the body of every message is what was accepted",
    meaning: "the body has changed in the database; the server refuses to deliver it",
    advice: "restore a backup, or publish the message anew",
    count: faults.length,
    examples: faults.slice(0, EXAMPLES_MAX),
  };
}

/** Keys of envelopes, as many at a time as may be in memory together. */
async function* batchesOf(database: Database, isDeep: boolean): AsyncGenerator<readonly number[]> {
  let below = Number.MAX_SAFE_INTEGER;
  let left = isDeep ? Number.POSITIVE_INFINITY : SAMPLE_ROWS;
  while (left > 0) {
    const rows = await database.all(
      `SELECT key, length(body) AS bytes FROM envelopes WHERE key < ${below} ORDER BY key DESC LIMIT ${Math.min(left, BATCH_ROWS_MAX)}`,
    );
    if (rows.length === 0) return;
    left -= rows.length;
    below = Number(rows.at(-1)?.key);
    let batch: number[] = [];
    let bytes = 0;
    for (const row of rows) {
      if (batch.length > 0 && bytes + Number(row.bytes) > BATCH_BYTES_MAX) {
        yield batch;
        batch = [];
        bytes = 0;
      }
      batch.push(Number(row.key));
      bytes += Number(row.bytes);
    }
    yield batch;
  }
}

/** Columns that the server reads as JSON. */
const JSON_COLUMNS: readonly (readonly [table: TableName, column: string])[] = [
  ["runConfigs", "config"],
  ["steps", "config"],
  ["messages", "config"],
  ["envelopes", "config"],
  ["waits", "config"],
  ["schedules", "config"],
  ["urlGroups", "endpoints"],
];

async function checkTexts(database: Database, values: Values): Promise<Finding | null> {
  const faults: string[] = [];
  for (const [table, column] of JSON_COLUMNS) {
    let after = -1;
    for (;;) {
      const rows = await database.all(
        `SELECT key, ${column} AS text FROM "${table}" WHERE key > ${after} ORDER BY key LIMIT ${BATCH_ROWS_MAX}`,
      );
      if (rows.length === 0) break;
      after = Number(rows.at(-1)?.key);
      for (const { key, text } of rows) {
        if (text === null) continue;
        const value = values.read(text, { table, column, key: Number(key) });
        if (!isReadable(value)) faults.push(`${table} ${String(key)}: ${column}`);
      }
    }
  }
  if (faults.length === 0) return null;
  return {
    name: "damaged-text",
    rule: "settings are kept as JSON",
    meaning: "the run, message or schedule cannot be read any more",
    advice: "restore a backup, or make it anew",
    count: faults.length,
    examples: faults.slice(0, EXAMPLES_MAX),
  };
}

/** Whether it is JSON, as far as it can be read. */
function isReadable(text: ReturnType<Values["read"]>): boolean {
  if (text === null) return true;
  try {
    JSON.parse(String(text));
    return true;
  } catch {
    return false;
  }
}
