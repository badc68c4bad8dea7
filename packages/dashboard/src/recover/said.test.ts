import { expect, test } from "vitest";
import { saidBy } from "./said.ts";

test.each([
  ['{"error":"Error","message":"card 7 was declined"}', "card 7 was declined"],
  ['{"error":"short and stout","order":1}', "short and stout"],
  ['"a text"', "a text"],
  ["warehouse\n is  closed", "warehouse is closed"],
  ['{"order":1}', null],
  ['{"message":7}', null],
  ["[1,2]", null],
  ["<!doctype html><p>x", null],
  ["  ", null],
  [undefined, null],
])("of %j a line says %j", (responseBody, said) => {
  expect(saidBy(responseBody === undefined ? { reason: "x" } : { responseBody, reason: "x" })).toBe(
    said,
  );
});

test("what only repeats the reason says nothing", () => {
  expect(saidBy({ responseBody: "connect failed", reason: "connect failed" })).toBeNull();
});

test("a line of a list is short", () => {
  expect(saidBy({ responseBody: "x".repeat(10_000), reason: "500" })).toHaveLength(300);
});
