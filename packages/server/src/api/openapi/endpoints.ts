import { DEAD_LETTER_FILTERS } from "../filters.ts";
import { DEAD_MESSAGE_FILTERS, MESSAGE_FILTERS } from "../message-filters.ts";

/** Every endpoint: its route as the router has it, what it is for, what it answers, and the names of its query parameters. */
export interface DescribedEndpoint {
  readonly route: string;
  readonly summary: string;
  /** As in `schemas.ts`; null when the body is empty, or no JSON. */
  readonly answer: string | null;
  readonly query: readonly string[];
}

const PAGE = ["count", "cursor"];
const RUN_FILTERS = [
  ...["workflowUrl", "workflowRunId", "workflowRunIdPrefix", "workflowCreatedAt", "messageId"],
  ...["fromDate", "toDate", "label", "callerIp", "callerIP", "flowControlKey", "host", "path"],
  "state",
];
const RUN_LIST = [...RUN_FILTERS, "workflowRuns", "groupBy", "trimBody", ...PAGE];
const LOG_LIST = [...MESSAGE_FILTERS, "messageId", "state", ...PAGE];
const DEAD_RUNS = [...DEAD_LETTER_FILTERS, "dlqIds", ...PAGE];
const DEAD_MESSAGES = [...DEAD_MESSAGE_FILTERS, "dlqIds", ...PAGE];

function of(route: string, summary: string, answer: string | null, query: readonly string[] = []) {
  return { route, summary, answer, query };
}

const MESSAGES: readonly DescribedEndpoint[] = [
  of("POST /v2/publish/*", "Publish a message to a URL or a URL group", "any"),
  of(
    "POST /v2/enqueue/*",
    "Publish a message through a queue: /v2/enqueue/{queue}/{destination}",
    "any",
  ),
  of("POST /v2/batch", "Publish several messages, or submit steps of a run", "any[]"),
  of("GET /v2/messages", "List open messages", "OpenMessagePage|CountAnswer", [
    ...[...MESSAGE_FILTERS, "messageIds", "state", "order", "countOnly", ...PAGE],
  ]),
  of("GET /v2/messages/count", "Count open messages", "MatchCount", [...MESSAGE_FILTERS, "state"]),
  of("GET /v2/messages/:messageId", "Show a message", "MessageResource|OpenMessageResource"),
  of("DELETE /v2/messages", "Cancel messages", "BulkCancelAnswer", [
    ...[...MESSAGE_FILTERS, "messageIds", "count", "async", "cursor"],
  ]),
  of("DELETE /v2/messages/:messageId", "Cancel a message", "BulkCancelAnswer"),
  of("POST /v2/messages/:messageId/retry", "Send a waiting message now", "{}"),
  of("GET /v2/bulkActions", "List bulk actions", "BulkActionPage", ["state", ...PAGE]),
  of("GET /v2/bulkActions/:actionId", "Show a bulk action", "BulkActionResource"),
  of("DELETE /v2/bulkActions/:actionId", "Stop a bulk action", "BulkActionResource"),
  of("GET /v2/logs", "List the log of messages", "any", LOG_LIST),
  of("GET /v2/events", "List the log of messages, by its older name", "any", LOG_LIST),
];

