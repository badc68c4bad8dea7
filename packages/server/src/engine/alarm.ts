import type { Host, Timer } from "../host/host.ts";

/** Rings once, at the earliest of the instants that it has been given since it rang last. */
export class Alarm {
  readonly #host: Pick<Host, "setTimer">;
  readonly #onRing: () => void;
  #set: { readonly dueAt: number; readonly timer: Timer } | null = null;
  #isStopped = false;

  constructor(host: Pick<Host, "setTimer">, onRing: () => void) {
    this.#host = host;
    this.#onRing = onRing;
  }

  wakeBy(dueAt: number): void {
    if (this.#isStopped || (this.#set !== null && this.#set.dueAt <= dueAt)) return;
    this.#set?.timer.cancel();
    const timer = this.#host.setTimer(dueAt, () => {
      this.#set = null;
      this.#onRing();
    });
    this.#set = { dueAt, timer };
  }

  stop(): void {
    this.#isStopped = true;
    this.#set?.timer.cancel();
  }
}
