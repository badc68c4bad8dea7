import type { StepRow } from "@reprise/server";
import type { Checker, Fact, Scene } from "../facts.ts";
import { isOwnStep, programOf, rootOf } from "../lineage.ts";
import { clocksApartMs } from "../nodes/node-clock.ts";
import { stepsById, WAIT_SECONDS_DEFAULT } from "../program.ts";
import { parseStep } from "../step-list.ts";
import { submissionsIn } from "../submission.ts";
import { isCopy, isOfOthers, isWaiting, type WaitRow } from "../waits.ts";

const LATE_MS_MAX = 1_000;

const NEXT_STATES: Readonly<Record<WaitRow["state"], readonly WaitRow["state"][]>> = {
  open: ["open", "answered", "done", "dropped", "moved"],
  answered: ["answered", "done", "dropped", "moved"],
  done: ["done"],
  dropped: ["dropped"],
  moved: ["moved"],
};

/** A step that others complete ends once, with one result, and when its time is up only then; deadlines outlive resumes. */
export const waitOutcome: Checker = {
  name: "one outcome",
  promise:
    "a wait ends once, by what it waited for or by its deadline, together with its record; it never ends early",
  observe: (scene) => {
    const watch = new WaitOutcomeWatch(scene);
    return (fact) => watch.see(fact);
  },
};

class WaitOutcomeWatch {
  readonly #mirror: Scene["mirror"];
  readonly #programs: Scene["programs"];
  readonly #violate: Scene["violate"];
  readonly #mark: Scene["mark"];
  readonly #now: Scene["now"];
  readonly #isCalm: boolean;
  readonly #apartMs: number;
  /** Execution and step -> deadline. */
  readonly #deadlines = new Map<string, number>();
  /** Run id and step -> requests to wait that are not answered yet: number -> arrival. */
  readonly #asking = new Map<string, Map<number, number>>();

  constructor({ mirror, programs, nodes, violate, mark, now, isCalm }: Scene) {
    this.#isCalm = isCalm;
    this.#apartMs = clocksApartMs(nodes);
    this.#mirror = mirror;
    this.#programs = programs;
    this.#violate = violate;
    this.#mark = mark;
    this.#now = now;
  }

  see(fact: Fact): void {
    this.#noteSubmissions(fact);
    if (fact.kind === "answer") {
      for (const open of this.#asking.values()) open.delete(fact.exchange.number);
    }
    if (fact.kind !== "commit") return;
    for (const { table, before, after } of fact.commit.changes) {
      if (table === "waits" && after !== null) {
        if (before === null) this.#checkNew(after);
        else this.#checkMove(before, after);
      }
      if (table === "steps" && before === null && after !== null) this.#checkRecord(after);
    }
  }

  #noteSubmissions(fact: Fact): void {
    // What comes with the answer to a delivery stays: nobody answers it.
    const number = fact.kind === "arrival" ? fact.request.number : -this.#now();
    for (const { kind, runId, step } of submissionsIn(fact)) {
      if (kind !== "wait") continue;
      const name = `${runId} ${step?.stepId}`;
      const open = this.#asking.get(name) ?? new Map<number, number>();
      this.#asking.set(name, open.set(number, this.#now()));
    }
  }

  #nameOf(runKey: number, stepId: number): string {
    const run = this.#mirror.get("runs", runKey);
    return `${run === null ? runKey : rootOf(run, this.#mirror)} ${stepId}`;
  }

  #checkNew(wait: WaitRow): void {
    const { key, kind, runKey, stepId, state, dueAt } = wait;
    const name = this.#nameOf(runKey, stepId);
    if (state !== "open" || (kind !== "event" && kind !== "webhook")) return;
    if (isCopy(wait, this.#mirror)) {
      if (this.#deadlines.get(name) !== dueAt) {
        this.#violate(
          `wait ${key} was taken over with ${dueAt}; its deadline is ${this.#deadlines.get(name)}`,
        );
      }
      return;
    }
    if (this.#deadlines.has(name))
      this.#violate(`step ${stepId} of run ${runKey} waits a second time`);
    const timeoutMs = this.#timeoutMsOf(wait);
    const run = this.#mirror.get("runs", runKey);
    const arrivals = this.#asking.get(`${run?.id} ${stepId}`)?.values() ?? [];
    const earliestAt = Math.min(...arrivals) + timeoutMs;
    if (dueAt === null || dueAt < earliestAt - this.#apartMs || dueAt > this.#now() + timeoutMs) {
      this.#violate(`wait ${key} has the deadline ${dueAt}; asked for was ${earliestAt}`);
    }
    this.#deadlines.set(name, dueAt ?? 0);
  }

  #timeoutMsOf({ runKey, stepId }: WaitRow): number {
    const run = this.#mirror.get("runs", runKey);
    const program = run === null ? null : programOf(run, this.#mirror, this.#programs);
    const step = program === null ? undefined : stepsById(program).get(stepId);
    const seconds = step !== undefined && "timeoutSeconds" in step ? step.timeoutSeconds : null;
    return 1000 * (seconds ?? WAIT_SECONDS_DEFAULT);
  }

  #checkMove(before: WaitRow, after: WaitRow): void {
    const name = `wait ${after.key} of run ${after.runKey}`;
    if (!NEXT_STATES[before.state].includes(after.state)) {
      this.#violate(`${name} was ${before.state} and became ${after.state}`);
    }
    if (after.state === "open" && after.dueAt !== before.dueAt) {
      this.#violate(`the deadline of ${name} was ${before.dueAt} and became ${after.dueAt}`);
    }
    if (!isWaiting(before) || after.state !== "done") return;
    const record = this.#resultOf(after);
    if (record === undefined || this.#mirror.bornIn(record.key) !== this.#mirror.seq) {
      this.#violate(`${name} is over without a result`);
    }
  }

  #resultOf({ runKey, stepId }: WaitRow): StepRow | undefined {
    return this.#mirror.steps(runKey).find((step) => {
      if (step.position === 0) return false;
      const record = parseStep(step.body);
      return record.stepId === stepId && record.targetStep === undefined;
    });
  }

  #checkRecord(step: StepRow): void {
    const run = this.#mirror.get("runs", step.runKey);
    if (step.position === 0 || run === null || !isOwnStep(step, run, this.#mirror)) return;
    const record = parseStep(step.body);
    if (!isOfOthers(record)) return;
    const { stepId, stepType, out, waitTimeout } = record;
    const name = `the ${stepType} result of step ${stepId} in run ${run.key}`;
    if (this.#mirror.waitOfStep(run.key, stepId)?.state !== "done")
      this.#violate(`${name} ends no wait`);
    if (stepType !== "Wait" && stepType !== "WaitForWebhook") return;
    const isTimeout = waitTimeout === true;
    if (isTimeout === (out !== undefined)) this.#violate(`${name} has two outcomes or none`);
    this.#mark(isTimeout ? `${stepType} timed out` : `${stepType} ended by event`);
    if (run.state === "failed") this.#mark(`${stepType} ended while failed`);
    if (!isTimeout) return;
    const deadline = this.#deadlines.get(this.#nameOf(run.key, stepId)) ?? Number.POSITIVE_INFINITY;
    if (this.#now() < deadline - this.#apartMs)
      this.#violate(`${name} is a timeout ${deadline - this.#now()} ms early`);
    if (this.#isCalm && this.#now() > deadline + LATE_MS_MAX) {
      this.#violate(`${name} is a timeout ${this.#now() - deadline} ms late`);
    }
  }
}
