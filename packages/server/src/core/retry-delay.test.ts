import { isRepriseError } from "@reprise/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { evaluateRetryDelayMs, parseRetryDelay } from "./retry-delay.ts";

const DAY_MS = 86_400_000;

function delayMs(text: string, retried = 0): number {
  return evaluateRetryDelayMs(parseRetryDelay(text), retried);
}

test.each([
  ["1000", 0, 1000],
  ["1000 * (1 + retried)", 2, 3000],
  ["pow(2, retried) * 1000", 3, 8000],
  ["max(1000, pow(2, retried) * 100)", 0, 1000],
  ["max(1000, pow(2, retried) * 100)", 5, 3200],
  ["2000*retried", 0, 0],
  ["1.5", 0, 2],
  [".5e3", 0, 500],
  ["1e3", 0, 1000],
  ["10 - 2 - 3", 0, 5],
  ["100 / 10 / 5", 0, 2],
  ["2 + 3 * 4", 0, 14],
  ["(2 + 3) * 4", 0, 20],
  ["17 % 5", 0, 2],
  ["- -5", 0, 5],
  ["-5 + +7", 0, 2],
  ["2 * -3 + 10", 0, 4],
  ["exp(0)", 0, 1],
  ["sqrt(144)", 0, 12],
  ["abs(-7)", 0, 7],
  ["floor(2.9)", 0, 2],
  ["ceil(2.1)", 0, 3],
  ["round(2.4)", 0, 2],
  ["min(5, 3, 4)", 0, 3],
  ["max(5)", 0, 5],
  ["\t 7 ", 0, 7],
])("%s with retried %d is %d ms", (text, retried, expected) => {
  expect(delayMs(text, retried)).toBe(expected);
});

test("a value below 0 is 0, one above a day is a day", () => {
  expect(delayMs("-5")).toBe(0);
  expect(Object.is(delayMs("-0"), -0)).toBe(false);
  expect(delayMs("5 - 10 * retried", 4)).toBe(0);
  expect(delayMs("1e12")).toBe(DAY_MS);
});

test("an expression that outgrows the numbers later is accepted and means a day", () => {
  expect(delayMs("exp(10 * retried)", 100)).toBe(DAY_MS);
  expect(delayMs("1000 * pow(10, 10 * retried)", 50)).toBe(DAY_MS);
});

test.each([
  "1/0",
  "0/0",
  "1 / retried",
  "1 / (retried - 50)",
  "5 % 0",
  "sqrt(-1)",
  "sqrt(10 - retried)",
  "1e308*10",
  "pow(9, pow(9, 9))",
  "pow(0, -1)",
  "1e999",
])("%s has no value for some retry and is refused", (text) => {
  expect(() => parseRetryDelay(text)).toThrow(/must be a finite number of milliseconds/);
});

test.each([
  ["", /ends too early; allowed are numbers, retried, .* \(at character 1\)/],
  ["1 +", /ends too early/],
  ["1 2", /unexpected "2".*\(at character 3\)/],
  ["constructor", /unexpected "constructor"/],
  ["__proto__", /unexpected "__proto__"/],
  ["toString(1)", /unexpected "toString"/],
  ["hasOwnProperty", /unexpected "hasOwnProperty"/],
  ["process.exit()", /unexpected "process"/],
  ["retried.constructor", /unexpected "\."/],
  ["retries", /unexpected "retries"/],
  ["Retried", /unexpected "Retried"/],
  ["a=>a", /unexpected "a"/],
  ["1;2", /unexpected ";"/],
  ['"x"', /unexpected/],
  ["[1]", /unexpected "\["/],
  ["this", /unexpected "this"/],
  ["import('x')", /unexpected "import"/],
  ["1000, 2000", /unexpected ","/],
  ["pow", /ends too early/],
  ["pow 2", /unexpected "2"/],
  ["pow(2)", /pow takes 2/],
  ["exp(1, 2)", /exp takes 1/],
  ["min()", /unexpected "\)"/],
  ["(1", /ends too early/],
  ["1)", /unexpected "\)"/],
  ["2 ** 3", /unexpected "\*"/],
  ["1.2.3", /unexpected "\."/],
  ["0x10", /unexpected "x10"/],
  ["1\n", /unexpected/],
  ["٣", /unexpected/],
])("%j is refused with its fault", (text, fault) => {
  expect(() => parseRetryDelay(text)).toThrow(fault);
  try {
    parseRetryDelay(text);
  } catch (error) {
    expect(isRepriseError(error) && [error.code, error.status]).toEqual([
      "invalid_retry_delay",
      400,
    ]);
  }
});

