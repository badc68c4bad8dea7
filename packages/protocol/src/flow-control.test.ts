import fc from "fast-check";
import { expect, test } from "vitest";
import { isRepriseError } from "./errors.ts";
import { formatFlowControlValue, parseFlowControl, parseFlowControlValue } from "./flow-control.ts";

const anyCount = fc.integer({ min: 1, max: 1_000_000_000 });
const anyValue = fc
  .record({
    parallelism: fc.option(anyCount),
    rate: fc.option(anyCount),
    periodMs: fc.integer({ min: 1, max: 604_800 }).map((seconds) => seconds * 1000),
  })
  .filter(({ parallelism, rate }) => parallelism !== null || rate !== null);

test("a written value reads back as the same value", () => {
  expect(formatFlowControlValue({ parallelism: 3, rate: 5, periodMs: 60_000 })).toBe(
    "parallelism=3,rate=5,period=60",
  );
  fc.assert(
    fc.property(anyValue, (value) => {
      expect(parseFlowControlValue(formatFlowControlValue(value))).toEqual(value);
    }),
  );
});

test("the three items come in any order, each once, and a period alone is not enough", () => {
  expect(parseFlowControlValue("period=2s , rate=1")).toEqual({
    parallelism: null,
    rate: 1,
    periodMs: 2000,
  });
  expect(parseFlowControlValue("parallelism=1").periodMs).toBe(1000);
  for (const text of [
    "period=1",
    "rate=1,rate=1",
    "rate=1=1",
    "rate=1,x=1",
    "rate=0",
    "rate=1000000001",
  ]) {
    expect(() => parseFlowControlValue(text)).toThrow(/Upstash-Flow-Control-Value/);
  }
});

test("key and value need each other", () => {
  expect(parseFlowControl({})).toBeNull();
  expect(() => parseFlowControl({ "upstash-flow-control-key": "k" })).toThrow(/missing/);
  expect(() => parseFlowControl({ "upstash-flow-control-value": "rate=1" })).toThrow(/missing/);
  for (const key of ["", "x".repeat(257), "a\nb"]) {
    const headers = { "upstash-flow-control-key": key, "upstash-flow-control-value": "rate=1" };
    expect(() => parseFlowControl(headers)).toThrow(/1 to 256 characters/);
  }
});

test("any value is read or refused", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a-z0-9=, ]{0,40}$/)), (text) => {
      try {
        parseFlowControlValue(text);
      } catch (error) {
        expect(isRepriseError(error)).toBe(true);
      }
    }),
  );
});
