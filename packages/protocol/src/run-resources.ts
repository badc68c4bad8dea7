/** The logs of runs, as the wire writes them: runs with their steps in groups, or single events. */

import type { FailureCause } from "./failure-resources.ts";
import type { HeaderMap } from "./headers.ts";
import type { Method } from "./publish.ts";
import type { CallbackState, RunState, StepState } from "./resources.ts";
import type { CallType, StepType } from "./step.ts";

/** One failed attempt. */
export interface StepErrorResource {
  /** Status code and reason phrase, or the cause when there was no response. */
  readonly error: string;
  readonly body: string;
  readonly headers: HeaderMap;
  /** 0 when there was no response. */
  readonly status: number;
  /** Epoch milliseconds. */
  readonly time: number;
  /** Epoch milliseconds; an addition to the wire. */
  readonly startedAt?: number;
  /** Says why the engine made its next move. */
  readonly reason?: string;
}

/** A step in a group `sequential` or `parallel`. */
export interface StepResource extends OutsideStepFields {
  /** Absent on the initial step. */
  readonly stepId?: number;
  readonly stepName: string;
  readonly stepType: StepType;
  readonly callType: Exclude<CallType, "failureCall">;
  readonly messageId: string;
  /** Absent for a parallel step without a result. */
  readonly out?: string;
  /** The step has failed for good, and the workflow has caught it and gone on. An addition to the wire. */
  readonly failure?: StepFailureResource;
  readonly concurrent: number;
  readonly state: StepState;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly retries: number;
  readonly retryDelay?: string;
  readonly headers: HeaderMap;
  /** Epoch milliseconds. */
  readonly nextDeliveryTime?: number;
  readonly errors?: readonly StepErrorResource[];
  /** Milliseconds. */
  readonly sleepFor?: number;
  /** Epoch milliseconds. */
  readonly sleepUntil?: number;
}

/** Why a step has failed for good, in the words of its error. */
export interface StepFailureResource {
  readonly attempts: number;
  readonly errorName: string;
  readonly message: string;
  readonly stack?: string;
}

/** What is shown of a step that others complete, by its kind: calls, waits, invoked runs. */
export interface OutsideStepFields {
  readonly callUrl?: string;
  readonly callMethod?: Method;
  readonly callHeaders?: HeaderMap;
  readonly callBody?: string;
  /** What the service answered last, as the server received it; 0 when there was no response. */
  readonly callResponseStatus?: number;
  readonly callResponseBody?: string;
  readonly callResponseHeaders?: HeaderMap;
  readonly waitEventId?: string;
  /** Duration as the step gave it, such as `7d`. */
  readonly waitTimeoutDuration?: string;
  /** Epoch milliseconds. */
  readonly waitTimeoutDeadline?: number;
  /** True when the time was up first. */
  readonly waitTimeout?: boolean;
  readonly invokedWorkflowRunId?: string;
  readonly invokedWorkflowUrl?: string;
  /** Epoch milliseconds. */
  readonly invokedWorkflowCreatedAt?: number;
  readonly invokedWorkflowRunBody?: string;
  readonly invokedWorkflowRunHeaders?: HeaderMap;
}

/** What runs now, or ran when the run failed or was cancelled. A step that others complete is shown in full. */
export interface NextStepResource
  extends OutsideStepFields,
    Partial<
      Pick<
        StepResource,
        "stepId" | "stepType" | "callType" | "concurrent" | "createdAt" | "headers"
      >
    > {
  readonly messageId: string;
  readonly stepName?: string;
  readonly state: Exclude<StepState, "STEP_SUCCESS">;
  readonly retries: number;
  readonly retryDelay?: string;
  /** Epoch milliseconds. */
  readonly nextDeliveryTime?: number;
  readonly errors?: readonly StepErrorResource[];
}

export type StepGroupResource =
  | { readonly steps: readonly [StepResource]; readonly type: "sequential" }
  | { readonly steps: readonly StepResource[]; readonly type: "parallel" }
  | { readonly steps: readonly NextStepResource[]; readonly type: "next" };

/** The failure call of a run. */
export interface FailureFunctionResource {
  readonly messageId: string;
  readonly url: string;
  readonly state: CallbackState;
  /** Response of the attempt that failed the run. */
  readonly failHeaders: HeaderMap;
  readonly failStatus: number;
  readonly failResponse: string;
  readonly dlqId: string;
  readonly errors?: readonly StepErrorResource[];
  readonly responseBody?: string;
  readonly responseHeaders?: HeaderMap;
  readonly responseStatus?: number;
  readonly maxRetries?: number;
  /** Epoch milliseconds. */
  readonly nextDeliveryTime?: number;
}

export interface InvokerResource {
  readonly workflowRunId: string;
  readonly workflowUrl: string;
  /** Epoch milliseconds. */
  readonly workflowRunCreatedAt: number;
}

