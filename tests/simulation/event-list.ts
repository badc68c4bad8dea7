import type { Random } from "./random.ts";

export interface Scheduled {
  cancel(): void;
}

interface Event {
  at: number;
  readonly label: string;
  readonly run: () => void;
  /** It comes again and again and keeps no world awake: a pulse, or a look at what has a time limit. */
  readonly isBackground: boolean;
}

/** What knows whether background events can change anything. */
export interface Background {
  /** Whether they would only find that all is well. */
  readonly isIdle: () => boolean;
  /** They have found that all is well, and the clock stands later. */
  readonly skipped: () => void;
}

/** Pauses longer than this are not spent with background events that change nothing. */
const PAUSE_MS_MAX = 5_000;

/** The virtual clock and everything that waits for it. Whatever is ready may come next: chance picks. */
export class EventList {
  readonly #random: Random;
  readonly #events: Event[] = [];
  #now: number;
  readonly #backgrounds: Background[] = [];

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
    return this.#add({ at: Math.ceil(instant), label, run, isBackground: false });
  }

  atBackground(instant: number, label: string, run: () => void): Scheduled {
    return this.#add({ at: Math.ceil(instant), label, run, isBackground: true });
  }

  inBackground(delayMs: number, label: string, run: () => void): Scheduled {
    return this.atBackground(this.#now + delayMs, label, run);
  }

  keepBackground(background: Background): void {
    this.#backgrounds.push(background);
  }

  #add(event: Event): Scheduled {
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
    let ready = this.#readyIndexes();
    if (ready.length === 0) {
      if (!this.#skipPause()) return null;
      this.#now = Math.min(...this.#events.map((event) => event.at));
      ready = this.#readyIndexes();
    }
    const index = ready.length === 1 ? ready[0] : this.#random.pick(ready);
    return index === undefined ? null : (this.#events.splice(index, 1)[0] ?? null);
  }

  /** Leaves background events out that change nothing. False when nothing else is left. */
  #skipPause(): boolean {
    const awake = this.#events.filter(({ isBackground }) => !isBackground);
    const isIdle = this.#backgrounds.every((background) => background.isIdle());
    if (awake.length === 0) return !isIdle && this.#events.length > 0;
    const byMs = Math.min(...awake.map(({ at }) => at)) - this.#now - PAUSE_MS_MAX;
    if (byMs <= 0 || !isIdle || awake.length === this.#events.length) return true;
    for (const event of this.#events) if (event.isBackground) event.at += byMs;
    this.#now += byMs;
    for (const background of this.#backgrounds) background.skipped();
    return true;
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
