import { connectedApp, connectedOrigin } from "../core/connected-name.ts";
import type { ConnectedApps } from "./connected-apps.ts";
import type { Delivery } from "./dispatcher.ts";

/** Deliveries that wait in memory, by origin, and the count of those that have begun. */

export interface OriginLinesOptions {
  readonly limits: OriginLimits;
  readonly connected: ConnectedApps;
  /** Asked when a delivery that had to wait comes to its turn. */
  readonly isWanted: (delivery: Delivery) => boolean;
  /** An origin whose line was full has room again. */
  readonly onRoom: (origin: string) => void;
}

export interface OriginLimits {
  /** Attempts in flight to one origin; more of them wait. More connections only make the receiver slower. */
  readonly perOriginMax: number;
  /** Deliveries to one origin that wait in memory; with more, messages wait in the store. */
  readonly perOriginWaitingMax: number;
  /** Attempts in flight to all origins together. */
  readonly parallelismMax: number;
}

interface Origin {
  /** The app whose connections are the line's end; null for an origin that is dialled. */
  readonly app: string | null;
  /** True from the moment that its line was found full until there is room again. */
  isFull: boolean;
  inFlight: number;
  /** Null is what has left the line. */
  waiting: (Delivery | null)[];
  /** Index of the next one in `waiting`: taking from the front of an array would copy it. */
  next: number;
}

/** Deliveries that have left a line stay in its array until so many of them are worth a copy of the rest. */
const PASSED_MAX = 1_024;

/** Envelopes that wait in memory with their deliveries, in bytes; what has no room is read again when its turn comes. */
const HELD_BYTES_MAX = 16 * 1024 * 1024;

export class OriginLines {
  readonly #options: OriginLinesOptions;
  readonly #origins = new Map<string, Origin>();
  /** Origins that only wait for a place among all, in turn: however long the line of one is, the next place is another's. */
  readonly #ready = new Set<string>();
  /** Run key -> its deliveries that wait, so that the end of a run that has none costs nothing. */
  readonly #waitingOfRuns = new Map<number, number>();
  #inFlight = 0;
  /** Of envelopes that wait with their deliveries. */
  #heldBytes = 0;

  constructor(options: OriginLinesOptions) {
    this.#options = options;
  }

  get inFlightCount(): number {
    return this.#inFlight;
  }

  hasWaiting(runKey: number): boolean {
    return this.#waitingOfRuns.has(runKey);
  }

  /** True when the delivery may begin; else it waits until `next` gives it out. */
  enter(name: string, delivery: Delivery): boolean {
    const { parallelismMax } = this.#options.limits;
    const origin = this.#origins.get(name) ?? newOrigin(name);
    this.#origins.set(name, origin);
    if (origin.inFlight < this.#placesOf(origin) && this.#inFlight < parallelismMax) {
      this.#begin(origin);
      return true;
    }
    const waiting = this.#withinBytes(delivery);
    origin.waiting.push(waiting);
    this.#countWaiting(waiting, 1);
    this.#update(name, origin);
    return false;
  }

  /** A delivery to this origin has ended. */
  leave(name: string): void {
    const origin = this.#origins.get(name);
    if (origin === undefined) return;
    origin.inFlight--;
    this.#inFlight--;
    this.#update(name, origin);
  }

