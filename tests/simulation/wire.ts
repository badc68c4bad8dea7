import type { ConnectedSocket } from "@reprise/server";
import type { EventList } from "./event-list.ts";
import type { Random } from "./random.ts";

/** What a wire carries in one direction: a text, or the news that the other end has closed. */
type Item =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "close"; readonly code: number; readonly reason: string };

export interface WireEnd {
  readonly hear: (text: string) => void;
  readonly closed: (code: number, reason: string) => void;
  /** A process that has died hears nothing. */
  readonly isAlive: () => boolean;
}

export interface WireParts {
  readonly events: EventList;
  readonly random: Random;
  readonly name: string;
  readonly latency: () => number;
}

const PULSES: ReadonlySet<string> = new Set(['{"ping":1}', '{"pong":1}']);

/** One direction: what goes in comes out in order, and nothing comes behind a close. */
export class Lane {
  readonly #parts: WireParts;
  readonly #end: WireEnd;
  readonly #items: Item[] = [];
  #lastAt = 0;
  #isOver = false;

  constructor(parts: WireParts, end: WireEnd) {
    this.#parts = parts;
    this.#end = end;
  }

  /** Whether its end knows that the connection is over, or is gone itself. */
  get isOver(): boolean {
    return this.#isOver || !this.#end.isAlive();
  }

  /** Whether its end will know. */
  get isEnding(): boolean {
    return this.isOver || this.#items.some(({ type }) => type === "close");
  }

  put(item: Item): void {
    if (this.isEnding) return;
    const { events, name, latency } = this.#parts;
    this.#lastAt = Math.max(this.#lastAt, events.now + latency());
    this.#items.push(item);
    const take = () => this.#takeNext();
    const isPulse = item.type === "text" && PULSES.has(item.text);
    if (isPulse) events.atBackground(this.#lastAt, `${name} pulse`, take);
    else events.at(this.#lastAt, `${name} ${item.type}`, take);
  }

  /** What is on its way never arrives. */
  lose(): void {
    this.#items.length = 0;
  }

  finish(): void {
    this.#isOver = true;
    this.lose();
  }

  #takeNext(): void {
    const item = this.#items.shift();
    if (item === undefined || this.isOver) return;
    if (item.type === "text") this.#end.hear(item.text);
    else {
      this.finish();
      this.#end.closed(item.code, item.reason);
    }
  }
}

/** Close code of a connection that ended without a word. */
const ABNORMAL = 1006;

/** What can go wrong when something is sent. */
export interface WireFaults {
  readonly isCut: () => boolean;
  readonly isSilenced: () => boolean;
}

/** A connection between a process of an app and one of the server: in order, and lost at any moment, in both directions or in one. */
export class Wire {
  readonly #parts: WireParts;
  readonly #faults: WireFaults;
  readonly up: Lane;
  readonly down: Lane;
  /** Everything that is sent vanishes, and nobody is told. */
  #isSilent = false;

  constructor(
    parts: WireParts,
    faults: WireFaults,
    ends: { readonly app: WireEnd; readonly server: WireEnd },
  ) {
    this.#parts = parts;
    this.#faults = faults;
    this.up = new Lane(parts, ends.server);
    this.down = new Lane(parts, ends.app);
  }

  get isOver(): boolean {
    return this.up.isOver && this.down.isOver;
  }

  /** Whether an end waits for something that only its patience will tell it. */
  get isSick(): boolean {
    return (this.#isSilent || this.up.isOver !== this.down.isOver) && !this.isOver;
  }

  /** Whether both ends would hear each other now. */
  get isWell(): boolean {
    return !this.#isSilent && !this.up.isEnding && !this.down.isEnding;
  }

  send(lane: Lane, text: string): void {
    if (this.#isSilent || lane.isEnding) return;
    if (this.#faults.isCut()) this.cut();
    else if (this.#faults.isSilenced()) this.silence();
    else lane.put({ type: "text", text });
  }

  /** One end says goodbye: it hears nothing more. */
  close(
    from: Lane,
    to: Lane,
    { code, reason }: { readonly code: number; readonly reason: string },
  ) {
    from.finish();
    if (!this.#isSilent) to.put({ type: "close", code, reason });
  }

  /** The connection breaks: what is on its way may still arrive, and an end may never be told. */
  cut(): void {
    const { random } = this.#parts;
    for (const lane of [this.up, this.down]) {
      if (random.chance(0.5)) lane.lose();
      if (random.chance(0.85)) lane.put({ type: "close", code: ABNORMAL, reason: "" });
    }
    this.#isSilent = true;
  }

  silence(): void {
    this.#isSilent = true;
    if (this.#parts.random.chance(0.5)) this.up.lose();
    if (this.#parts.random.chance(0.5)) this.down.lose();
  }
}

/** The server's end, as its connections see it. */
export function serverSocket(
  wire: () => Wire,
  { events }: Pick<WireParts, "events">,
  listeners: ServerListeners,
): ConnectedSocket {
  return {
    send: (text) => {
      const said = typeof text === "string" ? text : Buffer.from(text).toString("utf8");
      wire().send(wire().down, said);
    },
    onText: (listener) => {
      listeners.onText = (text) => listener(Buffer.from(text));
    },
    onSign: (listener) => {
      listeners.onSign = listener;
    },
    // Nothing is ever buffered here, and nobody reads too slowly.
    onDrain: () => {},
    onClose: (listener) => {
      listeners.onClose = listener;
    },
    ping: () => {
      if (wire().isWell) events.inBackground(1, "sign of life", () => listeners.onSign());
    },
    pause: () => {},
    resume: () => {},
    close: (code, reason) => wire().close(wire().up, wire().down, { code, reason }),
    cut: () => {
      wire().close(wire().up, wire().down, { code: ABNORMAL, reason: "" });
      events.in(0, "socket is cut", () => listeners.onClose());
    },
    bufferedAmount: 0,
  };
}

export interface ServerListeners {
  onText: (text: string) => void;
  onSign: () => void;
  onClose: () => void;
}
