import type { Check, Figure, LoadRoom } from "../load.ts";
import { Random } from "../random.ts";
import { SCRIPT_NAMES, SCRIPTS, type ScriptName } from "./all-scripts.ts";
import { checkAlways, checkSettled } from "./audit.ts";
import { BookWatch } from "./book-watch.ts";
import type { FlowBooks } from "./books.ts";
import { FlowApp } from "./flow-app.ts";
import { Hub } from "./hub.ts";
import { Scene } from "./scene.ts";

const SCENES_AT_ONCE_MIN = 2;
const SCENES_AT_ONCE_MAX = 6;
const SCENES_PER_CYCLE_MIN = 0.1;
/** A script may have to outlast a hundred lives, and the drain. */
const WAIT_MS_MAX = 300_000;

/** Runs with the official SDK whose steps others complete: calls, waits, webhooks, children; failed, resumed and restarted meanwhile. */
export class FlowLoad {
  readonly #room: LoadRoom;
  readonly #hub: Hub;
  readonly #app: FlowApp;
  readonly #watch: BookWatch;
  readonly #random: Random;
  readonly #scenes: Scene[] = [];
  readonly #live = new Map<Scene, ScriptName>();
  readonly #ended = new Set<ScriptName>();
  #wanted = 0;
  #isOver = false;
  #kills = 0;

  /** Takes a list, to which it adds what it sees. */
  constructor(room: LoadRoom, faults: string[]) {
    this.#room = room;
    this.#hub = new Hub(faults);
    this.#app = new FlowApp(this.#hub, room.link);
    this.#random = new Random(room.seed + 3);
    this.#watch = new BookWatch({
      databasePath: room.databasePath,
      base: () => this.#app.base,
      waitMsMax: WAIT_MS_MAX,
    });
  }

  get inFlight(): number {
    return this.#app.inFlight;
  }

  start(): Promise<void> {
    return this.#app.start();
  }

  keepBusy(): void {
    this.#wanted = this.#random.between(SCENES_AT_ONCE_MIN, SCENES_AT_ONCE_MAX);
    this.#pump();
  }

  /** Nobody has opened the files of the dead process since: whatever it was doing, it was done as a whole. */
  async endLife(): Promise<void> {
    await this.#app.acceptAll();
    const books = this.#tryToRead();
    if (books === null) return;
    this.#kills++;
    this.#hub.faults.push(...checkAlways({ books, hub: this.#hub }));
  }

  settle(): void {
    this.#wanted = 0;
  }

  isQuiet(): boolean {
    if (this.#live.size > 0 || this.#app.inFlight > 0) return false;
    const books = this.#tryToRead();
    return books?.messages.every(({ state }) => state === "failed") ?? false;
  }

  stop(): void {
    this.#isOver = true;
    this.#watch.stop();
    this.#app.stop();
  }

  audit(): readonly Check[] {
    const books = this.#watch.read();
    const room = { books, hub: this.#hub };
    const endings = this.#scenes.flatMap((scene) => scene.checkEndings(books));
    const unfinished = Array.from(this.#live, ([{ key }, name]) => `${key} (${name}) has no end`);
    return [
      { name: "every script comes to its end", faults: unfinished },
      { name: "every run of a script has ended as it says", faults: endings },
      { name: "runs, waits, children, events and letters agree", faults: checkAlways(room) },
      { name: "nothing is left of any script", faults: checkSettled(room) },
    ];
  }

  figures(cycles: number): readonly Figure[] {
    const ended = this.#scenes.length - this.#live.size;
    return [
      { name: "scripts played", count: ended, least: SCENES_PER_CYCLE_MIN * cycles },
      { name: "kinds of scripts", count: this.#ended.size, least: 0 },
      { name: "deliveries to the SDK", count: this.#hub.deliveries, least: 0 },
      { name: "looks right behind a kill", count: this.#kills, least: 0 },
    ];
  }

  #pump(): void {
    while (!this.#isOver && this.#live.size < this.#wanted) void this.#play();
  }

  async #play(): Promise<void> {
    // Each kind comes in its turn.
    const name = SCRIPT_NAMES[this.#scenes.length % SCRIPT_NAMES.length] ?? "invoke";
    const scene = new Scene(`${name}.${this.#scenes.length}`, {
      app: this.#app,
      hub: this.#hub,
      link: this.#room.link,
      watch: this.#watch,
      arm: async () => {},
    });
    this.#scenes.push(scene);
    this.#live.set(scene, name);
    try {
      await SCRIPTS[name](scene);
      this.#ended.add(name);
      this.#live.delete(scene);
    } catch (error) {
      // When everything is over, scripts without an end are found by the audit.
      if (!this.#isOver) scene.fault(String(error));
    }
    this.#pump();
  }

  /** A process that was killed as it opened the database may have left none. */
  #tryToRead(): FlowBooks | null {
    try {
      return this.#watch.read();
    } catch {
      return null;
    }
  }
}
