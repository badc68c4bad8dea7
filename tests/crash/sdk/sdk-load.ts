import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { itemHeaders } from "../../bench/wire.ts";
import { acceptAllAt } from "../backlog.ts";
import { ask } from "../clients.ts";
import type { Check, Figure, Load, LoadRoom } from "../load.ts";
import { Random } from "../random.ts";
import { APP_NAME, SDK_ROUTES, type SdkRoute } from "./app-child.ts";
import { AppProcess } from "./app-process.ts";
import { readSdkBooks } from "./books.ts";
import { JournalReader } from "./journal.ts";
import { SdkLedger } from "./ledger.ts";
import { SDK_KINDS, type SdkPayload } from "./routes.ts";

/** Of each mode. */
const RUNS_AT_ONCE_MIN = 3;
const RUNS_AT_ONCE_MAX = 12;
/** Lives of the server in which the app is killed alone, and kills of the server that take the app with it. */
const APP_KILLS_SHARE = 0.4;
const BOTH_KILLS_SHARE = 0.35;
const APP_KILL_MS_MAX = 500;
/** An attempt is lost with every kill, and some while nobody listens: a busy machine takes seconds to start an app. */
const RETRIES = 100;
const RETRY_DELAY_MS = "20 + 100 * min(retried, 10)";

/** Runs on our SDK in its fast modes, in an app that is killed as well. */
export class SdkLoad implements Load {
  readonly #room: LoadRoom;
  readonly #random: Random;
  readonly #ledger = new SdkLedger();
  /** Run id -> mode, of those that may be under way. */
  readonly #live = new Map<string, SdkRoute>();
  #app: AppProcess | null = null;
  #next: AppProcess;
  /** Journal of the app that lives, or that has been killed and not been looked at. */
  #journal: JournalReader | null = null;
  #appLives = 0;
  /** All lives of the server are at the same place. */
  #server: { readonly url: string; readonly token: string } | null = null;
  #appPort = 0;
  #wanted = 0;
  #started = 0;
  #appKills = 0;
  #bothKills = 0;
  #isOver = false;
  /** Kills and starts of the app, one after the other. */
  #appWork: Promise<void> = Promise.resolve();

  constructor(room: LoadRoom) {
    this.#room = room;
    this.#random = new Random(room.seed + 2);
    this.#next = this.#newProcess();
  }

  get faults(): readonly string[] {
    return this.#ledger.faults;
  }

  get inFlight(): number {
    return this.#live.size;
  }

  async start(): Promise<void> {}

  beginLife(): void {}

  keepBusy(): void {
    this.#wanted = this.#random.between(RUNS_AT_ONCE_MIN, RUNS_AT_ONCE_MAX);
    const isVictim = this.#random.chance(APP_KILLS_SHARE);
    const ms = this.#random.between(0, APP_KILL_MS_MAX);
    const { epoch } = this.#room.link;
    this.#inTurn(async () => {
      if (this.#app === null) await this.#openApp();
      this.#pump();
      if (!isVictim) return;
      await new Promise((resolve) => setTimeout(resolve, ms));
      // The server of this life may be dead meanwhile; then the app is looked at together with it.
      if (this.#room.link.epoch !== epoch || !this.#room.link.isUp) return;
      await this.#killApp();
      this.#appKills++;
      this.#look();
      await this.#openApp();
    });
  }

