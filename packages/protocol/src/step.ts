/** Step records: what an app submits for a step of its run, and the list that it gets back with a delivery. */

import { isRepriseError, RepriseError } from "./errors.ts";
import { quoted } from "./headers.ts";
import { isJsonObject, parseJson } from "./json.ts";
import { PARALLEL_STEPS_MAX, RUN_RECORDS_MAX, STEP_NAME_CHARS_MAX } from "./limits.ts";

/** Kinds of steps that the workflow SDK makes. */
export const STEP_TYPES = [
  "Initial",
  "Run",
  "SleepFor",
  "SleepUntil",
  "Call",
  "Wait",
  "Notify",
  "Invoke",
  "CreateWebhook",
  "WaitForWebhook",
] as const;
export type StepType = (typeof STEP_TYPES)[number];

/** How a message takes part in its step. `failureCall` is a message, but never an item of the step list. */
export const CALL_TYPES = ["step", "toCallback", "fromCallback", "failureCall"] as const;
export type CallType = (typeof CALL_TYPES)[number];

/** One item of the list that a delivery carries; key order is the order on the wire. */
export interface RawStep {
  readonly messageId: string;
  /** base64 of the bytes that the app submitted; of the raw payload in the first item. */
  readonly body: string;
  readonly callType: Exclude<CallType, "failureCall">;
}

/** What the server reads of a submitted record. The bytes are kept and delivered as they came. */
export interface StepRecord {
  /** 1, 2, 3 ... in program order; 0 on a plan. */
  readonly stepId: number;
  /** On a plan: the id that the result will have. */
  readonly targetStep: number | null;
  readonly stepName: string;
  readonly stepType: StepType;
  /** Size of the parallel group; 1 for a sequential step. */
  readonly concurrent: number;
  /** The result as text; null when the step has none. */
  readonly out: string | null;
  /** Seconds, or a duration such as `10s`. */
  readonly sleepFor: number | string | null;
  /** Epoch seconds. */
  readonly sleepUntil: number | null;
  readonly waitEventId: string | null;
  /** Duration of a wait, such as `7d`. */
  readonly timeout: string | null;
  readonly waitTimeout: boolean | null;
  readonly callUrl: string | null;
  readonly callMethod: string | null;
  readonly callBody: unknown;
  readonly callHeaders: Readonly<Record<string, unknown>> | null;
}

/**
 * Reads a submitted step record without changing it.
 * @throws RepriseError `invalid_step` or `step_limit_exceeded`, both 412: a submission that got 400 would hang its run.
 */
export function parseStepRecord(bytes: Uint8Array): StepRecord {
  return toStepRecord(parseObject(bytes));
}

/**
 * As {@link parseStepRecord}, of a value that has been parsed already.
 * @throws RepriseError `invalid_step` or `step_limit_exceeded`.
 */
export function toStepRecord(value: Readonly<Record<string, unknown>>): StepRecord {
  const stepId = wholeNumber(value, "stepId", 0, RUN_RECORDS_MAX);
  const targetStep =
    value.targetStep === undefined || value.targetStep === null
      ? null
      : wholeNumber(value, "targetStep", stepId === 0 ? 1 : 0, RUN_RECORDS_MAX);
  if (stepId === 0 && targetStep === null) {
    refuse("targetStep", value.targetStep, "given when stepId is 0, which marks a plan");
  }
  return {
    stepId,
    targetStep,
    stepName: stepName(value),
    stepType: stepType(value),
    concurrent: wholeNumber(value, "concurrent", 1, PARALLEL_STEPS_MAX),
    out: textOrNull(value, "out"),
    sleepFor: typeof value.sleepFor === "number" ? value.sleepFor : textOrNull(value, "sleepFor"),
    sleepUntil: typeof value.sleepUntil === "number" ? value.sleepUntil : null,
    waitEventId: textOrNull(value, "waitEventId"),
    timeout: typeof value.timeout === "string" ? value.timeout : null,
    waitTimeout: typeof value.waitTimeout === "boolean" ? value.waitTimeout : null,
    callUrl: textOrNull(value, "callUrl"),
    callMethod: textOrNull(value, "callMethod"),
    callBody: value.callBody,
    callHeaders: isJsonObject(value.callHeaders) ? value.callHeaders : null,
  };
}

/** Tells whether a record announces a parallel step (a plan) rather than carrying the result of a step. */
export function isPlan(record: StepRecord): boolean {
  return record.stepId === 0 && record.targetStep !== null;
}

function parseObject(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  const value = parseAsStep(bytes);
  if (isJsonObject(value)) return value;
  throw new RepriseError("invalid_step", { message: "step record must be a JSON object" });
}

function parseAsStep(bytes: Uint8Array): unknown {
  try {
    return parseJson(bytes, "step record");
  } catch (cause) {
    if (!isRepriseError(cause)) throw cause;
    throw new RepriseError("invalid_step", { message: cause.message, cause });
  }
}

function wholeNumber(
  value: Readonly<Record<string, unknown>>,
  field: string,
  min: number,
  max: number,
): number {
  const number = value[field];
  if (typeof number !== "number" || !Number.isSafeInteger(number) || number < min) {
    refuse(field, number, `a whole number from ${min} to ${max}`);
  }
  if (number > max) {
    throw new RepriseError("step_limit_exceeded", {
      message: `${field} of a step must be at most ${max}, got ${number}`,
      details: { field, limit: max },
    });
  }
  return number;
}

function stepName(value: Readonly<Record<string, unknown>>): string {
  const name = value.stepName;
  if (typeof name === "string" && name.length <= STEP_NAME_CHARS_MAX) return name;
  return refuse("stepName", name, `a text of at most ${STEP_NAME_CHARS_MAX} characters`);
}

function stepType(value: Readonly<Record<string, unknown>>): StepType {
  const type = STEP_TYPES.find((known) => known === value.stepType);
  return type ?? refuse("stepType", value.stepType, `one of ${STEP_TYPES.join(", ")}`);
}

function textOrNull(value: Readonly<Record<string, unknown>>, field: string): string | null {
  const text = value[field];
  if (text === undefined || text === null) return null;
  return typeof text === "string" ? text : refuse(field, text, "a text or absent");
}

function refuse(field: string, value: unknown, expectation: string): never {
  const got = value === undefined ? "nothing" : quoted(String(JSON.stringify(value)));
  throw new RepriseError("invalid_step", {
    message: `${field} of a step must be ${expectation}, got ${got}`,
    details: { field },
  });
}
