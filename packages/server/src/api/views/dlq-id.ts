import { deadLetterId } from "@reprise/protocol";
import type { DeadLetterRow } from "../../core/rows.ts";

/** The public id of a dead letter. */
export function dlqIdOf({ createdAt, key }: DeadLetterRow): string {
  return deadLetterId({ failedAt: createdAt, key });
}
