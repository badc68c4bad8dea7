import type { ConnectedSocket } from "@reprise/server";
import type { EventList } from "./event-list.ts";
import type { FastFault, Faults, TimedFastFault } from "./faults.ts";
import type { Marks } from "./marks.ts";
import type { Random } from "./random.ts";
import type { Trace } from "./trace.ts";
import { type ServerListeners, serverSocket, Wire } from "./wire.ts";

/** A process at either end of a connection. */
export interface Peer {
  readonly name: string;
  readonly isAlive: () => boolean;
}

export interface AppPeer extends Peer {
  readonly crash: () => void;
}

export interface ServerPeer extends Peer {
  readonly accept: (socket: ConnectedSocket, address: string) => void;
  /** Deliveries over connections that have not ended. */
  readonly deliveriesUnderWay: () => number;
}

export interface SocketNetParts {
  readonly events: EventList;
  readonly random: Random;
  readonly faults: Faults<FastFault, TimedFastFault>;
  readonly trace: Trace;
  readonly marks: Marks;
  /** The server that is up, or null. */
  readonly server: () => ServerPeer | null;
  /** Whether an app that submits dies before, or behind what it says. */
  readonly isDying: (when: "before" | "behind") => boolean;
}

interface OpenWire {
  readonly wire: Wire;
  readonly app: AppPeer;
  readonly server: ServerPeer;
  readonly socket: AppSocket;
  readonly listeners: ServerListeners;
}

const LATENCY_MS_MAX = 20;
const SLOW_MS_MAX = 20_000;
const ABNORMAL = 1006;

/** The connections that apps open to the server, in memory. */
export class SocketNet {
  readonly #parts: SocketNetParts;
  readonly #wires = new Set<OpenWire>();
  #count = 0;

