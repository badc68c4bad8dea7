import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CrashApp } from "./app.ts";
import { audit, type Check } from "./audit.ts";
import { ask, Clients } from "./clients.ts";
import { Ledger } from "./ledger.ts";
import type { CrashOptions } from "./options.ts";
import { Random } from "./random.ts";
import { ServerLink } from "./server-link.ts";
import { ServerProcess } from "./server-process.ts";

/** Time that a life of the server has from the first request that it has accepted. */
const LIFE_MS_MIN = 30;
const LIFE_MS_MAX = 330;
const ACCEPT_MS_MAX = 5_000;
/** Share of the kills that hit while the server starts. */
const EARLY_KILLS = 0.1;
const EARLY_MS_MAX = 80;
const RUNS_AT_ONCE_MIN = 16;
const RUNS_AT_ONCE_MAX = 64;
const DRAIN_MS_MAX = 60_000;
/** A server with a planted fault may have forgotten what it would have to finish. */
const MUTANT_DRAIN_MS_MAX = 5_000;
const DRAIN_PAUSE_MS = 100;
/** A run of the harness in which less happened has proven nothing. */
const BUSY_KILLS_SHARE = 0.7;
const RUNS_PER_CYCLE_MIN = 2;
const RECORDS_PER_CYCLE_MIN = 5;
const FINISHED_PER_CYCLE_MIN = 0.5;
const PROGRESS_CYCLES = 10;

export interface CrashResult {
  readonly passed: number;
  readonly failed: number;
  readonly faults: readonly string[];
}

