import { HEADER } from "@reprise/protocol";
import type { EndDelivery } from "../core/commands.ts";
import { type DeliverySource, deliveryHeaders } from "../core/delivery.ts";
import type { Host } from "../host/host.ts";
import type { History } from "./history.ts";
import { type SigningKeys, signDelivery } from "./signer.ts";

/** One attempt that has been committed as `active`. */
export interface Delivery extends DeliverySource {
  readonly timeoutMs: number;
}

export interface DispatcherOptions {
  readonly host: Host;
  readonly history: History;
  readonly keys: () => SigningKeys;
  readonly limits: DispatcherLimits;
  /** Asked when a delivery that had to wait comes to its turn: its message may have been taken away meanwhile. */
  readonly isWanted: (delivery: Delivery) => boolean;
  /** Takes the outcome of every attempt. */
  readonly onEnd: (command: EndDelivery) => void;
  /** An attempt could not be made for a reason of our own. */
  readonly onUnsent: (messageKey: number) => void;
}

export interface DispatcherLimits {
  /** Attempts in flight to one origin; more of them wait. More connections only make the receiver slower. */
  readonly perOriginMax: number;
  /** Lists longer than this go out empty; the SDK fetches them. */
  readonly inlineCharsMax: number;
  readonly responseBytesMax: number;
}

interface Origin {
  inFlight: number;
  waiting: Delivery[];
  /** Index of the next one in `waiting`: taking from the front of an array would copy it. */
  next: number;
}

/** Deliveries that have left a line stay in its array until so many of them are worth a copy of the rest. */
const PASSED_MAX = 1_024;

/** Makes the attempts: builds the request, sends it, and reports the outcome. It decides nothing. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #origins = new Map<string, Origin>();
  /** Run key -> its deliveries that wait, so that the end of a run that has none costs nothing. */
  readonly #waitingOfRuns = new Map<number, number>();
  /** Deliveries whose request is not made yet, because their list is being read. */
  readonly #preparing = new Set<Delivery>();
  #isStopped = false;
  #inFlight = 0;
  #onIdle: (() => void) | null = null;

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  deliver(delivery: Delivery): void {
    if (this.#isStopped) return;
    const name = originOf(delivery.message.url);
    const origin = this.#origins.get(name) ?? { inFlight: 0, waiting: [], next: 0 };
    this.#origins.set(name, origin);
    if (origin.inFlight >= this.#options.limits.perOriginMax) {
      origin.waiting.push(delivery);
      this.#countWaiting(delivery, 1);
      return;
    }
    this.#begin(name, origin, delivery);
  }

  /** Takes deliveries of an ended run out of the line and returns their messages' keys. */
  drop(runKey: number): readonly number[] {
    const dropped: number[] = [];
    for (const delivery of this.#preparing) {
      if (delivery.run.key !== runKey || delivery.message.kind === "failureCall") continue;
      this.#preparing.delete(delivery);
      dropped.push(delivery.message.key);
    }
    if (!this.#waitingOfRuns.has(runKey)) return dropped;
    for (const origin of this.#origins.values()) {
      const kept: Delivery[] = [];
      for (const delivery of origin.waiting.slice(origin.next)) {
        if (delivery.run.key !== runKey || delivery.message.kind === "failureCall") {
          kept.push(delivery);
          continue;
        }
        dropped.push(delivery.message.key);
        this.#countWaiting(delivery, -1);
      }
      origin.waiting = kept;
      origin.next = 0;
    }
    return dropped;
  }

  /** Starts nothing more; resolves when what is in flight has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const origin of this.#origins.values()) {
      origin.waiting = [];
      origin.next = 0;
    }
    this.#waitingOfRuns.clear();
    if (this.#inFlight === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  #begin(name: string, origin: Origin, delivery: Delivery): void {
    origin.inFlight++;
    this.#inFlight++;
    void this.#attempt(delivery).finally(() => this.#end(name, origin));
  }

  #end(name: string, origin: Origin): void {
    origin.inFlight--;
    this.#inFlight--;
    const next = this.#takeWaiting(origin);
    if (next !== null) this.#begin(name, origin, next);
    else if (origin.inFlight === 0) this.#origins.delete(name);
    if (this.#inFlight === 0) this.#onIdle?.();
  }

  #takeWaiting(origin: Origin): Delivery | null {
    for (let next = origin.waiting[origin.next]; next !== undefined; ) {
      origin.next++;
      this.#countWaiting(next, -1);
      if (origin.next === origin.waiting.length || origin.next >= PASSED_MAX) {
        origin.waiting = origin.waiting.slice(origin.next);
        origin.next = 0;
      }
      if (this.#options.isWanted(next)) return next;
      next = origin.waiting[origin.next];
    }
    return null;
  }

  #countWaiting({ run }: Delivery, change: 1 | -1): void {
    const count = (this.#waitingOfRuns.get(run.key) ?? 0) + change;
    if (count === 0) this.#waitingOfRuns.delete(run.key);
    else this.#waitingOfRuns.set(run.key, count);
  }

  async #attempt(delivery: Delivery): Promise<void> {
    const { host, onEnd } = this.#options;
    const { message } = delivery;
    let command: EndDelivery | null;
    this.#preparing.add(delivery);
    try {
      command = await this.#send(delivery);
    } catch (cause) {
      this.#preparing.delete(delivery);
      // A fault of ours (an unreadable store) must not burn the app's retries.
      host.log("error", "delivery_not_sent", { messageKey: message.key, cause: String(cause) });
      this.#options.onUnsent(message.key);
      return;
    }
    if (command !== null) onEnd(command);
  }

  /** Null when the run has ended before the request was made. */
  async #send(delivery: Delivery): Promise<EndDelivery | null> {
    const { host, keys, limits } = this.#options;
    const { message } = delivery;
    const body = await this.#body(delivery);
    if (!this.#preparing.delete(delivery)) return null;
    const requestHeaders = deliveryHeaders(delivery);
    const startedAt = host.now();
    const signed = { url: message.url, body, now: startedAt };
    requestHeaders[HEADER.signature] = signDelivery(signed, keys().current, (count) =>
      host.randomBytes(count),
    );
    const outcome = await host.fetch({
      url: message.url,
      method: delivery.own.method ?? "POST",
      headers: requestHeaders,
      body,
      timeoutMs: delivery.timeoutMs,
      responseBytesMax: limits.responseBytesMax,
    });
    return {
      type: "endDelivery",
      messageKey: message.key,
      leaseToken: message.leaseToken,
      startedAt,
      endedAt: host.now(),
      requestHeaders,
      outcome,
    };
  }

  async #body({ message, run, config, own }: Delivery): Promise<Uint8Array | string> {
    if (message.stepPosition === null) return message.body ?? "";
    const list = await this.#options.history.listUntil(run.key, message.stepPosition);
    const isFetching =
      config.featureSet.includes("LazyFetch") && HEADER.workflowSdkVersion in own.forward;
    return isFetching && list.length > this.#options.limits.inlineCharsMax ? "" : list;
  }
}

/** The scheme and authority of a URL; cheap, because it runs for every attempt. */
function originOf(url: string): string {
  const end = url.indexOf("/", url.indexOf("://") + 3);
  return end === -1 ? url : url.slice(0, end);
}
