/** The one error class and the closed table of every refusal that Reprise can answer. */

export type ErrorCode =
  | "invalid_request"
  | "invalid_json"
  | "invalid_header"
  | "invalid_query"
  | "invalid_destination"
  | "invalid_duration"
  | "invalid_retry_delay"
  | "invalid_cron"
  | "invalid_run_id"
  | "invalid_cursor"
  | "invalid_step"
  | "step_limit_exceeded"
  | "run_ended"
  | "run_not_found"
  | "run_not_stuck"
  | "unauthorized"
  | "forbidden"
  | "cross_site_request"
  | "not_found"
  | "method_not_allowed"
  | "request_timeout"
  | "body_too_large"
  | "uri_too_long"
  | "unsupported_media_type"
  | "expectation_failed"
  | "headers_too_large"
  | "key_rotation_too_soon"
  | "token_not_found"
  | "quota_exceeded"
  | "rate_limited"
  | "too_many_streams"
  | "message_not_found"
  | "url_group_not_found"
  | "queue_not_found"
  | "schedule_not_found"
  | "flow_control_not_found"
  | "bulk_action_not_found"
  | "bulk_action_in_progress"
  | "dead_letter_not_found"
  | "dead_letter_not_resumable"
  | "callback_not_retryable"
  | "callback_not_in_progress"
  | "not_a_workflow"
  | "storage_unavailable"
  | "storage_damaged"
  | "shutting_down"
  | "internal";

/** What a code means on the wire. */
export interface ErrorEntry {
  /** HTTP status of the answer. */
  readonly status: number;
  /** One sentence for people; the message of a single error says more. */
  readonly summary: string;
}

/** Every code, its status and its meaning. The documentation page of errors has one heading for each. */
export const errorTable: Readonly<Record<ErrorCode, ErrorEntry>> = {
  invalid_request: { status: 400, summary: "The request is malformed." },
  invalid_json: { status: 400, summary: "The body is not the JSON that this endpoint takes." },
  invalid_header: { status: 400, summary: "A request header has a value that is not allowed." },
  invalid_query: { status: 400, summary: "A query parameter has a value that is not allowed." },
  invalid_destination: { status: 400, summary: "The destination is not a URL to deliver to." },
  invalid_duration: { status: 400, summary: "A duration does not have the documented form." },
  invalid_retry_delay: { status: 400, summary: "The retry-delay expression is not valid." },
  invalid_cron: { status: 400, summary: "The cron expression is not valid." },
  invalid_run_id: {
    status: 400,
    summary: "The workflow run id has characters or a length not allowed.",
  },
  invalid_cursor: { status: 400, summary: "The cursor was not issued by this endpoint." },
  invalid_step: { status: 412, summary: "The submitted step record is not valid." },
  step_limit_exceeded: { status: 412, summary: "The run has reached its limit of steps or bytes." },
  run_ended: {
    status: 400,
    summary: "The workflow run has ended; nothing more is accepted for it.",
  },
  run_not_found: { status: 404, summary: "There is no such workflow run." },
  run_not_stuck: { status: 409, summary: "The workflow run still has something to wake it." },
  unauthorized: { status: 401, summary: "The token is missing or wrong." },
  forbidden: { status: 403, summary: "The token does not allow this." },
  cross_site_request: {
    status: 403,
    summary: "A session counts for requests of the dashboard alone.",
  },
  not_found: { status: 404, summary: "There is nothing at this path." },
  method_not_allowed: { status: 405, summary: "The path exists, but not with this method." },
  request_timeout: { status: 408, summary: "The request did not arrive in time." },
  body_too_large: { status: 413, summary: "The body is larger than the limit." },
  uri_too_long: { status: 414, summary: "The request target is longer than the limit." },
  unsupported_media_type: { status: 415, summary: "The body has an encoding that is not taken." },
  expectation_failed: { status: 417, summary: "The request expects what this server does not do." },
  headers_too_large: { status: 431, summary: "The headers are larger or more than the limit." },
  key_rotation_too_soon: {
    status: 409,
    summary: "The signing keys were rotated a short time ago; another rotation has to be forced.",
  },
  token_not_found: { status: 404, summary: "There is no such token." },
  quota_exceeded: { status: 412, summary: "A value is above the limit that this server allows." },
  rate_limited: { status: 429, summary: "Too many requests; try again later." },
  too_many_streams: { status: 429, summary: "Too many streams of changes are open." },
  message_not_found: { status: 404, summary: "There is no such message, or it is not waiting." },
  url_group_not_found: { status: 404, summary: "There is no URL group of this name." },
  queue_not_found: { status: 404, summary: "There is no queue of this name." },
  schedule_not_found: { status: 404, summary: "There is no schedule of this id." },
  flow_control_not_found: { status: 404, summary: "There is no flow-control key of this name." },
  bulk_action_not_found: { status: 404, summary: "There is no bulk action of this id." },
  bulk_action_in_progress: {
    status: 429,
    summary: "The bulk action takes longer than a request waits; it goes on.",
  },
  dead_letter_not_found: { status: 404, summary: "There is no such dead letter." },
  dead_letter_not_resumable: {
    status: 400,
    summary: "The dead letter cannot be resumed or restarted.",
  },
  callback_not_retryable: {
    status: 400,
    summary: "The failure callback is not in the failed state.",
  },
  callback_not_in_progress: { status: 400, summary: "The failure callback is not in progress." },
  not_a_workflow: { status: 400, summary: "The message does not belong to a workflow." },
  storage_unavailable: {
    status: 503,
    summary: "The storage cannot be written now; nothing was changed.",
  },
  storage_damaged: {
    status: 500,
    summary: "A stored value is damaged, or was changed by somebody else; it is not used.",
  },
  shutting_down: { status: 503, summary: "The server is stopping; nothing was changed." },
  internal: { status: 500, summary: "The server has a fault." },
};

