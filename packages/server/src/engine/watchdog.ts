import { isRepriseError } from "@reprise/protocol";
import type { Host } from "../host/host.ts";
import type { Reader } from "../store/store.ts";
import type { Engine } from "./engine.ts";
import { Rounds } from "./rounds.ts";
import { STUCK, type StuckRun } from "./stuck-runs.ts";

/**
 * Looks for stuck runs: alive, without a message, a call, a wait or a child that could wake them. An app makes them that answers a
 * delivery without going on. Each is reported once; when it has been asked for, the watchdog also nudges it.
 */
export interface WatchdogOptions {
  readonly host: Host;
  readonly store: Pick<Reader, "list">;
  readonly engine: Pick<Engine, "execute">;
  readonly limits: WatchdogLimits;
}

export interface WatchdogLimits {
  /** Between two rounds over all live runs; a run is reported when two rounds in a row find it. */
  readonly watchdogIntervalMs: number;
  /** How often the watchdog nudges a run by itself. */
  readonly nudgesMax: number;
}

/** Keys that one step passes over: rows of all tables share them. */
const SPAN_KEYS = 5_000;

/** Stuck runs that are remembered; beyond them the number alone is told. */
const KNOWN_MAX = 10_000;

export class Watchdog {
  readonly #options: WatchdogOptions;
  /** Stuck runs of the last round: key -> nudges so far; null until a second round has found it. */
  #known = new Map<number, number | null>();
  #found = new Map<number, number | null>();
  readonly #rounds: Rounds;

  constructor(options: WatchdogOptions) {
    this.#options = options;
    this.#rounds = new Rounds({
      host: options.host,
      everyMs: options.limits.watchdogIntervalMs,
      failure: "watchdog_failed",
      steps: [(afterKey) => this.#step(afterKey)],
      onEnd: () => {
        this.#known = this.#found;
        this.#found = new Map();
      },
    });
  }

  /** Runs that two rounds have found stuck. */
  get stuckCount(): number {
    const counts = Array.from(this.#known.values());
    return counts.filter((nudges) => nudges !== null).length;
  }

  start(): void {
    this.#rounds.start();
  }

  async stop(): Promise<void> {
    await this.#rounds.stop();
  }

  /** Returns where the next step begins, or null at the end. */
  async #step(afterKey: number): Promise<number | null> {
    const { store } = this.#options;
    const query = { order: "ascending", without: ["response"] } as const;
    const live = { type: "in", column: "state", values: ["started"] } as const;
    const [first] = await store.list("runs", { ...query, where: [live], afterKey, limit: 1 });
    if (first === undefined) return null;
    const edge = first.key + SPAN_KEYS;
    const span = { type: "range", column: "key", from: first.key, to: edge } as const;
    const stuck = await store.list("runs", {
      ...query,
      where: [...STUCK, span],
      limit: KNOWN_MAX,
    });
    for (const run of stuck) await this.#note(run);
    return edge;
  }

  /** A run may be about to move when it is seen first; seen twice it is stuck. */
  async #note(run: StuckRun): Promise<void> {
    const { host } = this.#options;
    if (this.#found.size >= KNOWN_MAX) return;
    const nudges = this.#known.get(run.key);
    if (nudges === undefined) {
      this.#found.set(run.key, null);
      return;
    }
    if (nudges === null) {
      host.log("warn", "run_stuck", {
        workflowRunId: run.id,
        url: run.url,
        createdAt: run.createdAt,
      });
    }
    this.#found.set(run.key, await this.#nudge(run, nudges ?? 0));
  }

  async #nudge(run: StuckRun, nudges: number): Promise<number> {
    const { host, engine, limits } = this.#options;
    if (nudges >= limits.nudgesMax) return nudges;
    try {
      await engine.execute([{ type: "nudgeRun", runId: run.id }]);
      host.log("info", "run_nudged", { workflowRunId: run.id, nudges: nudges + 1 });
    } catch (error) {
      // It has moved meanwhile.
      if (!isRepriseError(error)) throw error;
    }
    return nudges + 1;
  }
}
