import { DAY_MS } from "@reprise/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { nextTick } from "./cron.ts";
import { parseCron } from "./cron-parse.ts";
import { findZone, offsetMsAt } from "./cron-zone.ts";

const MINUTE_MS = 60_000;

/** The next ticks as instants of UTC, up to the minute; each list starts after an instant of UTC. */
function ticks(text: string, from: string, count: number): readonly string[] {
  const cron = parseCron(text);
  const found: string[] = [];
  let at: number | null = Date.parse(`${from}Z`);
  while (at !== null && found.length < count) {
    at = nextTick(cron, at);
    if (at !== null) found.push(new Date(at).toISOString().slice(0, 16));
  }
  return found;
}

test.each([
  // Berlin: 02:00 becomes 03:00 on 2024-03-31, 03:00 becomes 02:00 on 2024-10-27, both at 01:00 UTC.
  ["Europe/Berlin 30 2 * * *", "2024-03-30T12:00", ["2024-03-31T01:00", "2024-04-01T00:30"]],
  ["Europe/Berlin 30 2 * * *", "2024-10-26T12:00", ["2024-10-27T00:30", "2024-10-28T01:30"]],
  ["Europe/Berlin 0 2 * * *", "2024-10-26T12:00", ["2024-10-27T00:00", "2024-10-28T01:00"]],
  ["Europe/Berlin 0 3 * * *", "2024-10-26T12:00", ["2024-10-27T02:00", "2024-10-28T02:00"]],
  // The tick of the skipped half hour and the one of 03:00 are the same instant, and one tick.
  ["Europe/Berlin 30 2,3 * * *", "2024-03-30T12:00", ["2024-03-31T01:00", "2024-03-31T01:30"]],
  ["Europe/Berlin 0 2,3 * * *", "2024-03-30T12:00", ["2024-03-31T01:00", "2024-04-01T00:00"]],
  ["Europe/Berlin */10 2 * * *", "2024-03-30T12:00", ["2024-03-31T01:00", "2024-04-01T00:00"]],
  ["Europe/Berlin 0 */2 * * *", "2024-03-30T23:00", ["2024-03-31T01:00", "2024-03-31T02:00"]],
  // New York: at 07:00 UTC on 2024-03-10, at 06:00 UTC on 2024-11-03.
  ["America/New_York 30 2 * * *", "2024-03-10T00:00", ["2024-03-10T07:00", "2024-03-11T06:30"]],
  ["America/New_York 30 1 * * *", "2024-11-03T00:00", ["2024-11-03T05:30", "2024-11-04T06:30"]],
  ["America/New_York 59 1 * * *", "2024-11-03T06:30", ["2024-11-04T06:59", "2024-11-05T06:59"]],
  // Lord Howe: 30 minutes, at 15:30 UTC on 2024-10-05 and at 15:00 UTC on 2024-04-06.
  ["Australia/Lord_Howe 15 2 * * *", "2024-10-05T00:00", ["2024-10-05T15:30", "2024-10-06T15:15"]],
  ["Australia/Lord_Howe 45 1 * * *", "2024-04-06T00:00", ["2024-04-06T14:45", "2024-04-07T15:15"]],
  // São Paulo: no midnight on 2018-11-04, 23:00 to 24:00 twice on 2019-02-16.
  ["America/Sao_Paulo 0 0 * * *", "2018-11-03T12:00", ["2018-11-04T03:00", "2018-11-05T02:00"]],
  ["America/Sao_Paulo @daily", "2019-02-16T12:00", ["2019-02-17T03:00", "2019-02-18T03:00"]],
  ["America/Sao_Paulo 30 23 * * *", "2019-02-16T12:00", ["2019-02-17T01:30", "2019-02-18T02:30"]],
  ["America/Sao_Paulo 0 0 4 11 *", "2018-01-01T00:00", ["2018-11-04T03:00", "2019-11-04T03:00"]],
  // Apia: 2011-12-30 does not exist; it would have been a Friday.
  ["Pacific/Apia 0 12 * * *", "2011-12-29T12:00", ["2011-12-29T22:00", "2011-12-30T10:00"]],
  ["Pacific/Apia 0 12 * * *", "2011-12-30T10:00", ["2011-12-30T22:00", "2011-12-31T22:00"]],
  ["Pacific/Apia 0 9 * * 5", "2011-12-24T00:00", ["2011-12-30T10:00", "2012-01-05T19:00"]],
  // Casablanca: an hour back for Ramadan at 02:00 UTC on 2024-03-10, forth at 02:00 UTC on 2024-04-14.
  ["Africa/Casablanca 30 2 * * *", "2024-03-09T12:00", ["2024-03-10T01:30", "2024-03-11T02:30"]],
  ["Africa/Casablanca 30 2 * * *", "2024-04-13T12:00", ["2024-04-14T02:00", "2024-04-15T01:30"]],
  ["Asia/Kolkata 30 2 * * *", "2024-03-30T12:00", ["2024-03-30T21:00", "2024-03-31T21:00"]],
])("CRON_TZ=%s names an hour: every time of the clock gives one tick", (...row) => {
  const [text, from, expected] = row;
  expect(ticks(`CRON_TZ=${text}`, from, expected.length)).toEqual(expected);
});

