import type { Answers, Command, EndDelivery } from "../core/commands.ts";
import type { Delivery } from "./dispatcher.ts";
import type { Outbox } from "./group.ts";

/** Hears what the engine does, to count it. It is called on the way of every message: it may neither wait nor throw. */
export interface Observer {
  /** An attempt has ended, whatever it led to. */
  readonly attemptEnded: (command: EndDelivery, delivery: Delivery) => void;
  /** Commands have been accepted and are on disk. */
  readonly answered: (answers: readonly Answers[Command["type"]][]) => void;
  /** Outcomes came too late: their lease tokens are not those of their messages any more, and nothing of them was taken. */
  readonly fenced: (count: number) => void;
  /** Messages of a node whose lease is over have been taken over. */
  readonly tookOver: (count: number) => void;
  /** Runs and waits have ended, and that is on disk. */
  readonly ended?: (runKeys: readonly number[], waitKeys: readonly number[]) => void;
}

export const noObserver: Observer = {
  attemptEnded: ignore,
  answered: ignore,
  fenced: ignore,
  tookOver: ignore,
};

function ignore(): void {}

/** Tells what a transaction has done. */
export function tellOf(
  { takenOverCount, endedRuns, endedWaits }: Outbox,
  { tookOver, ended }: Observer,
): void {
  if (takenOverCount > 0) tookOver(takenOverCount);
  if (endedRuns.length > 0 || endedWaits.length > 0) ended?.(endedRuns, endedWaits);
}