/** Kills the server again and again, lets it finish its work at last, and compares the ledgers. */
export async function runCrashes(options: CrashOptions): Promise<CrashResult> {
  const dataDir = mkdtempSync(join(tmpdir(), "reprise-crash-"));
  const harness = new Harness(options, dataDir);
  try {
    return await harness.run();
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

class Harness {
  readonly #options: CrashOptions;
  readonly #dataDir: string;
  readonly #ledger = new Ledger();
  readonly #link = new ServerLink();
  readonly #random: Random;
  readonly #app: CrashApp;
  readonly #clients: Clients;
  /** The process of the next life: loaded ahead, so that a cycle does not wait for it. */
  #next: ServerProcess;
  #port = 0;
  /** Kills while requests or deliveries were in flight. */
  #busyKills = 0;
  #passed = 0;
  readonly #faults: string[] = [];
  #failed = 0;

  constructor(options: CrashOptions, dataDir: string) {
    this.#options = options;
    this.#dataDir = dataDir;
    this.#random = new Random(options.seed);
    const room = { ledger: this.#ledger, link: this.#link, random: new Random(options.seed + 1) };
    this.#app = new CrashApp(room);
    this.#clients = new Clients({ ...room, app: this.#app });
    this.#next = new ServerProcess(options.mutant);
  }

  async run(): Promise<CrashResult> {
    await this.#app.start();
    void this.#clients.operate();
    try {
      for (let cycle = 1; cycle <= this.#options.cycles; cycle++) await this.#cycle(cycle);
      await this.#drain();
    } finally {
      this.#clients.stop();
      await this.#next.kill();
      await this.#link.down();
      this.#app.stop();
    }
    for (const check of audit(join(this.#dataDir, "reprise.db"), this.#ledger)) this.#count(check);
    this.#count(this.#checkValidity());
    return { passed: this.#passed, failed: this.#failed, faults: this.#faults };
  }

  /** One life of the server, ended by a kill. It passes when nothing contradictory was seen meanwhile. */
  async #cycle(cycle: number): Promise<void> {
    const { faults } = this.#ledger;
    const faultsBefore = faults.length;
    const isEarly = cycle > 1 && this.#random.chance(EARLY_KILLS);
    const server = this.#takeNext();
    const listening = server.open(this.#dataDir, this.#port);
    if (!isEarly) await this.#work(await listening);
    else await pause(this.#random.between(0, EARLY_MS_MAX));
    if (this.#link.inFlight + this.#app.inFlight > 0) this.#busyKills++;
    await server.kill();
    await listening;
    await this.#link.down();
    this.#count({ name: `cycle ${cycle}`, faults: faults.slice(faultsBefore) });
    if (cycle % PROGRESS_CYCLES === 0) this.#report(cycle);
  }

  #takeNext(): ServerProcess {
    const server = this.#next;
    this.#next = new ServerProcess(this.#options.mutant);
    this.#link.begin();
    return server;
  }

  async #work(listening: Awaited<ReturnType<ServerProcess["open"]>>): Promise<void> {
    if (listening === null) throw new Error("the server ended before it was killed");
    this.#port = listening.port;
    this.#link.up(listening);
    const accepts = this.#link.accepts();
    this.#clients.keep(this.#random.between(RUNS_AT_ONCE_MIN, RUNS_AT_ONCE_MAX));
    await Promise.race([accepts, pause(ACCEPT_MS_MAX)]);
    await pause(this.#random.between(LIFE_MS_MIN, LIFE_MS_MAX));
  }

  #report(cycle: number): void {
    const { ledger, kills } = { ledger: this.#ledger, kills: this.#busyKills };
    console.log(
      `cycle ${cycle}: ${ledger.triggered.size} runs, ${ledger.acceptedCount} records accepted, ` +
        `${ledger.deliveries} deliveries, ${kills} kills under load, ${ledger.faults.length} faults`,
    );
  }

  /** No more faults and no more runs: the server has to bring everything to its end. */
  async #drain(): Promise<void> {
    this.#clients.keep(0);
    const server = this.#takeNext();
    const listening = await server.open(this.#dataDir, this.#port);
    if (listening === null) throw new Error("the server ended before it had drained");
    this.#link.up(listening);
    const startedAt = Date.now();
    const drainMsMax = this.#options.mutant === null ? DRAIN_MS_MAX : MUTANT_DRAIN_MS_MAX;
    while (!(await this.#isQuiet())) {
      if (Date.now() - startedAt > drainMsMax) {
        this.#ledger.fault(`there is work left ${drainMsMax} ms after the last kill`);
        break;
      }
      await pause(DRAIN_PAUSE_MS);
    }
    this.#clients.stop();
    await server.stop();
    await this.#link.down();
    console.log(`drained in ${Date.now() - startedAt} ms`);
  }

  async #isQuiet(): Promise<boolean> {
    const life = await this.#link.ready();
    for (const path of [
      "/v2/workflows/logs?state=RUN_STARTED&count=1",
      "/v2/workflows/dlq?label=healing,branching&count=1",
      "/v2/workflows/dlq?failureFunctionState=CALLBACK_INPROGRESS&count=1",
    ]) {
      const response = await ask(life, "GET", path, null);
      if (response?.status !== 200) throw new Error(`GET ${path}: ${response?.body ?? "nothing"}`);
      const page = JSON.parse(response.body) as Readonly<Record<string, unknown>>; // A JSON object.
      const list = page.runs ?? page.messages;
      if (!Array.isArray(list) || list.length > 0) return false;
    }
    return this.#app.inFlight === 0;
  }

  #checkValidity(): Check {
    const { cycles } = this.#options;
    const ledger = this.#ledger;
    const accepted = [...ledger.triggered.values()].filter(({ outcome }) => outcome === "accepted");
    const figures = [
      ["kills under load", this.#busyKills, BUSY_KILLS_SHARE * cycles],
      ["accepted runs", accepted.length, RUNS_PER_CYCLE_MIN * cycles],
      ["accepted records", ledger.acceptedCount, RECORDS_PER_CYCLE_MIN * cycles],
      ["finished runs", ledger.finished.size, FINISHED_PER_CYCLE_MIN * cycles],
    ] as const;
    for (const [name, count] of figures) console.log(`${name}: ${count}`);
    console.log(
      `cancelled runs: ${ledger.canceled.size}, resumed: ${ledger.resumed.size}, deliveries: ${ledger.deliveries}, overlaps: ${ledger.overlaps}`,
    );
    const faults = figures
      .filter(([, count, least]) => count < Math.floor(least))
      .map(([name, count, least]) => `${name}: ${count}, needed are ${Math.floor(least)}`);
    return { name: "enough was in flight to prove something", faults };
  }

  #count({ name, faults }: Check): void {
    if (faults.length === 0) {
      this.#passed++;
      return;
    }
    this.#failed++;
    this.#faults.push(...faults.map((fault) => `${name}: ${fault}`));
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
