import { type Change, openSqliteStore, type Store } from "@reprise/server";
import { EventList } from "../event-list.ts";
import { Faults } from "../faults.ts";
import { replaceGlobals } from "../globals.ts";
import { Marks } from "../marks.ts";
import { Mirror } from "../mirror.ts";
import { isQuiet } from "../nodes/idle.ts";
import { Nodes } from "../nodes/nodes.ts";
import { createRandom, type Random } from "../random.ts";
import { START_AT } from "../stage.ts";
import { findDifference } from "../state-dump.ts";
import { Trace } from "../trace.ts";
import { UNLOCKED, type Violation, type WorldOptions, type WorldResult } from "../world.ts";
import { allCheckers } from "./checkers/all.ts";
import { ClientActor } from "./client-actor.ts";
import type { Fact, Scene } from "./facts.ts";
import { MESSAGE_FAULTS, type MessageFault, type TimedMessageFault } from "./fault-plan.ts";
import { dumpMessages } from "./message-dump.ts";

import { Operations } from "./operations.ts";
import { slowMsMaxOf } from "./sink.ts";
import { SinkLedger } from "./sink-ledger.ts";
import { Wire } from "./wire.ts";
import { drawPlan, type WorldPlan } from "./world-plan.ts";

const EVENTS_MAX = 60_000;
/** Longest time that a world may need to become quiet once nothing goes wrong any more. */
const QUIET_MS_MAX = 10 * 24 * 3_600_000;

/** The server has so long to notice what happened last before somebody changes it. */
const LAST_ACT_AFTER_MS = 20_000;

/** Taken before a world replaces the timers: a real turn of the event loop lets every promise settle. */
const { setImmediate: afterTurn } = globalThis;

/** Plays one seed from the first publish until everything is quiet. */
export async function playSeed(seed: number, options: WorldOptions = {}): Promise<WorldResult> {
  if ((options.nodes ?? 1) > 1) return new World(seed, null, options).play();
  const store = await openSqliteStore({ path: ":memory:" });
  try {
    return await new World(seed, store, options).play();
  } finally {
    await store.close();
  }
}

class World {
  readonly #seed: number;
  readonly #store: Store;
  readonly #plan: WorldPlan;
  readonly #events: EventList;
  readonly #trace: Trace;
  readonly #marks = new Marks();
  readonly #mirror = new Mirror();
  readonly #operations = new Operations();
  readonly #sinks = new SinkLedger();
  readonly #faults: Faults<MessageFault, TimedMessageFault>;
  readonly #nodes: Nodes;
  readonly #client: ClientActor;
  readonly #restoreGlobals: () => void;
  readonly #listeners: ((fact: Fact) => void)[] = [];
  #violation: Violation | null = null;
  #eventCount = 0;
  #quietUntil = Number.POSITIVE_INFINITY;