  /** A delivery that may begin now, or null. */
  next(): Delivery | null {
    for (const name of this.#ready) {
      if (this.#inFlight >= this.#options.limits.parallelismMax) return null;
      const origin = this.#origins.get(name);
      const delivery = origin === undefined ? null : this.#takeFirst(origin);
      // Behind the others.
      this.#ready.delete(name);
      if (origin === undefined) continue;
      if (delivery !== null) this.#begin(origin);
      this.#update(name, origin);
      if (delivery !== null) return delivery;
    }
    return null;
  }

  /** Whether messages for this origin have to wait in the store; when they need not any more, `onRoom` tells. */
  isFull(name: string): boolean {
    const app = connectedApp(name);
    if (app !== null && !this.#options.connected.isConnected(app)) return true;
    const origin = this.#origins.get(name);
    if (origin === undefined) return false;
    if (countOf(origin) >= this.#options.limits.perOriginWaitingMax) origin.isFull = true;
    return origin.isFull;
  }

  /**
   * The places of a connected app have changed; `hasOpened` when it had no connection before. Returns the deliveries of one that has no connection any more: they wait in the store,
   * because a lease would end meanwhile.
   */
  refresh(app: string, hasOpened: boolean): readonly Delivery[] {
    const name = connectedOrigin(app);
    const origin = this.#origins.get(name);
    if (!this.#options.connected.isConnected(app)) {
      return origin === undefined ? [] : this.#takeOf(name, origin, () => true);
    }
    if (origin !== undefined) this.#update(name, origin);
    if (hasOpened) this.#options.onRoom(name);
    return [];
  }

  /** Takes deliveries out of the lines. */
  take(isMeant: (delivery: Delivery) => boolean): readonly Delivery[] {
    const taken: Delivery[] = [];
    for (const [name, origin] of this.#origins) taken.push(...this.#takeOf(name, origin, isMeant));
    return taken;
  }

  #takeOf(
    name: string,
    origin: Origin,
    isMeant: (delivery: Delivery) => boolean,
  ): readonly Delivery[] {
    const taken: Delivery[] = [];
    const kept: Delivery[] = [];
    for (const delivery of origin.waiting.slice(origin.next)) {
      if (delivery === null) continue;
      if (!isMeant(delivery)) {
        kept.push(delivery);
        continue;
      }
      taken.push(delivery);
      this.#countWaiting(delivery, -1);
    }
    origin.waiting = kept;
    origin.next = 0;
    this.#update(name, origin);
    return taken;
  }

  /** Keys of the messages whose deliveries wait for this origin. */
  waitingKeys(name: string): ReadonlySet<number> {
    const origin = this.#origins.get(name);
    const waiting = origin?.waiting.slice(origin.next) ?? [];
    return new Set(waiting.flatMap((delivery) => delivery?.message.key ?? []));
  }

  clear(): void {
    for (const origin of this.#origins.values()) {
      origin.waiting = [];
      origin.next = 0;
    }
    this.#ready.clear();
    this.#waitingOfRuns.clear();
    this.#heldBytes = 0;
  }

  #placesOf({ app }: Origin): number {
    const { connected, limits } = this.#options;
    return app === null ? limits.perOriginMax : connected.placesOf(app);
  }

  #begin(origin: Origin): void {
    origin.inFlight++;
    this.#inFlight++;
  }

  /** Brings what is derived from an origin's line up to date. */
  #update(name: string, origin: Origin): void {
    const { limits, onRoom } = this.#options;
    const count = countOf(origin);
    if (count > 0 && origin.inFlight < this.#placesOf(origin)) this.#ready.add(name);
    else this.#ready.delete(name);
    // At half of the limit, so that a line that is drained is filled again before it is empty.
    const hasRoom = origin.isFull && count <= limits.perOriginWaitingMax / 2;
    if (hasRoom) origin.isFull = false;
    if (count === 0 && origin.inFlight === 0) this.#origins.delete(name);
    if (hasRoom) onRoom(name);
  }

  #takeFirst(origin: Origin): Delivery | null {
    for (let first = origin.waiting[origin.next]; first !== undefined && first !== null; ) {
      origin.waiting[origin.next] = null;
      origin.next++;
      this.#countWaiting(first, -1);
      if (origin.next === origin.waiting.length || origin.next >= PASSED_MAX) {
        origin.waiting = origin.waiting.slice(origin.next);
        origin.next = 0;
      }
      if (this.#options.isWanted(first)) return first;
      first = origin.waiting[origin.next];
    }
    return null;
  }

  /** A burst leaves its bodies on disk; what waits for a moment only is not read again. */
  #withinBytes(delivery: Delivery): Delivery {
    const isHeld = this.#heldBytes + bytesOf(delivery) <= HELD_BYTES_MAX;
    return isHeld || delivery.kind === "run" ? delivery : { ...delivery, envelope: null };
  }

  #countWaiting(delivery: Delivery, change: 1 | -1): void {
    this.#heldBytes += change * bytesOf(delivery);
    if (delivery.kind === "plain") return;
    const { run } = delivery;
    const count = (this.#waitingOfRuns.get(run.key) ?? 0) + change;
    if (count === 0) this.#waitingOfRuns.delete(run.key);
    else this.#waitingOfRuns.set(run.key, count);
  }
}

function bytesOf(delivery: Delivery): number {
  if (delivery.kind === "run" || delivery.envelope === null) return 0;
  return delivery.envelope.body.byteLength + delivery.envelope.config.length;
}

function countOf({ waiting, next }: Origin): number {
  return waiting.length - next;
}

function newOrigin(name: string): Origin {
  return { app: connectedApp(name), isFull: false, inFlight: 0, waiting: [], next: 0 };
}
