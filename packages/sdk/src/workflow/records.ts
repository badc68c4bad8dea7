import type { StepFailure } from "../errors.ts";
import { textFromBase64 } from "../wire/base64.ts";

/** What a run has recorded, as its deliveries bring it. */

export type StepType =
  | "Initial"
  | "Run"
  | "SleepFor"
  | "SleepUntil"
  | "Call"
  | "Wait"
  | "Notify"
  | "Invoke"
  | "CreateWebhook"
  | "WaitForWebhook";

/** One item of a list as it stands on the wire. */
export interface RawStep {
  readonly messageId: string;
  /** base64 of the record; of the payload in the first item. */
  readonly body: string;
  readonly callType?: string;
}

/** One record. On a plan `stepId` is 0, and `targetStep` the id that the result will have. */
export interface StepRecord {
  readonly stepId: number;
  readonly stepName: string;
  readonly stepType: StepType;
  readonly targetStep?: number | null;
  /** The result: JSON, or base64 for waits. Absent when there is none. */
  readonly out?: string;
  /** Size of the parallel group; 1 for a step that is called alone. */
  readonly concurrent: number;
  /** Seconds, or a duration. */
  readonly sleepFor?: number | string;
  /** Epoch seconds. */
  readonly sleepUntil?: number;
  readonly waitEventId?: string;
  readonly timeout?: string;
  readonly waitTimeout?: boolean;
  /** The step has failed for good, and the function has caught it. */
  readonly failure?: StepFailure;
}

export type LastRecord =
  | { readonly type: "initial" }
  | { readonly type: "plan"; readonly stepId: number }
  | { readonly type: "result"; readonly stepId: number };

/** The records of one run up to the delivered one. The first record of a step wins. */
export class History {
  /** The raw payload; an empty text when there is none. */
  payload = "";
  /** Items of the list so far, in the order of the server. */
  count = 0;
  last: LastRecord = { type: "initial" };
  /** Whether the last record repeats an earlier one, so that somebody else goes on. */
  isLastRepeated = false;
  readonly #results = new Map<number, StepRecord>();
  readonly #plans = new Map<number, StepRecord>();

  /** Takes in more items of the list; the first of all is the payload. */
  append(items: readonly RawStep[]): void {
    for (const item of items) {
      const text = textFromBase64(item.body);
      if (this.count === 0) this.payload = text;
      // The server's own copy of a record that it accepted.
      else if ((item.callType ?? "step") === "step") this.#note(JSON.parse(text) as StepRecord);
      this.count++;
    }
  }

  /** Takes in a record that this invocation has submitted, and that is recorded. */
  add(record: StepRecord): void {
    this.#note(record);
    this.count++;
  }

  result(stepId: number): StepRecord | undefined {
    return this.#results.get(stepId);
  }

  plan(stepId: number): StepRecord | undefined {
    return this.#plans.get(stepId);
  }

  #note(record: StepRecord): void {
    const target = record.targetStep ?? 0;
    const isPlan = record.stepId === 0 && target > 0;
    const stepId = isPlan ? target : record.stepId;
    const known = isPlan ? this.#plans : this.#results;
    this.isLastRepeated = known.has(stepId);
    if (!this.isLastRepeated) known.set(stepId, record);
    this.last = { type: isPlan ? "plan" : "result", stepId };
  }
}
