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
