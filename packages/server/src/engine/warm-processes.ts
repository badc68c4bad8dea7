import type { AnswerField, WarmPart } from "@reprise/protocol";
import { answerFieldOf, type Outcome } from "../core/outcome.ts";

/** Runs whose processes are remembered; the one that was heard of least recently is forgotten first. */
const RUNS_MAX = 100_000;

/**
 * Processes that keep the function of a run, so that its next delivery may carry the new records alone. In memory only: whoever
 * does not hold it any more is sent the whole list. See docs/fast-modes.md#warm.
 */
export class WarmProcesses {
  readonly #kept = new Map<number, NonNullable<AnswerField["kept"]>>();

  /** Takes in what an answer says; nothing when it says nothing. */
  note(runKey: number, outcome: Outcome): void {
    const kept = answerFieldOf(outcome)?.kept ?? null;
    if (kept === null) return;
    this.#kept.delete(runKey);
    this.#kept.set(runKey, kept);
    if (this.#kept.size <= RUNS_MAX) return;
    for (const oldest of this.#kept.keys()) {
      this.#kept.delete(oldest);
      return;
    }
  }

  /** The part that a delivery of the record at `position` may carry; asked for once, because a process runs a function once. */
  take(runKey: number, position: number): WarmPart | null {
    const kept = this.#kept.get(runKey);
    if (kept === undefined) return null;
    this.#kept.delete(runKey);
    return kept.known <= position ? { from: kept.known, warm: kept.warm } : null;
  }

  forget(runKey: number): void {
    this.#kept.delete(runKey);
  }
}
