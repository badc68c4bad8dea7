import { HEADER, isRepriseError, parseStepRecord } from "@reprise/protocol";
import { attemptKey } from "./message.ts";
import {
  ATTEMPTS_PER_MESSAGE_MAX,
  type AttemptRow,
  type MessageRow,
  type StepRow,
} from "./rows.ts";
import { isPlanSlot } from "./step.ts";
import { parseWaitConfig } from "./wait.ts";
import type { WaitRow } from "./wait-rows.ts";

/** What a failure call says of the step that has failed, and of its attempts. */

export interface FailedStep {
  readonly stepName: string;
  /** Null when nothing but the name is known. */
  readonly stepType: string | null;
  readonly stepId: number;
}

export interface FailureSource {
  /** The record that the failed message delivers; null for other messages. */
  readonly step: StepRow | null;
  /** Of the answer of a call. */
  readonly wait: WaitRow | null;
  /** The message's, in order; the last one has failed the run. */
  readonly attempts: readonly AttemptRow[];
}

/** Null when no step has failed, but the function between its steps, or when nobody can tell. */
export function failedStepOf({ step, wait, attempts }: FailureSource): FailedStep | null {
  if (wait !== null) {
    const { stepName, stepType } = parseWaitConfig(wait).step;
    return { stepName: String(stepName), stepType: String(stepType), stepId: wait.stepId };
  }
  if (step === null) return null;
  if (isPlanSlot(step.slot)) return planned(step);
  const stepName = saidName(attempts);
  return stepName === null ? null : { stepName, stepType: null, stepId: step.nextStepId };
}

function planned(plan: StepRow): FailedStep | null {
  try {
    const { stepName, stepType } = parseStepRecord(plan.body);
    return { stepName, stepType, stepId: plan.slot / 2 };
  } catch (error) {
    if (isRepriseError(error)) return null; // An earlier version may have accepted what this one refuses.
    throw error;
  }
}

/** The name that the newest answer tells. */
function saidName(attempts: readonly AttemptRow[]): string | null {
  for (const { responseHeaders } of attempts.toReversed()) {
    if (responseHeaders === null) continue;
    // Written by `JSON.stringify` of an outcome's headers.
    const headers = JSON.parse(responseHeaders) as Readonly<Record<string, readonly string[]>>;
    const name = headers[HEADER.errorStepName]?.[0];
    if (name !== undefined) return name;
  }
  return null;
}

/** Attempts that a failure call tells of; the newest ones. */
const ATTEMPTS_MAX = 20;
/** Longer bodies are left out: the call carries that of the last attempt whole. */
const BODY_BYTES_MAX = 4_096;

/** Keys of the attempts that a failure call tells of, as far as they have been recorded. */
export function toldAttemptKeys(message: MessageRow): readonly number[] {
  const last = attemptKey(message) - message.key * ATTEMPTS_PER_MESSAGE_MAX;
  const first = Math.max(0, last - ATTEMPTS_MAX + 1);
  return Array.from(
    { length: last - first + 1 },
    (_, index) => message.key * ATTEMPTS_PER_MESSAGE_MAX + first + index,
  );
}

export function toldAttempts(attempts: readonly AttemptRow[]) {
  return attempts
    .slice(-ATTEMPTS_MAX)
    .map(({ startedAt, endedAt, status, error, responseBody }) => {
      const isShort = responseBody !== null && responseBody.byteLength <= BODY_BYTES_MAX;
      const body = isShort ? { responseBody: new TextDecoder().decode(responseBody) } : {};
      return { startedAt, endedAt, status, error, ...body };
    });
}
