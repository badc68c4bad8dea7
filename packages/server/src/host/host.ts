import type { Outcome } from "../core/outcome.ts";

/**
 * The one door to the outside: clock, chance, network, log. The real host and the simulated one are equal guests;
 * nothing else in the server may touch `Date`, timers, random numbers or sockets.
 */
export interface Host {
  /** Wall clock, epoch milliseconds, whole. */
  now(): number;
  /** Calls back once, at or after `dueAt` (epoch milliseconds; any distance). */
  setTimer(dueAt: number, callback: () => void): Timer;
  /** Calls back once, when so many milliseconds have passed, whatever the wall clock is set to meanwhile. */
  setDelay(delayMs: number, callback: () => void): Timer;
  /** Resolves in a later turn of the event loop, after waiting input and timers had their chance. */
  nextTurn(): Promise<void>;
  randomBytes(count: number): Uint8Array;
  /** One HTTP request. Never rejects: what goes wrong is an outcome. */
  fetch(request: OutgoingRequest): Promise<Outcome>;
  log(level: LogLevel, event: string, fields: Readonly<Record<string, unknown>>): void;
}

export interface Timer {
  cancel(): void;
}

export type LogLevel = "debug" | "info" | "warn" | "error";

export interface OutgoingRequest {
  readonly url: string;
  readonly method: string;
  /** Names as they go on the wire; each once. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string;
  /** Limit for the whole exchange: connect, send, wait and read. */
  readonly timeoutMs: number;
  /** Asked when the limit is reached: epoch milliseconds until which the exchange may last, if it has been given more time. */
  readonly lastsUntil?: () => number;
  /** Bytes of the response body that are kept; the rest is read and thrown away, and the outcome says so. */
  readonly responseBytesMax: number;
}
