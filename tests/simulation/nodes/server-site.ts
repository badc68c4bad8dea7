import type { Store } from "@reprise/server";
import { type Fault, type StoreCall, withFaults } from "../../faults/faulty-store.ts";
import type { EventList } from "../event-list.ts";
import type { Marks } from "../marks.ts";
import type { Random } from "../random.ts";
import { type ServerParts, ServerProcess } from "../server-process.ts";
import type { Trace } from "../trace.ts";

const DOWN_MS_MAX = 8_000;
const STORE_MS_MAX = 3;
const DRAIN_MS = 5_000;
const UP_MS_MIN = 1_000;
const SHARED_YIELDS = 0.15;
const SKEW_MS_MAX = 120_000;
/** Behind these a process acts on what it has heard. */
const TURNING_POINTS: ReadonlySet<string> = new Set([
  "committed",
  "get messages done",
  "get envelopes done",
  "write done",
]);

/** What goes wrong with a server in every kind of world. */
export type ServerFault =
  | "serverCrashAtStore"
  | "storeCallFails"
  | "storeAnswerLost"
  | "storeYields";

export interface ServerFaults {
  readonly isCalm: boolean;
  readonly isOn: boolean;
  strikes(kind: ServerFault): boolean;
}

/** What witnesses hear of a server. */
export type ServerFact =
  | { readonly kind: "serverCrash"; readonly generation: number }
  | { readonly kind: "storeFault" }
  | { readonly kind: "log"; readonly event: string; readonly detail: string };

export interface SiteParts extends Pick<ServerParts, "network" | "sight" | "limits"> {
  readonly events: EventList;
  readonly trace: Trace;
  readonly marks: Marks;
  readonly faults: ServerFaults;
  readonly tell: (fact: ServerFact) => void;
  /** All connections of a process end. */
  readonly cut: (generation: number) => void;
  readonly nextGeneration: () => number;
}

/** What each of several places has of its own. */
export interface SiteOwn {
  readonly store: Store;
  readonly random: Random;
  /** What the processes themselves draw from. */
  readonly processRandom: Random;
}

/** The place where a server runs: its disk outlives its processes, which come and go. */
export class ServerSite {
  readonly #parts: SiteParts;
  readonly #isShared: boolean;
  readonly #store: Store;
  readonly #random: Random;
  readonly #processRandom: Random;
  #server: ServerProcess | null = null;
  /** How far the clock of its machine is ahead. */
  #skewMs = 0;
  #startedAt = 0;
  #freezeNextMs: number | null = null;
  #isStopping = false;

  constructor(parts: SiteParts, { store, random, processRandom }: SiteOwn) {
    this.#parts = parts;
    this.#random = random;
    this.#processRandom = processRandom;
    this.#isShared = store.isShared;
    this.#store = withFaults(store, (call) => this.#storeFault(call));
    if (store.isShared) this.#skewMs = random.integer(-SKEW_MS_MAX, SKEW_MS_MAX);
  }

  get server(): ServerProcess | null {
    return this.#server;
  }

