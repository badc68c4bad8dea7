import { expect } from "vitest";
import type { Outcome } from "../core/outcome.ts";
import type { Host, LogLevel, OutgoingRequest, Timer } from "../host/host.ts";

/** One request of the server that waits for the test to answer it. */
export interface Exchange {
  readonly request: OutgoingRequest;
  readonly answer: (outcome: Outcome) => void;
}

export interface LoggedEvent {
  readonly level: LogLevel;
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

interface PendingTimer {
  readonly dueAt: number;
  readonly callback: () => void;
}

/** Turns of the event loop after which a fact that is waited for is taken to be missing. */
const TURNS_MAX = 2_000;
/** More than any chain of work takes between two calls of the host: a group gathers for at most five. */
const SETTLED_TURNS = 12;

/** A host whose clock stands still until the test moves it, and whose requests the test answers. */
export class ScriptedHost implements Host {
  readonly exchanges: Exchange[] = [];
  readonly logs: LoggedEvent[] = [];
  /** Answers every request at once; without it requests wait in `exchanges`. */
  respond: ((request: OutgoingRequest) => Outcome | null) | null = null;
  #now = 1_800_000_000_000;
  #timers: PendingTimer[] = [];
  #drawn = 0;

  now(): number {
    return this.#now;
  }

  /** Instants of the timers that are set, earliest first. */
  get alarms(): readonly number[] {
    return this.#timers.map(({ dueAt }) => dueAt).sort((a, b) => a - b);
  }

  setTimer(dueAt: number, callback: () => void): Timer {
    const timer = { dueAt, callback };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  setDelay(delayMs: number, callback: () => void): Timer {
    return this.setTimer(this.now() + delayMs, callback);
  }

  nextTurn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  randomBytes(count: number): Uint8Array {
    this.#drawn += 1;
    return new Uint8Array(count).fill(this.#drawn % 251);
  }

  fetch(request: OutgoingRequest): Promise<Outcome> {
    const outcome = this.respond?.(request) ?? null;
    if (outcome !== null) return Promise.resolve(outcome);
    return new Promise((answer) => {
      this.exchanges.push({ request, answer });
    });
  }

  log(level: LogLevel, event: string, fields: Readonly<Record<string, unknown>>): void {
    this.logs.push({ level, event, fields });
  }

  /** Moves the clock; timers ring in order, each at its own instant, with turns of the event loop behind it. */
  async advance(ms: number): Promise<void> {
    await this.settle();
    const end = this.#now + ms;
    for (;;) {
      const next = this.#timers.toSorted((a, b) => a.dueAt - b.dueAt)[0];
      if (next === undefined || next.dueAt > end) break;
      this.#now = Math.max(this.#now, next.dueAt);
      this.#timers = this.#timers.filter((timer) => timer !== next);
      next.callback();
      await this.settle();
    }
    this.#now = end;
    await this.settle();
  }

  /** Lets everything run that needs no clock and no answer. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < SETTLED_TURNS; turn += 1) await this.nextTurn();
  }

  /** Waits for a fact. */
  async until(isTrue: () => boolean): Promise<void> {
    for (let turn = 0; turn < TURNS_MAX && !isTrue(); turn += 1) await this.nextTurn();
    expect(isTrue(), "the fact that is waited for").toBe(true);
  }

  /** The oldest request that has not been taken yet. */
  async nextExchange(): Promise<Exchange> {
    await this.until(() => this.exchanges.length > 0);
    const exchange = this.exchanges.shift();
    if (exchange === undefined) throw new Error("there is a request: it has been waited for");
    return exchange;
  }
}

/** The answer of a workflow endpoint that has accepted the delivery. */
export function accepted(status = 200): Outcome {
  const headers = { "upstash-workflow-sdk-version": ["1"], "upstash-workflow-sdk": ["v1.3.2"] };
  return { type: "response", status, headers, body: new Uint8Array(), isTruncated: false };
}
