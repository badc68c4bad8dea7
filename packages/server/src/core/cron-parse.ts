/**
 * The text of cron expressions. An own reader, because the text comes from outside and a refusal names the place.
 *
 *     expression := [("CRON_TZ=" | "TZ=") zone " "] (descriptor | "@every " duration | five fields)
 *     field      := item ("," item)*
 *     item       := ("*" | "?" | value ["-" value]) ["/" step]
 */

import {
  CRON_CHARS_MAX,
  CRON_INTERVAL_MS_MAX,
  CRON_INTERVAL_MS_MIN,
  formatDuration,
  isRepriseError,
  parseDurationMs,
  quoted,
  RepriseError,
} from "@reprise/protocol";
import type { Cron } from "./cron.ts";
import { type CalendarFields, hasAnyDate } from "./cron-calendar.ts";
import { FIELDS, type FieldKind, type FieldTable, readField } from "./cron-field.ts";
import { findZone } from "./cron-zone.ts";

const DESCRIPTORS: ReadonlyMap<string, string> = new Map([
  ["@yearly", "0 0 1 1 *"],
  ["@annually", "0 0 1 1 *"],
  ["@monthly", "0 0 1 * *"],
  ["@weekly", "0 0 * * 0"],
  ["@daily", "0 0 * * *"],
  ["@midnight", "0 0 * * *"],
  ["@hourly", "0 * * * *"],
]);

const FIVE_FIELDS = "minute, hour, day of month, month and day of week";

/** A part of the expression and where it starts, counted from 0. */
interface Word {
  readonly text: string;
  readonly offset: number;
}

/**
 * Parses a cron expression and proves that it can fire.
 * @throws RepriseError `invalid_cron` that names the field, the position counted from 1, and what is allowed.
 */
export function parseCron(given: string): Cron {
  if (given.length > CRON_CHARS_MAX) {
    throw refusal(given, `at most ${CRON_CHARS_MAX} characters are allowed, got ${given.length}`);
  }
  const text = given.trim();
  const [first, ...rest] = splitWords(text);
  if (first === undefined) {
    throw refusal(text, `it is empty; ${FIVE_FIELDS} or a descriptor such as @daily are expected`);
  }
  const zonePrefix = /^(?:CRON_)?TZ=/.exec(first.text)?.[0];
  const words = zonePrefix === undefined ? [first, ...rest] : rest;
  const zoneName = zonePrefix === undefined ? "UTC" : readZone(text, first, zonePrefix);
  const [head] = words;
  if (head?.text.toLowerCase() === "@every") return readInterval(text, words);
  const fields = head?.text.startsWith("@") ? readDescriptor(text, words) : readFields(text, words);
  return { kind: "calendar", text, zoneName, fields };
}

function splitWords(text: string): readonly Word[] {
  return [...text.matchAll(/[^ \t]+/g)].map((match) => ({ text: match[0], offset: match.index }));
}

function readZone(text: string, word: Word, prefix: string): string {
  const name = word.text.slice(prefix.length);
  const zoneName = findZone(name);
  if (zoneName !== null) return zoneName;
  const reason = name === "" ? "the zone is missing" : `there is no time zone ${quoted(name)}`;
  throw refusal(text, `${reason}; ${prefix} takes an IANA name such as Europe/Berlin`, {
    field: "time zone",
    offset: word.offset + prefix.length,
  });
}

function readDescriptor(text: string, words: readonly Word[]): CalendarFields {
  const [descriptor, extra] = words;
  const expansion = DESCRIPTORS.get(descriptor?.text.toLowerCase() ?? "");
  if (descriptor === undefined || expansion === undefined) {
    const known = [...DESCRIPTORS.keys()].join(", ");
    throw refusal(
      text,
      `there is no descriptor ${quoted(descriptor?.text ?? "")}; known are ${known} and @every followed by a duration`,
      { field: "descriptor", offset: descriptor?.offset ?? 0 },
    );
  }
  if (extra !== undefined) {
    throw refusal(text, `nothing may follow ${descriptor.text}, got ${quoted(extra.text)}`, {
      field: "descriptor",
      offset: extra.offset,
    });
  }
  return readFields(text, splitWords(expansion));
}

