import { hash } from "node:crypto";
import type { EndDelivery, StartRun, SubmitStep } from "./commands.ts";
import type { Envelope } from "./envelope.ts";
import { noPlaces } from "./message.ts";
import type { Outcome } from "./outcome.ts";
import type {
  DeadLetterRow,
  DeadMessageRow,
  EnvelopeRow,
  MessageRow,
  RunRow,
  StepRow,
  TableName,
  Tables,
} from "./rows.ts";
import type { Leftovers } from "./run.ts";
import type { RunConfig } from "./run-config.ts";
import type { Context, Transition } from "./transition.ts";

/** Rows and commands for tests of the core. Each is complete; a test names only what it is about. */

export const NOW = 1_800_000_000_000;

export function contextAt(now = NOW): Context {
  let key = 1_000;
  return {
    now,
    nodeKey: null,
    newKey: () => key++,
    attemptTimeoutMs: 60_000,
    isOriginFull: () => false,
    sha256: (bytes) => hash("sha256", bytes, "base64url"),
    toBase64: (bytes) => Buffer.from(bytes).toString("base64"),
  };
}

export function runRow(fields: Partial<RunRow> = {}): RunRow {
  return {
    key: 1,
    id: "wfr_test",
    state: "started",
    url: "https://app.test/api/order",
    createdAt: NOW - 10_000,
    completedAt: null,
    stepCount: 2,
    bodyBytes: 10,
    callerIp: "192.0.2.1",
    labels: null,
    flowControlKey: null,
    response: null,
    deadLetterKey: null,
    sourceRunKey: null,
    invoker: null,
    ...fields,
  };
}

export function runConfig(fields: Partial<RunConfig> = {}): RunConfig {
  return {
    isPersistent: true,
    retries: 3,
    retryDelay: "1000",
    timeoutMs: null,
    flowControl: null,
    labels: [],
    redaction: null,
    forward: {},
    failureCallback: { url: "https://app.test/api/order", config: { forward: {} } },
    featureSet: [],
    isDetecting: true,
    requiresSdkHeader: false,
    hop: "none",
    invoker: null,
    ...fields,
  };
}

export function stepRow(fields: Partial<StepRow> = {}): StepRow {
  return {
    key: 3,
    runKey: 1,
    position: 1,
    slot: 3,
    nextStepId: 2,
    createdAt: NOW - 5_000,
    dueAt: NOW - 5_000,
    callType: "step",
    config: JSON.stringify({ forward: {} }),
    body: new TextEncoder().encode('{"stepId":1,"stepName":"a","stepType":"Run","concurrent":1}'),
    ...fields,
  };
}

export const initialStep = stepRow({
  key: 2,
  position: 0,
  slot: 0,
  nextStepId: 1,
  body: new TextEncoder().encode("payload"),
});

export function messageRow(fields: Partial<MessageRow> = {}): MessageRow {
  return {
    ...noPlaces,
    key: 3,
    kind: "step",
    state: "active",
    runKey: 1,
    stepPosition: 1,
    deadLetterKey: null,
    createdAt: NOW - 5_000,
    dueAt: NOW + 60_000,
    retried: 0,
    retries: 3,
    leaseToken: 1,
    url: "https://app.test/api/order",
    config: null,
    body: null,
    ...fields,
  };
}

export function deadLetterRow(fields: Partial<DeadLetterRow> = {}): DeadLetterRow {
  return {
    key: 20,
    state: "open",
    runKey: 1,
    messageKey: 3,
    createdAt: NOW - 1_000,
    closedAt: null,
    nextRunKey: null,
    runId: "wfr_test",
    runCreatedAt: NOW - 10_000,
    url: "https://app.test/api/order",
    callerIp: "192.0.2.1",
    labels: null,
    flowControlKey: null,
    responseStatus: 500,
    responseHeaders: null,
    responseBody: null,
    isTruncated: 0,
    reason: "500 Internal Server Error",
    callbackState: null,
    callbackUrl: null,
    callbackMessageKey: null,
    callbackResponseStatus: null,
    callbackResponseHeaders: null,
    callbackResponseBody: null,
    isHeld: 0,
    failureCause: null,
    groupId: null,
    failureText: null,
    stepName: null,
    ...fields,
  };
}

