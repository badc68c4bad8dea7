import { openSqliteStore, type Store } from "@reprise/server";
import { allCheckers } from "./checkers/all.ts";
import { ClientActor } from "./client-actor.ts";
import { EventActor } from "./event-actor.ts";
import type { Fact, Scene } from "./facts.ts";
import { replaceGlobals } from "./globals.ts";
import { OperatorActor } from "./operator-actor.ts";
import { createRandom } from "./random.ts";
import type { SdkOption } from "./sdk-plan.ts";
import { START_AT, Stage } from "./stage.ts";
import { dumpState, findDifference } from "./state-dump.ts";
import { isStuck } from "./stuck.ts";
import { StuckActor } from "./stuck-actor.ts";

export interface WorldResult {
  readonly seed: number;
  readonly hash: string;
  readonly lines: number;
  readonly marks: Readonly<Record<string, number>>;
  readonly violation: Violation | null;
  /** What a person needs to see when something is wrong; empty otherwise. */
  readonly report: readonly string[];
}

export interface Violation {
  readonly checker: string;
  readonly message: string;
}

const EVENTS_MAX = 60_000;
/** Longest time that a world may need to become quiet once nothing goes wrong any more. */
const QUIET_MS_MAX = 60 * 24 * 3_600_000;
const QUIET_ROUNDS_MAX = 30;
export const UNLOCKED = "rows are locked before they are used";

/** Taken before a world replaces the timers: a real turn of the event loop lets every promise settle. */
const { setImmediate: afterTurn } = globalThis;

export interface WorldOptions {
  /** Takes every line of the trace. */
  readonly print?: (line: string) => void;
  /** Which SDK the processes of the app have; `mixed` when not given. */
  readonly sdk?: SdkOption;
  /** Servers on one database; one that is alone when not given. */
  readonly nodes?: number;
  /** Name of the only checker that looks; a name that no checker has switches all of them off. */
  readonly checker?: string;
}

