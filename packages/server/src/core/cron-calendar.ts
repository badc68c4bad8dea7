/**
 * The calendar of cron expressions, without zones: a local time is the milliseconds since 1970-01-01T00:00 that a clock
 * on the wall shows, as if it were UTC.
 */

import { CRON_SEARCH_YEARS_MAX, DAY_MS } from "@reprise/protocol";

export const MINUTE_MS = 60_000;

/** Which dates and times an expression names. A table has one entry per value, `true` where the value is named. */
export interface CalendarFields {
  readonly minutes: readonly boolean[];
  readonly hours: readonly boolean[];
  /** Index 1 is the first day; index 0 is never named. */
  readonly daysOfMonth: readonly boolean[];
  /** Index 1 is January; index 0 is never named. */
  readonly months: readonly boolean[];
  /** Index 0 is Sunday. */
  readonly daysOfWeek: readonly boolean[];
  /** Whether the day of month, or the day of week, says nothing; when both speak, either is enough. */
  readonly isAnyDayOfMonth: boolean;
  readonly isAnyDayOfWeek: boolean;
}

const SEARCH_DAYS_MAX = CRON_SEARCH_YEARS_MAX * 366;
const DAYS_OF_MONTH_MAX = [0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
/** 1970-01-01 was a Thursday. */
const DAY_OF_WEEK_OF_DAY_0 = 4;

interface CivilDate {
  readonly year: number;
  readonly month: number;
  readonly dayOfMonth: number;
}

/** Tells whether any date matches: all but such as 30 February exist in some year. */
export function hasAnyDate(fields: CalendarFields): boolean {
  if (!fields.isAnyDayOfWeek) return true;
  const firstDay = fields.daysOfMonth.indexOf(true);
  return DAYS_OF_MONTH_MAX.some(
    (lastDay, month) => fields.months[month] === true && firstDay <= lastDay,
  );
}

/** The first matching local time after `local`, or null when there is none in the years that are searched. */
export function nextLocalMatch(fields: CalendarFields, local: number): number | null {
  const earliest = (Math.floor(local / MINUTE_MS) + 1) * MINUTE_MS;
  const firstDay = Math.floor(earliest / DAY_MS);
  let date = dateOfDay(firstDay);
  let day = firstDay;
  while (day <= firstDay + SEARCH_DAYS_MAX) {
    if (matchesDate(fields, date, day)) {
      const minuteOfDay = day === firstDay ? (earliest - day * DAY_MS) / MINUTE_MS : 0;
      const match = nextMinuteOfDay(fields, minuteOfDay);
      if (match !== null) return day * DAY_MS + match * MINUTE_MS;
    }
    const isMonthNamed = fields.months[date.month] === true;
    const nextDay = isMonthNamed ? date.dayOfMonth + 1 : daysOfMonth(date) + 1;
    day += nextDay - date.dayOfMonth;
    date = toRealDate({ ...date, dayOfMonth: nextDay });
  }
  return null;
}

function matchesDate(fields: CalendarFields, date: CivilDate, day: number): boolean {
  if (fields.months[date.month] !== true) return false;
  const isDayOfMonth = fields.daysOfMonth[date.dayOfMonth] === true;
  const dayOfWeek = (((day + DAY_OF_WEEK_OF_DAY_0) % 7) + 7) % 7;
  const isDayOfWeek = fields.daysOfWeek[dayOfWeek] === true;
  if (fields.isAnyDayOfMonth || fields.isAnyDayOfWeek) return isDayOfMonth && isDayOfWeek;
  return isDayOfMonth || isDayOfWeek;
}

/** The first matching minute of a day, at or after `minuteOfDay`. */
function nextMinuteOfDay(fields: CalendarFields, minuteOfDay: number): number | null {
  const hour = Math.floor(minuteOfDay / 60);
  if (fields.hours[hour] === true) {
    const minute = fields.minutes.indexOf(true, minuteOfDay % 60);
    if (minute !== -1) return hour * 60 + minute;
  }
  const laterHour = fields.hours.indexOf(true, hour + 1);
  return laterHour === -1 ? null : laterHour * 60 + fields.minutes.indexOf(true);
}

function daysOfMonth({ year, month }: CivilDate): number {
  const isLeapYear = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 && !isLeapYear ? 28 : (DAYS_OF_MONTH_MAX[month] ?? 31);
}

/** Carries a day that is one past the end of its month into the next one. */
function toRealDate(date: CivilDate): CivilDate {
  if (date.dayOfMonth <= daysOfMonth(date)) return date;
  if (date.month < 12) return { year: date.year, month: date.month + 1, dayOfMonth: 1 };
  return { year: date.year + 1, month: 1, dayOfMonth: 1 };
}

/** Gregorian date of a day since 1970-01-01, counted in years that start in March: their leap day is the last one. */
function dateOfDay(day: number): CivilDate {
  const dayOfEra0 = day + 719_468;
  const era = Math.floor(dayOfEra0 / 146_097);
  const dayOfEra = dayOfEra0 - era * 146_097;
  const leapDays =
    Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096);
  const yearOfEra = Math.floor((dayOfEra - leapDays) / 365);
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  return {
    year: era * 400 + yearOfEra + (month <= 2 ? 1 : 0),
    month,
    dayOfMonth: dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1,
  };
}
