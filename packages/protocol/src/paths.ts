/** Paths of the wire. Prefixes end in a slash; what follows one is the rest of the raw request target. */

export const PATH = {
  batch: "/v2/batch",
  batchTrigger: "/v2/batch/trigger",
  dlq: "/v2/dlq",
  flowControl: "/v2/flowControl",
  globalParallelism: "/v2/globalParallelism",
  keys: "/v2/keys",
  keysRotate: "/v2/keys/rotate",
  queues: "/v2/queues",
  workflowDlq: "/v2/workflows/dlq",
  workflowDlqResume: "/v2/workflows/dlq/resume",
  workflowDlqRestart: "/v2/workflows/dlq/restart",
  workflowDlqCallback: "/v2/workflows/dlq/callback",
  workflowLogs: "/v2/workflows/logs",
  workflowEvents: "/v2/workflows/events",
  workflowRuns: "/v2/workflows/runs",
} as const;

/** Where an app opens its connection: a WebSocket. */
export const CONNECT_PATH = "/v2/connect";

/** Prefixes that a destination follows, as raw text with its query. */
export const DESTINATION_PREFIX = {
  publish: "/v2/publish/",
  /** The name of the queue comes before the destination. */
  enqueue: "/v2/enqueue/",
  trigger: "/v2/trigger/",
  schedules: "/v2/schedules/",
} as const;

/** What follows `prefix` (in lower case) in a raw request target, or null; the target's letters may have any case. */
export function afterPrefix(target: string, prefix: string): string | null {
  return target.slice(0, prefix.length).toLowerCase() === prefix
    ? target.slice(prefix.length)
    : null;
}

/** Path of a run. */
export function runPath(runId: string): string {
  return `${PATH.workflowRuns}/${encodeURIComponent(runId)}`;
}

/** Path of a workflow's dead letter. */
export function deadLetterPath(dlqId: string): string {
  return `${PATH.workflowDlq}/${encodeURIComponent(dlqId)}`;
}
