import type { TableName, Tables } from "../core/rows.ts";

/** The lookups that an index serves, by table: name -> columns. Every one is answered without a scan. */
export const lookups = {
  runs: { byId: ["id"], liveById: ["id"] },
  runConfigs: {},
  steps: { byRun: ["runKey"], bySlot: ["runKey", "slot"] },
  messages: {
    byRun: ["runKey"],
    byTicket: ["ticketKey"],
    pendingByState: ["state"],
    byNode: ["nodeKey"],
  },
  attempts: { byRun: ["runKey"] },
  deadLetters: { byRun: ["runKey"] },
  settings: { byName: ["name"] },
  envelopes: {},
  logs: { byMessage: ["messageKey"] },
  deadMessages: { byMessage: ["messageKey"] },
  dedups: { byId: ["id"] },
  queues: { byName: ["name"] },
  urlGroups: { byName: ["name"] },
  flowControls: { byName: ["name"] },
  schedules: { byId: ["id"] },
  bulkActions: {},
  waits: {
    byRun: ["runKey"],
    byStep: ["runKey", "stepId"],
    openByEvent: ["eventId"],
    openByEventOfRun: ["eventId", "runKey"],
    openByChild: ["childRunKey"],
  },
  events: { byRun: ["runKey"], byEvent: ["runKey", "eventId"] },
  nodes: { byId: ["id"] },
  audits: {},
} as const satisfies {
  readonly [T in TableName]: Readonly<Record<string, readonly (keyof Tables[T])[]>>;
};

export type LookupName<T extends TableName> = keyof (typeof lookups)[T] & string;

/** What the unique indexes read, the conditions of partial ones included: changes of these columns must keep their order. */
export const uniqueColumns: Readonly<Record<TableName, readonly string[]>> = {
  runs: ["id", "state"],
  runConfigs: [],
  steps: ["runKey", "slot"],
  messages: [],
  attempts: [],
  deadLetters: [],
  settings: ["name"],
  envelopes: [],
  logs: [],
  deadMessages: [],
  dedups: ["id"],
  queues: ["name"],
  urlGroups: ["name"],
  flowControls: ["name"],
  schedules: ["id"],
  bulkActions: [],
  waits: ["runKey", "stepId"],
  events: [],
  nodes: ["id"],
  audits: [],
};

/**
 * Tables whose rows change after they were written: a transaction locks what it reads of them. Rows of the others are written once,
 * and deleted long after anybody asks for them.
 */
export const lockedTables: ReadonlySet<TableName> = new Set([
  "runs",
  "messages",
  "deadLetters",
  "settings",
  "deadMessages",
  "dedups",
  "queues",
  "urlGroups",
  "flowControls",
  "schedules",
  "bulkActions",
  "waits",
  "events",
  "nodes",
  "audits",
]);
