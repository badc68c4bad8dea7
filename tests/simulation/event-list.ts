import type { Random } from "./random.ts";

export interface Scheduled {
  cancel(): void;
}

interface Event {
  readonly at: number;
  readonly label: string;
  readonly run: () => void;
}

/** The virtual clock and everything that waits for it. Whatever is ready may come next: chance picks. */
export class EventList {
  readonly #random: Random;
  readonly #events: Event[] = [];
  #now: number;

  constructor(startAt: number, random: Random) {
    this.#now = startAt;
    this.#random = random;
  }

  /** Epoch milliseconds. */
  get now(): number {
    return this.#now;
  }

  get size(): number {
    return this.#events.length;
  }

  /** The clock is set forward; what became due meanwhile is late. */
  jump(byMs: number): void {
    this.#now += byMs;
  }

  at(instant: number, label: string, run: () => void): Scheduled {
    const event: Event = { at: Math.ceil(instant), label, run };
    this.#events.push(event);
    return {
      cancel: () => {
        const index = this.#events.indexOf(event);
        if (index !== -1) this.#events.splice(index, 1);
      },
    };
  }

  in(delayMs: number, label: string, run: () => void): Scheduled {
    return this.at(this.#now + delayMs, label, run);
  }

  /** Resolves in an event of its own. */
  wait(delayMs: number, label: string): Promise<void> {
    return new Promise((resolve) => {
      this.in(delayMs, label, resolve);
    });
  }

  /** Takes one event that is ready; the clock moves only when none is. Null when nothing waits any more. */
  take(): Event | null {
    if (this.#events.length === 0) return null;
    let ready = this.#readyIndexes();
    if (ready.length === 0) {
      this.#now = Math.min(...this.#events.map((event) => event.at));
      ready = this.#readyIndexes();
    }
    const index = ready.length === 1 ? ready[0] : this.#random.pick(ready);
    return index === undefined ? null : (this.#events.splice(index, 1)[0] ?? null);
  }

  #readyIndexes(): number[] {
    const ready: number[] = [];
    for (const [index, event] of this.#events.entries()) {
      if (event.at <= this.#now) ready.push(index);
    }
    return ready;
  }

  labels(): readonly string[] {
    return this.#events.map(({ at, label }) => `${at - this.#now} ms: ${label}`);
  }
}
