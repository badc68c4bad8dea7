/**
 * The retry-delay expression of `Upstash-Retry-Delay`: arithmetic over numbers and `retried`, in milliseconds.
 * An own small parser, because the text comes from outside: nothing in it can name anything but what is listed here.
 *
 *     sum     := product (("+" | "-") product)*
 *     product := factor (("*" | "/" | "%") factor)*
 *     factor  := ("+" | "-") factor | number | "retried" | function "(" sum ("," sum)* ")" | "(" sum ")"
 */

import {
  EXPRESSION_CHARS_MAX,
  EXPRESSION_DEPTH_MAX,
  EXPRESSION_NODES_MAX,
  quoted,
  RETRIES_MAX,
  RETRY_DELAY_MS_MAX,
  RepriseError,
} from "@reprise/protocol";

type Operator = "+" | "-" | "*" | "/" | "%";

type Node =
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "retried" }
  | { readonly kind: "negation"; readonly operand: Node }
  | {
      readonly kind: "binary";
      readonly operator: Operator;
      readonly left: Node;
      readonly right: Node;
    }
  | { readonly kind: "call"; readonly compute: Compute; readonly operands: readonly Node[] };

type Compute = (...operands: readonly number[]) => number;

/** A parsed and checked expression; its value is never NaN for any number of retries that is allowed. */
export interface RetryDelayExpression {
  readonly text: string;
  readonly root: Node;
}

interface ExpressionFunction {
  readonly compute: Compute;
  readonly operandsMin: number;
  readonly operandsMax: number;
}

function fixed(operands: number, compute: Compute): ExpressionFunction {
  return { compute, operandsMin: operands, operandsMax: operands };
}

const FUNCTIONS: ReadonlyMap<string, ExpressionFunction> = new Map([
  ["pow", fixed(2, (base = 0, exponent = 0) => base ** exponent)],
  ["exp", fixed(1, (x = 0) => Math.exp(x))],
  ["sqrt", fixed(1, (x = 0) => Math.sqrt(x))],
  ["abs", fixed(1, (x = 0) => Math.abs(x))],
  ["floor", fixed(1, (x = 0) => Math.floor(x))],
  ["ceil", fixed(1, (x = 0) => Math.ceil(x))],
  ["round", fixed(1, (x = 0) => Math.round(x))],
  ["min", { compute: Math.min, operandsMin: 1, operandsMax: EXPRESSION_NODES_MAX }],
  ["max", { compute: Math.max, operandsMin: 1, operandsMax: EXPRESSION_NODES_MAX }],
]);

/**
 * Parses an expression and proves that it cannot fail later: it is evaluated for every number of retries allowed.
 * The value must be finite for the first retry and a number for every later one; one that outgrows the numbers later
 * means the longest delay. A division by zero is no number.
 * @throws RepriseError `invalid_retry_delay`, with the position of the fault where there is one.
 */
export function parseRetryDelay(text: string): RetryDelayExpression {
  if (text.length > EXPRESSION_CHARS_MAX) {
    throw refusal(`must have at most ${EXPRESSION_CHARS_MAX} characters, got ${text.length}`, null);
  }
  const reader: Reader = { text, position: 0, depth: 0, nodes: 0 };
  const root = readSum(reader);
  skipBlanks(reader);
  if (reader.position < text.length) throw unexpected(reader);
  checkValues(root, text);
  return { text, root };
}

/**
 * Delay before the next attempt, in whole milliseconds from 0 to one day; a negative value of the expression is 0.
 * @param retried retries already made; 0 before the first retry.
 */
export function evaluateRetryDelayMs(expression: RetryDelayExpression, retried: number): number {
  const value = evaluate(expression.root, retried);
  // Only more retries than are allowed can lead to NaN; the longest delay harms nobody.
  if (Number.isNaN(value)) return RETRY_DELAY_MS_MAX;
  return Math.ceil(Math.max(0, Math.min(value, RETRY_DELAY_MS_MAX)));
}

function checkValues(root: Node, text: string): void {
  for (let retried = 0; retried <= RETRIES_MAX; retried += 1) {
    const value = evaluate(root, retried);
    if (Number.isNaN(value) || (retried === 0 && !Number.isFinite(value))) {
      const fault = `must be a finite number of milliseconds, but is not when retried is ${retried}`;
      throw refusal(`${fault}: ${quoted(text)}`, null);
    }
  }
}

function evaluate(node: Node, retried: number): number {
  switch (node.kind) {
    case "number":
      return node.value;
    case "retried":
      return retried;
    case "negation":
      return -evaluate(node.operand, retried);
    case "binary":
      return operate(node.operator, evaluate(node.left, retried), evaluate(node.right, retried));
    case "call":
      return node.compute(...node.operands.map((operand) => evaluate(operand, retried)));
  }
}

