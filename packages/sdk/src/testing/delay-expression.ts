import { WorkflowError } from "../errors.ts";

/** The retry delay of a run or a call: arithmetic over numbers and `retried`, in milliseconds. The server reads the same. */

const FUNCTIONS: Readonly<Record<string, (...values: readonly number[]) => number>> = {
  pow: (base = 0, exponent = 0) => base ** exponent,
  exp: (value = 0) => Math.exp(value),
  sqrt: (value = 0) => Math.sqrt(value),
  abs: (value = 0) => Math.abs(value),
  floor: (value = 0) => Math.floor(value),
  ceil: (value = 0) => Math.ceil(value),
  round: (value = 0) => Math.round(value),
  min: (...values) => Math.min(...values),
  max: (...values) => Math.max(...values),
};

const DAY_MS = 86_400_000;
const TOKEN = /\s*(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|[a-z]+|[-+*/%(),])/y;

interface Reader {
  readonly text: string;
  readonly tokens: readonly string[];
  readonly retried: number;
  at: number;
}

/** @throws WorkflowError when the text is no expression. */
export function expressionMs(text: string, retried: number): number {
  const reader: Reader = { text, tokens: tokensOf(text), retried, at: 0 };
  const value = readSum(reader);
  if (reader.at < reader.tokens.length || Number.isNaN(value)) throw refusal(text);
  return Math.ceil(Math.max(0, Math.min(value, DAY_MS)));
}

/** The default backoff: `min(86400, e^(2.5 n))` seconds before retry `n`, in whole seconds. */
export function defaultBackoffMs(retried: number): number {
  return Math.min(DAY_MS, Math.floor(Math.exp(2.5 * (retried + 1))) * 1_000);
}

function tokensOf(text: string): readonly string[] {
  const tokens: string[] = [];
  const end = text.trimEnd().length;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < end) {
    const [, token] = TOKEN.exec(text) ?? [];
    if (token === undefined) throw refusal(text);
    tokens.push(token);
  }
  return tokens;
}

function readSum(reader: Reader): number {
  let value = readProduct(reader);
  for (;;) {
    if (take(reader, "+")) value += readProduct(reader);
    else if (take(reader, "-")) value -= readProduct(reader);
    else return value;
  }
}

function readProduct(reader: Reader): number {
  let value = readFactor(reader);
  for (;;) {
    if (take(reader, "*")) value *= readFactor(reader);
    else if (take(reader, "/")) value = divided(value, readFactor(reader));
    else if (take(reader, "%")) value %= readFactor(reader);
    else return value;
  }
}

/** A division by zero is a mistake to report, not a long delay. */
function divided(value: number, by: number): number {
  return by === 0 ? Number.NaN : value / by;
}

function readFactor(reader: Reader): number {
  if (take(reader, "+")) return readFactor(reader);
  if (take(reader, "-")) return -readFactor(reader);
  if (take(reader, "(")) return readRest(reader, readSum(reader));
  const token = reader.tokens[reader.at++] ?? "";
  if (/^[\d.]/.test(token)) return Number(token);
  if (token === "retried") return reader.retried;
  const compute = Object.hasOwn(FUNCTIONS, token) ? FUNCTIONS[token] : undefined;
  if (compute === undefined || !take(reader, "(")) throw refusal(reader.text);
  const values = [readSum(reader)];
  while (take(reader, ",")) values.push(readSum(reader));
  return readRest(reader, compute(...values));
}

function readRest(reader: Reader, value: number): number {
  if (!take(reader, ")")) throw refusal(reader.text);
  return value;
}

function take(reader: Reader, token: string): boolean {
  if (reader.tokens[reader.at] !== token) return false;
  reader.at++;
  return true;
}

function refusal(text: string): WorkflowError {
  return new WorkflowError(
    `retryDelay must be an expression of numbers, retried, + - * / % ( ) and ${Object.keys(FUNCTIONS).join(", ")}, in milliseconds; got ${JSON.stringify(text)}`,
  );
}
