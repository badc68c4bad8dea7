/** Flow control as a message asks for it: a key, and how much may run under it. */

import { formatDuration, parseDurationMs } from "./duration.ts";
import { RepriseError } from "./errors.ts";
import { type FlatHeaders, HEADER, isHeaderValue, quoted } from "./headers.ts";
import {
  FLOW_CONTROL_COUNT_MAX,
  FLOW_CONTROL_KEY_CHARS_MAX,
  FLOW_CONTROL_PERIOD_MS_DEFAULT,
  FLOW_CONTROL_PERIOD_MS_MAX,
} from "./limits.ts";

export interface FlowControl {
  readonly key: string;
  readonly parallelism: number | null;
  /** Starts per period. */
  readonly rate: number | null;
  /** One second when the message does not say. */
  readonly periodMs: number;
}

const KEY_NAME = "Upstash-Flow-Control-Key";
const VALUE_NAME = "Upstash-Flow-Control-Value";

/**
 * Reads the two flow-control headers; null when there is neither.
 * @throws RepriseError `invalid_header` when one is missing or has a bad value.
 */
export function parseFlowControl(
  headers: FlatHeaders,
  periodMsMax = FLOW_CONTROL_PERIOD_MS_MAX,
): FlowControl | null {
  const key = headers[HEADER.flowControlKey];
  const value = headers[HEADER.flowControlValue];
  if (key === undefined && value === undefined) return null;
  if (key === undefined) throw invalid(`${VALUE_NAME} needs ${KEY_NAME}, which is missing`);
  if (value === undefined) throw invalid(`${KEY_NAME} needs ${VALUE_NAME}, which is missing`);
  if (key === "" || key.length > FLOW_CONTROL_KEY_CHARS_MAX || !isHeaderValue(key)) {
    throw invalid(`${KEY_NAME} must have 1 to ${FLOW_CONTROL_KEY_CHARS_MAX} characters`);
  }
  return { key, ...parseFlowControlValue(value, periodMsMax) };
}

/** Reads `parallelism=3, rate=5, period=60s`: any of the three in any order, at least one of the first two. */
export function parseFlowControlValue(
  text: string,
  periodMsMax = FLOW_CONTROL_PERIOD_MS_MAX,
): Omit<FlowControl, "key"> {
  const items = new Map<string, string>();
  for (const item of text.split(",")) {
    const [name = "", value = "", ...rest] = item.split("=").map((part) => part.trim());
    if (!["parallelism", "rate", "period"].includes(name) || rest.length > 0 || items.has(name)) {
      throw invalidValue(text);
    }
    items.set(name, value);
  }
  if (!items.has("parallelism") && !items.has("rate")) throw invalidValue(text);
  return {
    parallelism: count(items, "parallelism"),
    rate: count(items, "rate"),
    periodMs: period(items, periodMsMax),
  };
}

/** Writes the value as deliveries carry it: no blanks, the period in seconds. */
export function formatFlowControlValue({
  parallelism,
  rate,
  periodMs,
}: Omit<FlowControl, "key">): string {
  const items = [
    parallelism === null ? [] : [`parallelism=${parallelism}`],
    rate === null ? [] : [`rate=${rate}`],
    [`period=${periodMs / 1000}`],
  ];
  return items.flat().join(",");
}

function count(items: ReadonlyMap<string, string>, name: string): number | null {
  const text = items.get(name);
  if (text === undefined) return null;
  const value = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= FLOW_CONTROL_COUNT_MAX) return value;
  const expectation = `a whole number from 1 to ${FLOW_CONTROL_COUNT_MAX}`;
  throw invalid(`${name} in ${VALUE_NAME} must be ${expectation}, got ${quoted(text)}`);
}

function period(items: ReadonlyMap<string, string>, periodMsMax: number): number {
  const text = items.get("period");
  if (text === undefined) return FLOW_CONTROL_PERIOD_MS_DEFAULT;
  const periodMs = parseDurationMs(text, `period in ${VALUE_NAME}`);
  if (periodMs >= 1000 && periodMs <= periodMsMax) return periodMs;
  throw invalid(
    `period in ${VALUE_NAME} must be 1s to ${formatDuration(periodMsMax)}, got ${quoted(text)}`,
  );
}

function invalidValue(text: string): RepriseError {
  const form = "rate=X, parallelism=Y or both, and optionally period=Z, each once, comma separated";
  return invalid(`${VALUE_NAME} must hold ${form}, got ${quoted(text)}`);
}

function invalid(message: string): RepriseError {
  return new RepriseError("invalid_header", { message, details: { header: VALUE_NAME } });
}