  start(): void {
    if (this.#server !== null) return;
    const { events, trace, network, sight, limits, nextGeneration } = this.#parts;
    const generation = nextGeneration();
    trace.add(events.now, `server-${generation} starts`);
    this.#server = new ServerProcess({
      generation,
      events,
      store: this.#store,
      network,
      sight,
      random: this.#processRandom,
      limits,
      skewMs: this.#skewMs,
      storePoint: (label) => this.#passStorePoint(label),
      log: (event, detail) => this.#hear(generation, event, detail),
      die: () => this.crash(),
    });
    this.#startedAt = events.now;
    this.#server.start();
  }

  /** Ends the process in the middle of whatever it does. */
  crash(): void {
    this.#end("dies");
  }

  /** Asks the process to end, as a new release does. */
  stop(): void {
    const server = this.#server;
    if (server === null || this.#isStopping || !server.isListening) return;
    const { events, trace } = this.#parts;
    trace.add(events.now, `server-${server.generation} is asked to stop`);
    this.#isStopping = true;
    void server.stop(DRAIN_MS).then(async () => {
      // Whoever was refused hears of it.
      await events.wait(1, "server is about to end");
      if (this.#server === server) this.#end("has stopped");
    });
  }

  /** As {@link stop}; nobody hears any more of what it has answered last. */
  drain(): void {
    const server = this.#server;
    if (server === null || this.#isStopping || !server.isListening) return;
    const { events, trace, marks } = this.#parts;
    // One that has not taken over yet leaves that to the next.
    if (events.now - this.#startedAt < UP_MS_MIN) return;
    trace.add(events.now, `server-${server.generation} drains`);
    marks.hit("server drain");
    this.#isStopping = true;
    void server.stop(DRAIN_MS).then(() => {
      if (this.#server === server) this.#end("dies");
    });
  }

  /** As {@link freeze}, right behind the next answer of the store: what the process knows then is old when it goes on. */
  freezeBehindStore(forMs: number): void {
    this.#freezeNextMs = forMs;
  }

  /** Stops the process as a signal does, and lets it go on. */
  freeze(forMs: number): void {
    const server = this.#server;
    if (server === null) return;
    const { events, trace, marks } = this.#parts;
    trace.add(events.now, `server-${server.generation} is frozen for ${forMs} ms`);
    marks.hit("node frozen");
    server.freeze();
    events.in(forMs, `server-${server.generation} goes on`, () => server.thaw());
  }

  /** Somebody sets the clock of the machine. */
  setClock(): void {
    this.#skewMs = this.#random.integer(-SKEW_MS_MAX, SKEW_MS_MAX);
    const { events, trace, marks } = this.#parts;
    trace.add(events.now, `server-${this.#server?.generation} is ${this.#skewMs} ms ahead now`);
    marks.hit("clock of a node set");
    this.#server?.setClock(this.#skewMs);
  }

  /** Another process starts a little later. */
  #end(how: "dies" | "has stopped"): void {
    const server = this.#server;
    if (server === null) return;
    const { events, trace, marks, cut, tell } = this.#parts;
    trace.add(events.now, `server-${server.generation} ${how}`);
    marks.hit(how === "dies" ? "server crash" : "server stop");
    this.#server = null;
    this.#isStopping = false;
    server.kill();
    cut(server.generation);
    tell({ kind: "serverCrash", generation: server.generation });
    const downMs = this.#random.integer(0, DOWN_MS_MAX);
    events.in(downMs, "server starts again", () => this.start());
  }

  /** What the server logs as an error is one of the store's, which are made here; everything else is a fault of its own. */
  #hear(generation: number, event: string, detail: string): void {
    const { events, trace, tell } = this.#parts;
    trace.add(events.now, `server-${generation} logs ${event}`, detail);
    tell({ kind: "log", event, detail });
  }

  #storeFault({ method }: StoreCall): Fault {
    const { faults, trace, events, tell } = this.#parts;
    const fault =
      method === "commit" && faults.strikes("storeAnswerLost")
        ? "after"
        : faults.strikes("storeCallFails")
          ? "before"
          : null;
    if (fault !== null) {
      trace.add(events.now, `store fails ${fault} ${method}`);
      tell({ kind: "storeFault" });
    }
    return fault;
  }

  #passStorePoint(label: string): Promise<void> | null {
    const { faults, events } = this.#parts;
    if (faults.strikes("serverCrashAtStore")) {
      this.crash();
      return null;
    }
    if (this.#freezeNextMs !== null && TURNING_POINTS.has(label)) {
      this.freeze(this.#freezeNextMs);
      this.#freezeNextMs = null;
    }
    // What several servers do comes in any order, also where nothing goes wrong.
    const isShared = this.#isShared && this.#random.chance(SHARED_YIELDS);
    if (!faults.strikes("storeYields") && !isShared) return null;
    return events.wait(this.#random.integer(0, STORE_MS_MAX), `store: ${label}`);
  }
}
