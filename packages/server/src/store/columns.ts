import type { TableName, Tables } from "../core/rows.ts";
import type { Column } from "./store.ts";

/** The kinds of values that a column holds; a database maps them to its own types. */
export type ColumnType = "INTEGER" | "TEXT" | "BLOB";

type TypeOf<V> =
  NonNullable<V> extends Uint8Array ? "BLOB" : NonNullable<V> extends number ? "INTEGER" : "TEXT";

/** Every column of every table. The compiler holds this list against the row types, name by name. */
export const columnTypes: {
  readonly [T in TableName]: { readonly [C in Column<T>]: TypeOf<Tables[T][C]> };
} = {
  runs: {
    key: "INTEGER",
    id: "TEXT",
    state: "TEXT",
    url: "TEXT",
    createdAt: "INTEGER",
    completedAt: "INTEGER",
    stepCount: "INTEGER",
    bodyBytes: "INTEGER",
    callerIp: "TEXT",
    labels: "TEXT",
    flowControlKey: "TEXT",
    response: "BLOB",
    deadLetterKey: "INTEGER",
    sourceRunKey: "INTEGER",
    invoker: "TEXT",
  },
  runConfigs: { key: "INTEGER", config: "TEXT" },
  steps: {
    key: "INTEGER",
    runKey: "INTEGER",
    position: "INTEGER",
    slot: "INTEGER",
    nextStepId: "INTEGER",
    createdAt: "INTEGER",
    dueAt: "INTEGER",
    callType: "TEXT",
    config: "TEXT",
    body: "BLOB",
  },
  messages: {
    key: "INTEGER",
    kind: "TEXT",
    state: "TEXT",
    runKey: "INTEGER",
    stepPosition: "INTEGER",
    deadLetterKey: "INTEGER",
    createdAt: "INTEGER",
    dueAt: "INTEGER",
    retried: "INTEGER",
    retries: "INTEGER",
    leaseToken: "INTEGER",
    url: "TEXT",
    config: "TEXT",
    body: "BLOB",
  },
  attempts: {
    key: "INTEGER",
    messageKey: "INTEGER",
    number: "INTEGER",
    startedAt: "INTEGER",
    endedAt: "INTEGER",
    status: "INTEGER",
    error: "TEXT",
    cause: "TEXT",
    requestHeaders: "TEXT",
    responseHeaders: "TEXT",
    responseBody: "BLOB",
    isTruncated: "INTEGER",
    move: "TEXT",
  },
  deadLetters: {
    key: "INTEGER",
    state: "TEXT",
    runKey: "INTEGER",
    messageKey: "INTEGER",
    createdAt: "INTEGER",
    closedAt: "INTEGER",
    nextRunKey: "INTEGER",
    runId: "TEXT",
    runCreatedAt: "INTEGER",
    url: "TEXT",
    callerIp: "TEXT",
    labels: "TEXT",
    flowControlKey: "TEXT",
    responseStatus: "INTEGER",
    responseHeaders: "TEXT",
    responseBody: "BLOB",
    isTruncated: "INTEGER",
    reason: "TEXT",
    callbackState: "TEXT",
    callbackUrl: "TEXT",
    callbackMessageKey: "INTEGER",
    callbackResponseStatus: "INTEGER",
    callbackResponseHeaders: "TEXT",
    callbackResponseBody: "BLOB",
  },
  settings: { key: "INTEGER", name: "TEXT", value: "TEXT" },
};

/** The type of one column, or null when the table has no such column. Names from outside are checked here. */
export function columnTypeOf(table: TableName, column: string): ColumnType | null {
  const types: Readonly<Record<string, ColumnType>> = columnTypes[table];
  return Object.hasOwn(types, column) ? (types[column] ?? null) : null;
}