/** One run in the logs. */
export interface RunResource {
  readonly workflowRunId: string;
  readonly workflowUrl: string;
  readonly workflowState: RunState;
  /** One sentence; absent when the run has ended. */
  readonly waitingFor?: string;
  /** Present when nothing open can wake the run any more; see `POST /v2/workflows/runs/{id}/nudge`. */
  readonly isStuck?: true;
  /** Epoch milliseconds. */
  readonly workflowRunCreatedAt: number;
  /** Epoch milliseconds. */
  readonly workflowRunCompletedAt?: number;
  readonly workflowRunCallerIp?: string;
  /** Text of the result, as the app sent it. */
  readonly workflowRunResponse?: string;
  readonly flowControlKey?: string;
  /** The first label. */
  readonly label?: string;
  readonly labels?: readonly string[];
  readonly invoker?: InvokerResource;
  readonly dlqId?: string;
  readonly failureFunction?: FailureFunctionResource;
  /** The failed run that this one goes on from. */
  readonly resumedFrom?: RunLinkResource;
  /** The run that goes on from this failed one. */
  readonly resumedBy?: RunLinkResource;
  /** Empty when it was asked for without steps. */
  readonly steps: readonly StepGroupResource[];
  /** Records so far, the payload included. Shown with `steps=none`. */
  readonly stepCount?: number;
  /** Where a live or failed run stands. Shown with `steps=none`. */
  readonly presentStep?: PresentStepResource;
  /** Why the run failed. Shown with `steps=none`. */
  readonly failure?: RunFailureResource;
}

/** The step that a run stands at, as a table shows it; of branches side by side, the one that tells most. */
export interface PresentStepResource {
  /** As the app counts, from 1; absent where that is not known. */
  readonly stepId?: number;
  /** Absent while the app has not said it, which it does with a record, a wait or a failure. */
  readonly stepName?: string;
  /** Attempts at it that have failed so far. Of live runs. */
  readonly failedAttempts?: number;
  /** Status code and reason phrase of the last of these, or why there was no response. */
  readonly error?: string;
}

/** Why a run failed, as a table shows it. */
export interface RunFailureResource {
  /** Status code and reason phrase, or why there was no response. */
  readonly reason: string;
  readonly cause?: FailureCause;
  readonly groupId?: string;
  /** What was said, without what differs from one failure to the next. */
  readonly message?: string;
  readonly stepName?: string;
  readonly responseStatus?: number;
  /** Epoch milliseconds. */
  readonly failedAt: number;
  /** False when the dead letter has been resumed, restarted, deleted or has expired. */
  readonly isOpen: boolean;
}

/** One run as another one names it. */
export interface RunLinkResource {
  readonly workflowRunId: string;
  /** Epoch milliseconds. */
  readonly workflowRunCreatedAt: number;
  readonly mode: "resume" | "restart";
}

/** A page of runs; no cursor at the end. */
export interface RunPage {
  readonly runs: readonly RunResource[];
  readonly cursor?: string;
}

/** A single event of a run, as the logs list them when they are not grouped. */
export interface WorkflowEventResource {
  /** Epoch milliseconds. */
  readonly time: number;
  readonly state: StepState | RunState;
  readonly workflowRunId: string;
  readonly workflowUrl: string;
  /** Epoch milliseconds. */
  readonly workflowCreatedAt: number;
  /** Absent on events of the run as a whole. */
  readonly stepInfo?: StepInfoResource;
  /** Epoch milliseconds. */
  readonly nextDeliveryTime?: number;
  readonly error?: string;
  readonly responseStatus?: number;
  readonly responseBody?: string;
  readonly responseHeaders?: HeaderMap;
  /** Headers of the request that failed. */
  readonly headers?: HeaderMap;
  /** The run that has invoked this one. */
  readonly invokerWorkflowRunId?: string;
  readonly invokerWorkflowUrl?: string;
  /** Epoch milliseconds. */
  readonly invokerWorkflowCreatedAt?: number;
  readonly workflowRunResponse?: string;
  readonly dlqId?: string;
  readonly label?: string;
  readonly labels?: readonly string[];
  readonly flowControlKey?: string;
  readonly callerIp?: string;
}

/** The step or message that an event is about. */
export interface StepInfoResource extends OutsideStepFields {
  readonly messageId: string;
  readonly stepId?: number;
  readonly stepName?: string;
  readonly stepType?: StepType;
  readonly callType: Exclude<CallType, "failureCall">;
  readonly state: StepState;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly out?: string;
  readonly retries: number;
  /** Epoch milliseconds. */
  readonly nextDeliveryTime?: number;
}

/** A page of events; no cursor at the end. */
export interface WorkflowEventPage {
  readonly events: readonly WorkflowEventResource[];
  readonly cursor?: string;
}