const DEAD: readonly DescribedEndpoint[] = [
  of("GET /v2/dlq", "List failed messages", "DeadMessagePage|DeadLetterPage", [
    ...[...DEAD_MESSAGES, "order", "source"],
  ]),
  of("GET /v2/dlq/groups", "Group failed messages by what went wrong", "FailureGroupPage", [
    ...[...DEAD_MESSAGE_FILTERS, "sort", ...PAGE],
  ]),
  of("GET /v2/dlq/count", "Count failed messages", "MatchCount", DEAD_MESSAGE_FILTERS),
  of("GET /v2/dlq/:dlqId", "Show a failed message", "DeadMessageResource"),
  of("DELETE /v2/dlq", "Delete failed messages", "BulkDeleteAnswer", DEAD_MESSAGES),
  of("DELETE /v2/dlq/:dlqId", "Delete a failed message", "BulkDeleteAnswer"),
  of("POST /v2/dlq/retry", "Send failed messages again", "BulkRetryAnswer", DEAD_MESSAGES),
  of("POST /v2/dlq/retry/:dlqId", "Send a failed message again", "RetryAnswer"),
  of("POST /v2/dlq/hold", "Keep failed messages from retention", "BulkHoldAnswer", DEAD_MESSAGES),
  of("POST /v2/dlq/hold/:dlqId", "Keep a failed message from retention", "BulkHoldAnswer"),
  of(
    "POST /v2/dlq/release",
    "Give failed messages back to retention",
    "BulkReleaseAnswer",
    DEAD_MESSAGES,
  ),
  of("POST /v2/dlq/release/:dlqId", "Give a failed message back to retention", "BulkReleaseAnswer"),
  of("GET /v2/workflows/dlq", "List failed runs", "DeadLetterPage", [...DEAD_RUNS, "order"]),
  of("GET /v2/workflows/dlq/groups", "Group failed runs by what went wrong", "FailureGroupPage", [
    ...[...DEAD_LETTER_FILTERS, "sort", ...PAGE],
  ]),
  of("GET /v2/workflows/dlq/count", "Count failed runs", "MatchCount", DEAD_LETTER_FILTERS),
  of("GET /v2/workflows/dlq/:dlqId", "Show a failed run with every attempt", "DeadLetterResource"),
  of("DELETE /v2/workflows/dlq", "Delete failed runs", "BulkDeleteAnswer", DEAD_RUNS),
  of("DELETE /v2/workflows/dlq/:dlqId", "Delete a failed run", "BulkDeleteAnswer"),
  of("POST /v2/workflows/dlq/resume", "Resume failed runs", "BulkRunsAnswer", DEAD_RUNS),
  of("POST /v2/workflows/dlq/resume/:dlqId", "Resume a failed run", "RunAnswer"),
  of("POST /v2/workflows/dlq/restart", "Restart failed runs", "BulkRunsAnswer", DEAD_RUNS),
  of("POST /v2/workflows/dlq/restart/:dlqId", "Restart a failed run", "RunAnswer"),
  of("POST /v2/workflows/dlq/callback/:dlqId", "Call the failure function again", "RunAnswer"),
  of("DELETE /v2/workflows/dlq/callback/:dlqId", "Cancel the failure call", "RunAnswer"),
  of("POST /v2/workflows/dlq/hold", "Keep failed runs from retention", "BulkHoldAnswer", DEAD_RUNS),
  of("POST /v2/workflows/dlq/hold/:dlqId", "Keep a failed run from retention", "BulkHoldAnswer"),
  of(
    "POST /v2/workflows/dlq/release",
    "Give failed runs back to retention",
    "BulkReleaseAnswer",
    DEAD_RUNS,
  ),
  of(
    "POST /v2/workflows/dlq/release/:dlqId",
    "Give a failed run back to retention",
    "BulkReleaseAnswer",
  ),
];

const RUNS: readonly DescribedEndpoint[] = [
  of("POST /v2/trigger/*", "Start a run of a workflow", "RunAnswer"),
  of("POST /v2/batch/trigger", "Start several runs", "any[]"),
  of(
    "GET /v2/workflows/logs",
    "List runs with their steps; without them with steps=none",
    "RunPage",
    [...[...RUN_LIST, "steps", "stuck"]],
  ),
  of("GET /v2/workflows/events", "List events of runs", "WorkflowEventPage|RunPage", RUN_LIST),
  of("GET /v2/workflows/runs/count", "Count runs", "MatchCount", RUN_FILTERS),
  of("GET /v2/workflows/runs/:runId", "Show the records of a run, as its app reads them", "any"),
  of("POST /v2/workflows/runs/:runId/steps", "Submit steps of a run; see fast modes", "any"),
  of("POST /v2/workflows/runs/:runId/nudge", "Deliver again what a stuck run waits for", "any"),
  of("DELETE /v2/workflows/runs", "Cancel runs", "CancelAnswer", [
    ...["workflowUrl", "workflowUrlExactMatch", "fromDate", "toDate", "label", "callerIp"],
    ...["callerIP", "flowControlKey", "host", "path", "workflowRunIds", "count"],
  ]),
  of("DELETE /v2/workflows/runs/:runId", "Cancel a run, or end it with cancel=false", "any", [
    "cancel",
  ]),
  of("POST /v2/wait/*", "Wait for an event, as a step of a run", "any"),
  of("POST /v2/notify/*", "Notify those who wait for an event", "NotifiedResource[]"),
  of("GET /v2/waiters/*", "List who waits for an event", "WaiterResource[]"),
  of("GET /v2/waits", "List open waits", "WaitPage", ["kind", "eventId", "workflowRunId", ...PAGE]),
  of("GET /v2/keptEvents", "List events that nobody has waited for", "KeptEventPage", [
    ...["eventId", "workflowRunId", ...PAGE],
  ]),
  of("ALL /v2/workflows/hooks/:user/:runId/:eventId", "Call a webhook that a run waits for", "any"),
];

