import { SharedClock } from "@reprise/server";
import type { EventList } from "../event-list.ts";

const NODES_APART_MS = 250;

/** Several servers know the time of their database to a few milliseconds, or to what a slow answer takes. */
export function clocksApartMs(nodes: number): number {
  return nodes === 1 ? 0 : NODES_APART_MS;
}

/** The clock of one machine, which may be wrong, and whether its process is stopped. */
export class NodeClock {
  readonly clock: SharedClock;
  readonly #events: EventList;
  #skewMs: number;
  #frozen: (() => void)[] | null = null;

  constructor({ events, skewMs = 0 }: { readonly events: EventList; readonly skewMs?: number }) {
    this.#events = events;
    this.#skewMs = skewMs;
    this.clock = new SharedClock(() => events.now, this.now());
  }

  now(): number {
    return this.#events.now + this.#skewMs;
  }

  /** What waits already goes on waiting for as long as it was going to. */
  set(skewMs: number): void {
    this.#skewMs = skewMs;
  }

  /** An instant of this clock by the one of the world. */
  toWorld(instant: number): number {
    return instant - this.#skewMs;
  }

  get isFrozen(): boolean {
    return this.#frozen !== null;
  }

  freeze(): void {
    this.#frozen ??= [];
  }

  thaw(): void {
    const waiting = this.#frozen ?? [];
    this.#frozen = null;
    for (const run of waiting) run();
  }

  whenThawed(run: () => void): void {
    if (this.#frozen === null) run();
    else this.#frozen.push(run);
  }

  async thawed(): Promise<void> {
    while (this.#frozen !== null) {
      const frozen = this.#frozen;
      await new Promise<void>((resolve) => frozen.push(resolve));
    }
  }
}
