import type { EncryptionSettings } from "../store/encrypted-keys.ts";
import { type Check, describeRow, toSql } from "./check.ts";
import { findDamage } from "./damage.ts";
import { type Database, type DatabasePlace, type DatabaseRow, openDatabase } from "./database.ts";
import { deadLetterChecks } from "./dead-letter-checks.ts";
import { gateChecks } from "./gate-checks.ts";
import { messageChecks } from "./message-checks.ts";
import { runChecks } from "./run-checks.ts";
import { sequenceChecks } from "./sequence-checks.ts";
import { waitChecks } from "./wait-checks.ts";

/** The promises about what is stored, asked of a database. It is only read, so a server may go on with it. */

export const auditChecks: readonly Check[] = [
  ...runChecks,
  ...waitChecks,
  ...messageChecks,
  ...deadLetterChecks,
  ...gateChecks,
  ...sequenceChecks,
];

export interface AuditOptions {
  /** Compares every body with its hash and reads every row's JSON; else a sample of the newest. */
  readonly isDeep?: boolean;
  /** Opens what is encrypted; without it such values are counted and not compared. */
  readonly encryption?: EncryptionSettings | null;
  /** How late something may be before it is a fault. */
  readonly lateMs?: number;
  /** Waits before the second look at what may be so for a moment. Without it there is no second look, and every first one counts. */
  readonly pause?: () => Promise<void>;
  /** Called before each check. */
  readonly onProgress?: (progress: AuditProgress) => void;
}

export interface AuditProgress {
  readonly name: string;
  /** From 1. */
  readonly number: number;
  readonly count: number;
}

export interface AuditReport {
  /** The database that was looked at. */
  readonly database: string;
  /** Epoch ms, by the clock of the database. */
  readonly at: number;
  /** Whether a server worked with it; without one nothing can be late. */
  readonly isInUse: boolean;
  readonly isDeep: boolean;
  /** Values that could not be compared, because they are encrypted with a key that was not given. */
  readonly unreadCount: number;
  /** Names of what was checked. */
  readonly checked: readonly string[];
  /** Empty when everything holds. */
  readonly findings: readonly Finding[];
}

/** A promise that does not hold. */
export interface Finding {
  /** The check; see docs/doctor.md. */
  readonly name: string;
  readonly rule: string;
  readonly meaning: string;
  readonly advice: string;
  /** How many rows break it. */
  readonly count: number;
  /** The first of them. */
  readonly examples: readonly string[];
}

/** Examples in a finding. */
const EXAMPLES_MAX = 10;

/** Rows of one check that are read, at most; beyond them only their number is told. */
const ROWS_MAX = 10_000;

const LATE_MS = 300_000;

/**
 * Looks for what contradicts the promises of the server in a database. A busy healthy one has no findings.
 * @throws RepriseError `storage_unavailable` when the database cannot be looked at.
 */
export async function auditDatabase(
  place: DatabasePlace,
  options: AuditOptions = {},
): Promise<AuditReport> {
  const database = await openDatabase(place);
  try {
    return await audit(database, options);
  } finally {
    await database.close();
  }
}

async function audit(database: Database, options: AuditOptions): Promise<AuditReport> {
  const { isDeep = false, encryption = null, lateMs = LATE_MS, pause, onProgress } = options;
  const [at, isInUse] = [await database.now(), await database.isInUse()];
  const checks = auditChecks.filter(
    ({ needsServer, only }) =>
      (needsServer !== true || isInUse) && (only === undefined || only === database.kind),
  );
  const count = checks.length + 1;
  const findings: Finding[] = [];
  const unsure: { readonly check: Check; readonly rows: readonly DatabaseRow[] }[] = [];
  for (const [index, check] of checks.entries()) {
    onProgress?.({ name: check.name, number: index + 1, count });
    const rows = await look(database, check, { now: at, lateMs });
    if (rows.length === 0) continue;
    if (check.isFleeting === true && pause !== undefined) unsure.push({ check, rows });
    else findings.push(toFinding(check, rows));
  }
  onProgress?.({ name: "damage", number: count, count });
  const damage = await findDamage(database, { isDeep, encryption });
  findings.push(...damage.findings);
  if (unsure.length > 0) await pause?.();
  for (const { check, rows } of unsure) {
    const again = await look(database, check, { now: await database.now(), lateMs });
    const seen = new Set(rows.map(({ key }) => Number(key)));
    const still = again.filter(({ key }) => seen.has(Number(key)));
    if (still.length > 0) findings.push(toFinding(check, still));
  }
  const checked = [...checks.map(({ name }) => name), ...damage.checked];
  const { unreadCount } = damage;
  return { database: database.name, at, isInUse, isDeep, unreadCount, checked, findings };
}

async function look(
  database: Database,
  { sql }: Check,
  times: { readonly now: number; readonly lateMs: number },
): Promise<readonly DatabaseRow[]> {
  return database.all(
    `SELECT * FROM (${toSql(sql, times)}) AS found ORDER BY key LIMIT ${ROWS_MAX}`,
  );
}

function toFinding(check: Check, rows: readonly DatabaseRow[]): Finding {
  const { name, rule, meaning, advice, subject } = check;
  const examples = rows.slice(0, EXAMPLES_MAX).map((row) => describeRow(subject, row));
  return { name, rule, meaning, advice, count: rows.length, examples };
}
