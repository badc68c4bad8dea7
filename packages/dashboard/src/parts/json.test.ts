import { expect, test } from "vitest";
import { bytesOf, formatBytes, hexLines } from "./bytes.ts";
import { isLongNumber, readTree } from "./json.ts";

test("reads objects and lists, and nothing else", () => {
  expect(readTree(' {"a":[1]} ')).toEqual({ a: [1] });
  expect(readTree("12")).toBeUndefined();
  expect(readTree('{"a":')).toBeUndefined();
  expect(readTree("<html>")).toBeUndefined();
});

test("an id that is too long for a number stays as it was written", () => {
  const tree = readTree('{"id":12345678901234567890,"n":1234567890123456}') as {
    readonly id: unknown;
    readonly n: unknown;
  }; // As written in the line above.
  expect(isLongNumber(tree.id)).toBe(true);
  expect(tree.id).toEqual({ written: "12345678901234567890" });
  expect(tree.n).toBe(1_234_567_890_123_456);
  expect(isLongNumber(readTree('{"written":"1"}'))).toBe(false);
});

test("bytes are shown with their place and their letters", () => {
  expect(hexLines(bytesOf("SGVsbG8AAf8="), 0, 16)).toBe(
    "00000000  48 65 6c 6c 6f 00 01 ff                          Hello...",
  );
  expect(bytesOf("%%%")).toHaveLength(0);
  expect([12, 1_500, 5_000_000].map(formatBytes)).toEqual(["12 B", "1.5 kB", "5.0 MB"]);
});
