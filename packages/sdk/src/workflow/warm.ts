import { randomId } from "../wire/random-id.ts";

/** Suspended functions that wait in memory for the next delivery of their run. */

/** Functions that are kept at once: each holds what its author's variables hold. */
const RUNS_MAX = 1_000;

export class WarmRuns<Run> {
  readonly #runs = new Map<string, Run>();
  #process: string | null = null;

  /** Names this process; made when it is first needed, because some platforms have no chance at start. */
  get process(): string {
    this.#process ??= randomId();
    return this.#process;
  }

  /** Whoever takes a function has it alone. */
  take(key: string): Run | null {
    const run = this.#runs.get(key);
    if (run === undefined) return null;
    this.#runs.delete(key);
    return run;
  }

  put(key: string, run: Run): void {
    this.#runs.delete(key);
    this.#runs.set(key, run);
    for (const oldest of this.#runs.keys()) {
      if (this.#runs.size <= RUNS_MAX) return;
      this.#runs.delete(oldest);
    }
  }
}