  /** The server is dead: the app is killed too, or has to read what it was still sent. */
  async endLife(): Promise<void> {
    this.#inTurn(async () => {
      if (this.#app !== null && this.#random.chance(BOTH_KILLS_SHARE)) {
        await this.#killApp();
        this.#bothKills++;
      } else if (this.#app !== null) await this.#calmDown(this.#app);
      this.#look();
    });
    await this.#appWork;
  }

  settle(): void {
    this.#wanted = 0;
    this.#inTurn(async () => {
      if (this.#app === null) await this.#openApp();
    });
  }

  async isQuiet(): Promise<boolean> {
    await this.#appWork;
    if (this.#app === null) this.settle();
    const life = await this.#room.link.ready();
    const path = "/v2/workflows/logs?state=RUN_STARTED&count=1";
    const response = await ask(life, "GET", path, null);
    if (response?.status !== 200) throw new Error(`GET ${path}: ${response?.body ?? "nothing"}`);
    const { runs } = JSON.parse(response.body) as { readonly runs: readonly unknown[] }; // The form of the wire.
    return runs.length === 0 && readSdkBooks(this.#room.databasePath)?.messageCount === 0;
  }

  stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#inTurn(async () => {
      await this.#next.kill();
      await this.#app?.kill();
    });
  }

  audit(): readonly Check[] {
    this.#look();
    const books = readSdkBooks(this.#room.databasePath, true);
    if (books === null) return [{ name: "there is a database", faults: ["there is none"] }];
    return this.#ledger.audit(books);
  }

  progress(): string {
    const { triggered, begins, repeats } = this.#ledger;
    return `${triggered.size} runs, ${begins} steps begun, ${repeats} of them again, ${this.#appKills} kills of the app, ${this.#bothKills} of both`;
  }

  figures(cycles: number): readonly Figure[] {
    const { triggered, begins, repeats, busyLooks, looks } = this.#ledger;
    const accepted = [...triggered.values()].filter(({ outcome }) => outcome === "accepted");
    return [
      { name: "accepted runs", count: accepted.length, least: cycles },
      { name: "steps begun", count: begins, least: 5 * cycles },
      { name: "steps begun again", count: repeats, least: 0 },
      { name: "kills of the app alone", count: this.#appKills, least: cycles / 10 },
      { name: "kills of server and app", count: this.#bothKills, least: cycles / 10 },
      { name: "looks behind a kill", count: looks, least: cycles / 2 },
      ...SDK_ROUTES.map((route) => {
        return { name: `kills of ${route} runs`, count: busyLooks[route], least: cycles / 2 };
      }),
    ];
  }

  #newProcess(): AppProcess {
    return new AppProcess((runId) => {
      this.#live.delete(runId);
      this.#pump();
    });
  }

  #inTurn(work: () => Promise<void>): void {
    this.#appWork = this.#appWork.then(work).catch((error: unknown) => {
      if (!this.#isOver) this.#ledger.faults.push(`app: ${String(error)}`);
    });
  }

  async #openApp(): Promise<void> {
    if (this.#isOver) return;
    this.#server ??= await this.#room.link.ready();
    const { url, token } = this.#server;
    const journal = join(dirname(this.#room.databasePath), `journal-${this.#appLives++}.txt`);
    const app = this.#next;
    this.#next = this.#newProcess();
    this.#appPort = await app.open({ server: url, token, port: this.#appPort, journal });
    this.#app = app;
    this.#journal = new JournalReader(journal);
  }

  async #killApp(): Promise<void> {
    await this.#app?.kill();
    this.#app = null;
  }

  /** What the dead server had sent is read by the app before anybody compares. */
  async #calmDown(app: AppProcess): Promise<void> {
    await acceptAllAt(this.#appPort);
    let before = -1;
    for (let begun = await app.begun(); begun !== before; begun = await app.begun()) before = begun;
  }

  #look(): void {
    const begins = this.#journal?.takeNew() ?? [];
    if (!existsSync(this.#room.databasePath)) return;
    const books = readSdkBooks(this.#room.databasePath);
    if (books === null) return;
    this.#ledger.look(begins, books);
    for (const runId of this.#live.keys()) {
      const run = books.runs.get(runId);
      if (run !== undefined && run.state !== "started") this.#live.delete(runId);
    }
  }

  #pump(): void {
    if (this.#isOver) return;
    for (const route of SDK_ROUTES) {
      let count = [...this.#live.values()].filter((one) => one === route).length;
      for (; this.#room.link.isUp && count < this.#wanted; count++) void this.#trigger(route);
    }
  }

  async #trigger(route: SdkRoute): Promise<void> {
    const kind = this.#random.pick(SDK_KINDS);
    const runId = `wfr_${route}-${this.#started++}`;
    const triggered = { kind, route, outcome: "unknown" as "unknown" | "accepted" }; // Widens the literal.
    this.#ledger.triggered.set(runId, triggered);
    this.#live.set(runId, route);
    const origin =
      route === "connected"
        ? `http://${APP_NAME}.connected.alt`
        : `http://127.0.0.1:${this.#appPort}`;
    const url = `${origin}/${route}`;
    const headers = {
      ...itemHeaders(runId, url, true),
      "upstash-retries": String(RETRIES),
      "upstash-retry-delay": RETRY_DELAY_MS,
    };
    const body = JSON.stringify({ kind } satisfies SdkPayload);
    const batch = JSON.stringify([{ destination: url, headers, body }]);
    const response = await ask(await this.#room.link.ready(), "POST", "/v2/batch", batch);
    if (response?.status === 200) {
      triggered.outcome = "accepted";
      return;
    }
    if (response !== null) this.#ledger.faults.push(`trigger: ${response.status} ${response.body}`);
    // Nobody waits for a run of which nobody knows whether it exists.
    this.#live.delete(runId);
  }
}
