import { expect, test } from "vitest";
import { formatTraceparent, parseTraceparent, parseTracestate } from "./trace.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const spanId = "00f067aa0ba902b7";

test.each([
  [`00-${traceId}-${spanId}-01`, true],
  [`00-${traceId}-${spanId}-00`, false],
  [`00-${traceId}-${spanId}-03`, true],
  [`01-${traceId}-${spanId}-01-what-comes-later`, true],
])("%s is taken", (text, isSampled) => {
  expect(parseTraceparent(text)).toEqual({ traceId, spanId, isSampled });
});

test.each([
  "",
  "00",
  `ff-${traceId}-${spanId}-01`,
  `00-${traceId}-${spanId}-01-more`,
  `00-${traceId}-${spanId}-1`,
  `00-${traceId}-${spanId}`,
  `00-${"0".repeat(32)}-${spanId}-01`,
  `00-${traceId}-${"0".repeat(16)}-01`,
  `00-${traceId.toUpperCase()}-${spanId}-01`,
  `00-${traceId}-${spanId}-01\r\nx: y`,
])("%j is not", (text) => {
  expect(parseTraceparent(text)).toBeNull();
});

test("what is written is read", () => {
  const parent = { traceId, spanId, isSampled: true };
  expect(parseTraceparent(formatTraceparent(parent))).toEqual(parent);
});

test.each([
  ["rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"],
  [" a=1 , , t@v=2 ", "a=1,t@v=2"],
  ["", null],
  ["a", null],
  ["A=1", null],
  ["a=1\r\nx: y", null],
  ["a=é", null],
  [`a=${"x".repeat(300)}`, null],
  [Array.from({ length: 33 }, (_, at) => `a${at}=1`).join(), null],
  [`a=${"x".repeat(250)},b=${"x".repeat(250)},c=${"x".repeat(20)}`, null],
])("the state %j is kept as %j", (text, kept) => {
  expect(parseTracestate(text)).toBe(kept);
});
