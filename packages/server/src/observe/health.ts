import type { Host } from "../host/host.ts";
import type { Store } from "../store/store.ts";
import { StorageProbe, type StorageState } from "./storage-probe.ts";

/** Why a probe says no; docs/monitoring.md tells what to do about each. */
export type Reason =
  | "starting"
  | "draining"
  | "event_loop_blocked"
  | "storage_unavailable"
  | "disk_full"
  | "lease_lost"
  | "clock_wrong";

export interface Verdict {
  /** Empty when all is well. */
  readonly reasons: readonly Reason[];
  /** For holders of a token. */
  readonly details: Readonly<Record<string, unknown>>;
}

export interface HealthOptions {
  readonly host: Host;
  readonly pulse: { readonly lagMs: number };
}

/** What is there once the server has started. */
export interface Started {
  readonly store: Store;
  readonly disk: DiskLevel | null;
  /** Whether this node may begin attempts; true where there is one node. */
  readonly isLeaseHeld: () => boolean;
}

export interface DiskLevel {
  readonly usedPercent: number;
  readonly percentMax: number;
}

/** Nothing is answered while the event loop is blocked; whoever was blocked for so long is not well either. */
const LAG_MS_MAX = 5_000;

/** All instants come from the database's clock; a distance above this means that they do not. */
const CLOCK_OFFSET_MS_MAX = 5_000;

/** 2025-01-01: a clock from before was never set, and every signature would be refused. */
const NOW_MIN = 1_735_689_600_000;

/** Says whether the process is alive, whether it has started, and whether requests should come here. */
export class Health {
  readonly #options: HealthOptions;
  readonly #startedAt: number;
  #waitsFor: string | null = null;
  #started: Started | null = null;
  #probe: StorageProbe | null = null;
  #isDraining = false;

  constructor(options: HealthOptions) {
    this.#options = options;
    this.#startedAt = options.host.now();
  }

  /** The start cannot go on; `reason` says what it waits for. */
  wait(reason: string): void {
    this.#waitsFor = reason;
  }

  start(started: Started): void {
    this.#waitsFor = null;
    this.#started = started;
    this.#probe = new StorageProbe(started.store, this.#options.host);
  }

  /** From here on nobody should send anything more. */
  drain(): void {
    this.#isDraining = true;
  }

  /** Never touches the storage: a restart does not mend it. */
  live(): Verdict {
    const lagMs = Math.round(this.#options.pulse.lagMs);
    const reasons: readonly Reason[] = lagMs < LAG_MS_MAX ? [] : ["event_loop_blocked"];
    return { reasons, details: { eventLoopLagMs: lagMs, startedAt: this.#startedAt } };
  }

  hasStarted(): Verdict {
    const details = this.#waitsFor === null ? {} : { waitsFor: this.#waitsFor };
    return { reasons: this.#started === null ? ["starting"] : [], details };
  }

  async ready(): Promise<Verdict> {
    const started = this.#started;
    if (started === null || this.#probe === null) {
      const { reasons, details } = this.hasStarted();
      const waiting: readonly Reason[] = this.#waitsFor === null ? [] : ["storage_unavailable"];
      return { reasons: [...reasons, ...waiting], details };
    }
    // A probe must not hold up the end of the storage.
    if (this.#isDraining) return { reasons: ["draining"], details: {} };
    const storage = await this.#probe.look();
    const { disk } = started;
    const faults: readonly (readonly [Reason, boolean])[] = [
      ["draining", this.#isDraining],
      ["storage_unavailable", storage.fault !== null],
      ["disk_full", disk !== null && disk.usedPercent >= disk.percentMax],
      ["lease_lost", !started.isLeaseHeld()],
      ["clock_wrong", this.#isClockWrong(storage)],
    ];
    const reasons = faults.filter(([, isFaulty]) => isFaulty).map(([reason]) => reason);
    const { usedPercent = null, percentMax = null } = disk ?? {};
    return { reasons, details: { storage, disk: { usedPercent, percentMax } } };
  }

  #isClockWrong({ clockOffsetMs }: StorageState): boolean {
    const isFar = clockOffsetMs !== null && Math.abs(clockOffsetMs) > CLOCK_OFFSET_MS_MAX;
    return isFar || this.#options.host.now() < NOW_MIN;
  }
}