function operate(operator: Operator, left: number, right: number): number {
  switch (operator) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "/":
      // Not Infinity: a division by zero is a mistake to report, an overflow a long delay.
      return right === 0 ? Number.NaN : left / right;
    case "%":
      return left % right;
  }
}

/** The place that the parser has reached, and what it has spent. */
interface Reader {
  readonly text: string;
  position: number;
  depth: number;
  nodes: number;
}

function readSum(reader: Reader): Node {
  let left = readProduct(reader);
  for (;;) {
    const operator = take(reader, "+") ?? take(reader, "-");
    if (operator === null) return left;
    left = counted(reader, { kind: "binary", operator, left, right: readProduct(reader) });
  }
}

function readProduct(reader: Reader): Node {
  let left = readFactor(reader);
  for (;;) {
    const operator = take(reader, "*") ?? take(reader, "/") ?? take(reader, "%");
    if (operator === null) return left;
    left = counted(reader, { kind: "binary", operator, left, right: readFactor(reader) });
  }
}

/** Every nesting of the grammar passes here, so the depth is counted here. */
function readFactor(reader: Reader): Node {
  reader.depth += 1;
  if (reader.depth > EXPRESSION_DEPTH_MAX) {
    const fault = `must not be nested deeper than ${EXPRESSION_DEPTH_MAX} levels`;
    throw refusal(fault, reader.position);
  }
  const node = counted(reader, readAtom(reader));
  reader.depth -= 1;
  return node;
}

function readAtom(reader: Reader): Node {
  if (take(reader, "+") !== null) return readFactor(reader);
  if (take(reader, "-") !== null) return { kind: "negation", operand: readFactor(reader) };
  if (take(reader, "(") !== null) {
    const inner = readSum(reader);
    expect(reader, ")");
    return inner;
  }
  const number = takeMatch(reader, NUMBER);
  if (number !== null) return { kind: "number", value: Number(number) };
  return readName(reader);
}

function readName(reader: Reader): Node {
  skipBlanks(reader);
  const start = reader.position;
  const name = takeMatch(reader, NAME);
  if (name === "retried") return { kind: "retried" };
  const found = name === null ? undefined : FUNCTIONS.get(name);
  if (found === undefined) {
    reader.position = start;
    throw unexpected(reader);
  }
  expect(reader, "(");
  const operands = [readSum(reader)];
  while (take(reader, ",") !== null) operands.push(readSum(reader));
  expect(reader, ")");
  if (operands.length < found.operandsMin || operands.length > found.operandsMax) {
    const fault = `${name} takes ${found.operandsMin} operand(s), got ${operands.length}`;
    throw refusal(fault, start);
  }
  return { kind: "call", compute: found.compute, operands };
}

const NUMBER = /(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y;
const NAME = /[A-Za-z_$][\w$]*/y;

function counted(reader: Reader, node: Node): Node {
  reader.nodes += 1;
  if (reader.nodes > EXPRESSION_NODES_MAX) {
    throw refusal(`must have at most ${EXPRESSION_NODES_MAX} parts`, reader.position);
  }
  return node;
}

function skipBlanks(reader: Reader): void {
  while (reader.text[reader.position] === " " || reader.text[reader.position] === "\t") {
    reader.position += 1;
  }
}

function take<Sign extends string>(reader: Reader, sign: Sign): Sign | null {
  skipBlanks(reader);
  if (reader.text[reader.position] !== sign) return null;
  reader.position += 1;
  return sign;
}

function takeMatch(reader: Reader, pattern: RegExp): string | null {
  skipBlanks(reader);
  pattern.lastIndex = reader.position;
  const found = pattern.exec(reader.text)?.[0];
  if (found === undefined) return null;
  reader.position += found.length;
  return found;
}

function expect(reader: Reader, sign: string): void {
  if (take(reader, sign) === null) throw unexpected(reader);
}

function unexpected(reader: Reader): RepriseError {
  skipBlanks(reader);
  NAME.lastIndex = reader.position;
  const found = NAME.exec(reader.text)?.[0] ?? reader.text[reader.position];
  const what = found === undefined ? "ends too early" : `has an unexpected ${quoted(found)}`;
  const allowed = `allowed are numbers, retried, + - * / % ( ) and ${[...FUNCTIONS.keys()].join(", ")}`;
  return refusal(`${what}; ${allowed}`, reader.position);
}

function refusal(fault: string, position: number | null): RepriseError {
  const place = position === null ? "" : ` (at character ${position + 1})`;
  return new RepriseError("invalid_retry_delay", {
    message: `Upstash-Retry-Delay ${fault}${place}`,
    details: position === null ? {} : { position },
  });
}
