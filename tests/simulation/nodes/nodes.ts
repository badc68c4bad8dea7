import { type Change, type Store, withLockCheck } from "@reprise/server";
import { withWitness } from "../mirror.ts";
import { createRandom, type Random } from "../random.ts";
import type { ServerProcess } from "../server-process.ts";
import { ServerSite, type SiteParts } from "./server-site.ts";
import { SharedDatabase } from "./shared-database.ts";

export interface NodesParts extends SiteParts {
  readonly seed: number;
  /** The store of a server that is alone; several share one of their own. */
  readonly opened: Store | null;
  readonly count: number;
  /** What the first place draws from. */
  readonly random: Random;
  /** Hears what a transaction has brought to the disk, before anybody else does. */
  readonly witness: (changes: readonly Change[]) => void;
  /** Whether what is on disk asks for nothing soon. */
  readonly isIdle: () => boolean;
  readonly violate: (message: string) => void;
}

/** Shorter and longer than a lease. */
const FREEZE_MS: readonly number[] = [2_000, 14_000, 20_000, 45_000, 120_000];
const FREEZES_MAX = 3;
const CLOCKS_SET_MAX = 2;
const POINT_CHANCE = 0.2;
const POINT_MS_MAX = 2;
const EVENTS_FACTOR = 4;
const HINT_LOST = 0.2;
const HINT_MS_MAX = 50;

/** One server, or several on one database. */
export class Nodes {
  readonly #parts: NodesParts;
  readonly #random: Random;
  readonly #sites: readonly ServerSite[];
  readonly store: Store;

  constructor(parts: NodesParts) {
    this.#parts = parts;
    this.#random = createRandom(parts.seed, "nodes");
    const { opened, count, seed } = parts;
    const first = { random: parts.random, processRandom: createRandom(seed, "server") };
    if (opened !== null) {
      this.store = opened;
      this.#sites = [
        new ServerSite(parts, { ...first, store: withWitness(opened, parts.witness) }),
      ];
      return;
    }
    const database = this.#createDatabase();
    this.store = database.connect();
    this.#sites = Array.from({ length: count }, (_, slot) => {
      const store = withLockCheck(database.connect(), parts.violate);
      if (slot === 0) return new ServerSite(parts, { ...first, store });
      const random = createRandom(seed, `processes ${slot}`);
      return new ServerSite(parts, {
        store,
        random,
        processRandom: createRandom(seed, `server ${slot}`),
      });
    });
    parts.events.keepBackground({ isIdle: () => this.#isIdle(), skipped: () => {} });
  }

  get count(): number {
    return this.#sites.length;
  }

  /** Nodes look around all the time. */
  get eventsFactor(): number {
    return this.count === 1 ? 1 : EVENTS_FACTOR;
  }

  /** How often a process is stopped by a signal, and goes on. */
  get freezeCount(): number {
    return this.#countUpTo(FREEZES_MAX);
  }

  /** How often somebody sets the clock of one machine. */
  get clocksSetCount(): number {
    return this.#countUpTo(CLOCKS_SET_MAX);
  }

  #countUpTo(max: number): number {
    return this.count === 1 || this.#parts.faults.isCalm ? 0 : this.#random.integer(0, max);
  }

  start(): void {
    for (const site of this.#sites) site.start();
  }

  get servers(): readonly ServerProcess[] {
    return this.#sites.map(({ server }) => server).filter((server) => server !== null);
  }

  /** The server that a request reaches. */
  reached(): ServerProcess | null {
    const up = this.servers.filter(({ isListening }) => isListening);
    if (up.length < 2) return up[0] ?? null;
    return this.#random.pick(up);
  }

  crashOne(): void {
    this.#one().crash();
  }

  stopOne(): void {
    this.#one().stop();
  }

  drainOne(): void {
    this.#one().drain();
  }

  freezeOne(): void {
    const forMs = this.#random.pick(FREEZE_MS);
    if (this.#random.chance(0.5)) this.#one().freeze(forMs);
    else this.#one().freezeBehindStore(forMs);
  }

  setOneClock(): void {
    this.#one().setClock();
  }

  #one(): ServerSite {
    const [first] = this.#sites;
    if (first === undefined) throw new Error("a world has a server");
    return this.count === 1 ? first : this.#random.pick(this.#sites);
  }

  #createDatabase(): SharedDatabase {
    const { events, faults, witness } = this.#parts;
    const random = createRandom(this.#parts.seed, "database");
    return new SharedDatabase({
      now: () => events.now,
      // What is compared at the end is read when no event happens any more.
      point: () =>
        faults.isOn && random.chance(POINT_CHANCE)
          ? events.wait(random.integer(0, POINT_MS_MAX), "the database answers")
          : null,
      carry: (deliver) => {
        if (random.chance(HINT_LOST)) return;
        events.inBackground(random.integer(0, HINT_MS_MAX), "a hint arrives", deliver);
      },
      onCommit: witness,
    });
  }

  /** Whether the nodes would only find that nothing is left to do, or that all of it has time. */
  #isIdle(): boolean {
    if (this.#sites.some(({ server }) => server?.isListening !== true)) return false;
    return this.#parts.isIdle();
  }
}
