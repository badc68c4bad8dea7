import type { Kind } from "./program.ts";

/** A record whose submission was answered with 2xx. */
export interface Accepted {
  readonly runId: string;
  /** `p3` plan of step 3, `r3` its result. */
  readonly slot: string;
  readonly messageId: string;
  readonly body: string;
  /** True when the answer said that the slot was taken; then `body` is not what is recorded. */
  readonly isDeduplicated: boolean;
  /** Life of the server that delivered what led to the record, and the one that accepted it. */
  readonly deliveryEpoch: number;
  readonly acceptEpoch: number;
}

export interface Item {
  readonly messageId: string;
  readonly body: string;
}

export interface Triggered {
  readonly key: string;
  readonly kind: Kind;
  /** `unknown` when the server died before it answered: the run may or may not be there. */
  outcome: "unknown" | "accepted";
}

/** What clients and the app have seen, each for itself. A contradiction is a fault at once; the rest is compared at the end. */
export class Ledger {
  readonly faults: string[] = [];
  /** By run id. */
  readonly triggered = new Map<string, Triggered>();
  /** Run id of the failed run -> run id that resumed it, as the server answered. */
  readonly resumed = new Map<string, string>();
  readonly finished = new Set<string>();
  readonly canceled = new Set<string>();
  readonly failureCalls = new Map<string, number>();
  /** The longest list that was delivered, by run id. */
  readonly lists = new Map<string, readonly Item[]>();
  /** By run id, then by slot. */
  readonly accepted = new Map<string, Map<string, Accepted>>();
  /** Steps that have been begun, by key and slot. */
  readonly executed = new Map<string, number>();
  deliveries = 0;
  /** Executions of a step whose result a new life had accepted from a delivery of the old one: nobody could know. */
  overlaps = 0;
  /** By key and slot, over a run and those that resumed it. */
  readonly #results = new Map<string, Accepted>();
  /** Called when nothing more is to come for a key. */
  onEnd: (key: string) => void = () => {};

  get acceptedCount(): number {
    let count = 0;
    for (const slots of this.accepted.values()) count += slots.size;
    return count;
  }

  fault(text: string): void {
    this.faults.push(text);
  }

  /** A list was delivered: those of one run are prefixes of each other. */
  delivered(runId: string, items: readonly Item[]): void {
    this.deliveries++;
    const known = this.lists.get(runId) ?? [];
    const shorter = Math.min(known.length, items.length);
    for (let index = 0; index < shorter; index++) {
      if (
        known[index]?.messageId === items[index]?.messageId &&
        known[index]?.body === items[index]?.body
      )
        continue;
      this.fault(`${runId}: item ${index} of its list has changed`);
      return;
    }
    if (items.length > known.length) this.lists.set(runId, items);
  }

  /** A step begins. After its result was accepted no delivery may lead here any more. */
  executes(step: {
    readonly key: string;
    readonly runId: string;
    readonly slot: string;
    readonly epoch: number;
  }): void {
    const name = `${step.key} ${step.slot}`;
    this.executed.set(name, (this.executed.get(name) ?? 0) + 1);
    const result = this.#results.get(name);
    if (result === undefined) return;
    const isOverlap =
      result.runId === step.runId &&
      result.deliveryEpoch < result.acceptEpoch &&
      step.epoch === result.acceptEpoch;
    if (isOverlap) this.overlaps++;
    else
      this.fault(
        `${step.runId}: step ${step.slot} began in life ${step.epoch} after its result was accepted in life ${result.acceptEpoch}`,
      );
  }

  accepts(key: string, record: Accepted): void {
    const slots = this.accepted.get(record.runId) ?? new Map<string, Accepted>();
    this.accepted.set(record.runId, slots);
    const known = slots.get(record.slot);
    if (known !== undefined && known.messageId !== record.messageId) {
      this.fault(`${record.runId}: ${record.slot} is ${known.messageId} and ${record.messageId}`);
    }
    if (known === undefined || known.isDeduplicated) slots.set(record.slot, record);
    const name = `${key} ${record.slot}`;
    if (!this.#results.has(name)) this.#results.set(name, record);
  }

  finishes(runId: string, key: string): void {
    this.finished.add(runId);
    this.onEnd(key);
  }

  cancels(runId: string, key: string): void {
    this.canceled.add(runId);
    this.onEnd(key);
  }

  failureCalled(runId: string): void {
    this.failureCalls.set(runId, (this.failureCalls.get(runId) ?? 0) + 1);
    const run = this.triggered.get(runId);
    if (run?.kind === "dying") this.onEnd(run.key);
  }
}
