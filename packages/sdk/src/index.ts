export {
  Client,
  type ClientConfig,
  type LogPageOptions,
  type Logs,
  type LogsOptions,
  type NudgeResponse,
  type TriggerOptions,
} from "./client/client.ts";
export type {
  DLQAttempt,
  DLQEntry,
  DLQResumeRestartOptions,
  DLQResumeRestartResponse,
  FailureCallbackInfo,
  PublicDLQMessage,
  ResumeRestartOptions,
} from "./client/dead-letter.ts";
export type { BulkRuns, DLQ, DLQListOptions } from "./client/dead-letters.ts";
export type {
  WorkflowCancelFilter,
  WorkflowDLQActionFilters,
  WorkflowDLQFilter,
  WorkflowDLQListFilters,
  WorkflowLogsListFilters,
  WorkflowRunCancelFilters,
} from "./client/filters.ts";
export type {
  CallbackState,
  CaughtFailure,
  FailureFunctionLog,
  NextStepLog,
  RunLink,
  RunState,
  StepAttemptError,
  StepLog,
  StepLogGroup,
  StepState,
  WorkflowEvent,
  WorkflowEvents,
  WorkflowRunLog,
  WorkflowRunLogs,
} from "./client/run-log.ts";
export type { Notification, NotifyResponse, Waiter } from "./client/run-requests.ts";
export {
  DivergenceError,
  QstashDailyRatelimitError,
  QstashEmptyArrayError,
  QstashError,
  QstashRatelimitError,
  SignatureError,
  type SignatureFault,
  StepError,
  WorkflowError,
  WorkflowNonRetryableError,
  WorkflowRetryAfterError,
} from "./errors.ts";
export type { Http, HttpOptions, RetryOptions } from "./wire/http.ts";
export type {
  Duration,
  FlowControl,
  HeaderLists,
  HTTPMethods,
  Redaction,
  SharedSettings,
} from "./wire/options.ts";
export { WorkflowContext } from "./workflow/context.ts";
export {
  type Middleware,
  type MiddlewareCallbacks,
  type MiddlewareOptions,
  WorkflowMiddleware,
} from "./workflow/middleware.ts";
export type { StepType } from "./workflow/records.ts";
export {
  createWorkflow,
  type ServeManyOptions,
  serve,
  serveMany,
  type WebHandler,
} from "./workflow/serve.ts";
export type { StepAttempt, StepLimits } from "./workflow/step-call.ts";
// Names that code which comes from another package has.
export type {
  CallResponse,
  CallSettings,
  CallWorkflowSettings,
  InvokeResponse as InvokeStepResponse,
  InvokeResponse,
  InvokeSettings,
  NotifiedWaiter,
  NotifyResponse as NotifyStepResponse,
  WaitOptions as WaitEventOptions,
  WaitOptions,
  WaitResponse as WaitStepResponse,
  WaitResponse,
  Webhook,
  WebhookResponse,
} from "./workflow/step-types.ts";
export type {
  AnyWorkflow,
  FailedAttempt,
  FailedStep,
  Failure,
  FailureContext,
  FailureFunction,
  Mode,
  RequestReceiver,
  RequestReceiver as WorkflowReceiver,
  RouteFunction,
  ServeOptions,
  ServeOptions as WorkflowServeOptions,
  StandardSchema,
  Workflow,
  Workflow as InvokableWorkflow,
} from "./workflow/workflow.ts";
