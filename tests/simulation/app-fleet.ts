import { App, type AppBirth, type Surroundings } from "./app.ts";
import type { Marks } from "./marks.ts";
import type { AppParty } from "./network.ts";
import type { Random } from "./random.ts";
import type { SdkPlan } from "./sdk-plan.ts";
import type { Trace } from "./trace.ts";

export interface AppFleetParts {
  readonly surroundings: Surroundings;
  readonly plan: SdkPlan;
  readonly random: Random;
  /** Which process takes a request. */
  readonly balancer: Random;
  readonly trace: Trace;
  readonly marks: Marks;
  readonly nextGeneration: () => number;
  readonly socketsOf: AppBirth["socketsOf"];
  /** Ends the connections of a process that has died. */
  readonly cut: (process: string) => void;
}

const DOWN_MS_MAX = 8_000;
/** A deployment does not wait longer for what an old process has begun. */
const DRAIN_MS_MAX = 10_000;

/** The processes of the app behind one URL. They die and come again, and the next one may be another version. */
export class AppFleet {
  readonly #parts: AppFleetParts;
  readonly #apps = new Map<number, App>();

  constructor(parts: AppFleetParts) {
    this.#parts = parts;
  }

  start(): void {
    while (this.#apps.size < this.#parts.plan.processCount) this.#startOne();
  }

  /** Whichever process takes the next request. */
  party(): AppParty | null {
    const apps = [...this.#apps.values()];
    const app = apps.length > 1 ? this.#parts.balancer.pick(apps) : apps[0];
    return app === undefined ? null : this.#toParty(app);
  }

  partyOf(generation: number): AppParty | null {
    const app = this.#apps.get(generation);
    return app === undefined ? null : this.#toParty(app);
  }

  /** One of them dies. */
  crashOne(): void {
    const party = this.party();
    if (party !== null) this.crash(party.generation);
  }

  crash(generation: number): void {
    const { surroundings, random, trace, marks, cut } = this.#parts;
    const { events } = surroundings;
    const app = this.#apps.get(generation);
    if (app === undefined) return;
    trace.add(events.now, `app-${generation} dies`);
    marks.hit("app crash");
    this.#apps.delete(generation);
    app.kill();
    cut(`app-${generation}`);
    const downMs = random.integer(0, DOWN_MS_MAX);
    events.in(downMs, "app starts again", () => this.start());
  }

  /** A new version takes the place of an old one, which ends what it has begun. */
  drainOne(): void {
    const { surroundings, trace, marks } = this.#parts;
    const generation = this.party()?.generation;
    const app = generation === undefined ? undefined : this.#apps.get(generation);
    if (generation === undefined || app === undefined) return;
    trace.add(surroundings.events.now, `app-${generation} drains`);
    marks.hit("app drain");
    const late = surroundings.events.in(DRAIN_MS_MAX, "drain is cut short", () => {
      this.crash(generation);
    });
    void app.drain().then(() => {
      late.cancel();
      this.crash(generation);
    });
  }

  #startOne(): void {
    const { surroundings, plan, trace, nextGeneration, socketsOf } = this.#parts;
    const generation = nextGeneration();
    const style = plan.next();
    trace.add(surroundings.events.now, `app-${generation} starts`, JSON.stringify(style));
    const crash = () => this.crash(generation);
    this.#apps.set(generation, new App({ generation, style, crash, socketsOf }, surroundings));
  }

  #toParty(app: App): AppParty {
    const { generation } = app;
    return {
      generation,
      handle: (request) => app.handle(request),
      crash: () => this.crash(generation),
    };
  }
}
