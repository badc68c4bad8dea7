/** Clocks of IANA time zones: how far local time is ahead of UTC, and where that changes. */

import { DAY_MS } from "@reprise/protocol";
import { assert } from "./assert.ts";

/** An instant from which on the clock of a zone has another offset. Local time is UTC plus the offset. */
export interface Shift {
  readonly at: number;
  readonly offsetBeforeMs: number;
  readonly offsetAfterMs: number;
}

interface ZoneDay {
  readonly offsetMs: number;
  /** In the order of time; almost always empty. */
  readonly shifts: readonly Shift[];
}

interface Zone {
  readonly format: Intl.DateTimeFormat;
  /** What was asked for lately, by the day since 1970-01-01 in UTC. A question to `Intl` takes microseconds. */
  readonly days: Map<number, ZoneDay>;
}

/** Zones that were used, by canonical name; there are fewer than 700. */
const zones = new Map<string, Zone>();
const ZONE_DAYS_KEPT_MAX = 512;
const SHIFTS_PER_DAY_MAX = 4;
/** Offsets that differ from UTC are whole seconds, and so are the instants at which they change. */
const SECOND_MS = 1000;

/** No area of the zone database has an offset as name; `Intl` would take `+01:00`. */
const ZONE_NAME = /^[A-Za-z][A-Za-z0-9_+-]*(?:\/[A-Za-z0-9_+-]+)*$/;
const ZONE_NAME_CHARS_MAX = 64;
const UTC = "UTC";

/** The name under which the clock of a zone is found, whatever the case of `name`; null when there is no such zone. */
export function findZone(name: string): string | null {
  if (name.length > ZONE_NAME_CHARS_MAX || !ZONE_NAME.test(name)) return null;
  if (name === UTC || zones.has(name)) return name;
  try {
    const format = new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      timeZoneName: "longOffset",
    });
    const canonicalName = format.resolvedOptions().timeZone;
    if (!zones.has(canonicalName)) zones.set(canonicalName, { format, days: new Map() });
    return canonicalName;
  } catch {
    // A RangeError is how Intl says that it does not know the zone.
    return null;
  }
}

/** Offset of a zone that `findZone` gave, at an instant. */
export function offsetMsAt(zoneName: string, at: number): number {
  if (zoneName === UTC) return 0;
  const day = zoneDay(zoneOf(zoneName), Math.floor(at / DAY_MS));
  return day.shifts.findLast((shift) => shift.at <= at)?.offsetAfterMs ?? day.offsetMs;
}

/** The shifts after `from` and until `to`, which is included, in the order of time. */
export function shiftsBetween(zoneName: string, from: number, to: number): readonly Shift[] {
  if (zoneName === UTC) return [];
  const zone = zoneOf(zoneName);
  const shifts: Shift[] = [];
  for (let day = Math.floor(from / DAY_MS); day <= Math.floor(to / DAY_MS); day++) {
    for (const shift of zoneDay(zone, day).shifts) {
      if (shift.at > from && shift.at <= to) shifts.push(shift);
    }
  }
  return shifts;
}

function zoneOf(zoneName: string): Zone {
  const canonicalName = findZone(zoneName);
  const zone = canonicalName === null ? undefined : zones.get(canonicalName);
  assert(zone !== undefined, "a zone name comes from findZone, which has found its clock");
  return zone;
}

function zoneDay(zone: Zone, day: number): ZoneDay {
  const known = zone.days.get(day);
  if (known !== undefined) return known;
  const found = readZoneDay(zone, day);
  if (zone.days.size >= ZONE_DAYS_KEPT_MAX) zone.days.clear();
  zone.days.set(day, found);
  return found;
}

/**
 * Reads the shifts after the start of a day and until its end, which is included.
 * No zone has ever shifted forth and back within a day, so a day that ends with the offset of its start has none.
 */
function readZoneDay(zone: Zone, day: number): ZoneDay {
  const end = (day + 1) * DAY_MS;
  const offsetMs = readOffsetMs(zone, day * DAY_MS);
  const endOffsetMs = readOffsetMs(zone, end);
  const shifts: Shift[] = [];
  let from = day * DAY_MS;
  let offsetBeforeMs = offsetMs;
  while (offsetBeforeMs !== endOffsetMs && shifts.length < SHIFTS_PER_DAY_MAX) {
    const at = findEndOfOffset(zone, from, end);
    const offsetAfterMs = readOffsetMs(zone, at);
    shifts.push({ at, offsetBeforeMs, offsetAfterMs });
    from = at;
    offsetBeforeMs = offsetAfterMs;
  }
  return { offsetMs, shifts };
}

/** The instant after `from` and until `end` at which the offset of `from` ends, found by halving. */
function findEndOfOffset(zone: Zone, from: number, end: number): number {
  const offsetMs = readOffsetMs(zone, from);
  let before = from / SECOND_MS;
  let after = end / SECOND_MS;
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (readOffsetMs(zone, middle * SECOND_MS) === offsetMs) before = middle;
    else after = middle;
  }
  return after * SECOND_MS;
}

/** `GMT`, `GMT+05:30`, and `GMT-00:44:30` for times before zones were standardized. */
const OFFSET = /GMT(?:([+-])(\d{2}):(\d{2})(?::(\d{2}))?)?$/;

function readOffsetMs(zone: Zone, at: number): number {
  const match = OFFSET.exec(zone.format.format(at));
  assert(match !== null, "Intl writes every offset in the long form that was asked for");
  const [, sign, hours = 0, minutes = 0, seconds = 0] = match;
  const offsetMs = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * SECOND_MS;
  return sign === "-" ? -offsetMs : offsetMs;
}
