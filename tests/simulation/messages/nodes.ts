import { type Change, type Store, withLockCheck } from "@reprise/server";
import { SharedDatabase } from "../nodes/shared-database.ts";
import { createRandom, type Random } from "../random.ts";
import type { ServerProcess } from "../server-process.ts";
import { ServerSite, type SiteParts } from "./server-site.ts";

export interface NodesParts extends Omit<SiteParts, "store" | "slot"> {
  /** The store of a server that is alone. */
  readonly opened: Store | null;
  readonly count: number;
  readonly violate: (message: string) => void;
}

const EVENTS_MAX = 60_000;
/** Shorter and longer than a lease. */
const FREEZE_MS: readonly number[] = [2_000, 14_000, 20_000, 45_000, 120_000];
const FREEZES_MAX = 3;
const POINT_CHANCE = 0.2;
const POINT_MS_MAX = 2;
/** What has so much time is not looked for again and again. */
const FAR_MS = 10_000;
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
    const { opened, count } = parts;
    if (opened !== null) {
      this.store = opened;
      this.#sites = [new ServerSite({ ...parts, store: opened })];
      return;
    }
    const database = this.#createDatabase();
    this.store = database.connect();
    this.#sites = Array.from({ length: count }, (_, slot) => {
      const store = withLockCheck(database.connect(), parts.violate);
      return new ServerSite({ ...parts, store, slot });
    });
    parts.events.keepBackground({ isIdle: () => this.#isIdle(), skipped: () => {} });
  }

  get count(): number {
    return this.#sites.length;
  }

  /** How often a process is stopped by a signal, and goes on. */
  get freezeCount(): number {
    const { faults } = this.#parts;
    return this.count === 1 || faults.isCalm ? 0 : this.#random.integer(0, FREEZES_MAX);
  }

  /** Nodes look around all the time. */
  get eventsMax(): number {
    return this.count === 1 ? EVENTS_MAX : 4 * EVENTS_MAX;
  }

  start(): void {
    for (const site of this.#sites) site.start();
  }

  /** The server that a request reaches. */
  reached(): ServerProcess | null {
    const up = this.#sites.map(({ server }) => server).filter((one) => one?.isListening === true);
    if (up.length < 2) return up[0] ?? null;
    return this.#random.pick(up);
  }

  crashOne(): void {
    this.#one().crash();
  }

  stopOne(): void {
    this.#one().stop();
  }

  freezeOne(): void {
    this.#one().freeze(this.#random.pick(FREEZE_MS));
  }

  #one(): ServerSite {
    const [first] = this.#sites;
    if (first === undefined) throw new Error("a world has a server");
    return this.count === 1 ? first : this.#random.pick(this.#sites);
  }

  #createDatabase(): SharedDatabase {
    const { events } = this.#parts;
    const random = createRandom(this.#parts.seed, "database");
    return new SharedDatabase({
      now: () => events.now,
      // What is compared at the end is read when no event happens any more.
      point: () =>
        this.#parts.faults.isOn && random.chance(POINT_CHANCE)
          ? events.wait(random.integer(0, POINT_MS_MAX), "the database answers")
          : null,
      carry: (deliver) => {
        if (random.chance(HINT_LOST)) return;
        events.inBackground(random.integer(0, HINT_MS_MAX), "a hint arrives", deliver);
      },
      onCommit: (changes) => this.#witness(changes),
    });
  }

  #witness(changes: readonly Change[]): void {
    const { mirror, trace, events, tell } = this.#parts;
    const commit = mirror.apply(changes);
    const detail = commit.changes.map(({ table, before, after }) => {
      return `${after === null ? "-" : before === null ? "+" : "*"}${table}`;
    });
    trace.add(events.now, `commit ${commit.seq}`, detail.join(" "));
    tell({ kind: "commit", commit });
  }

  /** Whether the nodes would only find that nothing is left to do, or that all of it has time. */
  #isIdle(): boolean {
    const { mirror, events } = this.#parts;
    const isFar = ({ dueAt }: { readonly dueAt: number | null }) =>
      dueAt === null || dueAt > events.now + FAR_MS;
    if (this.#sites.some(({ server }) => server?.isListening !== true)) return false;
    if (mirror.all("bulkActions").some(({ state }) => state !== "finished")) return false;
    if (!mirror.all("schedules").every(isFar) || !mirror.all("flowControls").every(isFar)) {
      return false;
    }
    return mirror.all("messages").every((message) => {
      const { state, gate } = message;
      if (state === "waiting") return gate?.startsWith("origin:") === false;
      return state === "failed" || (state === "scheduled" && isFar(message));
    });
  }
}
