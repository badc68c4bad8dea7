import type { DLQEntry, StepLog, WorkflowRunLog } from "@reprise/sdk";
import type { TestResult } from "@reprise/sdk/testing";

/** What a run looks like from outside, in the words that kit and server have in common. */
export interface SeenRun {
  readonly state: string;
  readonly result: unknown;
  readonly failure: unknown;
  readonly steps: readonly SeenStep[];
}

export interface SeenStep {
  readonly stepId: number;
  readonly name: string;
  readonly type: string;
  readonly concurrent: number;
  readonly attempts: number;
  /** Of a step whose result is the app's own. */
  readonly out: unknown;
}

const STATES: Readonly<Record<string, string>> = {
  RUN_SUCCESS: "succeeded",
  RUN_FAILED: "failed",
  RUN_CANCELED: "canceled",
};

const CALLBACKS: Readonly<Record<string, string>> = {
  CALLBACK_SUCCESS: "succeeded",
  CALLBACK_FAIL: "failed",
};

export function seenOnServer(run: WorkflowRunLog, entry: DLQEntry | null): SeenRun {
  const recorded: SeenStep[] = [];
  for (const group of run.steps) {
    if (group.type === "next") continue;
    for (const step of group.steps) {
      if (step.stepType !== "Initial" && step.state === "STEP_SUCCESS") recorded.push(toSeen(step));
    }
  }
  return {
    state: STATES[run.workflowState] ?? run.workflowState,
    result: run.workflowRunResponse === undefined ? undefined : parsed(run.workflowRunResponse),
    failure:
      entry === null
        ? null
        : {
            status: entry.responseStatus,
            error: errorOf(entry.responseBody),
            attempts: entry.attempts?.length,
            failureFunction: CALLBACKS[entry.failureFunctionState ?? ""] ?? "none",
          },
    steps: recorded.sort((a, b) => a.stepId - b.stepId),
  };
}

function toSeen(step: StepLog): SeenStep {
  const { stepId = 0, stepName, stepType, concurrent, errors = [], out } = step;
  const { callResponseStatus: status = 200 } = step;
  // A bad answer that is the result of its step stands among the errors as well.
  const isBad = stepType === "Call" && (status < 200 || status > 299);
  const isOwn = stepType === "Run" && typeof out === "string" && out !== "";
  return {
    stepId,
    name: stepName,
    type: stepType,
    concurrent,
    attempts: errors.length + (isBad ? 0 : 1),
    out: isOwn ? parsed(out) : undefined,
  };
}

function errorOf(body: string): unknown {
  const value = parsed(body);
  // What an SDK answers for an error.
  const { error, message } = value as { readonly error?: unknown; readonly message?: unknown };
  return { name: error ?? "Error", message };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export function seenInKit(result: TestResult): SeenRun {
  const { state, deadLetter, error, steps } = result;
  const recorded = steps.filter((step) => step.state !== "open" && !isUnrecorded(step, result));
  return {
    state,
    result: result.result,
    failure:
      deadLetter === null
        ? null
        : {
            status: deadLetter.status,
            error: { name: error?.name, message: error?.message },
            attempts: deadLetter.attempts,
            failureFunction: deadLetter.failureFunction,
          },
    steps: recorded.map(({ stepId, name, type, concurrent, attempts, result: out }) => ({
      stepId,
      name,
      type: type ?? "",
      concurrent,
      attempts,
      out: type === "Run" ? out : undefined,
    })),
  };
}

/** The step that has failed the run is none of the recorded ones. */
function isUnrecorded(
  { stepId }: { readonly stepId: number },
  { deadLetter }: TestResult,
): boolean {
  return deadLetter?.failedStep?.stepId === stepId;
}
