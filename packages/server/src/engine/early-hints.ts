import type { Delivery } from "./dispatcher.ts";
import { isRecalled, type Recall, takenBack } from "./recall.ts";

/**
 * A transaction is on disk before this node hears so, and another node may have cancelled or paused meanwhile what it is about to
 * deliver: such a hint finds nothing to take back yet, and must not be lost.
 */
export class EarlyHints {
  #recalls: Recall[] = [];
  readonly #endedRuns = new Set<number>();

  recall(recall: Recall): void {
    this.#recalls.push(recall);
  }

  endRun(runKey: number): void {
    this.#endedRuns.add(runKey);
  }

  /** Tells those that may begin from those that are to be taken back, as they are then. */
  sort(deliveries: readonly Delivery[]): {
    readonly wanted: readonly Delivery[];
    readonly recalled: readonly Delivery[];
  } {
    if (this.#recalls.length === 0 && this.#endedRuns.size === 0)
      return { wanted: deliveries, recalled: [] };
    const wanted: Delivery[] = [];
    const recalled: Delivery[] = [];
    for (const delivery of deliveries) {
      const taken = this.#takenBack(delivery);
      if (taken === null) wanted.push(delivery);
      else recalled.push(taken);
    }
    return { wanted, recalled };
  }

  #takenBack(delivery: Delivery): Delivery | null {
    const recall = this.#recalls.find((each) => isRecalled(each, delivery.message));
    if (recall !== undefined) return takenBack(recall, delivery);
    const isOfEnded =
      delivery.kind === "run" &&
      delivery.message.kind !== "failureCall" &&
      this.#endedRuns.has(delivery.run.key);
    return isOfEnded ? delivery : null;
  }

  /** Another transaction begins: it sees what the hints are about. */
  clear(): void {
    if (this.#recalls.length > 0) this.#recalls = [];
    if (this.#endedRuns.size > 0) this.#endedRuns.clear();
  }
}
