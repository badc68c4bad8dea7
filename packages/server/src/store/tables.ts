import type { TableName, Tables } from "../core/rows.ts";

/** The lookups that an index serves, by table: name -> columns. Every one is answered without a scan. */
export const lookups = {
  runs: { byId: ["id"], liveById: ["id"] },
  runConfigs: {},
  steps: { byRun: ["runKey"], bySlot: ["runKey", "slot"] },
  messages: { byRun: ["runKey"], byTicket: ["ticketKey"] },
  attempts: {},
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
} as const satisfies {
  readonly [T in TableName]: Readonly<Record<string, readonly (keyof Tables[T])[]>>;
};

export type LookupName<T extends TableName> = keyof (typeof lookups)[T] & string;
