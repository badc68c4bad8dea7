import fc from "fast-check";
import { expect, test } from "vitest";
import { findRetryAfter, formatDuration, parseDurationMs, parseRetryAfterMs } from "./duration.ts";
import { isRepriseError } from "./errors.ts";

/** 2024-02-29T12:00:00Z. */
const NOW = 1_709_208_000_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

test.each([
  ["30", 30_000],
  ["0", 0],
  ["1.5", 1500],
  ["10s", 10_000],
  ["1.5s", 1500],
  ["2m", 120_000],
  ["1h", HOUR_MS],
  ["1d", DAY_MS],
  ["2w", 14 * DAY_MS],
  ["500ms", 500],
  ["1s500ms", 1_500],
  ["2500us", 3],
  ["1500000ns", 2],
  ["1mo", 30 * DAY_MS],
  ["1y", 365 * DAY_MS],
  ["1d10h30m", DAY_MS + 10 * HOUR_MS + 30 * 60_000],
  ["1h30m3s", 5_403_000],
  ["1m1mo", 30 * DAY_MS + 60_000],
])("the duration %s is %d ms", (text, durationMs) => {
  expect(parseDurationMs(text, "Upstash-Delay")).toBe(durationMs);
});

test.each([
  "",
  " ",
  "-5s",
  "5 s",
  " 5s",
  "5s ",
  "s",
  "5x",
  "5sm",
  "5S",
  "1e9",
  "1e9d",
  "PT5S",
  "5s-",
  "1h30",
  "٣s",
  "NaN",
  "Infinity",
  "0x10",
  "5,s",
  "..s",
  "99999999999999999y",
  "1s, 2s",
  `${"0".repeat(64)}1`,
])("the duration %j is refused, with the header named", (text) => {
  expect(() => parseDurationMs(text, "Upstash-Delay")).toThrow(
    /^Upstash-Delay must be a number of seconds/,
  );
});

test("a written duration reads back as the same number", () => {
  expect([0, 999, 1500, 12_000, 1_808_000, DAY_MS + 1].map(formatDuration)).toEqual([
    "0s",
    "0.999s",
    "1.5s",
    "12s",
    "30m8s",
    "1d0.001s",
  ]);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 3650 * DAY_MS }), (durationMs) => {
      expect(parseDurationMs(formatDuration(durationMs), "x")).toBe(durationMs);
    }),
  );
});

test("reading any text gives a whole number that is not negative, or a refusal of its kind", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9.smhdwyo-]{0,20}$/)), (text) => {
      try {
        const durationMs = parseDurationMs(text, "x");
        expect(Number.isSafeInteger(durationMs) && durationMs >= 0).toBe(true);
      } catch (error) {
        expect(isRepriseError(error) && error.code === "invalid_duration").toBe(true);
      }
    }),
  );
});

test.each([
  ["0", 0],
  ["10", 10_000],
  ["1.5", 1500],
  [" 7 ", 7000],
  ["6m5s", 365_000],
  ["250ms", 250],
  ["1500us", 2],
  ["1500\u00b5s", 2],
  ["1500\u00c2\u00b5s", 2],
  ["1ns", 1],
  ["1h0m0.5s", HOUR_MS + 500],
  [".5s", 500],
  ["1d", DAY_MS],
  ["86400", DAY_MS],
  ["Thu, 29 Feb 2024 12:00:10 GMT", 10_000],
  ["Fri, 01 Mar 2024 11:59:59 GMT", DAY_MS - 1000],
  ["Sun, 06 Nov 1994 08:49:37 GMT", 0],
  ["Thu, 29 Feb 2024 23:59:60 GMT", 12 * HOUR_MS],
])("a response that says %s is retried after %d ms", (value, waitMs) => {
  expect(parseRetryAfterMs(value, NOW)).toBe(waitMs);
});

test.each([
  "",
  "-1",
  "-5s",
  "soon",
  "1d1s",
  "86401",
  "86400.001",
  "1700000000",
  "2y",
  "1e3",
  "0x10",
  "10s later",
  "Sat, 02 Mar 2024 12:00:00 GMT",
  "Thu, 29 Feb 2024 25:00:10 GMT",
  "Thu, 00 Feb 2024 12:00:10 GMT",
  "Thu, 29 Foo 2024 12:00:10 GMT",
  "Thu, 29 anF 2024 12:00:10 GMT",
  "Thu, 29 Feb 2024 12:00:10 CET",
  "2024-02-29T12:00:10Z",
  "9".repeat(400),
])("a response that says %j is not obeyed", (value) => {
  expect(parseRetryAfterMs(value, NOW)).toBeNull();
});

test("dates of a response mean what the platform's calendar says", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4_000_000_000 }), (seconds) => {
      const now = seconds * 1000 - 5000;
      expect(parseRetryAfterMs(new Date(seconds * 1000).toUTCString(), now)).toBe(5000);
    }),
  );
});

test("reading the wait of any response never throws and stays within a day", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9.nuµmshd]{0,20}$/)), (value) => {
      const waitMs = parseRetryAfterMs(value, NOW);
      expect(waitMs === null || (Number.isInteger(waitMs) && waitMs >= 0 && waitMs <= DAY_MS)).toBe(
        true,
      );
    }),
  );
});

test("the headers that ask for a wait count in their order, and unusable ones are passed over", () => {
  const headers = {
    "retry-after": ["soon", "1"],
    "x-ratelimit-reset": "1700000000",
    "x-ratelimit-reset-requests": ["6m5s"],
    "x-ratelimit-reset-tokens": "1s",
  };
  expect(findRetryAfter(headers, NOW)).toEqual({
    header: "x-ratelimit-reset-requests",
    delayMs: 365_000,
  });
  expect(findRetryAfter({ ...headers, "retry-after": "2" }, NOW)).toEqual({
    header: "retry-after",
    delayMs: 2000,
  });
  expect(findRetryAfter({ ...headers, "x-ratelimit-reset": "3" }, NOW)?.delayMs).toBe(3000);
  expect(findRetryAfter({ "x-ratelimit-reset-tokens": "1s" }, NOW)?.delayMs).toBe(1000);
  expect(findRetryAfter({ "retry-after": [] }, NOW)).toBeNull();
  expect(findRetryAfter({}, NOW)).toBeNull();
});
