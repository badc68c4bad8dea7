/**
 * Errors of the SDK. They are told apart by `name`, which survives minifiers and two copies of the package in one app; the names are
 * those of the official clients, so that `error.name === "QstashError"` goes on working.
 */

/** A request to the server was refused, or never answered. */
export class QstashError extends Error {
  override readonly name: string = "QstashError";
  /** HTTP status of the answer; undefined when none arrived. */
  readonly status?: number;
  /** Stable name of the fault when the server is Reprise, such as `message_not_found`. */
  readonly code?: string;

  constructor(message: string, status?: number, options?: ErrorOptions) {
    super(message, options);
    if (status !== undefined) this.status = status;
    const code = codeOf(message);
    if (code !== undefined) this.code = code;
  }
}

/** The message of a refusal is what the server answered, as it came: JSON with a code, or any text. */
function codeOf(message: string): string | undefined {
  return /"code":"(\w+)"\}\s*$/.exec(message)?.[1];
}

/** Limits of the server in numbers, from the headers of a 429; null for those that it did not send. */
export interface RatelimitNumbers {
  readonly limit: string | null;
  readonly remaining: string | null;
  /** Epoch seconds. */
  readonly reset: string | null;
}

/** What both kinds of a 429 say. */
class LimitError extends QstashError {
  readonly limit: string | null;
  readonly remaining: string | null;
  readonly reset: string | null;

  constructor(message: string, numbers: RatelimitNumbers) {
    super(message, 429);
    this.limit = numbers.limit;
    this.remaining = numbers.remaining;
    this.reset = numbers.reset;
  }
}

/** 429: too many requests in this second. */
export class QstashRatelimitError extends LimitError {
  override readonly name: string = "QstashRatelimitError";
}

/** 429: too many requests today. Not a kind of {@link QstashRatelimitError}, whose pauses are seconds. */
export class QstashDailyRatelimitError extends LimitError {
  override readonly name: string = "QstashDailyRatelimitError";
}

/** A list of ids or of values is empty, and a server could take it for "all". Nothing was sent. */
export class QstashEmptyArrayError extends QstashError {
  override readonly name: string = "QstashEmptyArrayError";

  constructor(parameterName: string) {
    super(`${parameterName} is an empty list; say all: true to mean everything`);
  }
}

/** What is wrong with a signature: for logs and tests; the message says more. */
export type SignatureFault =
  | "missing"
  | "malformed"
  | "algorithm"
  | "key"
  | "issuer"
  | "expired"
  | "early"
  | "url"
  | "body";

/** A request does not come from the server whose signing keys the app has, or was changed on its way. */
export class SignatureError extends Error {
  override readonly name = "SignatureError";
  readonly fault: SignatureFault;

  constructor(message: string, fault: SignatureFault = "malformed", options?: ErrorOptions) {
    super(message, options);
    this.fault = fault;
  }
}

/** A workflow cannot go on as it is written or called; the message says where and what to do. */
export class WorkflowError extends QstashError {
  override readonly name: string = "WorkflowError";
}

/** Thrown by the author: the run fails now, whatever retries are left. In a step it can be caught like any failed step. */
export class WorkflowNonRetryableError extends WorkflowError {
  override readonly name: string = "WorkflowNonRetryableError";

  constructor(message = "the run must not be retried", options?: ErrorOptions) {
    super(message, undefined, options);
  }
}

/** Thrown by the author: the next attempt is made after this pause; it counts like any other. */
export class WorkflowRetryAfterError extends WorkflowError {
  override readonly name: string = "WorkflowRetryAfterError";
  /** Seconds, or a duration such as `10s`. */
  readonly retryAfter: number | string;

  constructor(message: string, retryAfter: number | string) {
    super(message);
    this.retryAfter = retryAfter;
  }
}

/**
 * A step has failed for good: its attempts are used up, or it threw what must not be retried. It is thrown where the step was awaited,
 * and is recorded when the function goes on.
 */
export class StepError extends WorkflowError {
  override readonly name: string = "StepError";
  readonly stepName: string;
  /** From 1: how often the step was tried. */
  readonly attempts: number;
  /** `name` of what the step threw. */
  readonly errorName: string;

  constructor(failure: StepFailure, options?: ErrorOptions) {
    super(failure.message, undefined, options);
    this.stepName = failure.stepName;
    this.attempts = failure.attempts;
    this.errorName = failure.errorName;
    if (failure.stack !== undefined) this.stack = failure.stack;
  }
}

export interface StepFailure {
  readonly stepName: string;
  readonly attempts: number;
  readonly errorName: string;
  readonly message: string;
  readonly stack?: string;
}

/** The function asks for other steps than the run has recorded: its code has changed, or depends on something outside of steps. */
export class DivergenceError extends WorkflowError {
  override readonly name: string = "DivergenceError";
}

/** Tells whether `error` is of this kind, also when it was made by another copy of the SDK or by an official client. */
export function isNamed(error: unknown, name: string): error is Error {
  return error instanceof Error && error.name === name;
}