test("length, depth and parts are bounded", () => {
  const nested = (depth: number) => `${"(".repeat(depth)}1${")".repeat(depth)}`;
  expect(delayMs(nested(31))).toBe(1);
  expect(() => parseRetryDelay(nested(32))).toThrow(/deeper than 32 levels/);
  expect(() => parseRetryDelay(nested(10_000))).toThrow(/at most 512 characters, got 20001/);
  expect(() => parseRetryDelay("-".repeat(500))).toThrow(/deeper/);
  expect(() => parseRetryDelay(`1${"+1".repeat(200)}`)).toThrow(/at most 256 parts/);
  expect(delayMs(`1${"+1".repeat(120)}`)).toBe(121);
  expect(delayMs(`1${" ".repeat(511)}`)).toBe(1);
  expect(() => parseRetryDelay(" ".repeat(513))).toThrow(/at most 512 characters/);
});

test("every number of retries that is allowed is tried, and no more", () => {
  expect(() => parseRetryDelay("1 / (retried - 100)")).toThrow(/when retried is 100/);
  expect(delayMs("1000 + 1 / (retried - 101)")).toBe(1000);
  expect(delayMs("1 / (retried - 101)", 101)).toBe(DAY_MS);
});

test("a fault of syntax has a position for programs, from 0", () => {
  const detailsOf = (text: string) => {
    try {
      return parseRetryDelay(text);
    } catch (error) {
      return isRepriseError(error) ? error.details : error;
    }
  };
  expect(detailsOf("1 + x")).toEqual({ position: 4 });
  expect(detailsOf("1/0")).toEqual({});
});

test("parentheses side by side are not depth", () => {
  expect(delayMs(Array.from({ length: 40 }, () => "(1)").join("+"))).toBe(40);
});

const anyExpression: fc.Arbitrary<string> = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.nat({ max: 10_000 }).map(String),
    fc.constant("retried"),
    fc
      .tuple(tie("node"), fc.constantFrom("+", "-", "*", "/", "%"), tie("node"))
      .map((parts) => `(${parts.join(" ")})`),
    fc
      .tuple(fc.constantFrom("exp", "sqrt", "abs", "floor", "ceil", "round"), tie("node"))
      .map(([name, x]) => `${name}(${x})`),
    fc
      .tuple(fc.constantFrom("pow", "min", "max"), tie("node"), tie("node"))
      .map(([name, x, y]) => `${name}(${x}, ${y})`),
    tie("node").map((x) => `-${x}`),
  ),
})).node;

test("whatever is accepted gives a whole delay within a day, for any number of retries", () => {
  fc.assert(
    fc.property(
      fc.oneof(anyExpression, fc.stringMatching(/^[0-9a-z+*/%().,e -]{0,30}$/)),
      fc.nat({ max: 1000 }),
      (text, retried) => {
        try {
          const value = delayMs(text, retried);
          expect(Number.isInteger(value) && value >= 0 && value <= DAY_MS).toBe(true);
        } catch (error) {
          expect(isRepriseError(error) && error.code).toBe("invalid_retry_delay");
        }
      },
    ),
    { numRuns: 1000 },
  );
});

test("products bind before sums, and both from left to right", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[1-9](?:[+*-][1-9]){0,12}$/), (text) => {
      const products = (text.match(/[+-]?[^+-]+/g) ?? []).map((term) =>
        term.split("*").reduce((product, factor) => product * Number(factor), 1),
      );
      const sum = products.reduce((total, product) => total + product, 0);
      expect(delayMs(text)).toBe(Math.min(DAY_MS, Math.max(0, sum)));
    }),
  );
});