export function plainMessageRow(fields: Partial<MessageRow> = {}): MessageRow {
  const { url, createdAt } = envelopeRow();
  return messageRow({
    kind: "plain",
    runKey: null,
    stepPosition: null,
    url,
    createdAt,
    callerIp: "192.0.2.1",
    ...fields,
  });
}

export function envelopeRow(fields: Partial<Envelope> = {}): EnvelopeRow {
  const envelope: Envelope = {
    method: "POST",
    headers: { "x-a": "1" },
    retries: 3,
    notBefore: NOW - 5_000,
    callerIp: "192.0.2.1",
    ...fields,
  };
  return {
    key: 3,
    createdAt: NOW - 5_000,
    url: "https://app.test/hook",
    config: JSON.stringify(envelope),
    body: new TextEncoder().encode("hello"),
    bodyHash: hash("sha256", "hello", "base64url"),
  };
}

export function deadMessageRow(fields: Partial<DeadMessageRow> = {}): DeadMessageRow {
  return {
    key: 20,
    state: "open",
    messageKey: 3,
    createdAt: NOW - 1_000,
    closedAt: null,
    nextMessageKey: null,
    url: "https://app.test/hook",
    labels: null,
    queueName: null,
    flowControlKey: null,
    topicName: null,
    scheduleId: null,
    callerIp: "192.0.2.1",
    responseStatus: 500,
    responseHeaders: null,
    responseBody: null,
    isTruncated: 0,
    reason: "500 Internal Server Error",
    cause: null,
    isHeld: 0,
    failureCause: null,
    groupId: null,
    failureText: null,
    ...fields,
  };
}

export function response(
  status: number,
  headers: Readonly<Record<string, readonly string[]>> = {},
): Outcome {
  return { type: "response", status, headers, body: new Uint8Array(), isTruncated: false };
}

export function endDelivery(outcome: Outcome, fields: Partial<EndDelivery> = {}): EndDelivery {
  return {
    type: "endDelivery",
    messageKey: 3,
    leaseToken: 1,
    startedAt: NOW - 10,
    endedAt: NOW,
    requestHeaders: {},
    outcome,
    ...fields,
  };
}

export function submitStep(fields: Partial<SubmitStep> = {}): SubmitStep {
  return {
    type: "submitStep",
    runId: "wfr_test",
    facts: { stepId: 2, isPlan: false, concurrent: 1 },
    groupNextStepId: null,
    body: new TextEncoder().encode("{}"),
    messageConfig: { forward: {} },
    dueAt: NOW,
    ...fields,
  };
}

export function startRun(fields: Partial<StartRun> = {}): StartRun {
  return {
    type: "startRun",
    runId: "wfr_test",
    url: "https://app.test/api/order",
    payload: new TextEncoder().encode("payload"),
    config: runConfig(),
    messageConfig: { forward: {} },
    callerIp: "192.0.2.1",
    dueAt: NOW,
    isTriggeredBySdk: false,
    ...fields,
  };
}

/** The rows that a transition puts into `table`. */
export function insertsInto<T extends TableName>(
  { changes }: Transition<unknown>,
  table: T,
): readonly Tables[T][] {
  return changes.flatMap((change) =>
    // The table names the type of the row.
    change.type === "insert" && change.table === table ? [change.row as Tables[T]] : [],
  );
}

/** What a transition sets on the one row of `table` that it updates; null when it updates none. */
export function updateOf<T extends TableName>(
  { changes }: Transition<unknown>,
  table: T,
): Partial<Tables[T]> | null {
  const change = changes.find((one) => one.type === "update" && one.table === table);
  // As above.
  return change?.type === "update" ? (change.set as Partial<Tables[T]>) : null;
}

/** The keys that a transition deletes from `table`. */
export function deletesFrom({ changes }: Transition<unknown>, table: TableName): readonly number[] {
  return changes.flatMap((change) =>
    change.type === "delete" && change.table === table ? [change.key] : [],
  );
}

/** Nothing but these messages stands open. */
export function leftovers(openMessages: readonly MessageRow[] = []): Leftovers {
  return { openMessages, waits: [], events: [] };
}
