import { deadLetterId, messageId } from "@reprise/protocol";
import type { DatabaseKind, DatabaseRow } from "./database.ts";

/** One thing that always holds in a committed database, as a query for what breaks it. */
export interface Check {
  /** Stays the same for ever: alarms and scripts name it. */
  readonly name: string;
  /** What always holds. */
  readonly rule: string;
  /** What it means for the people whose work this is when it does not. */
  readonly meaning: string;
  readonly advice: string;
  readonly subject: Subject;
  /**
   * Gives `key`, and `name` and `fact` where the subject has them, one row for each fault. Names of columns are written without
   * quotation marks; `toSql` puts them in. Runs on every database: no function that one of them has alone.
   */
  readonly sql: string;
  /** True of what may be so for a moment in a healthy database: it counts when a second look finds the same rows. */
  readonly isFleeting?: true;
  /** Only while a server runs: a stopped one leaves due things behind, and its next start takes them up. */
  readonly needsServer?: true;
  /** Where the query can be run, when not everywhere. */
  readonly only?: DatabaseKind;
}

/** What the rows of a check stand for. */
export type Subject =
  | "message"
  | "run"
  | "record"
  | "wait"
  | "event"
  | "dead letter"
  | "queue"
  | "flow control"
  | "schedule"
  | "bulk action"
  | "claim"
  | "database";

/** `:now` and `:lateMs` in queries. */
export interface CheckTimes {
  /** The database's clock, epoch ms. */
  readonly now: number;
  /** How late something may be before it is a fault. */
  readonly lateMs: number;
}

/** Names with a capital letter inside, outside of texts in quotation marks. */
const CAMEL_CASE = /'[^']*'|\b[a-z]+(?:[A-Z][a-zA-Z]*)+\b/g;

/** The query as a database takes it. PostgreSQL would read unquoted names in small letters. */
export function toSql(sql: string, { now, lateMs }: CheckTimes): string {
  return sql
    .replaceAll(":now", String(Math.trunc(now)))
    .replaceAll(":lateMs", String(Math.trunc(lateMs)))
    .replace(CAMEL_CASE, (word) => (word.startsWith("'") ? word : `"${word}"`));
}

/** A row in the words of the API: an id that other commands take, and what is wrong with it. */
export function describeRow(subject: Subject, row: DatabaseRow): string {
  const fact = row.fact === null || row.fact === undefined ? "" : `: ${String(row.fact)}`;
  return `${subject} ${idOf(subject, row)}${fact}`;
}

function idOf(subject: Subject, { key, name }: DatabaseRow): string {
  const number = Number(key);
  switch (subject) {
    case "message":
      return messageId(number);
    case "bulk action":
      return `act_${number.toString(36)}`;
    case "dead letter":
      return deadLetterId({ failedAt: Number(name), key: number });
    case "record":
    case "wait":
    case "event":
      return name === null || name === undefined ? String(number) : `of run ${String(name)}`;
    case "database":
      return String(name);
    default:
      return name === null || name === undefined ? `of key ${number}` : String(name);
  }
}

/** A query's condition: the run `r` goes on, or may be resumed. */
export const isOpenRun = `(r.state = 'started' OR (r.state = 'failed' AND EXISTS (
  SELECT 1 FROM deadLetters d WHERE d.runKey = r.key AND d.state = 'open')))`;

/** A message's states in which something is still to come. */
export const OPEN_STATES = "('scheduled', 'waiting', 'active', 'canceling')";
