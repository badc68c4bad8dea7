import { CRON_CHARS_MAX, errorTable, isRepriseError } from "@reprise/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { nextTick } from "./cron.ts";
import { parseCron } from "./cron-parse.ts";

const MINUTE_MS = 60_000;

function messageOf(text: string): string {
  try {
    parseCron(text);
  } catch (error) {
    if (!isRepriseError(error)) throw error;
    expect(error.code).toBe("invalid_cron");
    expect(error.status).toBe(errorTable.invalid_cron.status);
    return error.message;
  }
  throw new Error(`${text} was accepted`);
}

/** The ticks of an expression from an instant on, as ISO texts up to the minute. */
function ticks(text: string, from: string, count: number): readonly string[] {
  const cron = parseCron(text);
  const found: string[] = [];
  let at: number | null = Date.parse(from);
  while (at !== null && found.length < count) {
    at = nextTick(cron, at);
    if (at !== null) found.push(new Date(at).toISOString().slice(0, 16));
  }
  return found;
}

test.each([
  ["*/20 * * * *", ["2024-01-01T00:20", "2024-01-01T00:40", "2024-01-01T01:00"]],
  ["5/25 3 * * *", ["2024-01-01T03:05", "2024-01-01T03:30", "2024-01-01T03:55"]],
  ["10-30/10 4 * * *", ["2024-01-01T04:10", "2024-01-01T04:20", "2024-01-01T04:30"]],
  ["1,50-51 4 * * *", ["2024-01-01T04:01", "2024-01-01T04:50", "2024-01-01T04:51"]],
  ["0 0 * jun-Jul MON", ["2024-06-03T00:00", "2024-06-10T00:00", "2024-06-17T00:00"]],
  ["0 0 ? * sat,SUN", ["2024-01-06T00:00", "2024-01-07T00:00", "2024-01-13T00:00"]],
  ["0 0 31 * *", ["2024-01-31T00:00", "2024-03-31T00:00", "2024-05-31T00:00"]],
  ["0 0 29 2 *", ["2024-02-29T00:00", "2028-02-29T00:00", "2032-02-29T00:00"]],
  ["00 05 01 02 *", ["2024-02-01T05:00", "2025-02-01T05:00", "2026-02-01T05:00"]],
  ["*/90 * * * *", ["2024-01-01T01:00", "2024-01-01T02:00", "2024-01-01T03:00"]],
  ["@hourly", ["2024-01-01T01:00", "2024-01-01T02:00", "2024-01-01T03:00"]],
  ["@daily", ["2024-01-02T00:00", "2024-01-03T00:00", "2024-01-04T00:00"]],
  ["@Midnight", ["2024-01-02T00:00", "2024-01-03T00:00", "2024-01-04T00:00"]],
  ["@weekly", ["2024-01-07T00:00", "2024-01-14T00:00", "2024-01-21T00:00"]],
  ["@monthly", ["2024-02-01T00:00", "2024-03-01T00:00", "2024-04-01T00:00"]],
  ["@yearly", ["2025-01-01T00:00", "2026-01-01T00:00", "2027-01-01T00:00"]],
  ["@annually", ["2025-01-01T00:00", "2026-01-01T00:00", "2027-01-01T00:00"]],
  ["@every 1h30m", ["2024-01-01T01:30", "2024-01-01T03:00", "2024-01-01T04:30"]],
  ["CRON_TZ=Asia/Kolkata 0 9 * * *", ["2024-01-01T03:30", "2024-01-02T03:30", "2024-01-03T03:30"]],
  ["TZ=asia/kolkata  @daily", ["2024-01-01T18:30", "2024-01-02T18:30", "2024-01-03T18:30"]],
])("%s fires where its fields say", (text, expected) => {
  expect(ticks(text, "2024-01-01T00:00:00Z", 3)).toEqual(expected);
});

test("both day fields are restricted: either matches", () => {
  // 2024-01-01 is a Monday.
  expect(ticks("0 0 13 * 5", "2024-01-01T00:00:00Z", 4)).toEqual([
    "2024-01-05T00:00",
    "2024-01-12T00:00",
    "2024-01-13T00:00",
    "2024-01-19T00:00",
  ]);
});

test("a star with a step restricts, a star in a list or with step 1 does not", () => {
  const from = "2024-01-01T00:00:00Z";
  expect(ticks("0 0 */20 * 5", from, 3)).toEqual([
    "2024-01-05T00:00",
    "2024-01-12T00:00",
    "2024-01-19T00:00",
  ]);
  expect(ticks("0 0 */20 * 5", "2024-01-19T00:00:00Z", 2)).toEqual([
    "2024-01-21T00:00",
    "2024-01-26T00:00",
  ]);
  expect(ticks("0 0 */1 * 5", from, 2)).toEqual(["2024-01-05T00:00", "2024-01-12T00:00"]);
  expect(ticks("0 0 3,* * 5", from, 2)).toEqual(["2024-01-05T00:00", "2024-01-12T00:00"]);
  expect(ticks("0 0 *,3 * 5", from, 2)).toEqual(["2024-01-05T00:00", "2024-01-12T00:00"]);
  expect(ticks("0 0 1-31 * 5", from, 2)).toEqual(["2024-01-02T00:00", "2024-01-03T00:00"]);
});

