import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { POINT_SCRIPTS, type PointScriptName } from "../flows/all-scripts.ts";
import { checkAlways, checkSettled } from "../flows/audit.ts";
import { BookWatch } from "../flows/book-watch.ts";
import { FlowApp } from "../flows/flow-app.ts";
import { Hub } from "../flows/hub.ts";
import { Scene } from "../flows/scene.ts";
import { ServerLink } from "../server-link.ts";
import type { PointMutant } from "./point-mutants.ts";
import { PointProcess, takePoint } from "./point-process.ts";
import type { Target } from "./point-store.ts";

/** Longest time until something that has to come is there. */
const WAIT_MS_MAX = 15_000;
/** A server with a planted fault may have lost it. */
const MUTANT_WAIT_MS_MAX = 5_000;

export interface Played {
  /** Where the server died; null when it lived. */
  readonly diedAt: string | null;
  /** The points that it passed in its last life, when it was asked to. */
  readonly points: readonly string[];
  readonly faults: readonly string[];
}

/** A server that is killed at points, the app and the service around it, and those who look at its books. */
export class PointRig {
  readonly #mutant: PointMutant | null;
  readonly #dataDir = mkdtempSync(join(tmpdir(), "reprise-points-"));
  readonly #hub = new Hub();
  readonly #link = new ServerLink();
  readonly #app = new FlowApp(this.#hub, this.#link);
  readonly #watch: BookWatch;
  #process: PointProcess;
  /** The next life: loaded ahead, so that nobody waits for it. */
  #next: PointProcess;
  #port = 0;
  #played = 0;
  #diedAt: string | null = null;
  #revival: Promise<void> = Promise.resolve();
  #isOver = false;

  constructor(mutant: PointMutant | null) {
    this.#mutant = mutant;
    this.#process = new PointProcess(mutant);
    this.#next = new PointProcess(mutant);
    this.#watch = new BookWatch({
      databasePath: join(this.#dataDir, "reprise.db"),
      // Of the dialled ones and of those of the connection.
      base: () => "http://",
      waitMsMax: mutant === null ? WAIT_MS_MAX : MUTANT_WAIT_MS_MAX,
    });
  }

  async start(): Promise<void> {
    await this.#app.start();
    await this.#open();
  }

  async end(): Promise<void> {
    this.#isOver = true;
    this.#watch.stop();
    await this.#revival;
    this.#app.stop();
    await this.#process.kill();
    await this.#next.kill();
    await this.#link.down();
    rmSync(this.#dataDir, { recursive: true, force: true });
  }

  /** Plays a script, lets the server die at a point of it, and compares what is left with what was seen. */
  async play(name: PointScriptName, at: Target | null): Promise<Played> {
    this.#diedAt = null;
    const { faults } = this.#hub;
    const faultsBefore = faults.length;
    const scene = new Scene(`${name}.${this.#played++}`, {
      app: this.#app,
      hub: this.#hub,
      link: this.#link,
      watch: this.#watch,
      arm: () => this.#arm(at),
    });
    let points: readonly string[] = [];
    try {
      await POINT_SCRIPTS[name](scene);
      await this.#settle();
      if (at === null) points = await this.#process.points();
      await this.#disarm();
    } catch (error) {
      scene.fault(error instanceof Error ? error.message : String(error));
    }
    const books = this.#watch.read();
    const room = { books, hub: this.#hub };
    faults.push(...scene.checkEndings(books), ...checkAlways(room), ...checkSettled(room));
    this.#watch.afterKey = Math.max(this.#watch.afterKey, ...books.runs.map(({ key }) => key));
    return { diedAt: this.#diedAt, points, faults: faults.slice(faultsBefore) };
  }

  /** Outcomes of the last attempts are recorded a little later than runs end. */
  async #settle(): Promise<void> {
    await this.#watch.until("quiet", ({ messages, runs }) => {
      const isQuiet = messages.every(({ state }) => state === "failed");
      return isQuiet && runs.every(({ state }) => state !== "started");
    });
  }

  /** A point that was not reached must not be met in the next scene; it may be met at the very end of this one. */
  async #disarm(): Promise<void> {
    for (;;) {
      const process = this.#process;
      try {
        await this.#arm(null);
        return;
      } catch {
        await process.exit;
        await this.#settle();
      }
    }
  }

  async #arm(at: Target | null): Promise<void> {
    await this.#revival;
    await this.#process.arm(at);
  }

  async #open(): Promise<void> {
    this.#link.begin();
    const process = this.#process;
    const listening = await process.open(this.#dataDir, this.#port);
    this.#port = listening.port;
    this.#link.up(listening);
    void process.exit.then(() => {
      this.#revival = this.#revive();
    });
  }

  /** The server is dead: what it has left is looked at before the next life opens it. */
  async #revive(): Promise<void> {
    // The rig itself ends its processes.
    if (this.#isOver) return;
    const diedAt = takePoint(this.#dataDir);
    if (diedAt === null) this.#hub.faults.push("the server has ended by itself");
    this.#diedAt = diedAt;
    const down = this.#link.down();
    const found = checkAlways({ books: this.#watch.read(), hub: this.#hub });
    this.#hub.faults.push(...found.map((fault) => `right behind the kill: ${fault}`));
    // What a planted fault has lost does not come.
    if (this.#mutant !== null && found.length > 0) this.#watch.stop();
    await down;
    await this.#app.acceptAll();
    this.#process = this.#next;
    this.#next = new PointProcess(this.#mutant);
    try {
      await this.#open();
    } catch (error) {
      if (!this.#isOver) this.#hub.faults.push(String(error));
    }
  }
}
