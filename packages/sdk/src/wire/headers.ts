/** Header names of the wire that the SDK sends and reads, in lower case. */
export const HEADER = {
  authorization: "authorization",
  contentType: "content-type",
  retryAfter: "retry-after",
  method: "upstash-method",
  delay: "upstash-delay",
  notBefore: "upstash-not-before",
  retries: "upstash-retries",
  retryDelay: "upstash-retry-delay",
  timeout: "upstash-timeout",
  label: "upstash-label",
  flowControlKey: "upstash-flow-control-key",
  flowControlValue: "upstash-flow-control-value",
  cron: "upstash-cron",
  scheduleId: "upstash-schedule-id",
  queueName: "upstash-queue-name",
  redactFields: "upstash-redact-fields",
  callback: "upstash-callback",
  failureCallback: "upstash-failure-callback",
  deduplicationId: "upstash-deduplication-id",
  contentBasedDeduplication: "upstash-content-based-deduplication",
  featureSet: "upstash-feature-set",
  signature: "upstash-signature",
  messageId: "upstash-message-id",
  retried: "upstash-retried",
  region: "upstash-region",
  workflowInit: "upstash-workflow-init",
  workflowRunId: "upstash-workflow-runid",
  workflowUrl: "upstash-workflow-url",
  workflowCreatedAt: "upstash-workflow-createdat",
  workflowSdkVersion: "upstash-workflow-sdk-version",
  workflowCallType: "upstash-workflow-calltype",
  workflowInvoke: "upstash-workflow-invoke",
  workflowInvokeCount: "upstash-workflow-invoke-count",
  workflowTriggerBySdk: "upstash-workflow-trigger-by-sdk",
  workflowUnknownSdk: "upstash-workflow-unknown-sdk",
  workflowIsFailure: "upstash-workflow-is-failure",
  workflowFailureCallback: "upstash-workflow-failure-callback",
  workflowCallback: "upstash-workflow-callback",
  workflowStepId: "upstash-workflow-stepid",
  workflowStepName: "upstash-workflow-stepname",
  workflowStepType: "upstash-workflow-steptype",
  workflowConcurrent: "upstash-workflow-concurrent",
  workflowContentType: "upstash-workflow-contenttype",
  nonRetryable: "upstash-nonretryable-error",
  errorStepName: "upstash-error-step-name",
  failureFunctionNotFound: "upstash-workflow-failure-callback-notfound",
  /** Version of the SDK behind an endpoint, such as `v1.3.2`. */
  workflowSdk: "upstash-workflow-sdk",
  /** What the server offers with a delivery, and what the app answers: docs/fast-modes.md. */
  delivery: "reprise-delivery",
  answer: "reprise-answer",
  hold: "reprise-hold",
} as const;

export const FORWARD_PREFIX = "upstash-forward-";
export const CALLBACK_PREFIX = "upstash-callback-";
export const FAILURE_CALLBACK_PREFIX = "upstash-failure-callback-";

/** Version of the public workflow protocol. */
export const PROTOCOL_VERSION = "1";

/** The generation of the official SDK whose wire this one speaks; servers ask for 1.0.0 at least. */
export const SDK_GENERATION = "v1.3.3";

/** What the endpoint can do, on every message of a workflow but calls. */
export const FEATURES = "LazyFetch,InitialBody,WF_DetectTrigger,WF_TriggerOnConfig";

/** On calls of services: their failure does not end the run. */
export const CALL_FEATURES = "WF_NoDelete,InitialBody";
