import { textFromBase64 } from "../wire/base64.ts";
import type { StepRecord, StepType } from "../workflow/records.ts";
import { dlqIdOf } from "./fail-run.ts";
import { type Attempt, isPlan, type Recorded, type Run, type RunState, type Wait } from "./rows.ts";

/** What became of a run, as plain data. Instants are epoch milliseconds of the virtual clock. */
export interface TestResult<Result = unknown> {
  readonly runId: string;
  readonly state: RunState;
  /** What the workflow returned, after its way through JSON. */
  readonly result: Result | undefined;
  /** Why the run failed. */
  readonly error: TestError | null;
  readonly deadLetter: TestDeadLetter | null;
  /** In the order in which the function has called them. */
  readonly steps: readonly TestStep[];
  readonly startedAt: number;
  readonly endedAt: number | null;
}

/** What a run has failed with. */
export interface TestError {
  readonly name: string;
  readonly message: string;
  /** The step that threw; null when the function threw between its steps. */
  readonly stepName: string | null;
}

/** A step of a run, as far as it has come. */
export interface TestStep {
  readonly stepId: number;
  readonly name: string;
  /** Null when only the name of a failed step is known. */
  readonly type: StepType | null;
  /** `failed`: for good, whether or not the function has caught it. `open`: not done yet. */
  readonly state: "succeeded" | "failed" | "open";
  /** What the step gave. */
  readonly result: unknown;
  readonly error: { readonly name: string; readonly message: string } | null;
  /** From 1. */
  readonly attempts: number;
  /** Messages of the attempts that have failed. */
  readonly errors: readonly string[];
  /** Size of the parallel group; 1 for a step by itself. */
  readonly concurrent: number;
  readonly startedAt: number;
  readonly endedAt: number | null;
}

/** The dead letter of a failed run. */
export interface TestDeadLetter {
  readonly dlqId: string;
  readonly status: number;
  /** Attempts of the delivery that has failed. */
  readonly attempts: number;
  readonly failedStep: { readonly stepName: string; readonly stepId: number } | null;
  /** `none`: the workflow has no failure function. */
  readonly failureFunction: "none" | "running" | "succeeded" | "failed";
  /** What the failure function returned. */
  readonly failureResult: unknown;
}

export function toResult<Result>(run: Run, now: number): TestResult<Result> {
  const { deadLetter } = run;
  return {
    runId: run.id,
    state: run.state,
    // The workflow says what it returns.
    result: (run.response === undefined ? undefined : parseOr(run.response)) as Result | undefined,
    error: errorOf(run),
    deadLetter:
      deadLetter === null
        ? null
        : {
            dlqId: dlqIdOf(deadLetter),
            status: deadLetter.status,
            attempts: deadLetter.message.retried + 1,
            failedStep: deadLetter.failedStep,
            failureFunction: deadLetter.failureFunction,
            failureResult: resultOf(deadLetter.failureAnswer),
          },
    steps: toSteps(run, now),
    startedAt: run.createdAt,
    endedAt: run.endedAt,
  };
}

function errorOf({ deadLetter }: Run): TestError | null {
  if (deadLetter === null) return null;
  const { failedStep, responseBody } = deadLetter;
  return { ...readError(responseBody), stepName: failedStep?.stepName ?? null };
}

function readError(body: string): { readonly name: string; readonly message: string } {
  const parsed = parseOr(body);
  if (typeof parsed !== "object" || parsed === null) return { name: "Error", message: body };
  // The SDK answers errors in this form.
  const { error = "Error", message = body } = parsed as { error?: string; message?: string };
  return { name: error, message };
}

function resultOf(body: string): unknown {
  const parsed = parseOr(body);
  return typeof parsed === "object" && parsed !== null && "result" in parsed
    ? parsed.result
    : undefined;
}

export function toSteps(run: Run, now: number): readonly TestStep[] {
  const recorded = run.records
    .filter(({ record }) => !isPlan(record))
    .map((step) => recordedStep(step, now));
  const known = new Set(recorded.map(({ stepId }) => stepId));
  const failed = failedStep(run);
  if (failed !== null && !known.has(failed.stepId)) {
    recorded.push(failed);
    known.add(failed.stepId);
  }
  for (const step of openSteps(run)) {
    if (known.has(step.stepId)) continue;
    known.add(step.stepId);
    recorded.push(step);
  }
  return recorded.sort((a, b) => a.stepId - b.stepId);
}

function recordedStep({ record, note, dueAt }: Recorded, now: number): TestStep {
  const { failure } = record;
  const isAsleep = dueAt > now;
  return {
    ...factsOf(record),
    state: failure !== undefined ? "failed" : isAsleep ? "open" : "succeeded",
    result: failure === undefined ? dataOf(record) : undefined,
    error: failure === undefined ? null : { name: failure.errorName, message: failure.message },
    attempts: note.attempts,
    errors: shownErrors(note.errors),
    startedAt: note.startedAt,
    endedAt: isAsleep ? null : Math.max(note.recordedAt, dueAt),
  };
}

function factsOf({ stepId, targetStep, stepName, stepType, concurrent }: StepRecord) {
  const id = stepId === 0 ? (targetStep ?? 0) : stepId;
  return { stepId: id, name: stepName, type: stepType, concurrent };
}

function shownErrors(attempts: readonly Attempt[]): readonly string[] {
  return attempts.map(({ responseBody }) => readError(responseBody).message);
}

function failedStep({ deadLetter }: Run): TestStep | null {
  if (deadLetter?.failedStep == null) return null;
  const { failedStep: facts, message, responseBody } = deadLetter;
  const { stepId, stepName, stepType } = facts;
  const recorded = message.run.records[message.position - 1]?.record;
  return {
    stepId,
    name: stepName,
    type: stepType,
    state: "failed",
    result: undefined,
    error: readError(responseBody),
    attempts: message.retried + 1,
    errors: shownErrors(message.attempts),
    concurrent: recorded !== undefined && isPlan(recorded) ? recorded.concurrent : 1,
    startedAt: message.attempts[0]?.startedAt ?? deadLetter.failedAt,
    endedAt: deadLetter.failedAt,
  };
}

function openSteps({ records, waits }: Run): readonly TestStep[] {
  const open = waits.filter(({ state }) => state !== "done").map(openWait);
  const plans = records.filter(({ record }) => isPlan(record));
  return [...open, ...plans.map(({ record, note }) => openStep(record, note.recordedAt, 1))];
}

function openWait({ step, createdAt, attempts }: Wait): TestStep {
  return openStep(step, createdAt, attempts);
}

function openStep(record: StepRecord, startedAt: number, attempts: number): TestStep {
  return {
    ...factsOf(record),
    state: "open",
    result: undefined,
    error: null,
    attempts,
    errors: [],
    startedAt,
    endedAt: null,
  };
}

/** What the function gets for a record, as far as it is data. */
function dataOf({ stepType, out, waitTimeout }: StepRecord): unknown {
  switch (stepType) {
    case "Wait":
    case "WaitForWebhook": {
      if (waitTimeout === true || out === undefined) return { timeout: true };
      const value = parseOr(textFromBase64(out));
      return stepType === "Wait"
        ? { timeout: false, eventData: value === "" ? undefined : value }
        : { timeout: false, request: value };
    }
    case "Call":
    case "Invoke": {
      // Written by SDK and server as an object.
      const value = parseOr(out ?? "{}") as { readonly body?: unknown };
      return typeof value.body === "string" ? { ...value, body: parseOr(value.body) } : value;
    }
    default:
      return out === undefined ? undefined : parseOr(out);
  }
}

function parseOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
