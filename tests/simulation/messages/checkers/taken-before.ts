import { messageKey } from "@reprise/protocol";
import type { Scene } from "../facts.ts";
import type { Attempt } from "../sink-ledger.ts";

/** As long as the lease of a node, which is what a process that stands still may miss. */
const BLIND_MS_MAX = 15_000;

/** When something was confirmed that keeps attempts from beginning. */
export interface Confirmed {
  /** The newest commit then. */
  readonly seq: number;
  readonly at: number;
}

export function confirmedNow({ mirror, now }: Scene): Confirmed {
  return { seq: mirror.seq, at: now() };
}

/** Whether another node may have taken the message before, and not have heard of it yet: one that stood still until its lease was over. */
export function isTakenBefore(
  { messageId }: Attempt,
  { seq, at }: Confirmed,
  { nodes, mirror, now }: Scene,
): boolean {
  if (nodes === 1 || now() > at + BLIND_MS_MAX) return false;
  return mirror.leasedIn(messageKey(messageId) ?? 0) <= seq;
}
