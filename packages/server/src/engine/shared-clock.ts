import type { Host, OutgoingRequest, Timer } from "../host/host.ts";

/** An answer that took longer says less than what was measured before. */
const WAY_MS_MAX = 100;

/** Clocks go apart: what was measured so long ago says less than a slow answer. */
const SAMPLE_MS_MAX = 600_000;

/**
 * The clock of the database, as a node knows it: measured now and then, and carried on by the time that passes here. Several nodes
 * tell one time by it, however wrong their own clocks are.
 */
export class SharedClock {
  readonly #elapsedMs: () => number;
  #measuredAt: number;
  #databaseNow: number;
  #isMeasured = false;

  /** @param now What it tells until it has been measured. */
  constructor(elapsedMs: () => number, now: number) {
    this.#elapsedMs = elapsedMs;
    this.#measuredAt = elapsedMs();
    this.#databaseNow = now;
  }

  get elapsedMs(): number {
    return this.#elapsedMs();
  }

  /** Asks for the time of the database. It is never told ahead: what is on the way back counts as no time, so that nothing is early. */
  async measure(ask: () => Promise<number>): Promise<number> {
    const askedAt = this.#elapsedMs();
    const databaseNow = await ask();
    const heardAt = this.#elapsedMs();
    // A process that was stopped on the way back would be late by all of that time.
    const isGood = heardAt - askedAt <= WAY_MS_MAX || !this.#isMeasured;
    if (isGood || heardAt - this.#measuredAt > SAMPLE_MS_MAX) {
      this.#measuredAt = heardAt;
      this.#databaseNow = databaseNow;
      this.#isMeasured = true;
    }
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
    const wait = () => {
      // The machine's clock may be set meanwhile: what counts is the time that passes.
      timer = host.setDelay(Math.max(0, dueAt - clock.now()), wake);
    };
    const wake = () => {
      // The two clocks do not go equally fast.
      if (clock.now() >= dueAt) callback();
      else wait();
    };
    wait();
    return { cancel: () => timer.cancel() };
  };
  const fetch = (request: OutgoingRequest) => {
    const { lastsUntil } = request;
    if (lastsUntil === undefined) return host.fetch(request);
    return host.fetch({ ...request, lastsUntil: () => toLocal(lastsUntil()) });
  };
  return { ...host, now: () => clock.now(), setTimer, fetch };
}
