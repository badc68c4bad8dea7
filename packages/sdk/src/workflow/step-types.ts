import type { FlowControl } from "./step-call.ts";
import type { AnyWorkflow, Workflow } from "./workflow.ts";

/** What steps are told, and what they give. */

/** A duration: a whole number of seconds, minutes, hours or days, such as `10s` or `7d`. */
export type Duration = `${bigint}${"s" | "m" | "h" | "d"}`;

/** The answer of a service that `context.call` has called. */
export interface CallResponse<Body = unknown> {
  /** 0 when no answer arrived. */
  readonly status: number;
  /** Parsed when it is JSON, else a text. */
  readonly body: Body;
  readonly header: Record<string, string[]>;
}

/** What a call asks for, and how patiently. */
export interface CallSettings<Body = unknown> {
  readonly url: string;
  readonly method?: "GET" | "POST" | "PUT" | "DELETE" | "PATCH";
  /** A text is sent as it is; everything else as JSON. */
  readonly body?: Body;
  readonly headers?: Readonly<Record<string, string>>;
  /** Attempts after the first one; 0 when not given. */
  readonly retries?: number;
  /** Expression over `retried`, in milliseconds. */
  readonly retryDelay?: string;
  /** Time for one attempt: seconds or a duration. */
  readonly timeout?: number | Duration;
  readonly flowControl?: FlowControl;
}

/** A call of a workflow that is served beside this one: it is started, and its end is not waited for. */
export interface CallWorkflowSettings extends Omit<CallSettings, "url" | "method"> {
  readonly workflow: AnyWorkflow;
}

/** How long is waited. */
export interface WaitOptions {
  /** Seconds or a duration; seven days when not given. */
  readonly timeout?: number | Duration;
}

/** The event, or that none came in time. */
export type WaitResponse<Data = unknown> =
  | { readonly timeout: false; readonly eventData: Data }
  | { readonly timeout: true; readonly eventData: undefined };

/** Whom a notification has reached. */
export interface NotifyResponse {
  readonly eventId: string;
  readonly eventData: unknown;
  /** One for each run that has been woken, or for which the event is kept. */
  readonly notifyResponse: readonly NotifiedWaiter[];
}

/** Somebody who waited for the event. */
export interface NotifiedWaiter {
  readonly messageId: string;
  readonly workflowRunId?: string;
  readonly workflowCreatedAt?: number;
  readonly error?: string;
  readonly waiter?: unknown;
}

/** A URL that anybody can call once. */
export interface Webhook {
  readonly webhookUrl: string;
  readonly eventId: string;
}

/** The request to a webhook, or that none came in time. */
export type WebhookResponse =
  | { readonly timeout: false; readonly request: Request }
  | { readonly timeout: true; readonly request: undefined };

/** The run that is started. */
export interface InvokeSettings<Payload = unknown, Result = unknown> {
  /** A workflow that is served beside this one by `serveMany`. */
  readonly workflow: Workflow<Payload, Result>;
  readonly body?: Payload;
  readonly headers?: Readonly<Record<string, string>>;
  readonly workflowRunId?: string;
  readonly label?: string | readonly string[];
  readonly retries?: number;
  readonly retryDelay?: string;
  readonly flowControl?: FlowControl;
}

/** How the run that was started has ended. */
export interface InvokeResponse<Result = unknown> {
  /** What the invoked workflow returned; undefined when it failed or was cancelled. */
  readonly body: Result;
  readonly isFailed: boolean;
  readonly isCanceled: boolean;
}