  /** @param opened The store of a server that is alone; several share one of their own. */
  constructor(seed: number, opened: Store | null, options: WorldOptions) {
    const print = options.print ?? null;
    this.#seed = seed;
    this.#plan = drawPlan(seed);
    this.#events = new EventList(START_AT, createRandom(seed, "events"));
    this.#trace = new Trace(print);
    this.#faults = new Faults(seed, this.#marks, MESSAGE_FAULTS);
    const tell = (fact: Fact) => this.#tell(fact);
    const common = {
      events: this.#events,
      trace: this.#trace,
      faults: this.#faults,
      operations: this.#operations,
      sinks: this.#sinks,
      tell,
    };
    const wire = new Wire({
      ...common,
      mirror: this.#mirror,
      slowMsMax: slowMsMaxOf(options.nodes ?? 1),
      random: createRandom(seed, "wire"),
      server: () => this.#nodes.reached(),
    });
    let generation = 0;
    this.#nodes = new Nodes({
      ...common,
      seed,
      opened,
      count: options.nodes ?? 1,
      marks: this.#marks,
      network: wire,
      sight: null,
      limits: this.#plan.limits,
      random: createRandom(seed, "processes"),
      nextGeneration: () => {
        generation += 1;
        return generation;
      },
      cut: (process) => wire.cut(process),
      witness: (changes) => this.#witness(changes),
      isIdle: () => isQuiet(this.#mirror, this.#events.now),
      violate: (message) => this.#violate(UNLOCKED, message),
    });
    this.#store = this.#nodes.store;
    this.#client = new ClientActor({
      ...common,
      plan: this.#plan,
      random: createRandom(seed, "acts"),
      mark: (name) => this.#marks.hit(name),
      onOver: (operation) => tell({ kind: "over", operation }),
    });
    this.#startCheckers(options.checker ?? null);
    this.#restoreGlobals = replaceGlobals({
      events: this.#events,
      random: createRandom(seed, "globals"),
      fetch: (url, init) => wire.callServer(url, init),
      print,
    });
  }

  async play(): Promise<WorldResult> {
    const { horizonMs } = this.#plan;
    try {
      this.#planChaos();
      this.#nodes.start();
      // A clock that jumps makes some acts late; what is opened at last must stay open.
      await this.#runUntil(
        () => this.#events.now >= START_AT + horizonMs && this.#client.hasStarted,
      );
      this.#faults.stop();
      this.#quietUntil = this.#events.now + QUIET_MS_MAX;
      await this.#doLast("everything is opened", () => this.#client.clearUp());
      await this.#doLast("the log is read", () => this.#client.readLog());
      await this.#checkEnd();
    } catch (error) {
      const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#violate("the world itself", message);
    } finally {
      this.#restoreGlobals();
    }
    return this.#result();
  }

  #planChaos(): void {
    const { horizonMs } = this.#plan;
    const random = createRandom(this.#seed, "chaos");
    const plan = (count: number, label: string, run: () => void) => {
      for (let index = 0; index < count; index += 1) {
        this.#events.at(START_AT + random.integer(0, horizonMs), label, run);
      }
    };
    this.#client.plan(START_AT);
    plan(this.#faults.count("serverCrashes"), "server crash", () => this.#nodes.crashOne());
    plan(this.#faults.count("serverStops"), "server stop", () => this.#nodes.stopOne());
    plan(this.#nodes.freezeCount, "server frozen", () => this.#nodes.freezeOne());
    plan(this.#nodes.clocksSetCount, "clock of a node set", () => this.#nodes.setOneClock());
    plan(this.#faults.count("clockJumps"), "clock jump", () => this.#jumpClock(random));
    this.#events.at(START_AT + horizonMs, "nothing goes wrong from here on", () => {});
  }

  #witness(changes: readonly Change[]): void {
    const commit = this.#mirror.apply(changes);
    const detail = commit.changes.map(({ table, before, after }) => {
      return `${after === null ? "-" : before === null ? "+" : "*"}${table}`;
    });
    this.#trace.add(this.#events.now, `commit ${commit.seq}`, detail.join(" "));
    this.#tell({ kind: "commit", commit });
  }

  #jumpClock(random: Random): void {
    const byMs = random.pick([1_000, 61_000, 700_000, 3_600_000]);
    this.#trace.add(this.#events.now, `the clock jumps by ${byMs} ms`);
    this.#marks.hit("clock jump");
    this.#events.jump(byMs);
    this.#tell({ kind: "clockJump" });
  }

  async #doLast(label: string, run: () => void): Promise<void> {
    this.#events.in(LAST_ACT_AFTER_MS, label, run);
    await this.#runUntil(() => false);
  }

  /** Lets events happen until `isDone`, or none is left, or something is wrong. */
  async #runUntil(isDone: () => boolean): Promise<void> {
    while (this.#violation === null && !isDone()) {
      const event = this.#events.take();
      if (event === null) return;
      this.#trace.add(this.#events.now, `- ${event.label}`);
      event.run();
      await new Promise<void>((resolve) => afterTurn(resolve));
      this.#eventCount += 1;
      if (this.#eventCount > EVENTS_MAX * this.#nodes.eventsFactor)
        this.#violate("no limbo", "events never end");
      if (this.#events.now > this.#quietUntil) {
        this.#violate("no limbo", `not quiet after ${QUIET_MS_MAX} ms without faults`);
      }
    }
  }

  async #checkEnd(): Promise<void> {
    if (this.#violation !== null) return;
    if (!this.#client.isDone) this.#violate("no limbo", "a client was never answered");
    const difference = await findDifference(this.#mirror, this.#store);
    if (difference !== null) this.#violate("the store keeps what it was given", difference);
    this.#tell({ kind: "end" });
  }

  #startCheckers(only: string | null): void {
    for (const { name, observe } of allCheckers) {
      if (only !== null && name !== only) continue;
      const scene: Scene = {
        plan: this.#plan,
        operations: this.#operations,
        sinks: this.#sinks,
        mirror: this.#mirror,
        isCalm: this.#faults.isCalm,
        now: () => this.#events.now,
        nodes: this.#nodes.count,
        mark: (mark) => this.#marks.hit(mark),
        violate: (message) => this.#violate(name, message),
      };
      this.#listeners.push(observe(scene));
    }
  }

  #tell(fact: Fact): void {
    this.#marks.hit(fact.kind);
    for (const listener of this.#listeners) listener(fact);
  }

  #violate(checker: string, message: string): void {
    if (this.#violation !== null) return;
    this.#violation = { checker, message };
    this.#trace.add(this.#events.now, `VIOLATION of ${checker}: ${message}`);
  }

  #result(): WorldResult {
    const waiting = ["", "waiting:", ...this.#events.labels()];
    return {
      seed: this.#seed,
      hash: this.#trace.digest(),
      lines: this.#trace.count,
      marks: this.#marks.toObject(),
      violation: this.#violation,
      report:
        this.#violation === null
          ? []
          : [...this.#trace.tail, "", ...dumpMessages(this.#mirror), ...waiting],
    };
  }
}
