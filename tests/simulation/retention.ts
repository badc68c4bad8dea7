import type { Change, Tables } from "@reprise/server";

/** Retention in a world: so short that runs go while others are still under way. No dead letter expires, as its run could not be right then. */
export const RETENTION = {
  logRetentionMs: 30_000,
  runRetentionMs: 30_000,
  closedRetentionMs: 10_000,
  deadLetterRetentionMs: 10 * 365 * 86_400_000,
  storageBytesMax: 0,
};

/** A sweeper begins its first round ten minutes after its start, and steps follow each other at 25 ms. */
export const SWEEP_MS = 600_000 + 5_000;

/** Tables whose rows nobody but retention deletes. */
const KEPT: ReadonlySet<keyof Tables> = new Set([
  "runs",
  "runConfigs",
  "steps",
  "attempts",
  "waits",
  "deadLetters",
  "envelopes",
  "logs",
  "deadMessages",
]);

export function isRetention(
  change: Change,
): change is Extract<Change, { readonly type: "delete" }> {
  return change.type === "delete" && KEPT.has(change.table);
}
