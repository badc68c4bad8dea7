import type { RunConfigRow } from "../core/rows.ts";
import { parseRunConfig, type RunConfig } from "../core/run-config.ts";

/** Parsed configurations of the runs that moved last. A configuration hardly ever changes, and every step needs it. */
export class ConfigCache {
  readonly #configs = new Map<number, RunConfig>();
  /** Why those of these runs cannot be read. */
  readonly #faults = new Map<number, unknown>();
  readonly #entriesMax: number;

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  has(runKey: number): boolean {
    return this.#configs.has(runKey);
  }

  /** @throws what made it unreadable: that fails whoever decides on this run, and nobody else. */
  get(runKey: number): RunConfig | null {
    if (this.#faults.has(runKey)) throw this.#faults.get(runKey);
    return this.#configs.get(runKey) ?? null;
  }

  addLoaded(rows: readonly RunConfigRow[]): void {
    for (const row of rows) {
      try {
        this.set(row.key, parseRunConfig(row.config));
      } catch (fault) {
        this.#faults.set(row.key, fault);
      }
    }
  }

  set(runKey: number, config: RunConfig): void {
    this.#configs.delete(runKey);
    this.#configs.set(runKey, config);
    this.#faults.delete(runKey);
  }

  /** Lets the oldest go. Between two groups only, so that what a group has loaded stays for its decisions. */
  trim(): void {
    this.#faults.clear();
    for (const key of this.#configs.keys()) {
      if (this.#configs.size <= this.#entriesMax) return;
      this.#configs.delete(key);
    }
  }

  delete(runKey: number): void {
    this.#configs.delete(runKey);
  }

  clear(): void {
    this.#configs.clear();
    this.#faults.clear();
  }
}