const NAMED: readonly DescribedEndpoint[] = [
  of("GET /v2/queues", "List queues", "QueueResource[]"),
  of("POST /v2/queues", "Create or change a queue", "{}"),
  of("GET /v2/queues/:name", "Show a queue", "QueueResource"),
  of("DELETE /v2/queues/:name", "Delete a queue", "{}"),
  of("POST /v2/queues/:name/pause", "Pause a queue", "{}"),
  of("POST /v2/queues/:name/resume", "Resume a queue", "{}"),
  of("GET /v2/flowControl", "List flow control keys", "FlowControlResource[]", ["search"]),
  of("GET /v2/flowControl/*", "Show a flow control key", "FlowControlResource"),
  of("POST /v2/flowControl/*", "Pause, resume, pin or reset a flow control key", "{}", [
    ...["parallelism", "rate", "period"],
  ]),
  of("GET /v2/globalParallelism", "Show the limit of all attempts", "GlobalParallelismResource"),
  of("GET /v2/lines", "Show who waits at a gate", "LineAnswer", [
    "flowControlKey",
    "queueName",
    "count",
  ]),
  of("GET /v2/topics", "List URL groups", "any[]"),
  of("GET /v2/topics/:name", "Show a URL group", "any"),
  of("PATCH /v2/topics/:name", "Change a URL group", "{}"),
  of("DELETE /v2/topics/:name", "Delete a URL group", "{}"),
  of("POST /v2/topics/:name/endpoints", "Add endpoints to a URL group", "{}"),
  of("DELETE /v2/topics/:name/endpoints", "Take endpoints out of a URL group", "{}"),
  of("GET /v2/schedules", "List schedules", "any[]"),
  of("GET /v2/schedules/:id", "Show a schedule", "any"),
  of("POST /v2/schedules/*", "Create or replace a schedule: /v2/schedules/{destination}", "any"),
  of("PATCH /v2/schedules/*", "Pause or resume a schedule, by an older name", "{}"),
  of("DELETE /v2/schedules/:id", "Delete a schedule", "{}"),
  of("POST /v2/schedules/:id/pause", "Pause a schedule", "{}"),
  of("POST /v2/schedules/:id/resume", "Resume a schedule", "{}"),
  of("GET /v2/cron", "Tell the next instants of a cron expression", "CronAnswer", [
    ...["expression", "count", "after", "anchor"],
  ]),
];

const SERVER: readonly DescribedEndpoint[] = [
  of("GET /v2/overview", "Show what happened, what is open and what needs somebody", "Overview", [
    "window",
  ]),
  of("GET /v2/changes", "Hear of changes, as server-sent events", null),
  of("GET /v2/audit", "List manual actions", "AuditPage", [
    ...["fromDate", "toDate", "action", "tokenName", ...PAGE],
  ]),
  of("GET /v2/settings", "Show the configuration, secrets masked", "SettingsAnswer"),
  of("GET /v2/session", "Show who is logged in", "Session"),
  of("POST /v2/session", "Log in with a token", "Session"),
  of("DELETE /v2/session", "Log out", null),
  of("GET /v2/keys", "Show the signing keys", "SigningKeysResource"),
  of("POST /v2/keys/rotate", "Rotate the signing keys", "SigningKeysResource", ["force"]),
  of("GET /v2/tokens", "List tokens", "TokenResource[]"),
  of("POST /v2/tokens", "Create a token", "NewTokenResource"),
  of("DELETE /v2/tokens/:tokenId", "Revoke a token", "{}"),
  of("GET /v2/connect", "Connect an app, as a WebSocket", null),
  of("GET /metrics", "Show the metrics, as OpenMetrics", null),
  of("GET /livez", "Tell whether the server lives", "any"),
  of("GET /readyz", "Tell whether the server is ready", "any"),
  of("GET /startupz", "Tell whether the server has started", "any"),
  of("GET /openapi.json", "This description", "any"),
];

export const endpoints: readonly DescribedEndpoint[] = [
  ...MESSAGES,
  ...DEAD,
  ...RUNS,
  ...NAMED,
  ...SERVER,
];
