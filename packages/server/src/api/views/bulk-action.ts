import type { BulkActionResource } from "@reprise/protocol";
import type { BulkActionRow } from "../../core/rows.ts";
import { readFilter } from "../message-filters.ts";
import { withoutAbsent } from "./content.ts";

const PREFIX = "act_";

/** The public id of a bulk action. */
export function bulkActionId(key: number): string {
  return `${PREFIX}${key.toString(36)}`;
}

/** Reads a public id; null for anything that `bulkActionId` does not make. */
export function bulkActionKey(id: string): number | null {
  const key = Number.parseInt(id.slice(PREFIX.length), 36);
  return Number.isSafeInteger(key) && key >= 0 && bulkActionId(key) === id ? key : null;
}

export function toBulkAction(row: BulkActionRow): BulkActionResource {
  return withoutAbsent<BulkActionResource>({
    actionId: bulkActionId(row.key),
    kind: row.kind,
    state: row.state === "finished" ? "FINISHED" : "IN_PROGRESS",
    total: row.total,
    processed: row.processed,
    createdAt: row.createdAt,
    completedAt: row.completedAt ?? undefined,
    filter: readFilter(row.filter),
  });
}
