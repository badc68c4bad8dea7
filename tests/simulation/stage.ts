import type { Change, Store } from "@reprise/server";
import { AppFleet } from "./app-fleet.ts";
import { EventList } from "./event-list.ts";
import type { Fact } from "./facts.ts";
import {
  FAST_FAULTS,
  type FastFault,
  Faults,
  type TimedFastFault,
  WORKFLOW_FAULTS,
} from "./faults.ts";
import { Marks } from "./marks.ts";
import { Mirror } from "./mirror.ts";
import { Network } from "./network.ts";
import { isQuiet } from "./nodes/idle.ts";
import { Nodes } from "./nodes/nodes.ts";
import type { Program } from "./program.ts";
import { createRandom, type Random } from "./random.ts";
import { isRetention } from "./retention.ts";
import { type SdkOption, SdkPlan } from "./sdk-plan.ts";
import { SocketNet } from "./socket-net.ts";
import { Service } from "./third-party.ts";
import { Trace } from "./trace.ts";
import { Troubles } from "./troubles.ts";
import { createProgram } from "./write-program.ts";

export const START_AT = Date.UTC(2030, 0, 1);
const PROGRAMS_MAX = 3;
const CHILDREN_MAX = 2;

interface Watch {
  /** How often the watchdog nudges a run by itself. */
  readonly nudgesMax: number;
  readonly isQuiet: boolean;
}

export interface StageOptions {
  readonly sdk: SdkOption;
  /** Takes every line of the trace. */
  readonly print: ((line: string) => void) | null;
  /** Servers on one database. */
  readonly nodes: number;
  /** A transaction has used a row that it had not locked. */
  readonly violate: (message: string) => void;
}

/** Everything of one world that is not a person: clock, wires, disk, and the processes that come and go. */
export class Stage {
  readonly seed: number;
  readonly events: EventList;
  readonly trace: Trace;
  readonly marks = new Marks();
  readonly faults: Faults;
  readonly fastFaults: Faults<FastFault, TimedFastFault>;
  readonly sdks: SdkPlan;
  readonly fleet: AppFleet;
  readonly sockets: SocketNet;
  readonly mirror = new Mirror();
  readonly network: Network;
  readonly programs: readonly Program[];
  readonly troubles = new Troubles();
  /** How long things go wrong. */
  readonly horizonMs: number;
  /** Limits of the server that differ from the usual ones. */
  readonly limits: Readonly<Record<string, number>>;
  readonly nodes: Nodes;
  readonly #processRandom: Random;
  readonly #listeners: ((fact: Fact) => void)[] = [];
  #generation = 0;

  /** @param opened The store of a server that is alone; several share one of their own. */
  constructor(seed: number, opened: Store | null, { sdk, print, nodes, violate }: StageOptions) {
    this.seed = seed;
    const plan = createRandom(seed, "plan");
    this.events = new EventList(START_AT, createRandom(seed, "events"));
    this.trace = new Trace(print);
    this.faults = new Faults(seed, this.marks, WORKFLOW_FAULTS);
    this.fastFaults = new Faults(seed, this.marks, FAST_FAULTS, "fast fault plan");
    this.sdks = new SdkPlan(seed, sdk, this.faults.isCalm);
    if (!this.sdks.hasOwn) this.fastFaults.stop();
    this.horizonMs = plan.pick([20_000, 300_000, 7_200_000]);
    this.limits = drawLimits(plan);
    const random = createRandom(seed, "programs");
    const mainCount = plan.integer(1, PROGRAMS_MAX);
    const count = mainCount + (plan.chance(0.6) ? plan.integer(1, CHILDREN_MAX) : 0);
    const writing = { random, horizonMs: this.horizonMs, mainCount, count };
    this.programs = Array.from({ length: count }, (_, index) => createProgram(index, writing));
    const service = new Service(this.programs, this.troubles, (fact) => this.tell(fact));
    this.#processRandom = createRandom(seed, "processes");
    this.network = new Network({
      events: this.events,
      random: createRandom(seed, "network"),
      faults: this.faults,
      fastFaults: this.fastFaults,
      trace: this.trace,
      mirror: this.mirror,
      tell: (fact) => this.tell(fact),
      parties: {
        server: () => this.nodes.reached(),
        app: () => this.fleet.party(),
        appOf: (generation) => this.fleet.partyOf(generation),
        service,
      },
    });
    this.sockets = this.#createSockets();
    this.fleet = this.#createFleet();
    this.nodes = this.#createNodes({ opened, count: nodes, violate });
  }

