import { expect, test } from "vitest";
import { bytesOf, formatBytes, hexLines } from "./bytes.ts";
import { longNumberIn, readTree } from "./json.ts";

test("reads objects and lists, and nothing else", () => {
  expect(readTree(' {"a":[1]} ')).toEqual({ a: [1] });
  expect(readTree("12")).toBeUndefined();
  expect(readTree('{"a":')).toBeUndefined();
  expect(readTree("<html>")).toBeUndefined();
});

test("an id that is too long for a number stays as it was written", () => {
  const tree = readTree(
    '{"id":12345678901234567890,"n":1234567890123456,"l":[-9007199254740993]}',
  ) as {
    readonly id: unknown;
    readonly n: unknown;
    readonly l: readonly unknown[];
  }; // As written in the line above.
  expect(longNumberIn(tree.id)).toBe("12345678901234567890");
  expect(tree.n).toBe(1_234_567_890_123_456);
  expect(longNumberIn(tree.n)).toBeNull();
  expect(longNumberIn(tree.l[0])).toBe("-9007199254740993");
});

test.each(["0.12345678901234567890", "1e400", "-1E-400", "1.0000000000000000000001", "1e2"])(
  "%s stays as it was written",
  (number) => {
    const [value] = readTree(`[${number}]`) as readonly unknown[]; // As written here.
    expect(longNumberIn(value)).toBe(number);
  },
);

test.each([
  // What looks like a number within a text is none.
  ['{"a":"12345678901234567890","b":12345678901234567}', 1],
  ['{"a":"\\",\\"12345678901234567890,"}', 0],
  ['{"a":"\\\\","b":["\\\\\\"[12345678901234567890,"]}', 0],
  ['{"12345678901234567890":1.5,"e":12345678901234567890e3}', 1],
  ["[ 12345678901234567 ,\n98765432109876543\t]", 2],
])("long numbers of %s: %i", (text, count) => {
  let long = 0;
  JSON.stringify(readTree(text), (_, value) => {
    if (longNumberIn(value) !== null) long += 1;
    return value;
  });
  expect(long).toBe(count);
  const short = text.replaceAll(/\d{16,}(?:e3)?/g, "5");
  expect(readTree(short)).toEqual(JSON.parse(short));
});

test.each(["[012345678901234567890]", "[12345678901234567890x]", '["a" 12345678901234567890]'])(
  "%s is no JSON",
  (text) => {
    expect(readTree(text)).toBeUndefined();
  },
);

test("bytes are shown with their place and their letters", () => {
  expect(hexLines(bytesOf("SGVsbG8AAf8="), 0, 16)).toBe(
    "00000000  48 65 6c 6c 6f 00 01 ff                          Hello...",
  );
  expect(bytesOf("%%%")).toHaveLength(0);
  expect([12, 1_500, 5_000_000].map(formatBytes)).toEqual(["12 B", "1.5 kB", "5.0 MB"]);
});
