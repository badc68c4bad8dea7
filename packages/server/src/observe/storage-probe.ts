import type { Host, Timer } from "../host/host.ts";
import type { Store } from "../store/store.ts";

/** What the last try of the storage has shown. */
export interface StorageState {
  /** Why it cannot be used; null when it can. */
  readonly fault: string | null;
  /** How far this server's clock is ahead of the database's; null when it is not known. */
  readonly clockOffsetMs: number | null;
  /** Time that the try took; null when it has no end yet. */
  readonly tookMs: number | null;
}

/** An answer this old is given again: whoever asks often must not make the storage work. */
const AGE_MS_MAX = 1_000;

/** A try that takes longer says no, and goes on: a storage that hangs is tried once, and not by everybody who asks. */
const PATIENCE_MS = 1_000;

const HANGING = `the storage has not answered within ${PATIENCE_MS / 1000} second`;

/** Tries whether the storage can be written, when somebody asks. */
export class StorageProbe {
  readonly #store: Store;
  readonly #host: Host;
  #state: StorageState = { fault: null, clockOffsetMs: null, tookMs: null };
  #triedAt = Number.NEGATIVE_INFINITY;
  #trying: Promise<void> | null = null;

  constructor(store: Store, host: Host) {
    this.#store = store;
    this.#host = host;
  }

  async look(): Promise<StorageState> {
    const now = this.#host.now();
    const isOld = Math.abs(now - this.#triedAt) >= AGE_MS_MAX;
    if (this.#trying === null && !isOld) return this.#state;
    if (this.#trying === null) {
      this.#triedAt = now;
      this.#trying = this.#try().finally(() => {
        this.#trying = null;
      });
    }
    return this.#within(this.#trying, this.#triedAt + PATIENCE_MS);
  }

  async #within(trying: Promise<void>, until: number): Promise<StorageState> {
    const hanging = { ...this.#state, fault: HANGING, tookMs: null };
    if (this.#host.now() >= until) return hanging;
    let timer: Timer | undefined;
    const late = new Promise<StorageState>((resolve) => {
      timer = this.#host.setTimer(until, () => resolve(hanging));
    });
    try {
      return await Promise.race([trying.then(() => this.#state), late]);
    } finally {
      timer?.cancel();
    }
  }

  /** Reserving a key writes: a disk that is full and a database that is read only show. */
  async #try(): Promise<void> {
    const startedAt = this.#host.now();
    let fault: string | null = null;
    let clockOffsetMs: number | null = null;
    try {
      await this.#store.transaction((transaction) => transaction.reserveKeys(1));
      // A database of its own has no clock but the process's.
      if (this.#store.isShared) clockOffsetMs = await readOffset(this.#host, this.#store);
    } catch (error) {
      fault = error instanceof Error ? error.message : String(error);
    }
    this.#triedAt = this.#host.now();
    this.#state = { fault, clockOffsetMs, tookMs: this.#triedAt - startedAt };
  }
}

/** How far the own clock is ahead. The way to the database and back lies between the two looks at it. */
export async function readOffset(
  host: Pick<Host, "now">,
  store: Pick<Store, "now">,
): Promise<number> {
  const before = host.now();
  const there = await store.now();
  return Math.round((before + host.now()) / 2 - there);
}
