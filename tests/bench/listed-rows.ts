import type { Change, RunRow, Tables } from "@reprise/server";

/** Rows that lists are measured over: runs in every state, a second apart, and a dead letter beside each. */

export type RowsOfRun = readonly Change[];

export const OLDEST_AT = Date.now() - 3 * 86_400_000;
export const URLS: readonly string[] = Array.from(
  { length: 20 },
  (_, nth) => `https://app.example/api/workflow-${nth}`,
);
export const LABELS = { common: "production", rare: "tenant-7" } as const;

const KEYS_OF_RUN = 10;
const PAYLOAD = new TextEncoder().encode(JSON.stringify({ order: 1, text: "x".repeat(300) }));
const ANSWER = new TextEncoder().encode(
  JSON.stringify({ error: "Error", message: "card declined", stack: "at charge\n".repeat(60) }),
);
const GROUPS = 200;

function keyOf(nth: number): number {
  return 1 + nth * KEYS_OF_RUN;
}

function stateOf(nth: number): RunRow["state"] {
  if (nth % 20 === 0) return "started";
  if (nth % 20 === 1) return "canceled";
  return nth % 10 === 3 ? "failed" : "succeeded";
}

export function rowsOfRun(nth: number): RowsOfRun {
  const key = keyOf(nth);
  const state = stateOf(nth);
  const createdAt = OLDEST_AT + nth * 1_000;
  const times = { createdAt, dueAt: createdAt };
  const none = { flowControlKey: null, sourceRunKey: null, invoker: null };
  const run: RunRow = {
    ...{ key, id: idOf(nth), state, url: URLS[nth % URLS.length] ?? "", createdAt, ...none },
    completedAt: state === "started" ? null : createdAt + 900,
    ...{ stepCount: 1, bodyBytes: PAYLOAD.byteLength, callerIp: "192.0.2.1" },
    labels: nth % 10_000 === 33 ? `,${LABELS.common},${LABELS.rare},` : `,${LABELS.common},`,
    response: state === "succeeded" ? PAYLOAD : null,
    deadLetterKey: state === "failed" ? key + 5 : null,
  };
  const step = { key: key + 1, runKey: key, position: 0, slot: 0, nextStepId: 1, ...times };
  return [
    { type: "insert", table: "runs", row: run },
    { type: "insert", table: "runConfigs", row: { key, config: CONFIG } },
    {
      type: "insert",
      table: "steps",
      row: { ...step, callType: "step", config: '{"forward":{}}', body: PAYLOAD },
    },
    ...(state === "started" ? [messageOf(key, createdAt, run.url)] : []),
  ];
}

function idOf(nth: number): string {
  return `wfr_${String(nth).padStart(8, "0")}`;
}

export const CONFIG = JSON.stringify({
  ...{ isPersistent: false, retries: 3, retryDelay: null, timeoutMs: null, flowControl: null },
  ...{ labels: [], redaction: null, forward: {}, failureCallback: null, featureSet: [] },
  ...{ isDetecting: true, requiresSdkHeader: false, hop: "none", invoker: null },
});

/** The first delivery of a live run, due far away. */
function messageOf(runKey: number, createdAt: number, url: string): Change {
  const row: Tables["messages"] = {
    ...{ key: runKey + 1, kind: "step", state: "scheduled", runKey, stepPosition: 0, url },
    ...{ deadLetterKey: null, createdAt, dueAt: Date.now() + 86_400_000, retried: 0, retries: 3 },
    ...{ leaseToken: 0, config: null, body: null, gate: null, waitOrder: null, queueName: null },
    ...{ ticketKey: null, flowControlKey: null, hasCallback: 0, labels: null, topicName: null },
    ...{ scheduleId: null, callerIp: null, waitKey: null, nodeKey: null },
  };
  return { type: "insert", table: "messages", row };
}

export function deadLetterOf(nth: number): Change {
  const key = keyOf(nth);
  const createdAt = OLDEST_AT + nth * 1_000 + 900;
  const group = nth % GROUPS;
  const none = { closedAt: null, nextRunKey: null, flowControlKey: null, callbackUrl: null };
  const row: Tables["deadLetters"] = {
    ...{ key: key + 5, state: "open", runKey: key, messageKey: key + 1, createdAt, ...none },
    ...{ runId: idOf(nth), runCreatedAt: createdAt - 900, callerIp: "192.0.2.1" },
    ...{ url: URLS[nth % URLS.length] ?? "", labels: `,${LABELS.common},`, responseStatus: 500 },
    ...{ responseHeaders: "{}", responseBody: ANSWER, isTruncated: 0, isHeld: 0 },
    ...{ reason: "500 Internal Server Error", callbackState: null, callbackMessageKey: null },
    ...{ callbackResponseStatus: null, callbackResponseHeaders: null, callbackResponseBody: null },
    ...{ failureCause: "step_error", failureText: `Error: ${group}`, stepName: "charge" },
    groupId: `grp_${String(group).padStart(24, "0")}`,
  };
  return { type: "insert", table: "deadLetters", row };
}
