import { deadLetterId } from "@reprise/protocol";
import type { DeadLetterRow, DeadMessageRow } from "../../core/rows.ts";

/** The public id of a dead letter. */
export function dlqIdOf({ createdAt, key }: DeadLetterRow | DeadMessageRow): string {
  return deadLetterId({ failedAt: createdAt, key });
}
