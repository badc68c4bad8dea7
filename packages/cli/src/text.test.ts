import { expect, test } from "vitest";
import { escapeJson, formatFields, formatTable, indent, oneLine, plain, plural } from "./text.ts";

test("control characters become visible marks, line breaks and tabs stay", () => {
  expect(plain("a\u001b[2Jb\u0000c\u009bd\te\r\nf\rg")).toBe("a\uFFFD[2Jb\uFFFDc\uFFFDd\te\nf\ng");
});

test("a long text is cut and says how long it was", () => {
  expect(oneLine("a\n  b", 10)).toBe("a b");
  expect(oneLine("x".repeat(12), 10)).toBe(`${"x".repeat(10)} ... (12 characters)`);
});

test("fields without a value are left out", () => {
  expect(
    formatFields([
      ["a", "1"],
      ["long", "2"],
      ["none", undefined],
      ["empty", ""],
    ]),
  ).toBe("a     1\nlong  2");
});

test("columns are as wide as their widest cell, and lines have no trailing blanks", () => {
  expect(
    formatTable(
      ["id", "state"],
      [
        ["1", "a"],
        ["1234", ""],
      ],
    ),
  ).toBe("id    state\n1     a\n1234");
});

test("what is in a cell begins no row, and nothing turns its direction", () => {
  expect(formatTable(["id"], [["1\n2\u001b\u202e3"]])).toBe("id\n1 2\uFFFD\uFFFD3");
});

test("JSON keeps its meaning and has no control character", () => {
  const value = { text: "a\u007f\u009b\u202e\n\u001b" };
  const json = escapeJson(JSON.stringify(value));
  expect(json).toBe('{"text":"a\\u007f\\u009b\\u202e\\n\\u001b"}');
  expect(JSON.parse(json)).toEqual(value);
});

test("only lines with text are moved", () => {
  expect(indent("a\n\nb", 2)).toBe("    a\n\n    b");
});

test("a noun follows its count", () => {
  expect([plural(1, "run"), plural(2, "run"), plural(0, "run")]).toEqual([
    "1 run",
    "2 runs",
    "0 runs",
  ]);
});
