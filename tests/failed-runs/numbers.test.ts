// Every requirement of failed runs has a test that is named after its number, and a line in the page for users that leads there.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Visitor } from "oxc-parser";
import { expect, test } from "vitest";
import { parseSource } from "../tidy/source.ts";

const LAST = 74;
const numbers = Array.from({ length: LAST }, (_, index) => `S${index + 1}`);
const page = readFileSync(join(import.meta.dirname, "../../docs/failed-runs.md"), "utf8");

/** The names of the tests of a file: `test("name", ...)`, `test.each(...)("name", ...)`, but not those that are left out. */
function readTestNames(path: string, text: string): readonly string[] {
  const names: string[] = [];
  const { program } = parseSource(path, text);
  new Visitor({
    CallExpression: ({ callee, arguments: [name] }) => {
      const source = text.slice(callee.start, callee.end);
      const isTest = /^test(\.each\b[\s\S]*)?$/.test(source);
      if (isTest && name?.type === "Literal" && typeof name.value === "string") {
        names.push(name.value);
      }
    },
  }).visit(program);
  return names;
}

/** The numbers that a name begins with: `S9: ...` or `S9, S10: ...`. A range tells what is meant, but proves none of them. */
function numbersOf(name: string): readonly string[] {
  const [, list = ""] = /^(S\d+(?:, S\d+)*): /.exec(name) ?? [];
  return list === "" ? [] : list.split(", ");
}

const files = new Map(
  readdirSync(import.meta.dirname)
    .filter((file) => file.endsWith(".test.ts"))
    .map((file) => {
      const text = readFileSync(join(import.meta.dirname, file), "utf8");
      return [file, new Set(readTestNames(file, text).flatMap(numbersOf))] as const;
    }),
);

test("every number from S1 to S74 has a test that begins with it", () => {
  const tested = new Set([...files.values()].flatMap((found) => [...found]));
  expect(numbers.filter((number) => !tested.has(number))).toEqual([]);
  expect([...tested].filter((number) => !numbers.includes(number))).toEqual([]);
});

test("every number has one line in the page for users, with the file of its test", () => {
  const lines = [
    ...page.matchAll(/^\| (S\d+) \|.*\| \[[^\]]*\]\(\.\.\/tests\/failed-runs\/([^)]+)\) \|$/gm),
  ];
  expect(lines.map(([, number]) => number)).toEqual(numbers);
  const wrong = lines.filter(([, number = "", file = ""]) => files.get(file)?.has(number) !== true);
  expect(wrong.map(([line]) => line)).toEqual([]);
});

test("only tests that run are counted, and only by numbers in front of their names", () => {
  const text = [
    'test("S1: a", run);',
    'test.each([[1]])("S2, S3: %i", run);',
    'test.each<[number]>([[1]])("S4: %i", run);',
    'test.todo("S5: later");',
    '// test("S6: gone", run);',
    'test("about S7: no", run);',
    'test("S8-S9: a range", run);',
  ].join("\n");
  expect(readTestNames("a.test.ts", text).flatMap(numbersOf)).toEqual(["S1", "S2", "S3", "S4"]);
});