export type ErrorDetails = Readonly<Record<string, unknown>>;

export interface ErrorOptions {
  readonly message: string;
  readonly details?: ErrorDetails;
  readonly cause?: unknown;
  /** Overrides the status of the table; only `asSubmissionError` has a reason to. */
  readonly status?: number;
}

/** A symbol of the global registry: an error is recognised across two copies of this package. */
const BRAND: unique symbol = Symbol.for("reprise.error") as never;

/** A refusal. Recognise it with `isRepriseError` and by `code`, never by its text or with `instanceof`. */
export class RepriseError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly details: ErrorDetails;
  readonly [BRAND] = true;

  constructor(code: ErrorCode, options: ErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "RepriseError";
    this.code = code;
    this.status = options.status ?? errorTable[code].status;
    this.details = options.details ?? {};
  }
}

/** Tells whether `value` is a `RepriseError`, made by this copy of the package or another. */
export function isRepriseError(value: unknown): value is RepriseError {
  return typeof value === "object" && value !== null && BRAND in value && value[BRAND] === true;
}

/** The body of every answer that is an error. Clients show `error` verbatim. */
export interface ErrorBody {
  readonly error: string;
  readonly code: ErrorCode;
}

/** Builds the body of the answer for `error`. */
export function errorBody(error: RepriseError): ErrorBody {
  return { error: error.message, code: error.code };
}

/**
 * Statuses that the workflow SDK would misread when a running workflow submits something:
 * 400 as "the run has ended" (it then answers success and the run hangs), the others as trouble worth a retry.
 */
const STATUSES_REFUSED_FOR_EVER: readonly number[] = [400, 404, 409, 413, 414, 415, 417, 431];

/**
 * Gives the error that a submission of a running workflow (`Upstash-Workflow-Init: false`) gets instead of `error`.
 * 400 means "the run has ended" and nothing else there, so every other lasting refusal becomes 412, which fails the
 * run visibly. Code and message stay. Passing trouble (401, 403, 408, 429, 5xx) and foreign values pass unchanged.
 */
export function asSubmissionError<E>(error: E): E | RepriseError {
  if (!isRepriseError(error)) return error;
  if (error.code === "run_ended") return error;
  // A run that is unknown is as durably gone as one that has ended.
  if (error.code === "run_not_found") return withStatus(error, 400);
  return STATUSES_REFUSED_FOR_EVER.includes(error.status) ? withStatus(error, 412) : error;
}

function withStatus(error: RepriseError, status: number): RepriseError {
  const { code, message, details } = error;
  return new RepriseError(code, { message, details, status, cause: error });
}
