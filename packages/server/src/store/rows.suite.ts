import { noPlaces } from "../core/message.ts";
import type {
  AttemptRow,
  Change,
  DeadLetterRow,
  MessageRow,
  RunRow,
  StepRow,
  TableName,
  Tables,
} from "../core/rows.ts";

/** Rows for tests: whole and valid, with only what a test is about given. */

export function runRow(key: number, more: Partial<RunRow> = {}): RunRow {
  return {
    key,
    id: `wfr_${key}`,
    state: "started",
    url: "http://localhost:3000/workflow",
    createdAt: 1_700_000_000_000 + key,
    completedAt: null,
    stepCount: 1,
    bodyBytes: 0,
    callerIp: "127.0.0.1",
    labels: null,
    flowControlKey: null,
    response: null,
    deadLetterKey: null,
    sourceRunKey: null,
    invoker: null,
    ...more,
  };
}

export function stepRow(key: number, more: Partial<StepRow> = {}): StepRow {
  return {
    key,
    runKey: 1,
    position: key,
    slot: key,
    nextStepId: 1,
    createdAt: 1_700_000_000_000,
    dueAt: 1_700_000_000_000,
    callType: "step",
    config: "{}",
    body: new Uint8Array([123, 125]),
    ...more,
  };
}

export function messageRow(key: number, more: Partial<MessageRow> = {}): MessageRow {
  return {
    ...noPlaces,
    key,
    kind: "step",
    state: "scheduled",
    runKey: 1,
    stepPosition: 0,
    deadLetterKey: null,
    createdAt: 1_700_000_000_000,
    dueAt: 1_700_000_000_000,
    retried: 0,
    retries: 3,
    leaseToken: 0,
    url: "http://localhost:3000/workflow",
    config: null,
    body: null,
    ...more,
  };
}

export function attemptRow(key: number, more: Partial<AttemptRow> = {}): AttemptRow {
  return {
    key,
    messageKey: 1,
    number: 0,
    startedAt: 1_700_000_000_000,
    endedAt: 1_700_000_000_001,
    status: 200,
    error: null,
    cause: null,
    requestHeaders: null,
    responseHeaders: null,
    responseBody: null,
    isTruncated: 0,
    move: "The run goes on.",
    runKey: null,
    ...more,
  };
}

export function deadLetterRow(key: number, more: Partial<DeadLetterRow> = {}): DeadLetterRow {
  return {
    key,
    state: "open",
    runKey: 1,
    messageKey: 2,
    createdAt: 1_700_000_000_000,
    closedAt: null,
    nextRunKey: null,
    runId: "wfr_1",
    runCreatedAt: 1_700_000_000_000,
    url: "http://localhost:3000/workflow",
    callerIp: "127.0.0.1",
    labels: null,
    flowControlKey: null,
    responseStatus: 500,
    responseHeaders: null,
    responseBody: null,
    isTruncated: 0,
    reason: "The retries are used up.",
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
    ...more,
  };
}

export function insert<T extends TableName>(table: T, row: Tables[T]): Change {
  // Table and row belong together by the signature; the union of all changes cannot express that.
  return { type: "insert", table, row } as Change;
}

export function update<T extends TableName>(
  table: T,
  key: number,
  set: Partial<Omit<Tables[T], "key">>,
): Change {
  // As above.
  return { type: "update", table, key, set } as Change;
}

export function remove(table: TableName, key: number): Change {
  // As above.
  return { type: "delete", table, key } as Change;
}

export function keysOf(rows: readonly { readonly key: number }[]): number[] {
  return rows.map((row) => row.key);
}

export function sortedKeysOf(rows: readonly { readonly key: number }[]): number[] {
  return keysOf(rows).sort((a, b) => a - b);
}
