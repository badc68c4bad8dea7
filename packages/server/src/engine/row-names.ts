import { RUN_RECORDS_MAX } from "@reprise/protocol";
import type { Tables } from "../core/rows.ts";
import type { LookupName } from "../store/tables.ts";

/** Under which names, beside their keys, the rows of a working set are known. */

/** Tables whose rows are also known by a name of their own. */
export type NamedTable = "queues" | "urlGroups" | "flowControls" | "schedules" | "dedups";

/** In the order in which they are locked, by everybody: two who want the same never wait for each other. */
export const NAMED_TABLES: readonly NamedTable[] = [
  "urlGroups",
  "schedules",
  "queues",
  "flowControls",
  "dedups",
];

/** The lookup that finds rows by their names. */
export const NAME_LOOKUPS = {
  queues: "byName",
  urlGroups: "byName",
  flowControls: "byName",
  schedules: "byId",
  dedups: "byId",
} as const satisfies { readonly [T in NamedTable]: LookupName<T> };

export function nameOf(row: Tables[NamedTable]): string {
  return "name" in row ? row.name : row.id;
}

/** Slots of one run have neighbouring numbers; two per step id, and step ids are bounded. */
const SLOTS_PER_RUN_MAX = 3 * RUN_RECORDS_MAX;

export function slotKey(runKey: number, slot: number): number {
  return runKey * SLOTS_PER_RUN_MAX + slot;
}
