import type { Store } from "@reprise/server";
import { type Fault, type StoreCall, withFaults } from "../../faults/faulty-store.ts";
import type { EventList } from "../event-list.ts";
import type { Faults } from "../faults.ts";
import type { Marks } from "../marks.ts";
import { type Mirror, withWitness } from "../mirror.ts";
import { createRandom, type Random } from "../random.ts";
import { ServerProcess } from "../server-process.ts";
import type { Trace } from "../trace.ts";
import type { Fact } from "./facts.ts";
import type { MessageFault, TimedMessageFault } from "./fault-plan.ts";
import type { Wire } from "./wire.ts";

const DOWN_MS_MAX = 8_000;
const STORE_MS_MAX = 3;
const DRAIN_MS = 5_000;
const SHARED_YIELDS = 0.15;
const SKEW_MS_MAX = 120_000;
/** More than one place ever has. */
const GENERATIONS_MAX = 1_000;

export interface SiteParts {
  readonly seed: number;
  readonly store: Store;
  readonly events: EventList;
  readonly trace: Trace;
  readonly marks: Marks;
  readonly faults: Faults<MessageFault, TimedMessageFault>;
  readonly mirror: Mirror;
  readonly wire: Wire;
  readonly limits: Readonly<Record<string, number>>;
  readonly tell: (fact: Fact) => void;
  /** Its place among several, from 0. */
  readonly slot?: number;
}

/** The place where the server runs: its disk outlives its processes, which come and go. */
export class ServerSite {
  readonly #parts: SiteParts;
  readonly #store: Store;
  readonly #random: Random;
  readonly #processRandom: Random;
  #server: ServerProcess | null = null;
  #generation: number;
  /** How far the clock of its machine is ahead. */
  #skewMs = 0;
  #isStopping = false;

  constructor(parts: SiteParts) {
    this.#parts = parts;
    const { slot = 0 } = parts;
    const stream = slot === 0 ? "" : ` ${slot}`;
    this.#random = createRandom(parts.seed, `processes${stream}`);
    this.#processRandom = createRandom(parts.seed, `server${stream}`);
    this.#generation = slot * GENERATIONS_MAX;
    this.#store = this.#witnessedStore(parts.store);
    if (parts.store.isShared) this.#skewMs = this.#random.integer(-SKEW_MS_MAX, SKEW_MS_MAX);
  }

  get server(): ServerProcess | null {
    return this.#server;
  }

  start(): void {
    if (this.#server !== null) return;
    const { events, trace, wire, limits } = this.#parts;
    this.#generation += 1;
    const generation = this.#generation;
    trace.add(events.now, `server-${generation} starts`);
    this.#server = new ServerProcess({
      generation,
      events,
      store: this.#store,
      network: wire,
      sight: null,
      random: this.#processRandom,
      limits,
      skewMs: this.#skewMs,
      storePoint: (label) => this.#passStorePoint(label),
      log: (event, detail) => this.#hear(event, detail),
      die: () => this.crash(),
    });
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

  /** Another process starts a little later. */
  #end(how: "dies" | "has stopped"): void {
    const server = this.#server;
    if (server === null) return;
    const { events, trace, marks, wire, tell } = this.#parts;
    trace.add(events.now, `server-${server.generation} ${how}`);
    marks.hit(how === "dies" ? "server crash" : "server stop");
    this.#server = null;
    this.#isStopping = false;
    server.kill();
    wire.cut(server.generation);
    tell({ kind: "serverCrash" });
    const downMs = this.#random.integer(0, DOWN_MS_MAX);
    events.in(downMs, "server starts again", () => this.start());
  }

  /** What the server logs as an error is one of the store's, which are made here; everything else is a fault of its own. */
  #hear(event: string, detail: string): void {
    const { events, trace, tell } = this.#parts;
    trace.add(events.now, `server-${this.#generation} logs ${event}`, detail);
    tell({ kind: "log", event, detail });
  }

  #witnessedStore(store: Store): Store {
    const { mirror, trace, events, tell } = this.#parts;
    // Several servers have one witness, who sees their commits in order.
    if (store.isShared) return withFaults(store, (call) => this.#storeFault(call));
    const witnessed = withWitness(store, (changes) => {
      const commit = mirror.apply(changes);
      const detail = commit.changes.map(({ table, before, after }) => {
        return `${after === null ? "-" : before === null ? "+" : "*"}${table}`;
      });
      trace.add(events.now, `commit ${commit.seq}`, detail.join(" "));
      tell({ kind: "commit", commit });
    });
    return withFaults(witnessed, (call) => this.#storeFault(call));
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
    const { faults, events, store } = this.#parts;
    if (faults.strikes("serverCrashAtStore")) {
      this.crash();
      return null;
    }
    // What several servers do comes in any order, also where nothing goes wrong.
    const isShared = store.isShared && this.#random.chance(SHARED_YIELDS);
    if (!faults.strikes("storeYields") && !isShared) return null;
    return events.wait(this.#random.integer(0, STORE_MS_MAX), `store: ${label}`);
  }
}
