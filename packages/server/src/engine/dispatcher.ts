import { HEADER } from "@reprise/protocol";
import { assert } from "../core/assert.ts";
import type { EndDelivery } from "../core/commands.ts";
import { type DeliverySource, deliveryHeaders } from "../core/delivery.ts";
import { parseEnvelope } from "../core/envelope.ts";
import { originOf } from "../core/gates.ts";
import { plainDeliveryHeaders } from "../core/plain-delivery.ts";
import type { EnvelopeRow, MessageRow } from "../core/rows.ts";
import type { Host } from "../host/host.ts";
import type { Reader } from "../store/store.ts";
import type { History } from "./history.ts";
import { type SigningKeys, signDelivery } from "./signer.ts";

/** One attempt that has been committed as `active`. */
export type Delivery = RunDelivery | PlainDelivery;

export interface RunDelivery extends DeliverySource {
  readonly kind: "run";
  readonly timeoutMs: number;
}

export interface PlainDelivery {
  readonly kind: "plain";
  readonly message: MessageRow;
  /** Null when it has to be read first: messages that wait for their turn leave their bodies on disk. */
  readonly envelope: EnvelopeRow | null;
}

export interface DispatcherOptions {
  readonly host: Host;
  readonly history: History;
  readonly store: Pick<Reader, "get">;
  readonly keys: () => SigningKeys;
  readonly limits: DispatcherLimits;
  /** Asked when a delivery that had to wait comes to its turn: its message may have been taken away meanwhile. */
  readonly isWanted: (delivery: Delivery) => boolean;
  /** Takes the outcome of every attempt. */
  readonly onEnd: (command: EndDelivery) => void;
  /** An attempt could not be made for a reason of our own. */
  readonly onUnsent: (messageKey: number) => void;
  /** An origin whose line was full has room again. */
  readonly onRoom: (origin: string) => void;
}

export interface DispatcherLimits {
  /** Attempts in flight to one origin; more of them wait. More connections only make the receiver slower. */
  readonly perOriginMax: number;
  /** Lists longer than this go out empty; the SDK fetches them. */
  readonly inlineCharsMax: number;
  readonly responseBytesMax: number;
  /** Deliveries to one origin that wait in memory; with more, messages wait in the store. */
  readonly perOriginWaitingMax: number;
  /** Limit of one attempt for messages that set none, and for all others. */
  readonly attemptTimeoutMs: number;
}

