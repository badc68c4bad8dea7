import type { Hold } from "../core/commands.ts";
import type { MessageRow } from "../core/rows.ts";
import type { Delivery, RunDelivery } from "./dispatcher.ts";

/** Requests that are out, and what their outcomes are about: another message after each continuation. */

export class Exchange {
  #delivery: Delivery;
  #startedAt: number;
  #before: Hold | null = null;
  readonly #timeoutMs: number;

  constructor(delivery: Delivery, startedAt: number, timeoutMs: number) {
    this.#delivery = delivery;
    this.#startedAt = startedAt;
    this.#timeoutMs = timeoutMs;
  }

  /** What the outcome is about now. */
  get delivery(): Delivery {
    return this.#delivery;
  }

  get message(): MessageRow {
    return this.#delivery.message;
  }

  /** When the attempt began that goes on now. */
  get startedAt(): number {
    return this.#startedAt;
  }

  /** The limit of the attempt that goes on now. */
  get lastsUntil(): number {
    const { kind } = this.#delivery;
    const timeoutMs = kind === "run" ? this.#delivery.timeoutMs : this.#timeoutMs;
    return this.#startedAt + timeoutMs;
  }

  /** What it held before; null when it is still about its first message. */
  get before(): Hold | null {
    return this.#before;
  }

  goOn(delivery: RunDelivery, now: number): void {
    const { key, leaseToken } = this.message;
    this.#before = { messageKey: key, leaseToken };
    this.#delivery = delivery;
    this.#startedAt = now;
  }
}

/** Finds the request that speaks for a message. */
export class Exchanges {
  readonly #byMessage = new Map<number, Exchange>();

  open(exchange: Exchange): void {
    this.#byMessage.set(exchange.message.key, exchange);
  }

  close(exchange: Exchange): void {
    if (this.#byMessage.get(exchange.message.key) === exchange) {
      this.#byMessage.delete(exchange.message.key);
    }
  }

  of(messageKey: number): Exchange | null {
    return this.#byMessage.get(messageKey) ?? null;
  }

  /** The invocation goes on with another message; false when it has ended meanwhile. */
  goOn(heldKey: number, delivery: RunDelivery, now: number): boolean {
    const exchange = this.#byMessage.get(heldKey);
    if (exchange === undefined) return false;
    this.#byMessage.delete(heldKey);
    exchange.goOn(delivery, now);
    this.#byMessage.set(delivery.message.key, exchange);
    return true;
  }
}
