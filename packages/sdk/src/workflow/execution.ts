import { type DivergenceError, StepError, WorkflowError } from "../errors.ts";
import { divergence, groupDivergence } from "./divergence.ts";
import type { History, StepRecord } from "./records.ts";
import type { StepCall } from "./step-call.ts";

/** A step that the function has asked for and that has not settled. */
export interface Member {
  readonly stepId: number;
  readonly call: StepCall;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** Where the function stands once it cannot go on by itself. */
export type Standing =
  | { readonly type: "finished"; readonly result: unknown }
  | { readonly type: "failed"; readonly error: unknown }
  | { readonly type: "canceled" }
  /** It waits for these steps: one, or a parallel group. */
  | { readonly type: "suspended"; readonly group: readonly Member[] };

/**
 * The author's function, run against what its run has recorded. It makes no request. A step that is recorded settles at once;
 * one that is not leaves the function suspended, and nothing is thrown through it: whoever is let go of is collected.
 */
export class Execution {
  readonly history: History;
  #calledCount = 0;
  #open: Member[] = [];
  #end: Exclude<Standing, { readonly type: "suspended" }> | null = null;
  /** Wakes whoever waits for the function to get somewhere. */
  #onChange: (() => void) | null = null;
  /** Name of the step whose own function runs now: whatever asks for a step meanwhile is inside of it. */
  #acting: string | null = null;
  /** A branch has failed for good, and the function has been told before the others are through. */
  #isGroupBroken = false;
  #newest: { readonly stepName: string; readonly value: unknown } | null = null;

  constructor(history: History) {
    this.history = history;
  }

  /** Steps that the function has asked for so far. */
  get calledCount(): number {
    return this.#calledCount;
  }

  /** The step of the last record with its value, once the function has come to it. */
  takeNewest(): { readonly stepName: string; readonly value: unknown } | null {
    const newest = this.#newest;
    this.#newest = null;
    return newest;
  }

  start(route: () => unknown): void {
    const run = async () => route();
    run().then(
      (result) => this.#stop({ type: "finished", result }),
      (error: unknown) => this.#stop({ type: "failed", error }),
    );
  }

  /** What the methods of a context do. */
  step<T>(call: StepCall<T>): Promise<T> {
    if (this.#acting !== null) return Promise.reject(nested(call.name, this.#acting));
    this.#calledCount++;
    const stepId = this.#calledCount;
    const { history } = this;
    const result = history.result(stepId);
    const recorded = result ?? history.plan(stepId);
    if (recorded !== undefined && !isSame(recorded, call)) {
      this.#stop({ type: "failed", error: divergence(recorded, stepId, call) });
      return never();
    }
    if (result !== undefined && result.concurrent === 1 && this.#open.length === 0) {
      return handled(this.#settled(result, { stepId, call }));
    }
    const settled = new Promise<T>((resolve, reject) => {
      // The list holds members of every type; each is settled with what its own call reads.
      this.#open.push({ stepId, call, resolve: resolve as Member["resolve"], reject });
      this.#settleGroup();
      this.#onChange?.();
    });
    return handled(settled);
  }

  /** Ends the run at this point: the function does not go on. */
  cancel(): Promise<never> {
    this.#stop({ type: "canceled" });
    return never();
  }

  /** The function goes on with what has been recorded since, until it can do so no longer. */
  async settle(): Promise<Standing> {
    this.#settleGroup();
    for (;;) {
      await turn();
      const fault = this.#groupFault();
      if (fault !== null) return { type: "failed", error: fault };
      // What was asked for and not awaited is done first; only a failure does not wait.
      if (this.#open.length > 0 && this.#end?.type !== "failed") {
        return { type: "suspended", group: [...this.#open] };
      }
      if (this.#end !== null) return this.#end;
      await new Promise<void>((resolve) => {
        this.#onChange = resolve;
      });
      this.#onChange = null;
    }
  }

  /** Tells the function that a step of it has failed for good, before that is recorded: it may catch the error. */
  fail(member: Member, error: StepError): void {
    this.#open = this.#open.filter((other) => other !== member);
    this.#isGroupBroken = this.#open.length > 0;
    member.reject(error);
  }

  /** Runs a step's own function. */
  async act<T>(member: Member, run: () => Promise<T>): Promise<T> {
    this.#acting ??= member.call.name;
    try {
      return await run();
    } finally {
      this.#acting = null;
    }
  }

  #stop(end: Exclude<Standing, { readonly type: "suspended" }>): void {
    this.#end ??= end;
    this.#onChange?.();
  }

  /** A group settles as a whole, in its order: which of its steps was recorded first says nothing about the next replay. */
  #settleGroup(): void {
    const size = this.#recordedSize();
    if (size === null || this.#open.length !== size) return;
    const results = this.#open.map(({ stepId }) => this.history.result(stepId));
    if (results.includes(undefined)) {
      this.#noteNewestOfGroup();
      return;
    }
    for (const member of this.#open.splice(0)) {
      // Every member has one: see above.
      const record = this.history.result(member.stepId) as StepRecord;
      this.#settled(record, member).then(member.resolve, member.reject);
    }
  }

  #noteNewestOfGroup(): void {
    const { last } = this.history;
    const member = this.#open.find(
      ({ stepId }) => last.type === "result" && stepId === last.stepId,
    );
    const record = member === undefined ? undefined : this.history.result(member.stepId);
    if (member !== undefined && record !== undefined) handled(this.#settled(record, member));
  }

  #groupFault(): DivergenceError | null {
    const size = this.#recordedSize();
    if (size === null || this.#open.length === size || this.#isGroupBroken) return null;
    return groupDivergence(
      this.#open.map(({ call }) => call.name),
      size,
    );
  }

  /** How many steps the group has by what is recorded of it; null when nothing is. */
  #recordedSize(): number | null {
    const first = this.#open[0];
    if (first === undefined) return null;
    const recorded = this.history.plan(first.stepId) ?? this.history.result(first.stepId);
    return recorded?.concurrent ?? null;
  }

  async #settled<T>(
    record: StepRecord,
    { stepId, call }: { readonly stepId: number; readonly call: StepCall<T> },
  ): Promise<T> {
    if (record.failure !== undefined) throw new StepError(record.failure);
    const value = call.read(record);
    if (this.history.last.type === "result" && this.history.last.stepId === stepId) {
      this.#newest = { stepName: call.name, value };
    }
    return value;
  }
}

function isSame(record: StepRecord, call: StepCall): boolean {
  return record.stepName === call.name && record.stepType === call.type;
}

function nested(inner: string, outer: string): WorkflowError {
  return new WorkflowError(
    `step ${JSON.stringify(inner)} was called while step ${JSON.stringify(outer)} was running: a step cannot be called inside another one; call it behind it, and await every step before the next`,
  );
}

/** What the function of a step that is not recorded waits for. */
function never<T>(): Promise<T> {
  return new Promise(() => {});
}

/** A step that nobody awaits must not end the process when it fails. */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

interface Immediate {
  readonly setImmediate?: (callback: () => void) => unknown;
}

/** The end of this turn of the event loop: every step that can be called without waiting for the outside has been called. */
function turn(): Promise<void> {
  // A global of Node and Bun alone, which the Web's types do not know; read each time, because tests replace clocks.
  const { setImmediate } = globalThis as Immediate;
  return new Promise((resolve) => {
    if (setImmediate === undefined) setTimeout(resolve, 0);
    else setImmediate(resolve);
  });
}
