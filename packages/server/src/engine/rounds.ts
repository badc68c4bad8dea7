import type { Host, Timer } from "../host/host.ts";

/** A step goes on behind a key; null is the end of the table. */
export type Step = (afterKey: number) => Promise<number | null>;

export interface RoundsOptions {
  readonly host: Host;
  /** Done one after the other in every round. */
  readonly steps: readonly Step[];
  /** Between two rounds. */
  readonly everyMs: number;
  /** Event of the log when a step fails; the next round tries again. */
  readonly failure: string;
  /** How many times as long as it has worked it rests behind a round; twenty times when not given. */
  readonly restTimes?: number;
  readonly onEnd?: () => void;
}

/** Between two steps of a round, so that requests never wait for more than one. */
const STEP_MS = 25;

/** A large table must not take more than a twentieth of the time. */
const REST_TIMES = 20;

/** Looks through tables again and again, a little at a time. The first round begins when the server has had time to take over its work. */
export class Rounds {
  readonly #options: RoundsOptions;
  #timer: Timer | null = null;
  #isStopped = false;
  #running: Promise<void> = Promise.resolve();
  #workedMs = 0;

  constructor(options: RoundsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#plan(this.#options.everyMs, () => this.#go(0, 0));
  }

  /** Resolves when no step is under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#running;
  }

  #plan(inMs: number, work: () => Promise<void>): void {
    if (this.#isStopped) return;
    const { host } = this.#options;
    this.#timer = host.setTimer(host.now() + inMs, () => {
      this.#running = work();
    });
  }

  async #go(index: number, afterKey: number): Promise<void> {
    const { steps, host, failure } = this.#options;
    const step = steps[index];
    if (step === undefined) return this.#end();
    const startedAt = host.now();
    try {
      const next = await step(afterKey);
      this.#workedMs += host.now() - startedAt;
      const place = next === null ? ([index + 1, 0] as const) : ([index, next] as const);
      this.#plan(STEP_MS, () => this.#go(...place));
    } catch (error) {
      // The store says itself what is wrong with it; what was to be done can wait.
      host.log("warn", failure, { cause: String(error) });
      this.#end();
    }
  }

  #end(): void {
    const { everyMs, restTimes = REST_TIMES, onEnd } = this.#options;
    onEnd?.();
    const restMs = Math.max(everyMs, restTimes * this.#workedMs);
    this.#workedMs = 0;
    this.#plan(restMs, () => this.#go(0, 0));
  }
}
