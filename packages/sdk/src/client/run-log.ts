import type { HeaderLists, HTTPMethods } from "../wire/options.ts";
import type { StepType } from "../workflow/records.ts";

/** Runs as the logs of the server show them. */

/** How far a run has come. */
export type RunState = "RUN_STARTED" | "RUN_SUCCESS" | "RUN_FAILED" | "RUN_CANCELED";
/** How far a step has come. */
export type StepState =
  | "STEP_PROGRESS"
  | "STEP_SUCCESS"
  | "STEP_RETRY"
  | "STEP_FAILED"
  | "STEP_CANCELED";
/** How far a callback has come. */
export type CallbackState =
  | "CALLBACK_INPROGRESS"
  | "CALLBACK_SUCCESS"
  | "CALLBACK_FAIL"
  | "CALLBACK_CANCELED";

/** One failed attempt. */
export interface StepAttemptError {
  readonly error: string;
  readonly body: string;
  readonly headers: HeaderLists;
  /** 0 when there was no response. */
  readonly status: number;
  /** Epoch milliseconds. */
  readonly time: number;
  /** Why the server made its next move. */
  readonly reason?: string;
}

/** What is shown of a step that others complete, by its kind: calls, waits, invoked runs. */
export interface OutsideStepFields {
  readonly callUrl?: string;
  readonly callMethod?: HTTPMethods;
  readonly callHeaders?: HeaderLists;
  readonly callBody?: unknown;
  readonly callResponseStatus?: number;
  readonly callResponseBody?: unknown;
  readonly callResponseHeaders?: HeaderLists;
  readonly waitEventId?: string;
  /** As the step gave it, such as `7d`. */
  readonly waitTimeoutDuration?: string;
  /** Epoch milliseconds. */
  readonly waitTimeoutDeadline?: number;
  /** True when the time was up first. */
  readonly waitTimeout?: boolean;
  readonly invokedWorkflowRunId?: string;
  readonly invokedWorkflowUrl?: string;
  /** Epoch milliseconds. */
  readonly invokedWorkflowCreatedAt?: number;
  readonly invokedWorkflowRunBody?: unknown;
  readonly invokedWorkflowRunHeaders?: HeaderLists;
}

/** Why a step has failed for good, in the words of its error. */
export interface CaughtFailure {
  readonly attempts: number;
  readonly errorName: string;
  readonly message: string;
  readonly stack?: string;
}

/** A recorded step. */
export interface StepLog extends OutsideStepFields {
  /** None on the initial step. */
  readonly stepId?: number;
  readonly stepName: string;
  readonly stepType: StepType;
  readonly callType: "step" | "toCallback" | "fromCallback";
  readonly messageId: string;
  /** None of a parallel step that is open. */
  readonly out?: unknown;
  /** The step has failed for good, and the workflow has caught it and gone on. */
  readonly failure?: CaughtFailure;
  /** Steps of its group; 1 when it is alone. */
  readonly concurrent: number;
  readonly state: StepState;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly retries: number;
  readonly retryDelay?: string;
  readonly headers: HeaderLists;
  /** Epoch milliseconds. */
  readonly nextDeliveryTime?: number;
  readonly errors?: StepAttemptError[];
  /** Milliseconds. */
  readonly sleepFor?: number;
  /** Epoch milliseconds. */
  readonly sleepUntil?: number;
}

/** What runs now, or ran when the run ended. */
export interface NextStepLog extends OutsideStepFields {
  readonly messageId: string;
  readonly stepId?: number;
  readonly stepName?: string;
  readonly stepType?: StepType;
  readonly callType?: "step" | "toCallback" | "fromCallback";
  readonly concurrent?: number;
  /** Epoch milliseconds. */
  readonly createdAt?: number;
  readonly headers?: HeaderLists;
  readonly state: Exclude<StepState, "STEP_SUCCESS">;
  readonly retries: number;
  readonly retryDelay?: string;
  /** Epoch milliseconds. */
  readonly nextDeliveryTime?: number;
  readonly errors?: StepAttemptError[];
}

/** A step, or steps that ran side by side. */
export type StepLogGroup =
  | { readonly steps: [StepLog]; readonly type: "sequential" }
  | { readonly steps: StepLog[]; readonly type: "parallel" }
  | { readonly steps: NextStepLog[]; readonly type: "next" };