/** Plays one seed from the first trigger until everything is quiet. */
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
  readonly #stage: Stage;
  readonly #store: Store;
  readonly #client: ClientActor;
  readonly #operator: OperatorActor;
  readonly #eventActor: EventActor;
  readonly #stuckActor: StuckActor;
  readonly #restoreGlobals: () => void;
  #violation: Violation | null = null;
  #eventCount = 0;
  #quietUntil = Number.POSITIVE_INFINITY;

  /** @param opened The store of a server that is alone; several share one of their own. */
  constructor(seed: number, opened: Store | null, options: WorldOptions) {
    const print = options.print ?? null;
    const { sdk = "mixed", nodes = 1 } = options;
    const violate = (message: string) => this.#violate(UNLOCKED, message);
    const stage = new Stage(seed, opened, { sdk, print, nodes, violate });
    const { events, mirror, troubles, marks } = stage;
    this.#stage = stage;
    this.#store = stage.nodes.store;
    this.#restoreGlobals = replaceGlobals({
      events,
      random: createRandom(seed, "globals"),
      fetch: (url, init) => stage.network.callServer(url, init),
      print,
    });
    const mark = (name: string) => marks.hit(name);
    this.#client = new ClientActor(events, mark, (program) => stage.sdks.urlOf(program));
    this.#operator = new OperatorActor({
      events,
      random: createRandom(seed, "operator"),
      mirror,
      troubles,
      programCount: stage.programs.length,
      isPrompt: createRandom(seed, "operator's way").chance(0.5),
      mark,
    });
    this.#eventActor = new EventActor({
      events,
      random: createRandom(seed, "event actor"),
      mirror,
      troubles,
      mark,
    });
    const stuckRandom = createRandom(seed, "stuck actor");
    this.#stuckActor = new StuckActor({ events, random: stuckRandom, mirror, mark });
    this.#startCheckers(options.checker ?? null);
    stage.listen((fact) => this.#eventActor.note(fact));
    stage.listen((fact) => this.#operator.note(fact));
    stage.listen((fact) => this.#stuckActor.note(fact));
  }

  async play(): Promise<WorldResult> {
    const { events, horizonMs } = this.#stage;
    try {
      this.#planChaos();
      this.#stage.fleet.start();
      this.#stage.nodes.start();
      await this.#runUntil(() => events.now >= START_AT + horizonMs);
      this.#stage.stopFaults();
      await this.#becomeQuiet();
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
    const { faults, events, horizonMs, seed, programs, fleet, nodes } = this.#stage;
    const random = createRandom(seed, "chaos");
    const plan = (count: number, label: string, run: () => void) => {
      for (let index = 0; index < count; index += 1) {
        events.at(START_AT + random.integer(0, horizonMs), label, run);
      }
    };
    for (const program of programs) this.#client.plan(program, START_AT);
    plan(faults.count("serverCrashes"), "server crash", () => nodes.crashOne());
    plan(nodes.freezeCount, "server frozen", () => nodes.freezeOne());
    plan(nodes.clocksSetCount, "clock of a node set", () => nodes.setOneClock());
    plan(faults.count("appCrashes"), "app crash", () => fleet.crashOne());
    plan(faults.count("clockJumps"), "clock jump", () => this.#stage.jumpClock());
    plan(faults.count("operatorActions"), "operator acts", () => this.#operator.actByChance());
    plan(random.integer(0, 4), "somebody notifies", () => this.#eventActor.notifyByChance());
    plan(random.integer(0, 2), "somebody asks who waits", () => this.#eventActor.listByChance());
    plan(random.integer(0, 2), "somebody looks for stuck runs", () => {
      this.#stuckActor.actByChance();
    });
    plan(random.integer(0, 1), "watchdog looks", () => {
      void this.#stage.watch({ nudgesMax: 0, isQuiet: false });
    });
    this.#planFastChaos(plan);
    const sweeps = createRandom(seed, "retention");
    for (let count = sweeps.integer(0, 2); count > 0; count -= 1) {
      const at = START_AT + sweeps.integer(0, horizonMs);
      events.at(at, "retention begins", () => void this.#stage.sweep());
    }
    events.at(START_AT + horizonMs, "nothing goes wrong from here on", () => {});
  }

  /** What goes wrong only where apps use the SDK of this project. */
  #planFastChaos(plan: (count: number, label: string, run: () => void) => void): void {
    const { fastFaults, fleet, sdks, sockets, nodes } = this.#stage;
    if (!sdks.hasOwn) return;
    plan(fastFaults.count("socketCuts"), "socket cut", () => sockets.cutByChance());
    plan(fastFaults.count("appDrains"), "app drain", () => fleet.drainOne());
    plan(fastFaults.count("serverDrains"), "server drain", () => nodes.drainOne());
  }

  /** Lets events happen until `isDone`, or none is left, or something is wrong. */
  async #runUntil(isDone: () => boolean): Promise<void> {
    const { events, trace } = this.#stage;
    while (this.#violation === null && !isDone()) {
      const event = events.take();
      if (event === null) return;
      trace.add(events.now, `- ${event.label}`);
      event.run();
      await new Promise<void>((resolve) => afterTurn(resolve));
      this.#eventCount += 1;
      if (this.#eventCount > EVENTS_MAX * this.#stage.nodes.eventsFactor)
        this.#violate("no stuck run", "events never end");
      if (events.now > this.#quietUntil) {
        this.#violate("no stuck run", `not quiet after ${QUIET_MS_MAX} ms without faults`);
      }
    }
  }

  /** Heals everything, resumes what has failed and nudges what is stuck until nothing is left to do. */
  async #becomeQuiet(): Promise<void> {
    const { events, mirror, programs, troubles } = this.#stage;
    this.#quietUntil = events.now + QUIET_MS_MAX;
    for (const program of programs) troubles.heal(program.index);
    for (let round = 0; round < QUIET_ROUNDS_MAX; round += 1) {
      await this.#runUntil(() => false);
      const isOpen = mirror.all("deadLetters").some((entry) => entry.state === "open");
      const isAnyStuck = mirror.all("runs").some((run) => isStuck(run, mirror));
      if ((!isOpen && !isAnyStuck) || this.#violation !== null) return;
      if (isAnyStuck) await this.#nudge(round);
      if (isOpen) this.#operator.resumeEverything();
    }
    this.#violate("no stuck run", `runs still fail after ${QUIET_ROUNDS_MAX} rounds of resumes`);
  }

  /** People nudge, or the watchdog does it by itself. */
  async #nudge(round: number): Promise<void> {
    const isByHand = (this.#stage.seed + round) % 2 === 0;
    void this.#stage.watch({ nudgesMax: isByHand ? 0 : 1, isQuiet: true });
    await this.#runUntil(() => false);
    if (isByHand) void this.#stuckActor.nudgeAll();
  }

  async #checkEnd(): Promise<void> {
    if (this.#violation !== null) return;
    if (!this.#client.isDone) this.#violate("no stuck run", "a client was never answered");
    const difference = await findDifference(this.#stage.mirror, this.#store);
    if (difference !== null) this.#violate("the store keeps what it was given", difference);
    this.#stage.tell({ kind: "end" });
  }

  #startCheckers(only: string | null): void {
    const { mirror, events, programs, marks, faults, limits, nodes } = this.#stage;
    for (const { name, observe } of allCheckers) {
      if (only !== null && name !== only) continue;
      const scene: Scene = {
        mirror,
        programs,
        isCalm: faults.isCalm,
        nodes: nodes.count,
        limits,
        accepted: this.#client.accepted,
        now: () => events.now,
        mark: (mark) => marks.hit(mark),
        violate: (message) => this.#violate(name, message),
      };
      const observer = observe(scene);
      this.#stage.listen((fact) => this.#guard(name, () => observer(fact)));
    }
    this.#stage.listen((fact: Fact) => {
      marks.hit(fact.kind);
    });
  }

  /** A checker that cannot read what it sees has found something; thrown on, it would look like a fault of the store. */
  #guard(checker: string, look: () => void): void {
    try {
      look();
    } catch (error) {
      this.#violate(
        checker,
        error instanceof Error ? (error.stack ?? error.message) : String(error),
      );
    }
  }

  #violate(checker: string, message: string): void {
    if (this.#violation !== null) return;
    const { trace, events } = this.#stage;
    this.#violation = { checker, message };
    trace.add(events.now, `VIOLATION of ${checker}: ${message}`);
  }

  #result(): WorldResult {
    const { seed, trace, marks, events, mirror } = this.#stage;
    return {
      seed,
      hash: trace.digest(),
      lines: trace.count,
      marks: marks.toObject(),
      violation: this.#violation,
      report:
        this.#violation === null
          ? []
          : [...trace.tail, "", ...dumpState(mirror), "", "waiting:", ...events.labels()],
    };
  }
}
