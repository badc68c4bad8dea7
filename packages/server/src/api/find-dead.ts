import { deadLetterKey, quoted, RepriseError } from "@reprise/protocol";
import type { Tables } from "../core/rows.ts";
import type { Reader } from "../store/store.ts";
import { dlqIdOf } from "./views/dlq-id.ts";

/** Finds entries of the dead letter queues by their public ids. */

/** Runs have their dead letters, and messages without a run theirs. */
export type DeadTable = "deadLetters" | "deadMessages";

/** The open rows behind public ids, in the order of the ids; null for those that are not in the queue. */
export async function findDead<T extends DeadTable>(
  table: T,
  ids: readonly string[],
  store: Reader,
): Promise<readonly (Tables[T] | null)[]> {
  const keys = ids.map((id) => deadLetterKey(id)?.key ?? null);
  const rows = await store.get(
    table,
    keys.filter((key) => key !== null),
  );
  const byId = new Map(
    rows.filter((row) => row.state === "open").map((row) => [dlqIdOf(row), row]),
  );
  return ids.map((id) => byId.get(id) ?? null);
}

/** Why an id is none of this queue: the other queue has it, or none has. */
export async function missingDead(
  table: DeadTable,
  id: string,
  store: Reader,
): Promise<RepriseError> {
  const [message = null] =
    table === "deadLetters" ? await findDead("deadMessages", [id], store) : [];
  if (message === null) return deadLetterNotFound(id);
  return new RepriseError("not_a_workflow", {
    message: `dead letter ${quoted(id)} is that of a message without a workflow; POST /v2/dlq/retry/{dlqId} sends it again`,
    details: { dlqId: id.slice(0, 80) },
  });
}

export function deadLetterNotFound(id: string): RepriseError {
  return new RepriseError("dead_letter_not_found", {
    message: `there is no dead letter ${quoted(id)}; it may have been resumed, restarted, retried or deleted, or its time is over`,
    details: { dlqId: id.slice(0, 80) },
  });
}