test.each([
  ["Europe/Berlin */30 * * * *", "2024-03-31T00:00", 3, 30],
  ["Europe/Berlin */30 * * * *", "2024-10-27T00:00", 6, 30],
  ["Europe/Berlin 15 * * * *", "2024-03-31T00:15", 3, 60],
  ["Europe/Berlin 15 0-23 * * *", "2024-10-27T00:15", 3, 60],
  ["Europe/Berlin @hourly", "2024-10-26T22:00", 6, 60],
  ["America/New_York */15 * * * *", "2024-11-03T04:45", 10, 15],
  ["Australia/Lord_Howe */15 * * * *", "2024-04-06T14:30", 10, 15],
  ["Australia/Lord_Howe */30 */1 * * *", "2024-10-05T14:30", 10, 30],
  ["Pacific/Apia 0 * * * *", "2011-12-29T22:00", 24, 60],
])("CRON_TZ=%s after %s allows every hour: the next %d ticks are %d minutes apart", (...row) => {
  const [text, from, count, minutes] = row;
  const start = Date.parse(`${from}Z`);
  const expected = Array.from({ length: count }, (_, index) =>
    new Date(start + (index + 1) * minutes * MINUTE_MS).toISOString().slice(0, 16),
  );
  expect(ticks(`CRON_TZ=${text}`, from, count)).toEqual(expected);
});

test("an hourly minute in a shift of half an hour follows the clock", () => {
  const spring = ticks("CRON_TZ=Australia/Lord_Howe 15 * * * *", "2024-10-05T14:00", 3);
  expect(spring).toEqual(["2024-10-05T14:45", "2024-10-05T16:15", "2024-10-05T17:15"]);
  const autumn = ticks("CRON_TZ=Australia/Lord_Howe 45 * * * *", "2024-04-06T14:00", 3);
  expect(autumn).toEqual(["2024-04-06T14:45", "2024-04-06T15:15", "2024-04-06T16:15"]);
});

test("the next tick is searched for five years", () => {
  const cron = parseCron("0 0 29 2 *");
  expect(nextTick(cron, Date.parse("2095-01-01T00:00Z"))).toBe(Date.parse("2096-02-29T00:00Z"));
  expect(nextTick(cron, Date.parse("2096-03-01T00:00Z"))).toBeNull();
  const zoned = parseCron("CRON_TZ=Europe/Berlin * * 29 2 *");
  expect(nextTick(zoned, Date.parse("2096-03-01T00:00Z"))).toBeNull();
  expect(nextTick(zoned, Date.parse("2100-01-01T00:00Z"))).toBe(Date.parse("2104-02-28T23:00Z"));
});

