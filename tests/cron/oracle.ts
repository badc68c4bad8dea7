/**
 * A cron of its own, too slow for a server and too simple to be wrong: it goes through real time minute by minute and
 * looks at the clock on the wall. It shares no code with the server, neither for expressions nor for zones.
 */

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** A stretch of time in which the clock of a zone runs evenly. */
export interface Stretch {
  readonly from: number;
  readonly aheadMs: number;
}

/** Reads the clock of a zone from `from` to `to`: hour by hour, and minute by minute where an hour went wrong. */
export function readStretches(zoneName: string, from: number, to: number): readonly Stretch[] {
  const readAheadMs = clockOf(zoneName);
  const stretches: Stretch[] = [{ from, aheadMs: readAheadMs(from) }];
  let aheadMs = readAheadMs(from);
  for (let hour = from + HOUR_MS; hour <= to; hour += HOUR_MS) {
    if (readAheadMs(hour) === aheadMs) continue;
    for (let minute = hour - HOUR_MS + MINUTE_MS; minute <= hour; minute += MINUTE_MS) {
      const minuteAheadMs = readAheadMs(minute);
      if (minuteAheadMs !== aheadMs) stretches.push({ from: minute, aheadMs: minuteAheadMs });
      aheadMs = minuteAheadMs;
    }
  }
  return stretches;
}

function clockOf(zoneName: string): (at: number) => number {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zoneName,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
  return (at) => {
    const [month = 0, day = 0, year = 0, hour = 0, minute = 0, second = 0] = (
      format.format(at).match(/\d+/g) ?? []
    ).map(Number);
    return Date.UTC(year, month - 1, day, hour, minute, second) - at;
  };
}

interface Fields {
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  readonly days: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  readonly weekdays: ReadonlySet<number>;
  readonly isEitherDay: boolean;
}

const NAMES = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(" ");
const WEEKDAY_NAMES = "SUN MON TUE WED THU FRI SAT".split(" ");

function readFields(expression: string): Fields {
  const [minute = "", hour = "", day = "", month = "", weekday = ""] = expression
    .toUpperCase()
    .replaceAll("?", "*")
    .split(" ");
  return {
    minutes: valuesOf(minute, 0, 59),
    hours: valuesOf(hour, 0, 23),
    days: valuesOf(day, 1, 31),
    months: valuesOf(inNumbers(month, NAMES, 1), 1, 12),
    weekdays: valuesOf(inNumbers(weekday, WEEKDAY_NAMES, 0), 0, 6),
    isEitherDay: day !== "*" && weekday !== "*",
  };
}

function inNumbers(text: string, names: readonly string[], first: number): string {
  return names.reduce((rest, name, index) => rest.replaceAll(name, String(first + index)), text);
}

/** Asks every value whether an item of the list names it. */
function valuesOf(list: string, min: number, max: number): ReadonlySet<number> {
  const isNamed = (value: number): boolean =>
    list.split(",").some((item) => {
      const [range = "", step = "1"] = item.split("/");
      const [low = "", high = item.includes("/") ? String(max) : low] =
        range === "*" ? [String(min), String(max)] : range.split("-");
      const distance = value - Number(low);
      return distance >= 0 && value <= Number(high) && distance % Number(step) === 0;
    });
  const all = Array.from({ length: max - min + 1 }, (_, index) => min + index);
  return new Set(all.filter(isNamed));
}

/** Whether a local minute is named; a minute is counted since 1970 on the wall. */
function minuteMatcher(fields: Fields): (minute: number) => boolean {
  const isNamedMinute = Array.from({ length: 1440 }, (_, index) =>
    [fields.hours.has(Math.floor(index / 60)), fields.minutes.has(index % 60)].every(Boolean),
  );
  let day = Number.NaN;
  let isNamedDay = false;
  return (minute) => {
    const minuteDay = Math.floor(minute / 1440);
    if (minuteDay !== day) {
      day = minuteDay;
      isNamedDay = matchesDay(fields, new Date(day * DAY_MS));
    }
    return isNamedDay && isNamedMinute[minute - day * 1440] === true;
  };
}

function matchesDay(fields: Fields, date: Date): boolean {
  const isDay = fields.days.has(date.getUTCDate());
  const isWeekday = fields.weekdays.has(date.getUTCDay());
  const isDate = fields.isEitherDay ? isDay || isWeekday : isDay && isWeekday;
  return isDate && fields.months.has(date.getUTCMonth() + 1);
}

/**
 * Every tick after `from` and until `to`. With every hour named, a tick is a minute at which the clock shows a named
 * time. Otherwise the clock is followed by the latest time it has shown: whenever that grows, by a minute or by a jump,
 * and a named time lies in what it grew by, there is a tick.
 */
export function listTicks(
  expression: string,
  stretches: readonly Stretch[],
  [from, to]: readonly [number, number],
): readonly number[] {
  const fields = readFields(expression);
  const isNamed = minuteMatcher(fields);
  const isEveryHour = fields.hours.size === 24;
  // A day before the start, because what the clock has shown until then counts.
  const start = Math.max(from - 2 * DAY_MS, stretches[0]?.from ?? from);
  let index = stretches.findLastIndex((stretch) => stretch.from <= start);
  let latest = (start + (stretches[index]?.aheadMs ?? 0)) / MINUTE_MS;
  const ticks: number[] = [];
  for (let at = start + MINUTE_MS; at <= to; at += MINUTE_MS) {
    if ((stretches[index + 1]?.from ?? Number.POSITIVE_INFINITY) <= at) index += 1;
    const shown = (at + (stretches[index]?.aheadMs ?? 0)) / MINUTE_MS;
    let isTick = isEveryHour && isNamed(shown);
    for (; latest < shown; latest++) isTick ||= !isEveryHour && isNamed(latest + 1);
    if (isTick && at > from) ticks.push(at);
  }
  return ticks;
}
