import fc from "fast-check";
import { expect, test } from "vitest";
import { isRepriseError } from "./errors.ts";
import { isJsonObject, parseJson } from "./json.ts";

const encoder = new TextEncoder();

test("JSON that is not too deep parses to the same value, from text and from bytes", () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 5 }), (text) => {
      expect(parseJson(text, "body")).toEqual(JSON.parse(text));
      expect(parseJson(encoder.encode(text), "body")).toEqual(JSON.parse(text));
    }),
  );
});

test("64 levels pass and 65 do not", () => {
  const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  expect(parseJson(nested(64), "body")).toBeInstanceOf(Array);
  expect(() => parseJson(nested(65), "body")).toThrow(
    "body must not be nested deeper than 64 levels",
  );
  expect(() => parseJson(`${'{"a":'.repeat(65)}1${"}".repeat(65)}`, "body")).toThrow(/deeper/);
  expect(() => parseJson(`${'{"a":['.repeat(33)}${"]}".repeat(33)}`, "body")).toThrow(/deeper/);
  expect(parseJson(`${'{"a":['.repeat(32)}${"]}".repeat(32)}`, "body")).toHaveProperty("a");
  expect(() => parseJson("[".repeat(1_000_000), "body")).toThrow(/deeper/);
});

test("brackets inside a string and brackets side by side are not depth", () => {
  const inString = JSON.stringify({ out: `\\"${"[".repeat(100)}\\`, next: "[" });
  expect(parseJson(inString, "body")).toEqual(JSON.parse(inString));
  expect(parseJson(`[${"[],".repeat(100)}1]`, "body")).toHaveLength(101);
});

test("a deep value behind a tricky string is still found", () => {
  for (const text of ['"\\\\"', '"\\\\\\""', '"a\\"]]]"', '""']) {
    expect(() => parseJson(`[${text},${"[".repeat(64)}${"]".repeat(64)}]`, "body")).toThrow(
      /deeper/,
    );
  }
});

test.each(["", "{", "{'a':1}", "[1,]", "NaN", '"open', "\ufeff{}", "undefined", '"\\"'])(
  "%j is refused as JSON",
  (text) => {
    expect(() => parseJson(text, "batch item 3")).toThrow("batch item 3 must be valid JSON");
  },
);

test("bytes that are no UTF-8, and a byte order mark, are refused", () => {
  expect(() => parseJson(Uint8Array.of(0x22, 0xff, 0x22), "body")).toThrow("body must be UTF-8");
  expect(() => parseJson(Uint8Array.of(0xef, 0xbb, 0xbf, 0x31), "body")).toThrow(
    "body must be valid JSON",
  );
});

test("any text parses as the platform parses it, or is refused", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[{}[\]",:\\a1 ]{0,40}$/), (text) => {
      try {
        expect(parseJson(text, "body")).toEqual(JSON.parse(text));
      } catch (error) {
        expect(isRepriseError(error) && error.code).toBe("invalid_json");
        expect(() => JSON.parse(text)).toThrow();
      }
    }),
    { numRuns: 1000 },
  );
});

test("a long string full of backslashes and quotes is read in linear time", () => {
  const text = `"${'\\\\\\"'.repeat(500_000)}"`;
  expect(parseJson(text, "body")).toHaveLength(1_000_000);
  expect(parseJson(`"${"\\\\".repeat(1_000_000)}"`, "body")).toHaveLength(1_000_000);
});

test("lists and null are no objects", () => {
  expect([{}, [], null, "x", 1].map(isJsonObject)).toEqual([true, false, false, false, false]);
});
