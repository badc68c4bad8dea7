/**
 * Schedules: what a cron expression means in time. Two rules decide where clocks are shifted (docs/schedules.md):
 * an expression that names hours fires once for every local time that it names, at the first instant at which the clock
 * shows that time or a later one; an expression that allows every hour fires whenever the clock shows a time it names.
 */

import { CRON_SEARCH_YEARS_MAX, DAY_MS } from "@reprise/protocol";
import { type CalendarFields, nextLocalMatch } from "./cron-calendar.ts";
import { offsetMsAt, type Shift, shiftsBetween } from "./cron-zone.ts";

/** A parsed and checked expression: plain data, equal for equal texts. */
export type Cron = IntervalCron | CalendarCron;

/** `@every`: counts time, knows no calendar. */
interface IntervalCron {
  readonly kind: "interval";
  /** What was given, without blanks around it. */
  readonly text: string;
  readonly intervalMs: number;
}

interface CalendarCron {
  readonly kind: "calendar";
  /** What was given, without blanks around it. */
  readonly text: string;
  /** Canonical name of the zone. */
  readonly zoneName: string;
  readonly fields: CalendarFields;
}

/** Clocks have been set back or forth by a day at the most, where a country changed sides of the date line. */
const SHIFT_MS_MAX = DAY_MS;
/** Around any instant, what happens on the clock within this distance is looked at in detail. */
const WINDOW_MS = 2 * DAY_MS;

const SEARCH_MS_MAX = CRON_SEARCH_YEARS_MAX * 366 * DAY_MS;

/**
 * The first tick after `after`, or null when there is none within five years. Every tick is a whole minute of the local
 * clock, but those of `@every`: they are `anchorAt` plus a multiple of the interval.
 * @param anchorAt where the ticks of `@every` count from, such as the creation of the schedule; no other ticks need it.
 */
export function nextTick(cron: Cron, after: number, anchorAt = after): number | null {
  switch (cron.kind) {
    case "interval":
      return nextIntervalTick(cron, after, anchorAt);
    case "calendar":
      return namesEveryHour(cron.fields) ? nextShownTick(cron, after) : nextNamedTick(cron, after);
  }
}

function nextIntervalTick(cron: IntervalCron, after: number, anchorAt: number): number {
  const ticksDone = Math.max(0, Math.floor((after - anchorAt) / cron.intervalMs));
  return anchorAt + (ticksDone + 1) * cron.intervalMs;
}

function namesEveryHour(fields: CalendarFields): boolean {
  return fields.hours.every((isNamed) => isNamed);
}

/**
 * For expressions that name hours. A skipped local time is reached by the jump over it, and several of them by one
 * jump; a repeated one has been reached before.
 */
function nextNamedTick(cron: CalendarCron, after: number): number | null {
  const local = nextLocalMatch(cron.fields, latestLocal(cron.zoneName, after));
  return local === null ? null : firstReach(cron.zoneName, local);
}

/** The latest local time that the clock has shown until `at`, which is included. */
function latestLocal(zoneName: string, at: number): number {
  const shown = at + offsetMsAt(zoneName, at);
  return shiftsBetween(zoneName, at - SHIFT_MS_MAX, at).reduce(
    // The shift replaces the local time at its instant, so the last one that was shown is a millisecond earlier.
    (latest, shift) => Math.max(latest, shift.at + shift.offsetBeforeMs - 1),
    shown,
  );
}

/** The first instant at which the clock shows `local` or a later time. */
function firstReach(zoneName: string, local: number): number {
  const start = local - WINDOW_MS;
  let offsetMs = offsetMsAt(zoneName, start);
  for (const shift of shiftsBetween(zoneName, start, local + WINDOW_MS)) {
    if (local - offsetMs < shift.at) break;
    offsetMs = shift.offsetAfterMs;
    if (shift.at + offsetMs >= local) return shift.at;
  }
  return local - offsetMs;
}

/**
 * For expressions that allow every hour. Shifts repeat or skip local times, so time is walked from shift to shift; far
 * from the next match nothing can repeat a match, and the walk jumps close to it.
 */
function nextShownTick(cron: CalendarCron, after: number): number | null {
  const { fields, zoneName } = cron;
  const end = after + SEARCH_MS_MAX;
  let from = after;
  let offsetMs = offsetMsAt(zoneName, from);
  // Just before the local time that is searched from: the instant of a shift can be a tick, `after` cannot.
  let localBefore = from + offsetMs;
  while (from < end) {
    const local = nextLocalMatch(fields, localBefore);
    if (local === null) return null;
    const at = local - offsetMs;
    const shift: Shift | undefined = shiftsBetween(
      zoneName,
      from,
      Math.min(at, from + WINDOW_MS),
    )[0];
    if (shift === undefined && at <= from + WINDOW_MS) return at;
    from = shift?.at ?? Math.max(from + WINDOW_MS, at - WINDOW_MS);
    offsetMs = offsetMsAt(zoneName, from);
    localBefore = from + offsetMs - (shift === undefined ? 0 : 1);
  }
  return null;
}