interface Origin {
  /** True from the moment that its line was found full until there is room again. */
  isFull: boolean;
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
    const origin = this.#origins.get(name) ?? newOrigin();
    this.#origins.set(name, origin);
    if (origin.inFlight >= this.#options.limits.perOriginMax) {
      origin.waiting.push(delivery.kind === "plain" ? { ...delivery, envelope: null } : delivery);
      this.#countWaiting(delivery, 1);
      return;
    }
    this.#begin(name, origin, delivery);
  }

  /** Attempts in flight, and those that wait in memory. */
  get inFlightCount(): number {
    return this.#inFlight;
  }

  /** Whether messages for this origin have to wait in the store; when they need not any more, `onRoom` tells. */
  isFull(name: string): boolean {
    const origin = this.#origins.get(name);
    if (origin === undefined) return false;
    const count = origin.waiting.length - origin.next;
    if (count >= this.#options.limits.perOriginWaitingMax) origin.isFull = true;
    return origin.isFull;
  }

  /** Takes deliveries that have not begun back and returns their messages' keys. */
  recall(isWanted: (message: MessageRow) => boolean): readonly number[] {
    return this.#take((delivery) => isWanted(delivery.message));
  }

  /** Takes deliveries of an ended run out of the line and returns their messages' keys. */
  drop(runKey: number): readonly number[] {
    const isOfRun = (delivery: Delivery) =>
      delivery.kind === "run" &&
      delivery.run.key === runKey &&
      delivery.message.kind !== "failureCall";
    if (this.#waitingOfRuns.has(runKey)) return this.#take(isOfRun);
    return this.#takePreparing(isOfRun);
  }

  #take(isMeant: (delivery: Delivery) => boolean): readonly number[] {
    const taken = this.#takePreparing(isMeant);
    for (const origin of this.#origins.values()) {
      const kept: Delivery[] = [];
      for (const delivery of origin.waiting.slice(origin.next)) {
        if (!isMeant(delivery)) {
          kept.push(delivery);
          continue;
        }
        taken.push(delivery.message.key);
        this.#countWaiting(delivery, -1);
      }
      origin.waiting = kept;
      origin.next = 0;
    }
    return taken;
  }

  #takePreparing(isMeant: (delivery: Delivery) => boolean): number[] {
    const taken: number[] = [];
    for (const delivery of this.#preparing) {
      if (!isMeant(delivery)) continue;
      this.#preparing.delete(delivery);
      taken.push(delivery.message.key);
    }
    return taken;
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
    this.#tellRoom(name, origin);
    if (this.#inFlight === 0) this.#onIdle?.();
  }

  /** At half of the limit, so that a line that is drained is filled again before it is empty. */
  #tellRoom(name: string, origin: Origin): void {
    const { limits, onRoom } = this.#options;
    const count = origin.waiting.length - origin.next;
    if (!origin.isFull || count > limits.perOriginWaitingMax / 2) return;
    origin.isFull = false;
    onRoom(name);
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

  #countWaiting(delivery: Delivery, change: 1 | -1): void {
    if (delivery.kind === "plain") return;
    const { run } = delivery;
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

  /** Null when the message was taken away before the request was made. */
  async #send(delivery: Delivery): Promise<EndDelivery | null> {
    const { host, keys, limits } = this.#options;
    const { message } = delivery;
    const draft =
      delivery.kind === "run" ? await this.#draftRun(delivery) : await this.#draft(delivery);
    if (!this.#preparing.delete(delivery)) return null;
    const { headers, body } = draft;
    const startedAt = host.now();
    const signed = { url: message.url, body, now: startedAt };
    headers[HEADER.signature] = signDelivery(signed, keys().current, (count) =>
      host.randomBytes(count),
    );
    const outcome = await host.fetch({
      url: message.url,
      method: draft.method,
      headers,
      body,
      timeoutMs: draft.timeoutMs,
      responseBytesMax: limits.responseBytesMax,
    });
    return {
      type: "endDelivery",
      messageKey: message.key,
      leaseToken: message.leaseToken,
      startedAt,
      endedAt: host.now(),
      requestHeaders: headers,
      outcome,
    };
  }

  async #draftRun(delivery: RunDelivery): Promise<Draft> {
    return {
      method: delivery.own.method ?? "POST",
      headers: deliveryHeaders(delivery),
      body: await this.#body(delivery),
      timeoutMs: delivery.timeoutMs,
    };
  }

  async #draft({ message, envelope }: PlainDelivery): Promise<Draft> {
    const { store, limits } = this.#options;
    const row = envelope ?? (await store.get("envelopes", [message.key]))[0];
    assert(row !== undefined, `message ${message.key} has an envelope`);
    const config = parseEnvelope(row.config);
    return {
      method: config.method,
      headers: plainDeliveryHeaders(message, config),
      body: row.body,
      timeoutMs: config.timeoutMs ?? limits.attemptTimeoutMs,
    };
  }

  async #body({ message, run, config, own }: RunDelivery): Promise<Uint8Array | string> {
    if (message.stepPosition === null) return message.body ?? "";
    const list = await this.#options.history.listUntil(run.key, message.stepPosition);
    const isFetching =
      config.featureSet.includes("LazyFetch") && HEADER.workflowSdkVersion in own.forward;
    return isFetching && list.length > this.#options.limits.inlineCharsMax ? "" : list;
  }
}

interface Draft {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array | string;
  readonly timeoutMs: number;
}

function newOrigin(): Origin {
  return { isFull: false, inFlight: 0, waiting: [], next: 0 };
}
