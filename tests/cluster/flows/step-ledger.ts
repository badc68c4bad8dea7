import { randomBytes } from "node:crypto";

/** A step that begins behind the proof that its result was recorded, by more than what a busy machine takes. */
const LATE_MS = 1_000;

interface Seen {
  readonly mark: string;
  readonly at: number;
}

export interface TriggeredRun {
  readonly key: string;
  readonly kind: FlowKind;
  /** `unknown` when nobody answered: the run may or may not be there. */
  outcome: "unknown" | "accepted";
  /** When it was asked for. */
  readonly sentAt: number;
  /** When its last confirmation of a cancel came; null while there is none. */
  canceledAt: number | null;
}

export const FLOW_KINDS = [
  "sequence",
  "sequence",
  "group",
  "group",
  "sleeping",
  "waiting",
  "calling",
  "failing",
  "canceled",
] as const;
export type FlowKind = (typeof FLOW_KINDS)[number];

/** Results that a run of the kind has recorded when it succeeds. */
export const RESULT_COUNTS: Readonly<Record<FlowKind, number>> = {
  sequence: 5,
  group: 6,
  sleeping: 3,
  waiting: 3,
  calling: 3,
  failing: 3,
  canceled: 0,
};

/** What the apps and those who start runs have seen, each for itself. */
export class StepLedger {
  readonly faults: string[] = [];
  /** By run id. */
  readonly triggered = new Map<string, TriggeredRun>();
  /** By run and step: the marks of all executions. */
  readonly executed = new Map<string, Set<string>>();
  /** By run and step: the result that a delivery has brought first. */
  readonly seen = new Map<string, Seen>();
  /** By run id: what its function has returned. */
  readonly returned = new Map<string, string>();
  /** Failed run -> run that resumed it, as the server answered. */
  readonly resumed = new Map<string, string>();
  readonly #healed = new Set<string>();
  executions = 0;

  /** A step begins; gives its result, which no other execution has. */
  executes(runId: string, step: string): string {
    const name = `${runId} ${step}`;
    this.executions++;
    const seen = this.seen.get(name);
    if (seen !== undefined && Date.now() > seen.at + LATE_MS) {
      this.faults.push(`${name} begins ${Date.now() - seen.at} ms after its result was delivered`);
    }
    const canceledAt = this.triggered.get(runId)?.canceledAt ?? Infinity;
    if (Date.now() > canceledAt + LATE_MS) {
      this.faults.push(
        `${name} begins ${Date.now() - canceledAt} ms after its cancel was answered`,
      );
    }
    const mark = `${step}-${randomBytes(6).toString("hex")}`;
    const marks = this.executed.get(name);
    if (marks === undefined) this.executed.set(name, new Set([mark]));
    else marks.add(mark);
    return mark;
  }

  /** A delivery brings the result of a step: always the same one. */
  sees(runId: string, step: string, mark: string): void {
    const name = `${runId} ${step}`;
    const known = this.seen.get(name);
    if (known === undefined) this.seen.set(name, { mark, at: Date.now() });
    else if (known.mark !== mark) {
      this.faults.push(`${name} has the results ${known.mark} and ${mark}`);
    }
  }

  returns(runId: string, result: string): void {
    const known = this.returned.get(runId);
    if (known !== undefined && known !== result) {
      this.faults.push(`${runId} returned ${known} and ${result}`);
    }
    this.returned.set(runId, result);
  }

  heal(key: string): void {
    this.#healed.add(key);
  }

  isHealed(key: string): boolean {
    return this.#healed.has(key);
  }

  /** Executions beyond the first of each step. */
  get repeats(): number {
    let repeats = 0;
    for (const marks of this.executed.values()) repeats += marks.size - 1;
    return repeats;
  }
}