  listen(listener: (fact: Fact) => void): void {
    this.#listeners.push(listener);
  }

  tell(fact: Fact): void {
    for (const listener of this.#listeners) listener(fact);
  }

  /** The server that is up looks for stuck runs; it finds all of them when nothing can go wrong meanwhile. */
  async watch({ nudgesMax, isQuiet }: Watch): Promise<void> {
    const server = this.nodes.reached();
    if (server === null) return;
    this.tell({ kind: "watch", isOver: false });
    await server.watch(nudgesMax);
    if (isQuiet && server.isAlive) this.tell({ kind: "watch", isOver: true });
  }

  /** The server that is up deletes what is over. */
  async sweep(): Promise<void> {
    await this.nodes.reached()?.sweep();
  }

  /** Nothing goes wrong any more. */
  stopFaults(): void {
    this.faults.stop();
    this.fastFaults.stop();
  }

  jumpClock(): void {
    const byMs = this.#processRandom.pick([1_000, 61_000, 3_600_000, 90_000_000]);
    this.trace.add(this.events.now, `the clock jumps by ${byMs} ms`);
    this.marks.hit("clock jump");
    this.events.jump(byMs);
  }

  #createFleet(): AppFleet {
    const { seed, events, trace, marks, programs, troubles, sdks, sockets, network } = this;
    const tell = (fact: Fact) => this.tell(fact);
    return new AppFleet({
      surroundings: { events, programs, troubles, tell },
      plan: sdks,
      random: this.#processRandom,
      balancer: createRandom(seed, "balancer"),
      trace,
      marks,
      nextGeneration: () => this.#nextGeneration(),
      socketsOf: (app) => sockets.socketsOf(app),
      cut: (name) => {
        network.cut(name);
        sockets.died(name);
      },
    });
  }

  #createSockets(): SocketNet {
    const { seed, events, fastFaults, trace, marks, faults } = this;
    return new SocketNet({
      events,
      random: createRandom(seed, "sockets"),
      faults: fastFaults,
      trace,
      marks,
      server: () => {
        const server = this.nodes.reached();
        return server === null
          ? null
          : {
              name: `server-${server.generation}`,
              isAlive: () => server.isAlive,
              accept: (socket, address) => server.accept(socket, address),
              deliveriesUnderWay: () => server.connectedUnderWay,
            };
      },
      isDying: (when) =>
        faults.strikes(when === "before" ? "appCrashBeforeSubmit" : "appCrashAfterSubmit"),
    });
  }

  #createNodes(
    own: Pick<StageOptions, "violate"> & { readonly opened: Store | null; readonly count: number },
  ): Nodes {
    const { seed, events, trace, marks, faults, network, limits, mirror } = this;
    return new Nodes({
      ...own,
      seed,
      events,
      trace,
      marks,
      faults,
      network,
      sight: network,
      limits,
      random: this.#processRandom,
      nextGeneration: () => this.#nextGeneration(),
      tell: (fact) => this.tell(fact),
      cut: (generation) => {
        network.cut(`server-${generation}`);
        this.sockets.died(`server-${generation}`);
      },
      witness: (changes) => this.#witness(changes),
      isIdle: () => isQuiet(mirror, events.now),
    });
  }

  #nextGeneration(): number {
    this.#generation += 1;
    return this.#generation;
  }

  #witness(changes: readonly Change[]): void {
    const rows = this.mirror.retire(changes.filter(isRetention));
    const commit = this.mirror.apply(changes.filter((change) => !isRetention(change)));
    const detail = commit.changes.map(({ table, before, after }) => {
      return `${after === null ? "-" : before === null ? "+" : "*"}${table}`;
    });
    this.trace.add(this.events.now, `commit ${commit.seq}`, detail.join(" "));
    this.tell({ kind: "commit", commit });
    if (rows.length > 0) this.tell({ kind: "retention", rows });
  }
}

/** Small limits reach in a few steps what real ones reach in millions. */
function drawLimits(random: Random): Readonly<Record<string, number>> {
  return {
    inlineCharsMax: random.pick([4_000_000, 4_000_000, 300, 2_000]),
    historyCharsMax: random.pick([64_000_000, 1_000]),
    configCacheEntriesMax: random.pick([10_000, 1]),
    groupRequestsMax: random.pick([512, 512, 1, 3]),
    claimMax: random.pick([500, 1, 2]),
    perOriginMax: random.pick([50, 50, 1, 3]),
  };
}
