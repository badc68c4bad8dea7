import { randomBytes } from "node:crypto";

/** What a benchmark drives: an app with the server that it talks to. */
export interface App {
  /** Asks the server to start a run; resolves when the server has accepted it. */
  trigger(runId: string): Promise<void>;
  /** Set by the load: called when a delivery of a run arrives. `items` counts the records of its list. */
  onDelivery: (runId: string, items: number) => void;
  /** Set by the load: called when the server has accepted the end of a run. */
  onFinish: (runId: string) => void;
  /** Set by the load: what must not happen in a benchmark. */
  onFault: (error: unknown) => void;
  close(): Promise<void>;
}

export interface Sample {
  readonly steps: number;
  readonly seconds: number;
  /** Of every step that ended, in no order. */
  readonly latenciesMs: Float64Array;
}

interface LiveRun {
  items: number;
  deliveredAt: number;
}

/** Keeps a number of runs going, as one finishes another starts, and takes the time of every step. */
export class Load {
  readonly #app: App;
  readonly #runs = new Map<string, LiveRun>();
  #wanted = 0;
  /** Runs that may still be started as others finish. */
  #left = Number.POSITIVE_INFINITY;
  #steps = 0;
  #latenciesMs: number[] | null = null;
  #fault: unknown = null;
  #onIdle: (() => void) | null = null;

  constructor(app: App) {
    this.#app = app;
    app.onDelivery = (runId, items) => this.#onDelivery(runId, items);
    app.onFinish = (runId) => this.#onFinish(runId);
    app.onFault = (error) => this.#fail(error);
  }

  /** Steps since the beginning. A step is counted when its record has come back with the next delivery. */
  get steps(): number {
    return this.#steps;
  }

  start(concurrency: number): void {
    this.#wanted = concurrency;
    while (this.#runs.size < concurrency) this.#startRun();
  }

  /** Lets the runs that are under way finish. */
  async stop(): Promise<void> {
    this.#wanted = 0;
    if (this.#runs.size > 0 && this.#fault === null) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    this.check();
  }

  /** @throws the first fault of the load. */
  check(): void {
    if (this.#fault !== null) throw this.#fault;
  }

  /** Takes the latencies of the steps that end while `work` runs. */
  async record(work: () => Promise<void>): Promise<Sample> {
    this.#latenciesMs = [];
    const startedAt = performance.now();
    await work();
    const seconds = (performance.now() - startedAt) / 1000;
    const latenciesMs = Float64Array.from(this.#latenciesMs);
    this.#latenciesMs = null;
    this.check();
    return { steps: latenciesMs.length, seconds, latenciesMs };
  }

  /** Does a number of runs, so many at a time, and waits for their ends. */
  async finish({
    count,
    concurrency,
  }: {
    readonly count: number;
    readonly concurrency: number;
  }): Promise<void> {
    this.#left = count - concurrency;
    this.start(concurrency);
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    this.#left = Number.POSITIVE_INFINITY;
    this.check();
  }

  #startRun(): void {
    const runId = `wfr_${randomBytes(16).toString("base64url")}`;
    this.#runs.set(runId, { items: 0, deliveredAt: 0 });
    this.#app.trigger(runId).catch((error: unknown) => this.#fail(error));
  }

  #onDelivery(runId: string, items: number): void {
    const run = this.#runs.get(runId);
    if (run === undefined || items !== run.items + 1) {
      this.#fail(new Error(`run ${runId} got ${items} records after ${run?.items ?? "its end"}`));
      return;
    }
    const now = performance.now();
    if (run.items > 0) {
      this.#steps++;
      this.#latenciesMs?.push(now - run.deliveredAt);
    }
    run.items = items;
    run.deliveredAt = now;
  }

  #onFinish(runId: string): void {
    this.#runs.delete(runId);
    if (this.#left > 0 && this.#runs.size < this.#wanted) {
      this.#left--;
      this.#startRun();
    }
    if (this.#runs.size === 0) this.#onIdle?.();
  }

  #fail(error: unknown): void {
    this.#fault ??= error;
    this.#wanted = 0;
    this.#onIdle?.();
  }
}
