export {
  DivergenceError,
  QstashDailyRatelimitError,
  QstashError,
  QstashRatelimitError,
  SignatureError,
  StepError,
  WorkflowError,
  WorkflowNonRetryableError,
  WorkflowRetryAfterError,
} from "./errors.ts";
