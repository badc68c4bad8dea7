/** Shapes of the JSON answers. Optional fields are left out when they have no value, never sent as null. */

import type { HeaderMap } from "./headers.ts";
import type { Method } from "./publish.ts";
import type { CallType, StepType } from "./step.ts";

export type RunState = "RUN_STARTED" | "RUN_SUCCESS" | "RUN_FAILED" | "RUN_CANCELED";
export type StepState =
  | "STEP_PROGRESS"
  | "STEP_SUCCESS"
  | "STEP_RETRY"
  | "STEP_FAILED"
  | "STEP_CANCELED";
export type CallbackState =
  | "CALLBACK_INPROGRESS"
  | "CALLBACK_SUCCESS"
  | "CALLBACK_FAIL"
  | "CALLBACK_CANCELED";

export const RUN_STATES: readonly RunState[] = [
  "RUN_STARTED",
  "RUN_SUCCESS",
  "RUN_FAILED",
  "RUN_CANCELED",
];
export const CALLBACK_STATES: readonly CallbackState[] = [
  "CALLBACK_INPROGRESS",
  "CALLBACK_SUCCESS",
  "CALLBACK_FAIL",
  "CALLBACK_CANCELED",
];

/** Answer of a batch item or a publish. */
export interface PublishAnswer {
  readonly messageId: string;
  readonly deduplicated?: boolean;
  readonly url?: string;
  readonly workflowRunId?: string;
  readonly workflowCreatedAt?: number;
}

/** Answer of trigger, resume, restart and callback: a run, named by id and creation. */
export interface RunAnswer {
  readonly workflowRunId: string;
  /** Epoch milliseconds. */
  readonly workflowCreatedAt: number;
  readonly deduplicated?: boolean;
}

/** Answer of a bulk resume or restart; an empty cursor means that nothing is left. */
export interface BulkRunsAnswer {
  readonly workflowRuns: readonly RunAnswer[];
  readonly cursor: string;
}

/** Answer of a bulk delete of dead letters. */
export interface BulkDeleteAnswer {
  readonly deleted: number;
  readonly cursor?: string;
}

/** Answer of a bulk cancel. */
export interface CancelAnswer {
  readonly cancelled: number;
}

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
  readonly steps: readonly StepGroupResource[];
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

/** Where the failure call of a dead letter stands. */
export interface FailureCallbackInfo {
  readonly state?: CallbackState;
  readonly responseStatus?: number;
  readonly responseBody?: string;
  readonly responseHeaders?: HeaderMap;
}

/** A dead letter of a workflow. */
export interface DeadLetterResource {
  readonly dlqId: string;
  readonly messageId: string;
  readonly url: string;
  readonly workflowUrl: string;
  readonly method: Method;
  readonly header: HeaderMap;
  /** The initial payload when it is UTF-8. */
  readonly body?: string;
  /** The initial payload when it is not. */
  readonly bodyBase64?: string;
  readonly maxRetries: number;
  readonly retryDelayExpression?: string;
  /** Epoch milliseconds. */
  readonly notBefore: number;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly callerIP: string;
  readonly workflowRunId: string;
  /** Epoch milliseconds. */
  readonly workflowCreatedAt: number;
  readonly failureCallback?: string;
  readonly failureCallbackHeader?: HeaderMap;
  readonly failureCallbackInfo?: FailureCallbackInfo;
  readonly failureFunctionState?: CallbackState;
  readonly label?: string;
  readonly labels?: readonly string[];
  readonly flowControlKey?: string;
  readonly rate?: number;
  readonly parallelism?: number;
  /** Seconds. */
  readonly period?: number;
  /** 0 when the last attempt had no response. */
  readonly responseStatus: number;
  readonly responseHeader: HeaderMap;
  readonly responseBody?: string;
  readonly responseBodyBase64?: string;
  /** True when the response was longer than the server keeps. */
  readonly isResponseTruncated?: boolean;
  /** Why the last attempt failed, and why none followed. */
  readonly reason?: string;
  /** Every try to deliver the failed message, oldest first. A single entry carries it, a page does not. */
  readonly attempts?: readonly AttemptResource[];
}

/** One finished try to deliver a message: what was sent, what came back, and what the engine did next. */
export interface AttemptResource {
  /** From 0; the value of `Upstash-Retried`. */
  readonly retried: number;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  /** Epoch milliseconds. */
  readonly endedAt: number;
  readonly requestHeader: HeaderMap;
  /** 0 when there was no response. */
  readonly responseStatus: number;
  readonly responseHeader: HeaderMap;
  readonly responseBody?: string;
  readonly responseBodyBase64?: string;
  /** True when the response was longer than the server keeps. */
  readonly isTruncated: boolean;
  readonly error?: string;
  /** Why there was no response: `refused`, `timeout`, ... */
  readonly cause?: string;
  /** What the engine did next, and why. */
  readonly move: string;
}

/** A page of dead letters; no cursor at the end. */
export interface DeadLetterPage {
  readonly messages: readonly DeadLetterResource[];
  readonly cursor?: string;
}

/** Body of a failure call. */
export interface FailureCallBody {
  readonly status: number;
  readonly header: HeaderMap;
  /** base64 of the complete response body. */
  readonly body: string;
  readonly retried: number;
  readonly maxRetries: number;
  readonly dlqId: string;
  readonly sourceMessageId: string;
  readonly topicName?: string;
  readonly endpointName?: string;
  readonly url: string;
  readonly method: Method;
  readonly sourceHeader: HeaderMap;
  /** base64 of the initial payload. */
  readonly sourceBody: string;
  /** Epoch milliseconds. */
  readonly notBefore: number;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly scheduleId?: string;
  readonly callerIP: string;
  readonly workflowRunId: string;
  /** Epoch milliseconds. */
  readonly workflowCreatedAt: number;
  readonly workflowUrl?: string;
  readonly label?: string;
  readonly labels?: readonly string[];
}

/** The signing keys: `current` signs, `next` takes its place at the next rotation. */
export interface SigningKeysResource {
  readonly current: string;
  readonly next: string;
  /** Milliseconds; absent before the first rotation. */
  readonly rotatedAt?: number;
}

/**
 * What a token may do: everything; look at everything but signing keys and tokens; or send messages and go on with runs.
 */
export type TokenScope = "full" | "read-only" | "publish-only";

/** A token without its text. */
export interface TokenResource {
  readonly id: string;
  readonly name: string;
  readonly scope: TokenScope;
  /** `settings` come with each start of the server, `start` was made at the first one. */
  readonly source: "settings" | "start" | "api";
  /** Milliseconds; absent for those from the settings. */
  readonly createdAt?: number;
}

/** The answer to the creation of a token: the only time that its text is shown. */
export interface NewTokenResource extends TokenResource {
  readonly token: string;
}
