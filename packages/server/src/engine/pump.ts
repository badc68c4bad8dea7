import type { Host, Timer } from "../host/host.ts";
import type { Inbox } from "./inbox.ts";

/** Turns of the event loop that a group may wait for more requests. */
const GATHER_TURNS_MAX = 5;

export interface PumpOptions {
  readonly host: Pick<Host, "now" | "setTimer" | "nextTurn">;
  readonly inbox: Pick<Inbox, "size">;
  readonly hasWork: () => boolean;
  /** Deals with one group; false when the store has refused it. */
  readonly runOne: () => Promise<boolean>;
  /** Pause before work is tried again that the store has refused. */
  readonly retryMs: number;
}

/** Runs one group after the other as long as there is work. */
export class Pump {
  readonly #options: PumpOptions;
  #isRunning = false;
  #isStopped = false;
  #retry: Timer | null = null;
  #onIdle: (() => void) | null = null;

  constructor(options: PumpOptions) {
    this.#options = options;
  }

  /** Whether the next group begins without being asked for. */
  get isBusy(): boolean {
    return this.#isRunning || this.#retry !== null;
  }

  start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    void this.#run();
  }

  /** Does what is left to do now; what the store refuses from here on is not tried again. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#retry?.cancel();
    this.start();
    if (!this.#isRunning) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  async #run(): Promise<void> {
    const { hasWork, runOne } = this.#options;
    let isHealthy = true;
    while (isHealthy && hasWork()) {
      await this.#gather();
      isHealthy = await runOne();
      if (isHealthy) this.#endRetry();
    }
    this.#isRunning = false;
    if (!isHealthy) this.#tryAgainLater();
    else if (hasWork()) this.start();
    else this.#onIdle?.();
  }

  /**
   * Requests of this turn of the event loop join the group, and those of the next turns as long as each brings more: a flush
   * costs as much for one request as for fifty. There is no timer, because a fixed wait halves the rate of a few runs at once.
   */
  async #gather(): Promise<void> {
    const { host, inbox } = this.#options;
    for (let turn = 0; turn < GATHER_TURNS_MAX; turn++) {
      const sizeBefore = inbox.size;
      await host.nextTurn();
      if (inbox.size <= sizeBefore) return;
    }
  }

  #endRetry(): void {
    this.#retry?.cancel();
    this.#retry = null;
  }

  #tryAgainLater(): void {
    const { host, retryMs } = this.#options;
    if (this.#isStopped) {
      this.#onIdle?.();
      return;
    }
    this.#retry ??= host.setTimer(host.now() + retryMs, () => {
      this.#retry = null;
      this.start();
    });
  }
}
