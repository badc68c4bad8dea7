import type { DeadLetterRow, DeadMessageRow } from "../../core/rows.ts";

/** When retention takes an entry out of the dead letter queue, epoch ms; null while somebody holds it. */
export function expiresAt(
  { createdAt, isHeld }: Pick<DeadLetterRow | DeadMessageRow, "createdAt" | "isHeld">,
  deadLetterRetentionMs: number,
): number | null {
  return isHeld === 1 ? null : createdAt + deadLetterRetentionMs;
}
