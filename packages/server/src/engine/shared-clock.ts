import type { Host, OutgoingRequest, Timer } from "../host/host.ts";

/**
 * The clock of the database, as a node knows it: measured now and then, and carried on by the time that passes here. Several nodes
 * tell one time by it, however wrong their own clocks are.
 */
export class SharedClock {
  readonly #elapsedMs: () => number;
  #measuredAt: number;
  #databaseNow: number;

  /** @param now What it tells until it has been measured. */
  constructor(elapsedMs: () => number, now: number) {
    this.#elapsedMs = elapsedMs;
    this.#measuredAt = elapsedMs();
    this.#databaseNow = now;
  }

  get elapsedMs(): number {
    return this.#elapsedMs();
  }

  /** Asks for the time of the database; half of the way there and back has passed when it is heard. */
  async measure(ask: () => Promise<number>): Promise<number> {
    const askedAt = this.#elapsedMs();
    const databaseNow = await ask();
    const heardAt = this.#elapsedMs();
    this.#measuredAt = heardAt;
    this.#databaseNow = databaseNow + (heardAt - askedAt) / 2;
    return databaseNow;
  }

  now(): number {
    return Math.floor(this.#databaseNow + this.#elapsedMs() - this.#measuredAt);
  }
}

/** A host that tells and keeps the time of the database. */
export function withSharedClock<H extends Host>(host: H, clock: SharedClock): H {
  const toLocal = (at: number) => host.now() + (at - clock.now());
  const setTimer = (dueAt: number, callback: () => void): Timer => {
    let timer: Timer;
    const wake = () => {
      // The two clocks do not go equally fast, and the machine's may have been set meanwhile.
      if (clock.now() >= dueAt) callback();
      else timer = host.setTimer(toLocal(dueAt), wake);
    };
    timer = host.setTimer(toLocal(dueAt), wake);
    return { cancel: () => timer.cancel() };
  };
  const fetch = (request: OutgoingRequest) => {
    const { lastsUntil } = request;
    if (lastsUntil === undefined) return host.fetch(request);
    return host.fetch({ ...request, lastsUntil: () => toLocal(lastsUntil()) });
  };
  return { ...host, now: () => clock.now(), setTimer, fetch };
}