/** The call that reports the failure of a run. */
export interface FailureFunctionLog {
  readonly messageId: string;
  readonly url: string;
  readonly state: CallbackState;
  /** What the attempt that failed the run was answered. */
  readonly failHeaders: HeaderLists;
  readonly failStatus: number;
  readonly failResponse: string;
  /** As `dlqId` of the run. */
  readonly dlqId: string;
  readonly errors?: StepAttemptError[];
  readonly responseBody?: string;
  readonly responseHeaders?: HeaderLists;
  readonly responseStatus?: number;
  readonly maxRetries?: number;
  /** Epoch milliseconds. */
  readonly nextDeliveryTime?: number;
}

/** Another run, as this one names it. */
export interface RunLink {
  readonly workflowRunId: string;
  /** Epoch milliseconds. */
  readonly workflowRunCreatedAt: number;
  readonly mode: "resume" | "restart";
}

/** A run as the logs show it. */
export interface WorkflowRunLog {
  readonly workflowRunId: string;
  readonly workflowUrl: string;
  readonly workflowState: RunState;
  /** What the run waits for, in one sentence for people; none when it has ended. */
  readonly waitingFor?: string;
  /** Nothing open can wake the run any more: {@link Client.nudge}. */
  readonly isStuck?: true;
  /** Epoch milliseconds. */
  readonly workflowRunCreatedAt: number;
  /** Epoch milliseconds. */
  readonly workflowRunCompletedAt?: number;
  /** Who triggered it. */
  readonly workflowRunCallerIp?: string;
  readonly failureFunction?: FailureFunctionLog;
  readonly steps: StepLogGroup[];
  /** What the workflow returned: JSON, or text as it was. */
  readonly workflowRunResponse?: string;
  readonly flowControlKey?: string;
  /** The run that has invoked this one. */
  readonly invoker?: {
    readonly workflowRunId: string;
    readonly workflowUrl: string;
    /** Epoch milliseconds. */
    readonly workflowRunCreatedAt: number;
  };
  readonly dlqId?: string;
  /** The first of `labels`. */
  readonly label?: string;
  readonly labels?: string[];
  /** The failed run that this one goes on from. */
  readonly resumedFrom?: RunLink;
  /** The run that goes on from this failed one. */
  readonly resumedBy?: RunLink;
}

/** A page of runs. */
export interface WorkflowRunLogs {
  /** None, or empty, at the end. */
  readonly cursor?: string;
  readonly runs: WorkflowRunLog[];
}

/** One event of a run. */
export interface WorkflowEvent {
  /** Epoch milliseconds. */
  readonly time: number;
  readonly state: StepState | RunState;
  readonly workflowRunId: string;
  readonly workflowUrl: string;
  /** Epoch milliseconds. */
  readonly workflowCreatedAt: number;
  /** None on events of the run as a whole. */
  readonly stepInfo?: OutsideStepFields & {
    readonly messageId: string;
    readonly stepId?: number;
    readonly stepName?: string;
    readonly stepType?: StepType;
    readonly callType: "step" | "toCallback" | "fromCallback";
    readonly state: StepState;
    /** Epoch milliseconds. */
    readonly createdAt: number;
    readonly out?: string;
    readonly retries: number;
    /** Epoch milliseconds. */
    readonly nextDeliveryTime?: number;
  };
  /** Epoch milliseconds. */
  readonly nextDeliveryTime?: number;
  readonly error?: string;
  readonly responseStatus?: number;
  readonly responseBody?: string;
  readonly responseHeaders?: HeaderLists;
  readonly headers?: HeaderLists;
  readonly invokerWorkflowRunId?: string;
  readonly invokerWorkflowUrl?: string;
  /** Epoch milliseconds. */
  readonly invokerWorkflowCreatedAt?: number;
  readonly workflowRunResponse?: string;
  readonly dlqId?: string;
  readonly label?: string;
  readonly labels?: string[];
  readonly flowControlKey?: string;
  readonly callerIp?: string;
}

/** A page of events. */
export interface WorkflowEvents {
  readonly cursor?: string;
  readonly events: WorkflowEvent[];
}
