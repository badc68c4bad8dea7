import type { TableName, Tables } from "../core/rows.ts";
import { columnTypes } from "./columns.ts";
import type { Column } from "./store.ts";

/**
 * `clear`: looked up, filtered or sorted by, or nothing but the server's own words. `secret`: encrypted as soon as there is a key.
 * `content`: users' data that deliveries are made of, encrypted when payloads are; without it nothing is delivered. `report`: users'
 * data that only tells about a delivery, encrypted like content; a damaged one is shown as absent.
 */
export type Protection = "clear" | "secret" | "content" | "report";

/** Columns of numbers hold no data of users. */
type GuardedColumn<T extends TableName> = {
  [C in Column<T>]: NonNullable<Tables[T][C]> extends number ? never : C;
}[Column<T>];

/** Columns of bytes are never searched, so none of them may stay clear. */
type ProtectionOf<V> =
  NonNullable<V> extends Uint8Array ? Exclude<Protection, "clear"> : Protection;

/** Every column that is not a number. The compiler asks for each new one; docs/encryption.md gives the reasons. */
export const protections: {
  readonly [T in TableName]: {
    readonly [C in GuardedColumn<T>]: ProtectionOf<Tables[T][C]>;
  };
} = {
  runs: {
    id: "clear",
    state: "clear",
    url: "clear",
    callerIp: "clear",
    labels: "clear",
    flowControlKey: "clear",
    response: "content",
    invoker: "clear",
  },
  runConfigs: { config: "content" },
  steps: { callType: "clear", config: "content", body: "content" },
  messages: {
    kind: "clear",
    state: "clear",
    url: "clear",
    config: "content",
    body: "content",
    gate: "clear",
    queueName: "clear",
    flowControlKey: "clear",
    labels: "clear",
    topicName: "clear",
    scheduleId: "clear",
    callerIp: "clear",
  },
  attempts: {
    error: "report",
    cause: "clear",
    requestHeaders: "report",
    responseHeaders: "report",
    responseBody: "report",
    move: "report",
  },
  deadLetters: {
    state: "clear",
    runId: "clear",
    url: "clear",
    callerIp: "clear",
    labels: "clear",
    flowControlKey: "clear",
    responseHeaders: "report",
    responseBody: "report",
    reason: "report",
    callbackState: "clear",
    callbackUrl: "content",
    callbackResponseHeaders: "report",
    callbackResponseBody: "report",
    failureCause: "clear",
    groupId: "clear",
    failureText: "report",
    stepName: "report",
  },
  settings: { name: "clear", value: "secret" },
  envelopes: { url: "clear", config: "content", body: "content", bodyHash: "content" },
  logs: {
    moment: "clear",
    error: "report",
    cause: "clear",
    responseHeaders: "report",
    responseBody: "report",
    move: "report",
  },
  deadMessages: {
    state: "clear",
    url: "clear",
    labels: "clear",
    queueName: "clear",
    flowControlKey: "clear",
    topicName: "clear",
    scheduleId: "clear",
    callerIp: "clear",
    responseHeaders: "report",
    responseBody: "report",
    reason: "report",
    cause: "clear",
    failureCause: "clear",
    groupId: "clear",
    failureText: "report",
  },
  dedups: { id: "clear" },
  queues: { name: "clear" },
  urlGroups: { name: "clear", endpoints: "content", headers: "content" },
  flowControls: { name: "clear" },
  schedules: {
    id: "clear",
    cron: "clear",
    destination: "clear",
    lastMessages: "clear",
    error: "report",
    config: "content",
    body: "content",
  },
  bulkActions: { kind: "clear", state: "clear", filter: "content" },
  waits: {
    kind: "clear",
    state: "clear",
    eventId: "clear",
    config: "content",
    body: "content",
    answer: "content",
  },
  events: { eventId: "clear", source: "clear", body: "content" },
  nodes: { id: "clear" },
  audits: {
    tokenName: "clear",
    scope: "clear",
    callerIp: "clear",
    action: "clear",
    target: "report",
    query: "report",
    error: "clear",
    actionId: "clear",
  },
};

export interface ProtectedColumn {
  readonly name: string;
  readonly isBytes: boolean;
  readonly protection: Exclude<Protection, "clear">;
}

/** The columns of a table that are encrypted, with and without payloads. */
export function protectedColumns(
  table: TableName,
  hasPayloads: boolean,
): readonly ProtectedColumn[] {
  const types: Readonly<Record<string, string>> = columnTypes[table];
  return Object.entries<Protection>(protections[table]).flatMap(([name, protection]) => {
    if (protection === "clear" || (protection !== "secret" && !hasPayloads)) return [];
    return [{ name, isBytes: types[name] === "BLOB", protection }];
  });
}