test("@every counts from where it is told to, and from the last instant when it is not", () => {
  const cron = parseCron("CRON_TZ=Europe/Berlin @every 1h30m");
  const created = Date.parse("2024-03-31T00:10:07.500Z");
  const stepMs = 90 * MINUTE_MS;
  expect(nextTick(cron, created)).toBe(created + stepMs);
  expect(nextTick(cron, created, created)).toBe(created + stepMs);
  expect(nextTick(cron, created + stepMs - 1, created)).toBe(created + stepMs);
  expect(nextTick(cron, created + stepMs, created)).toBe(created + 2 * stepMs);
  expect(nextTick(cron, created + 1000 * stepMs + 5, created)).toBe(created + 1001 * stepMs);
  expect(nextTick(cron, created - DAY_MS, created)).toBe(created + stepMs);
});

const zoneNames = Intl.supportedValuesOf("timeZone");

const anyExpression = fc
  .tuple(
    fc.constantFrom("*", "*/7", "0", "30", "1,59", "10-20"),
    fc.constantFrom("*", "*/3", "0", "1", "2", "3", "23", "0-3", "22-23"),
    fc.constantFrom("*", "*", "1", "31", "29-31"),
    fc.constantFrom("*", "*", "MAR-APR", "2", "9,10,11"),
    fc.constantFrom("*", "*", "SUN", "1-5"),
  )
  .map((fields) => fields.join(" "))
  .filter((text) => !text.endsWith(" 31 2 *"));

test("in every zone ticks come after the instant, in order, and never early", () =>
  fc.assert(
    fc.property(
      fc.constantFrom(...zoneNames),
      anyExpression,
      fc.integer({ min: Date.UTC(1975, 0), max: Date.UTC(2045, 0) }),
      fc.integer({ min: 1, max: 40 * DAY_MS }),
      (zoneName, expression, from, gapMs) => {
        const cron = parseCron(`CRON_TZ=${zoneName} ${expression}`);
        const first = nextTick(cron, from) ?? Number.NaN;
        expect(first).toBeGreaterThan(from);
        expect(first % MINUTE_MS).toBe(0);
        // Nothing lies between: asking from anywhere before the tick gives the tick.
        expect(nextTick(cron, Math.max(from, first - gapMs))).toBe(first);
        expect(nextTick(cron, first - 1)).toBe(first);
        expect(nextTick(cron, first) ?? Number.NaN).toBeGreaterThan(first);
      },
    ),
    { numRuns: 1000 },
  ));

test("a clock that is seconds off fires on its own whole minutes", () => {
  // Monrovia was 44 minutes and 30 seconds behind UTC until 1972.
  const cron = parseCron("CRON_TZ=Africa/Monrovia 0 9 * * *");
  const tick = Date.parse("1971-01-01T09:44:30Z");
  expect(nextTick(cron, Date.parse("1971-01-01T00:00Z"))).toBe(tick);
  expect(nextTick(cron, tick)).toBe(tick + DAY_MS);
});

test("ticks stay right when more days were asked for than are kept at a time", () => {
  const cron = parseCron("CRON_TZ=America/New_York 30 1 * * *");
  for (let year = 1990; year < 2030; year++) {
    for (const [month, hour] of [
      [0, 6],
      [6, 5],
    ] as const) {
      for (let day = 1; day < 20; day++) {
        const tick = Date.UTC(year, month, day, hour, 30);
        expect(nextTick(cron, tick - 60 * MINUTE_MS)).toBe(tick);
      }
    }
  }
});

test("zones are found in any case, under their aliases, and never for an offset", () => {
  expect(findZone("europe/BERLIN")).toBe("Europe/Berlin");
  expect(findZone("US/Eastern")).toBe("America/New_York");
  expect(findZone("utc")).toBe("UTC");
  expect(findZone("GMT")).toBe("UTC");
  expect(findZone("Etc/GMT+3")).toBe("Etc/GMT+3");
  expect(offsetMsAt("Etc/GMT+3", 0)).toBe(-3 * 60 * MINUTE_MS);
  for (const name of ["+01:00", "", "Local", "Europe", "Europe/", "Europe/Berlin\n", "__proto__"]) {
    expect(findZone(name), name).toBeNull();
  }
});
