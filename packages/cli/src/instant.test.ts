import { expect, test } from "vitest";
import { formatInstant, formatMs, parseInstant } from "./instant.ts";

const now = Date.UTC(2026, 0, 31, 12);

test.each([
  ["90m", now - 90 * 60_000],
  ["1d12h", now - 36 * 3_600_000],
  ["0s", now],
  ["1.5h", now - 90 * 60_000],
  ["2026-01-31", Date.UTC(2026, 0, 31)],
  ["2026-01-31T10:00Z", Date.UTC(2026, 0, 31, 10)],
  ["2026-01-31T10:00+02:00", Date.UTC(2026, 0, 31, 8)],
  ["1725323658779", 1_725_323_658_779],
])("%s is a point in time", (text, expected) => {
  expect(parseInstant(text, now)).toBe(expected);
});

test.each(["", "90", "yesterday", "2026-13-01", "-5m", "99999999999999999999"])(
  "%j is refused with what is allowed",
  (text) => {
    expect(() => parseInstant(text, now)).toThrow(/allowed are/);
  },
);

test("an instant is shown in UTC to the second", () => {
  expect(formatInstant(Date.UTC(2026, 0, 31, 9, 8, 7, 654))).toBe("2026-01-31 09:08:07Z");
});

test("a span is shown in the unit that fits", () => {
  expect([999, 1_500, 90_000, 600_000, 9_000_000].map(formatMs)).toEqual([
    "999 ms",
    "1.5 s",
    "90 s",
    "10 min",
    "2.5 h",
  ]);
});