function readInterval(text: string, words: readonly Word[]): Cron {
  const [every, duration, extra] = words;
  const offset = extra?.offset ?? duration?.offset ?? every?.offset ?? 0;
  const allowed = `from ${formatDuration(CRON_INTERVAL_MS_MIN)} to ${formatDuration(CRON_INTERVAL_MS_MAX)}`;
  const expected = `@every takes one duration in whole seconds with units, such as 1h30m, ${allowed}`;
  const got = extra?.text ?? duration?.text ?? "";
  const intervalMs =
    duration === undefined || extra !== undefined ? null : findDurationMs(duration.text);
  if (
    intervalMs === null ||
    intervalMs % 1000 !== 0 ||
    intervalMs < CRON_INTERVAL_MS_MIN ||
    intervalMs > CRON_INTERVAL_MS_MAX
  ) {
    throw refusal(text, `${expected}, got ${quoted(got)}`, { field: "interval", offset });
  }
  return { kind: "interval", text, intervalMs };
}

/** Null when the text is no duration, and for a bare number: its unit would be a guess. */
function findDurationMs(text: string): number | null {
  if (!/[a-z]$/.test(text)) return null;
  try {
    return parseDurationMs(text, "interval");
  } catch (error) {
    // The caller's refusal says more: which expression, where in it, and the range that is allowed.
    if (isRepriseError(error)) return null;
    throw error;
  }
}

function readFields(text: string, words: readonly Word[]): CalendarFields {
  const [minute, hour, dayOfMonth, month, dayOfWeek, extra] = words;
  if (!minute || !hour || !dayOfMonth || !month || !dayOfWeek || extra) {
    throw countRefusal(text, words);
  }
  const read = (word: Word, kind: FieldKind): FieldTable => readWord(text, word, kind);
  const minutes = read(minute, FIELDS.minute);
  const hours = read(hour, FIELDS.hour);
  const daysOfMonth = read(dayOfMonth, FIELDS.dayOfMonth);
  const months = read(month, FIELDS.month);
  const daysOfWeek = read(dayOfWeek, FIELDS.dayOfWeek);
  const fields: CalendarFields = {
    minutes: minutes.isNamed,
    hours: hours.isNamed,
    daysOfMonth: daysOfMonth.isNamed,
    months: months.isNamed,
    daysOfWeek: daysOfWeek.isNamed,
    isAnyDayOfMonth: daysOfMonth.isAny,
    isAnyDayOfWeek: daysOfWeek.isAny,
  };
  if (!hasAnyDate(fields)) {
    throw refusal(text, "it would never fire: no month it names has such a day", {
      field: `${FIELDS.dayOfMonth.name} (field ${FIELDS.dayOfMonth.position})`,
      offset: dayOfMonth.offset,
    });
  }
  return fields;
}

function countRefusal(text: string, words: readonly Word[]): RepriseError {
  const seconds = words.length === 6 ? "; seconds are not supported" : "";
  return refusal(text, `5 fields (${FIVE_FIELDS}) are expected, got ${words.length}${seconds}`);
}

function readWord(text: string, word: Word, kind: FieldKind): FieldTable {
  const table = readField(word.text, kind);
  if (!("reason" in table)) return table;
  throw refusal(text, `${table.reason}; allowed are ${kind.allowed}`, {
    field: `${kind.name} (field ${kind.position})`,
    offset: word.offset + table.offset,
  });
}

interface Place {
  readonly field: string;
  readonly offset: number;
}

function refusal(text: string, reason: string, place?: Place): RepriseError {
  const where = place === undefined ? "" : `${place.field}, at position ${place.offset + 1}: `;
  return new RepriseError("invalid_cron", {
    message: `Invalid cron expression ${quoted(text)}: ${where}${reason}`,
    details: {
      cron: text.slice(0, CRON_CHARS_MAX),
      ...(place === undefined ? {} : { field: place.field, position: place.offset + 1 }),
    },
  });
}
