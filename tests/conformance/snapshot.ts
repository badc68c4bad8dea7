import type { Store } from "@reprise/server";

const TABLES = [
  "runs",
  "runConfigs",
  "steps",
  "messages",
  "attempts",
  "deadLetters",
  "settings",
  "envelopes",
  "logs",
  "deadMessages",
  "dedups",
  "queues",
  "urlGroups",
  "flowControls",
  "schedules",
  "bulkActions",
  "waits",
  "events",
] as const;

/** Every row of the database, in one order: two of them are equal when nothing was changed. */
export async function readRows(store: Store): Promise<Readonly<Record<string, unknown>>> {
  const query = { where: [], order: "ascending", limit: 100_000 } as const;
  const tables = TABLES.map(async (table) => [table, await store.list(table, query)] as const);
  return Object.fromEntries(await Promise.all(tables));
}

/**
 * Rows written so far, without those of the audit trail: it keeps what was asked for and how it was refused, which are two writes of one
 * row.
 */
export async function countWritten(store: Store): Promise<number> {
  const audited = await store.count("audits", []);
  return store.counters.rowsWritten - 2 * audited;
}