  constructor(parts: SocketNetParts) {
    this.#parts = parts;
    parts.events.keepBackground({ isIdle: () => this.#isIdle(), skipped: () => this.#skipped() });
  }

  /** The `WebSocket` of one process. */
  socketsOf(app: AppPeer): new (url: string) => AppSocket {
    const net = this;
    return class extends AppSocket {
      constructor(_url: string) {
        super();
        net.#open(this, app);
      }
    };
  }

  /** Cuts one of the connections that are open. */
  cutByChance(): void {
    const open = [...this.#wires].filter(({ wire }) => wire.isWell);
    if (open.length === 0) return;
    const { wire } = this.#parts.random.pick(open);
    this.#parts.marks.hit("socket cut at an instant");
    if (this.#parts.random.chance(0.7)) wire.cut();
    else wire.silence();
  }

  /** A process has died: the other ends of its connections hear it, but for some. */
  died(name: string): void {
    for (const { wire, app, server } of this.#wires) {
      if (app.name !== name && server.name !== name) continue;
      if (this.#parts.random.chance(0.85)) wire.cut();
      else wire.silence();
    }
  }

  #open(socket: AppSocket, app: AppPeer): void {
    const { events, trace, random } = this.#parts;
    this.#count += 1;
    const name = `socket-${this.#count} of ${app.name}`;
    trace.add(events.now, `${name} opens`);
    const latencyMs = random.integer(0, LATENCY_MS_MAX);
    events.in(latencyMs, `${name} arrives`, () => {
      const server = this.#parts.server();
      const isLost = this.#parts.faults.strikes("socketRefused");
      if (!app.isAlive() || socket.readyState !== OPENING) return;
      if (server === null || isLost) {
        events.in(latencyMs, `${name} is refused`, () => socket.end(ABNORMAL, ""));
      } else this.#accept(socket, app, { name, server });
    });
  }

  #accept(
    socket: AppSocket,
    app: AppPeer,
    { name, server }: { readonly name: string; readonly server: ServerPeer },
  ): void {
    const { events, trace, random, faults } = this.#parts;
    const listeners: ServerListeners = { onText: () => {}, onSign: () => {}, onClose: () => {} };
    const wire = new Wire(
      { events, random, name, latency: () => this.#latency() },
      {
        isCut: () => faults.strikes("socketCut"),
        isSilenced: () => faults.strikes("socketSilent"),
      },
      {
        app: {
          hear: (text) => {
            trace.add(events.now, `${name} <`, text);
            socket.hear(text);
          },
          closed: (code, reason) => this.#closed(socket, { code, reason }),
          isAlive: () => app.isAlive(),
        },
        server: {
          hear: (text) => {
            trace.add(events.now, `${name} >`, text);
            listeners.onText(text);
            if (isSubmitting(text) && this.#parts.isDying("behind")) app.crash();
          },
          closed: () => {
            listeners.onClose();
            this.#sweep();
          },
          isAlive: () => server.isAlive(),
        },
      },
    );
    const open: OpenWire = { wire, app, server, socket, listeners };
    this.#wires.add(open);
    this.#sweep();
    server.accept(
      serverSocket(() => wire, { events }, listeners),
      app.name,
    );
    events.in(this.#latency(), `${name} is open`, () => {
      if (!app.isAlive() || socket.readyState !== OPENING) return;
      socket.begin({
        send: (text) => this.#send(open, text),
        close: (code, reason) => wire.close(wire.down, wire.up, { code, reason }),
      });
    });
  }

  #send({ wire, app }: OpenWire, text: string): void {
    if (!app.isAlive()) return;
    if (isSubmitting(text) && this.#parts.isDying("before")) {
      app.crash();
      return;
    }
    wire.send(wire.up, text);
  }

  #closed(socket: AppSocket, end: { readonly code: number; readonly reason: string }): void {
    socket.end(end.code, end.reason);
    this.#sweep();
  }

  #sweep(): void {
    for (const open of this.#wires) if (open.wire.isOver) this.#wires.delete(open);
  }

  #latency(): number {
    const { faults, random } = this.#parts;
    return random.integer(0, faults.strikes("socketSlow") ? SLOW_MS_MAX : LATENCY_MS_MAX);
  }

  #isIdle(): boolean {
    this.#sweep();
    if ((this.#parts.server()?.deliveriesUnderWay() ?? 0) > 0) return false;
    return [...this.#wires].every(({ wire }) => !wire.isSick);
  }

  #skipped(): void {
    for (const { wire, socket, listeners } of this.#wires) {
      if (!wire.isWell) continue;
      socket.hear('{"pong":1}');
      listeners.onSign();
    }
  }
}

function isSubmitting(text: string): boolean {
  return text.startsWith('{"submit"') || text.startsWith('{"end"');
}

const OPENING = 0;
const OPEN = 1;
const CLOSED = 3;

interface Underneath {
  readonly send: (text: string) => void;
  readonly close: (code: number, reason: string) => void;
}

type Listener = (event: never) => void;

/** The end of an app, in the shape of a `WebSocket`. */
export class AppSocket {
  readonly #listeners = new Map<string, Listener[]>();
  #readyState = OPENING;
  #underneath: Underneath | null = null;

  get readyState(): number {
    return this.#readyState;
  }

  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  send(text: string): void {
    this.#underneath?.send(text);
  }

  close(code = 1000, reason = ""): void {
    this.#readyState = CLOSED;
    this.#underneath?.close(code, reason);
    this.#underneath = null;
  }

  begin(underneath: Underneath): void {
    this.#underneath = underneath;
    this.#readyState = OPEN;
    this.#tell("open", {});
  }

  hear(text: string): void {
    if (this.#readyState === OPEN) this.#tell("message", { data: text });
  }

  end(code: number, reason: string): void {
    if (this.#readyState === CLOSED) return;
    this.#readyState = CLOSED;
    this.#underneath = null;
    this.#tell("close", { code, reason });
  }

  #tell(type: string, event: object): void {
    // Each listener takes the events of its own type.
    for (const listener of this.#listeners.get(type) ?? []) listener(event as never);
  }
}
