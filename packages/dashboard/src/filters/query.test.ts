import { expect, test } from "vitest";
import type { FilterField } from "./fields.ts";
import { parseFilter } from "./grammar.ts";
import { readInstant } from "./instants.ts";
import { matchesText, toQuery } from "./query.ts";

const NOW = Date.parse("2026-11-22T15:30:00Z");
const FIELDS: readonly FilterField[] = [
  {
    key: "state",
    title: "state",
    parameter: "state",
    choices: [
      { value: "failed", sent: "RUN_FAILED" },
      { value: "running", sent: "RUN_STARTED" },
    ],
  },
  { key: "label", title: "label", parameter: "label" },
  { key: "status", title: "status", parameter: "responseStatus", kind: "number" },
  { key: "from", title: "from", parameter: "fromDate", kind: "instant", isSingle: true },
  { key: "to", title: "to", parameter: "toDate", kind: "end", isSingle: true },
  { key: "stuck", title: "stuck", parameter: "stuck", kind: "flag" },
];
const ask = (text: string) => toQuery(parseFilter(text, FIELDS), FIELDS, { now: NOW, isUtc: true });

test("a filter becomes the parameters of the API", () => {
  expect(ask("state:failed state:RUN_STARTED label:a from:2h to:2026-11-20 stuck:true")).toEqual({
    query: {
      state: ["RUN_FAILED", "RUN_STARTED"],
      label: "a",
      fromDate: String(NOW - 7_200_000),
      toDate: String(Date.parse("2026-11-20T23:59:59.999Z")),
      stuck: "true",
    },
    faults: [],
  });
});

test("names each value that a field does not take, and sends the others", () => {
  const { query, faults } = ask("state:broken status:abc label:a from:never");
  expect(query).toEqual({ label: "a" });
  expect(faults).toEqual([
    'state cannot be "broken"; allowed: failed, running',
    'status cannot be "abc"; allowed: a whole number',
    'from cannot be "never"; allowed: 2h, today, 2026-11-20, 2026-11-20T10:00',
  ]);
});

test.each([
  ["90s", NOW - 90_000],
  ["now", NOW],
  ["today", Date.parse("2026-11-22T00:00:00Z")],
  ["2026-11-20", Date.parse("2026-11-20T00:00:00Z")],
  ["2026-11-20T10:00", Date.parse("2026-11-20T10:00:00Z")],
  ["2026-11-20T10:00:00+02:00", Date.parse("2026-11-20T08:00:00Z")],
  ["1795361400000", 1_795_361_400_000],
  ["2026-13-40", null],
  ["tomorrow", null],
  ["5", null],
])("reads the instant %s", (text, at) => {
  expect(readInstant(text, { now: NOW, isUtc: true })).toBe(at);
});

test("finds every word of a text, in any order and case", () => {
  const filter = parseFilter("tunnel OFFLINE", FIELDS);
  expect(matchesText(filter, ["the tunnel", undefined, "is offline"])).toBe(true);
  expect(matchesText(filter, ["the tunnel"])).toBe(false);
});