test("blanks around the expression are dropped, and the text that is kept has none", () => {
  expect(parseCron(" \t*/10  *\t* * * ")).toMatchObject({ text: "*/10  *\t* * *" });
  expect(parseCron("*/10 * * * * ").text).toBe("*/10 * * * *");
});

test("equal meanings of the same zone are equal data", () => {
  const { text: _, ...one } = parseCron("CRON_TZ=US/Eastern 0 2 * * MON");
  const { text: __, ...other } = parseCron("TZ=america/new_york 0 2 * * 1");
  expect(one).toEqual(other);
});

test.each([
  ["", "it is empty; minute, hour, day of month, month and day of week or a descriptor"],
  ["   ", "it is empty"],
  ["* * * *", "5 fields (minute, hour, day of month, month and day of week) are expected, got 4"],
  ["0 * * * * *", "got 6; seconds are not supported"],
  ["0 * * * * * 2024", "got 7"],
  ["60 * * * *", "minute (field 1), at position 1: 60 is above 59; allowed are *, 0-59, lists"],
  ["* 1,24 * * *", "hour (field 2), at position 5: 24 is above 23; allowed are *, 0-23, lists"],
  ["0 0 0 * *", "day of month (field 3), at position 5: 0 is below 1; allowed are *, 1-31, lists"],
  ["0 0 1 13 *", "month (field 4), at position 7: 13 is above 12; allowed are *, 1-12, JAN-DEC"],
  ["0 0 * * 7", "day of week (field 5), at position 9: 7 is not a day of week; Sunday is 0 or SUN"],
  ["0 0 * * 5-7", "day of week (field 5), at position 11: 7 is not a day of week"],
  ["0 0 * * 8", "day of week (field 5), at position 9: 8 is above 6; allowed are *, 0-6, SUN-SAT"],
  ["0 0 * * MONDAY", 'at position 9: "MONDAY" is not a value'],
  ["0 0 * MON *", 'month (field 4), at position 7: "MON" is not a value'],
  [
    "*/0 * * * *",
    'minute (field 1), at position 3: a step is a whole number from 1 to 9999, got "0',
  ],
  ["*/-5 * * * *", "at position 3: a step is a whole number"],
  ["*/5/2 * * * *", "at position 3: a step is a whole number"],
  ["*/ * * * *", "at position 3: a step is a whole number"],
  ["*/99999 * * * *", "at position 3: a step is a whole number"],
  ["30-10 * * * *", "at position 1: the range 30-10 ends before it starts"],
  ["0 0 * * fri-mon", "at position 9: the range fri-mon ends before it starts"],
  ["1-2-3 * * * *", "at position 4: a range has two ends"],
  ["1- * * * *", "at position 3: a value is missing"],
  ["-1 * * * *", "at position 1: a value is missing"],
  ["*-5 * * * *", 'at position 1: "*" is not a value'],
  ["1,,2 * * * *", "at position 3: a value is missing"],
  [", * * * *", "at position 1: a value is missing"],
  ["+5 * * * *", '"+5" is not a value'],
  ["1.5 * * * *", '"1.5" is not a value'],
  ["0x5 * * * *", '"0x5" is not a value'],
  ["٣ * * * *", '"٣" is not a value'],
  ["H * * * *", '"H" is not a value'],
  ["** * * * *", '"**" is not a value'],
  ["0 0 L * *", 'day of month (field 3), at position 5: L, W and # are not supported, got "L"'],
  ["0 0 LW * *", "L, W and # are not supported"],
  ["0 0 1,15W * *", "at position 7: L, W and # are not supported"],
  ["0 0 * * 5L", "L, W and # are not supported"],
  ["0 0 * * friL", "L, W and # are not supported"],
  ["0 0 * * MON#2", "L, W and # are not supported"],
  ["0 0 31 2 *", "day of month (field 3), at position 5: it would never fire"],
  ["0 0 30,31 2 *", "it would never fire"],
  ["0 0 31 2,4,6,9,11 ?", "it would never fire"],
  ["@reboot", 'descriptor, at position 1: there is no descriptor "@reboot"; known are @yearly'],
  ["@daily 5", "descriptor, at position 8: nothing may follow @daily"],
  ["@", "there is no descriptor"],
  ["@every", "interval, at position 1: @every takes one duration in whole seconds"],
  ["@every 5", "interval, at position 8: @every takes one duration"],
  ["@every 30s", "from 1m to 365d, got"],
  ["@every 366d", "from 1m to 365d, got"],
  ["@every 90.5s", "in whole seconds"],
  ["@every -5m", "@every takes one duration"],
  ["@every 5m 5m", "interval, at position 11"],
  ["@every5m", "there is no descriptor"],
  [
    "CRON_TZ=Mars/Phobos 0 0 * * *",
    'time zone, at position 9: there is no time zone "Mars/Phobos"',
  ],
  ["CRON_TZ=../../etc/passwd 0 0 * * *", 'there is no time zone "../../etc/passwd"'],
  ["CRON_TZ= 0 0 * * *", "time zone, at position 9: the zone is missing; CRON_TZ= takes an IANA"],
  ["CRON_TZ=", "the zone is missing"],
  ["TZ=", "time zone, at position 4: the zone is missing; TZ= takes an IANA name"],
  ["TZ=+01:00 0 0 * * *", 'there is no time zone "+01:00"'],
  ["TZ=Local 0 0 * * *", "there is no time zone"],
  ["TZ=Europe/Berlin", "are expected, got 0"],
  ["cron_tz=UTC 0 0 * * *", "got 6"],
  ["CRON_TZ=UTC TZ=UTC 0 0 * * *", "got 6"],
  ["0 0 * * * CRON_TZ=UTC", "got 6"],
])("%j is refused with a text that says where and why", (text, expected) => {
  const message = messageOf(text);
  expect(message).toEqual(expect.stringMatching(/^Invalid cron expression "/));
  expect(message).toContain(expected);
});

test("the position counts from the first character that is no blank", () => {
  expect(messageOf("   TZ=UTC  0  99 * * *")).toContain("hour (field 2), at position 12");
});

test("a list of every value fits into the characters that are allowed, a longer text is refused", () => {
  const all = (count: number): string => Array.from({ length: count }, (_, i) => i).join(",");
  const full = `CRON_TZ=America/Argentina/ComodRivadavia ${all(60)} ${all(24)} * * ${all(7)}`;
  expect(ticks(full, "2024-01-01T00:00:30Z", 1)).toEqual(["2024-01-01T00:01"]);
  const expected = `at most ${CRON_CHARS_MAX} characters are allowed, got`;
  expect(messageOf(`${"0,".repeat(5000)}0 * * * *`)).toContain(`${expected} 10009`);
  expect(messageOf(`* * * * *${" ".repeat(CRON_CHARS_MAX)}`)).toContain(expected);
});

const hostile = [
  "*".repeat(10_000),
  "* ".repeat(5000),
  `${"1,".repeat(5000)}1 * * * *`,
  `${"1-".repeat(5000)}1 * * * *`,
  `*${"/1".repeat(5000)} * * * *`,
  `CRON_TZ=${"A/".repeat(5000)} * * * * *`,
  `TZ=${"a".repeat(490)} * * * * *`,
  `TZ=${"a-".repeat(30)} * * * * *`,
  `@every ${"1h".repeat(200)}`,
  `${"#".repeat(500)} * * * *`,
  `${"L".repeat(500)} * * * *`,
  `${"9".repeat(500)} * * * *`,
  " ".repeat(10_000),
  "\u0000 * * * *",
  "__proto__ constructor * * *",
  "0 0 31 2 *",
  "TZ=__proto__ * * * * *",
  "TZ=constructor * * * * *",
];

test("hostile texts are refused at once", () => {
  for (const text of hostile) messageOf(text);
  const rounds = 20;
  for (const text of hostile) {
    let leastMs = Number.POSITIVE_INFINITY;
    for (let round = 0; round < rounds; round++) {
      const startedAt = performance.now();
      messageOf(text);
      leastMs = Math.min(leastMs, performance.now() - startedAt);
    }
    // Texts of outside may cost a millisecond; the least of several keeps the pauses of a busy machine out of the figure.
    expect(leastMs, text.slice(0, 40)).toBeLessThan(1);
  }
});

test("any text is either refused as it should be or fires on a whole minute", () => {
  const piece = fc.constantFrom(
    ..."* ? / - , 0 1 5 7 23 59 60 MON jan L W # @ @every 1h TZ=".split(" "),
    " ",
  );
  const text = fc.oneof(
    fc.string({ maxLength: 40 }),
    fc.array(piece, { maxLength: 24 }).map((pieces) => pieces.join("")),
    fc
      .array(fc.array(piece, { maxLength: 4 }), { minLength: 5, maxLength: 5 })
      .map((fields) => fields.map((pieces) => pieces.join("") || "*").join(" ")),
  );
  fc.assert(
    fc.property(text, (candidate) => {
      try {
        const at = nextTick(parseCron(candidate), 0);
        expect(at === null || (at > 0 && at % MINUTE_MS === 0)).toBe(true);
      } catch (error) {
        if (!isRepriseError(error)) throw error;
        expect(error.message.startsWith("Invalid cron expression ")).toBe(true);
      }
    }),
    { numRuns: 3000 },
  );
});
