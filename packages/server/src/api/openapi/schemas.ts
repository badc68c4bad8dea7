/**
 * The shapes of answers, as `@reprise/protocol` has them: `name?: type; other: type`, behind `=` what is no list of members. A test holds
 * them against the types; `npx vitest run tests/openapi -u` writes them anew.
 */
export const schemas: Readonly<Record<string, string>> = {
  AttemptResource:
    "retried: number; startedAt: number; endedAt: number; requestHeader: map<string[]>; responseStatus: number; responseHeader: map<string[]>; responseBody?: string; responseBodyBase64?: string; isTruncated: boolean; error?: string; cause?: string; move: string",
  AttentionItem:
    "type: 'dead_letters'|'dead_messages'|'stuck_runs'|'late_messages'|'paused'|'gate_full'|'failure_function_failed'|'expiring_dead_letters'; count: number; subject: string|null; gate: 'queue'|'flow_control'|null; title: string",
  AuditEntry:
    "auditId: string; at: number; tokenName: string|null; scope: string; isDashboard: boolean; callerIP: string; action: string; target: string|null; query: string|null; status: number|null; error: string|null; count: number|null; actionId: string|null",
  AuditPage: "entries: AuditEntry[]; cursor?: string",
  BulkActionPage: "bulkActions: BulkActionResource[]; cursor?: string",
  BulkActionResource:
    "actionId: string; kind: 'cancel'; state: 'IN_PROGRESS'|'FINISHED'; total: number; processed: number; createdAt: number; completedAt?: number; filter: map<string[]>",
  BulkCancelAnswer: "cancelled: number; actionId?: string",
  BulkDeleteAnswer: "deleted: number; cursor?: string",
  BulkHoldAnswer: "held: number; cursor?: string",
  BulkReleaseAnswer: "released: number; cursor?: string",
  BulkRetryAnswer: "responses: RetryAnswer[]; cursor: string",
  BulkRunsAnswer: "workflowRuns: RunAnswer[]; cursor: string",
  CancelAnswer: "cancelled: number",
  ChangeEvent:
    "topics: ('runs'|'deadLetters'|'messages'|'deadMessages'|'queues'|'schedules'|'urlGroups'|'flowControls'|'waits'|'logs'|'bulkActions'|'audit')[]",
  CountAnswer: "count: number",
  CronAnswer: "expression: string; timeZone: string; times: number[]",
  DeadLetterPage: "messages: DeadLetterResource[]; cursor?: string",
  DeadLetterResource:
    "dlqId: string; messageId: string; url: string; workflowUrl: string; method: 'GET'|'POST'|'PUT'|'PATCH'|'DELETE'; header: map<string[]>; body?: string; bodyBase64?: string; maxRetries: number; retryDelayExpression?: string; notBefore: number; createdAt: number; expiresAt: number|null; callerIP: string; workflowRunId: string; workflowCreatedAt: number; failureCallback?: string; failureCallbackHeader?: map<string[]>; failureCallbackInfo?: FailureCallbackInfo; failureFunctionState?: 'CALLBACK_INPROGRESS'|'CALLBACK_SUCCESS'|'CALLBACK_FAIL'|'CALLBACK_CANCELED'; label?: string; labels?: string[]; flowControlKey?: string; rate?: number; parallelism?: number; period?: number; responseStatus: number; responseHeader: map<string[]>; responseBody?: string; responseBodyBase64?: string; isResponseTruncated?: boolean; reason?: string; cause?: 'unreachable'|'timeout'|'tunnel_page'|'redirect_to_login'|'signature_mismatch'|'not_a_workflow'|'old_sdk'|'non_retryable'|'payload_refused'|'client_error'|'server_error'|'step_error'|'cancelled'|'unknown'; groupId?: string; stepName?: string; attempts?: AttemptResource[]",
  DeadMessagePage: "messages: DeadMessageResource[]; cursor?: string",
  DeadMessageResource:
    "messageId: string; url: string; method: string; header?: map<string[]>; body?: string; bodyBase64?: string; maxRetries: number; retryDelayExpression?: string; notBefore: number; createdAt: number; timeout?: number; callerIP: string; topicName?: string; endpointName?: string; queueName?: string; scheduleId?: string; callback?: string; callbackHeader?: map<string[]>; failureCallback?: string; failureCallbackHeader?: map<string[]>; label?: string; labels?: string[]; flowControlKey?: string; rate?: number; parallelism?: number; period?: number; retriedAs?: string; dlqId: string; expiresAt: number|null; responseStatus: number; responseHeader?: map<string[]>; responseBody?: string; responseBodyBase64?: string; isResponseTruncated?: boolean; reason: string; cause?: 'unreachable'|'timeout'|'tunnel_page'|'redirect_to_login'|'signature_mismatch'|'not_a_workflow'|'old_sdk'|'non_retryable'|'payload_refused'|'client_error'|'server_error'|'step_error'|'cancelled'|'unknown'; groupId?: string",
  FailureCallbackInfo:
    "state?: 'CALLBACK_INPROGRESS'|'CALLBACK_SUCCESS'|'CALLBACK_FAIL'|'CALLBACK_CANCELED'; responseStatus?: number; responseBody?: string; responseHeaders?: map<string[]>",
  FailureFunctionResource:
    "messageId: string; url: string; state: 'CALLBACK_INPROGRESS'|'CALLBACK_SUCCESS'|'CALLBACK_FAIL'|'CALLBACK_CANCELED'; failHeaders: map<string[]>; failStatus: number; failResponse: string; dlqId: string; errors?: StepErrorResource[]; responseBody?: string; responseHeaders?: map<string[]>; responseStatus?: number; maxRetries?: number; nextDeliveryTime?: number",
  FailureGroup:
    "groupId: string; url: string; stepName: string|null; cause: 'unreachable'|'timeout'|'tunnel_page'|'redirect_to_login'|'signature_mismatch'|'not_a_workflow'|'old_sdk'|'non_retryable'|'payload_refused'|'client_error'|'server_error'|'step_error'|'cancelled'|'unknown'; responseStatus: number|null; message: string; count: number; firstFailedAt: number; lastFailedAt: number; expiresAt: number|null; buckets: number[]; bucketsFrom: number; sampleDlqId: string",
  FailureGroupPage: "groups: FailureGroup[]; cursor?: string",
  FlowControlResource:
    "flowControlKey: string; waitListSize: number; waitlistSize: number; parallelismMax: number; parallelismCount: number; rateMax: number; rateCount: number; ratePeriod: number; ratePeriodStart: number; isPaused: boolean; isPinnedParallelism: boolean; isPinnedRate: boolean",
  GlobalParallelismResource: "parallelismMax: number; parallelismCount: number",
  InvokerResource: "workflowRunId: string; workflowUrl: string; workflowRunCreatedAt: number",
  KeptEventPage: "events: KeptEventResource[]; cursor?: string",
  KeptEventResource:
    "eventId: string; source: 'notify'|'webhook'; workflowRunId: string; workflowUrl: string; createdAt: number; bytes: number",
  LineAnswer:
    "holders: LineMember[]; holderCount: number; waiting: LineMember[]; waitingCount: number",
  LineMember: "messageId: string; workflowRunId?: string; url: string; createdAt: number",
  LogPage: "events: LogResource[]; cursor?: string",
  LogResource:
    "messageId: string; url: string; method: string; header?: map<string[]>; maxRetries: number; retryDelayExpression?: string; notBefore: number; createdAt: number; timeout?: number; callerIP: string; topicName?: string; endpointName?: string; queueName?: string; scheduleId?: string; callback?: string; failureCallback?: string; label?: string; labels?: string[]; flowControlKey?: string; rate?: number; parallelism?: number; period?: number; retriedAs?: string; time: number; state: 'CREATED'|'ACTIVE'|'DELIVERED'|'ERROR'|'RETRY'|'FAILED'|'CANCEL_REQUESTED'|'CANCELED'; body?: string; callerIp: string; retryDelayExpr?: string; callbackHeaders?: map<string[]>; failureCallbackHeaders?: map<string[]>; sourceMessageId?: string; retried: number; nextDeliveryTime?: number; error?: string; cause?: string; startedAt?: number; responseStatus?: number; responseHeader?: map<string[]>; responseHeaders?: map<string[]>; responseBody?: string; isResponseTruncated?: boolean; move?: string",
  MatchCount: "count: number; isExact: boolean",
  MessageLogPage: "messages: MessageLogResource[]; cursor?: string",
  MessageLogResource: "messageId: string; events: LogResource[]",
  MessageResource:
    "messageId: string; url: string; method: string; header?: map<string[]>; body?: string; bodyBase64?: string; maxRetries: number; retryDelayExpression?: string; notBefore: number; createdAt: number; timeout?: number; callerIP: string; topicName?: string; endpointName?: string; queueName?: string; scheduleId?: string; callback?: string; callbackHeader?: map<string[]>; failureCallback?: string; failureCallbackHeader?: map<string[]>; label?: string; labels?: string[]; flowControlKey?: string; rate?: number; parallelism?: number; period?: number; retriedAs?: string",
  NewTokenResource:
    "id: string; name: string; scope: 'full'|'read-only'|'publish-only'; source: 'settings'|'start'|'api'; createdAt?: number; token: string",
  NextStepResource:
    "callUrl?: string; callMethod?: 'GET'|'POST'|'PUT'|'PATCH'|'DELETE'; callHeaders?: map<string[]>; callBody?: string; callResponseStatus?: number; callResponseBody?: string; callResponseHeaders?: map<string[]>; waitEventId?: string; waitTimeoutDuration?: string; waitTimeoutDeadline?: number; waitTimeout?: boolean; invokedWorkflowRunId?: string; invokedWorkflowUrl?: string; invokedWorkflowCreatedAt?: number; invokedWorkflowRunBody?: string; invokedWorkflowRunHeaders?: map<string[]>; stepId?: number; stepType?: 'Initial'|'Run'|'SleepFor'|'SleepUntil'|'Call'|'Wait'|'Notify'|'Invoke'|'CreateWebhook'|'WaitForWebhook'; callType?: 'step'|'toCallback'|'fromCallback'; concurrent?: number; createdAt?: number; headers?: map<string[]>; messageId: string; stepName?: string; state: 'STEP_PROGRESS'|'STEP_RETRY'|'STEP_FAILED'|'STEP_CANCELED'; retries: number; retryDelay?: string; nextDeliveryTime?: number; errors?: StepErrorResource[]",
  NotifiedResource:
    "messageId: string; workflowRunId: string; workflowCreatedAt: number; deduplicated: boolean; error: string; waiter?: WaiterResource",
  OpenMessagePage: "messages: OpenMessageResource[]; cursor?: string",
  OpenMessageResource:
    "messageId: string; url: string; method: string; header?: map<string[]>; body?: string; bodyBase64?: string; maxRetries: number; retryDelayExpression?: string; notBefore: number; createdAt: number; timeout?: number; callerIP: string; topicName?: string; endpointName?: string; queueName?: string; scheduleId?: string; callback?: string; callbackHeader?: map<string[]>; failureCallback?: string; failureCallbackHeader?: map<string[]>; label?: string; labels?: string[]; flowControlKey?: string; rate?: number; parallelism?: number; period?: number; retriedAs?: string; state: 'SCHEDULED'|'WAITING'|'ACTIVE'|'CANCEL_REQUESTED'; retried: number; nextDeliveryTime?: number; waitingFor: string",
  Overview:
    "now: number; windowMs: number; runs: { started: number; succeeded: number; failed: number; canceled: number }; buckets: OverviewBucket[]; attempts: { count: number; failed: number }; latencyMs: { p50: number; p95: number; p99: number }|null; oldestDueAgeMs: number|null; open: { runs: number; messages: number; deadLetters: number; deadMessages: number }; stuckRuns: number; flowControls: OverviewGate[]; queues: OverviewGate[]; schedules: { count: number; paused: number }; attention: AttentionItem[]",
  OverviewBucket:
    "at: number; delivered: number; failed: number; succeededRuns: number; failedRuns: number",
  OverviewGate:
    "name: string; waiting: number; inFlight: number; parallelism: number|null; isPaused: boolean",
  PresentStepResource:
    "stepId?: number; stepName?: string; failedAttempts?: number; error?: string",
  PublishAnswer:
    "messageId: string; deduplicated?: boolean; url?: string; workflowRunId?: string; workflowCreatedAt?: number",
  QueueResource:
    "name: string; createdAt: number; updatedAt: number; parallelism: number; lag: number; paused: boolean",
  RetryAnswer: "messageId: string",
  RunAnswer: "workflowRunId: string; workflowCreatedAt: number; deduplicated?: boolean",
  RunFailureResource:
    "reason: string; cause?: 'unreachable'|'timeout'|'tunnel_page'|'redirect_to_login'|'signature_mismatch'|'not_a_workflow'|'old_sdk'|'non_retryable'|'payload_refused'|'client_error'|'server_error'|'step_error'|'cancelled'|'unknown'; groupId?: string; message?: string; stepName?: string; responseStatus?: number; failedAt: number; isOpen: boolean",
  RunLinkResource: "workflowRunId: string; workflowRunCreatedAt: number; mode: 'resume'|'restart'",
  RunPage: "runs: RunResource[]; cursor?: string",
  RunResource:
    "workflowRunId: string; workflowUrl: string; workflowState: 'RUN_STARTED'|'RUN_SUCCESS'|'RUN_FAILED'|'RUN_CANCELED'; waitingFor?: string; isStuck?: true; workflowRunCreatedAt: number; workflowRunCompletedAt?: number; workflowRunCallerIp?: string; workflowRunResponse?: string; flowControlKey?: string; label?: string; labels?: string[]; invoker?: InvokerResource; dlqId?: string; failureFunction?: FailureFunctionResource; resumedFrom?: RunLinkResource; resumedBy?: RunLinkResource; steps: StepGroupResource[]; stepCount?: number; presentStep?: PresentStepResource; failure?: RunFailureResource",
  Session:
    "scope: 'full'|'read-only'; tokenName: string|null; isDevelopment: boolean; version: string; expiresAt: number; now: number",
  SettingResource: "name: string; value: string; source: 'default'|'environment'|'file'",
  SettingsAnswer: "settings: SettingResource[]",
  SigningKeysResource: "current: string; next: string; rotatedAt?: number",
  StepErrorResource:
    "error: string; body: string; headers: map<string[]>; status: number; time: number; startedAt?: number; reason?: string",
  StepFailureResource: "attempts: number; errorName: string; message: string; stack?: string",
  StepGroupResource:
    "= { steps: StepResource[]; type: 'sequential' }|{ steps: StepResource[]; type: 'parallel' }|{ steps: NextStepResource[]; type: 'next' }",
  StepInfoResource:
    "callUrl?: string; callMethod?: 'GET'|'POST'|'PUT'|'PATCH'|'DELETE'; callHeaders?: map<string[]>; callBody?: string; callResponseStatus?: number; callResponseBody?: string; callResponseHeaders?: map<string[]>; waitEventId?: string; waitTimeoutDuration?: string; waitTimeoutDeadline?: number; waitTimeout?: boolean; invokedWorkflowRunId?: string; invokedWorkflowUrl?: string; invokedWorkflowCreatedAt?: number; invokedWorkflowRunBody?: string; invokedWorkflowRunHeaders?: map<string[]>; messageId: string; stepId?: number; stepName?: string; stepType?: 'Initial'|'Run'|'SleepFor'|'SleepUntil'|'Call'|'Wait'|'Notify'|'Invoke'|'CreateWebhook'|'WaitForWebhook'; callType: 'step'|'toCallback'|'fromCallback'; state: 'STEP_PROGRESS'|'STEP_SUCCESS'|'STEP_RETRY'|'STEP_FAILED'|'STEP_CANCELED'; createdAt: number; out?: string; retries: number; nextDeliveryTime?: number",
  StepResource:
    "callUrl?: string; callMethod?: 'GET'|'POST'|'PUT'|'PATCH'|'DELETE'; callHeaders?: map<string[]>; callBody?: string; callResponseStatus?: number; callResponseBody?: string; callResponseHeaders?: map<string[]>; waitEventId?: string; waitTimeoutDuration?: string; waitTimeoutDeadline?: number; waitTimeout?: boolean; invokedWorkflowRunId?: string; invokedWorkflowUrl?: string; invokedWorkflowCreatedAt?: number; invokedWorkflowRunBody?: string; invokedWorkflowRunHeaders?: map<string[]>; stepId?: number; stepName: string; stepType: 'Initial'|'Run'|'SleepFor'|'SleepUntil'|'Call'|'Wait'|'Notify'|'Invoke'|'CreateWebhook'|'WaitForWebhook'; callType: 'step'|'toCallback'|'fromCallback'; messageId: string; out?: string; failure?: StepFailureResource; concurrent: number; state: 'STEP_PROGRESS'|'STEP_SUCCESS'|'STEP_RETRY'|'STEP_FAILED'|'STEP_CANCELED'; createdAt: number; retries: number; retryDelay?: string; headers: map<string[]>; nextDeliveryTime?: number; errors?: StepErrorResource[]; sleepFor?: number; sleepUntil?: number",
  TokenResource:
    "id: string; name: string; scope: 'full'|'read-only'|'publish-only'; source: 'settings'|'start'|'api'; createdAt?: number",
  TokenScope: "= 'full'|'read-only'|'publish-only'",
  WaitPage: "waits: WaitResource[]; cursor?: string",
  WaitResource:
    "kind: 'event'|'webhook'|'call'|'invoke'; state: 'open'|'answered'; workflowRunId: string; workflowUrl: string; workflowState: 'RUN_STARTED'|'RUN_SUCCESS'|'RUN_FAILED'|'RUN_CANCELED'; stepId: number; stepName: string; createdAt: number; deadline?: number; eventId?: string; url?: string; childRunId?: string",
  WaiterResource:
    "url: string; deadline: number; headers: map<string[]>; timeoutUrl: string; timeoutBody: string; timeoutHeaders: map<string[]>",
  WorkflowEventPage: "events: WorkflowEventResource[]; cursor?: string",
  WorkflowEventResource:
    "time: number; state: 'STEP_PROGRESS'|'STEP_SUCCESS'|'STEP_RETRY'|'STEP_FAILED'|'STEP_CANCELED'|'RUN_STARTED'|'RUN_SUCCESS'|'RUN_FAILED'|'RUN_CANCELED'; workflowRunId: string; workflowUrl: string; workflowCreatedAt: number; stepInfo?: StepInfoResource; nextDeliveryTime?: number; error?: string; responseStatus?: number; responseBody?: string; responseHeaders?: map<string[]>; headers?: map<string[]>; invokerWorkflowRunId?: string; invokerWorkflowUrl?: string; invokerWorkflowCreatedAt?: number; workflowRunResponse?: string; dlqId?: string; label?: string; labels?: string[]; flowControlKey?: string; callerIp?: string",
};
