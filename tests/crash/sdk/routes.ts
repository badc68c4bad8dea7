import { randomBytes } from "node:crypto";
import { type WorkflowContext, WorkflowNonRetryableError } from "@reprise/sdk";
import type { JournalWriter, Told } from "./journal.ts";

/** What runs do, the frequent ones several times. */
export const SDK_KINDS = [
  "sequence",
  "sequence",
  "sequence",
  "group",
  "together",
  "flaky",
  "caught",
  "sleeping",
] as const;
export type SdkKind = (typeof SDK_KINDS)[number];

/** Results that a run of the kind has recorded in the end. */
export const RESULT_COUNTS: Readonly<Record<SdkKind, number>> = {
  sequence: 8,
  group: 5,
  together: 5,
  flaky: 4,
  caught: 3,
  sleeping: 3,
};

export interface SdkPayload {
  readonly kind: SdkKind;
}

/** Longest time that a step works. */
const WORK_MS_MAX = 4;
const SLEEP_SECONDS = 0.2;

type Context = WorkflowContext<SdkPayload>;

/** The route of every mode. Its result is the marks of its steps in their order. */
export function createRoute(journal: JournalWriter) {
  return async (context: Context): Promise<readonly string[]> => {
    const steps = new Steps(context, journal);
    switch (context.requestPayload.kind) {
      case "sequence":
        for (let step = 1; step <= 8; step++) await steps.next();
        break;
      case "group":
      case "together":
        await steps.next();
        await steps.group(3);
        await steps.next();
        break;
      case "flaky":
        for (let step = 1; step <= 4; step++) await steps.next(step === 2 ? 0.5 : 0);
        break;
      case "caught":
        await steps.next();
        await steps.failForGood();
        await steps.next();
        break;
      case "sleeping":
        await steps.next();
        await steps.sleep();
        await steps.next();
        break;
    }
    return steps.marks;
  };
}

class Steps {
  readonly #context: Context;
  readonly #journal: JournalWriter;
  readonly marks: string[] = [];
  #after: readonly Told[] = [];
  #stepId = 0;

  constructor(context: Context, journal: JournalWriter) {
    this.#context = context;
    this.#journal = journal;
  }

  /** @param failing share of the attempts that fail. */
  async next(failing = 0): Promise<void> {
    this.#learn([await this.#run(failing)]);
  }

  async group(size: number): Promise<void> {
    this.#learn(await Promise.all(Array.from({ length: size }, () => this.#run(0))));
  }

  async sleep(): Promise<void> {
    this.#stepId++;
    await this.#context.sleep(`sleep-${this.#stepId}`, SLEEP_SECONDS);
  }

  /** A step whose failure is recorded, because the function catches it. */
  async failForGood(): Promise<void> {
    const stepId = ++this.#stepId;
    try {
      await this.#context.run(`step-${stepId}`, () => {
        throw new WorkflowNonRetryableError("as planned");
      });
    } catch {
      // As planned.
    }
  }

  async #run(failing: number): Promise<Told> {
    const { workflowRunId: runId } = this.#context;
    const stepId = ++this.#stepId;
    const after = this.#after;
    const mark = await this.#context.run(`step-${stepId}`, async () => {
      const own = randomBytes(6).toString("hex");
      this.#journal.begins({ runId, stepId, mark: own, after });
      await new Promise((resolve) => setTimeout(resolve, WORK_MS_MAX * Math.random()));
      if (Math.random() < failing) throw new Error("as planned");
      return own;
    });
    return { stepId, mark };
  }

  #learn(told: readonly Told[]): void {
    this.#after = told;
    this.marks.push(...told.map(({ mark }) => mark));
  }
}
