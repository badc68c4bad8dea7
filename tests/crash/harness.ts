import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { auditDatabase, type Finding } from "@reprise/server";
import type { Check, Load, LoadRoom, Part } from "./load.ts";
import { MessageLoad } from "./messages/message-load.ts";
import type { Mutant } from "./mutants.ts";
import { Random } from "./random.ts";
import { SdkLoad } from "./sdk/sdk-load.ts";
import { ServerLink } from "./server-link.ts";
import { ServerProcess } from "./server-process.ts";
import { WorkflowLoad } from "./workflow-load.ts";

/** A life of the server lasts until it has accepted so many requests, however slow the machine is, and a while longer. */
const ACCEPTS_MAX: Readonly<Record<Part, number>> = { workflows: 1, messages: 60, sdk: 20 };
const LIFE_MS_MIN = 30;
const LIFE_MS_MAX: Readonly<Record<Part, number>> = { workflows: 700, messages: 800, sdk: 700 };
const ACCEPT_MS_MAX = 5_000;
/** Share of the kills that hit while the server starts; behind one of them, of those that hit the next start too. */
const EARLY_KILLS = 0.1;
const EARLY_AGAIN = 0.5;
const EARLY_MS_MAX = 120;
const DRAIN_MS_MAX = 60_000;
/** A server with a planted fault may have forgotten what it would have to finish. */
const MUTANT_DRAIN_MS_MAX = 2_000;
const DRAIN_PAUSE_MS = 100;
/** A run of the harness in which less was in flight has proven nothing. */
const BUSY_KILLS_SHARE = 0.6;
const PROGRESS_CYCLES = 10;
/** Kills behind one of which the database is looked at as it was left. */
const AUDIT_CYCLES = 5;

export interface CrashPlan {
  readonly part: Part;
  readonly cycles: number;
  readonly seed: number;
  readonly mutant: Mutant | null;
}

export interface CrashResult {
  readonly passed: number;
  readonly failed: number;
  readonly faults: readonly string[];
}

/** Kills the server again and again, lets it finish its work at last, and compares the ledgers. */
export async function runCrashes(plan: CrashPlan): Promise<CrashResult> {
  const dataDir = mkdtempSync(join(tmpdir(), "reprise-crash-"));
  const harness = new Harness(plan, dataDir);
  try {
    return await harness.run();
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

class Harness {
  readonly #plan: CrashPlan;
  readonly #dataDir: string;
  readonly #link = new ServerLink();
  readonly #random: Random;
  readonly #load: Load;
  /** The process of the next life: loaded ahead, so that a cycle does not wait for it. */
  #next: ServerProcess;
  #port = 0;
  #isEarly = false;
  /** Kills while requests or deliveries were in flight. */
  #busyKills = 0;
  #passed = 0;
  readonly #faults: string[] = [];
  #failed = 0;

  constructor(plan: CrashPlan, dataDir: string) {
    this.#plan = plan;
    this.#dataDir = dataDir;
    this.#random = new Random(plan.seed);
    const room = {
      link: this.#link,
      seed: plan.seed,
      databasePath: join(dataDir, "reprise.db"),
    };
    this.#load = loadOf(plan.part, room);
    this.#next = new ServerProcess(plan.mutant);
  }

  async run(): Promise<CrashResult> {
    await this.#load.start();
    try {
      for (let cycle = 1; cycle <= this.#plan.cycles; cycle++) await this.#cycle(cycle);
      await this.#drain();
    } finally {
      this.#load.stop();
      await this.#next.kill();
      await this.#link.down();
    }
    for (const check of this.#load.audit()) this.#count(check);
    this.#count(await this.#auditDatabase("at the end"));
    this.#count(this.#checkValidity());
    return { passed: this.#passed, failed: this.#failed, faults: this.#faults };
  }

  /** One life of the server, ended by a kill. It passes when nothing contradictory was seen meanwhile. */
  async #cycle(cycle: number): Promise<void> {
    const { faults } = this.#load;
    const faultsBefore = faults.length;
    const isEarly = cycle > 1 && this.#random.chance(this.#isEarly ? EARLY_AGAIN : EARLY_KILLS);
    this.#isEarly = isEarly;
    const server = this.#takeNext();
    const listening = server.open(this.#dataDir, this.#port);
    if (!isEarly) await this.#work(await listening);
    else await pause(this.#random.between(0, EARLY_MS_MAX));
    if (this.#link.inFlight + this.#load.inFlight > 0) this.#busyKills++;
    await server.kill();
    await listening;
    await this.#link.down();
    await this.#load.endLife();
    this.#count({ name: `cycle ${cycle}`, faults: faults.slice(faultsBefore) });
    if (this.#plan.mutant === null && cycle % AUDIT_CYCLES === 0) {
      this.#count(await this.#auditDatabase(`behind kill ${cycle}`));
    }
    if (cycle % PROGRESS_CYCLES === 0) this.#report(cycle);
  }

  #takeNext(): ServerProcess {
    const server = this.#next;
    this.#next = new ServerProcess(this.#plan.mutant);
    this.#link.begin();
    this.#load.beginLife();
    return server;
  }

  async #work(listening: Awaited<ReturnType<ServerProcess["open"]>>): Promise<void> {
    if (listening === null) throw new Error("the server ended before it was killed");
    this.#port = listening.port;
    this.#link.up(listening);
    const accepts = this.#link.accepts(this.#random.between(1, ACCEPTS_MAX[this.#plan.part]));
    this.#load.keepBusy();
    await Promise.race([accepts, pause(ACCEPT_MS_MAX)]);
    await pause(this.#random.between(LIFE_MS_MIN, LIFE_MS_MAX[this.#plan.part]));
  }

  #report(cycle: number): void {
    const progress = this.#load.progress();
    const faults = this.#load.faults.length;
    console.log(
      `cycle ${cycle}: ${progress}, ${this.#busyKills} kills under load, ${faults} faults`,
    );
  }

  /** No more kills and nothing new: the server has to bring everything to its end. */
  async #drain(): Promise<void> {
    this.#load.settle();
    const server = this.#takeNext();
    const listening = await server.open(this.#dataDir, this.#port);
    if (listening === null) throw new Error("the server ended before it had drained");
    this.#link.up(listening);
    const startedAt = Date.now();
    const drainMsMax = this.#plan.mutant === null ? DRAIN_MS_MAX : MUTANT_DRAIN_MS_MAX;
    let isQuiet = await this.#load.isQuiet();
    while (!isQuiet && Date.now() - startedAt <= drainMsMax) {
      await pause(DRAIN_PAUSE_MS);
      isQuiet = await this.#load.isQuiet();
    }
    const faults = isQuiet ? [] : [`there is work left ${drainMsMax} ms after the last kill`];
    this.#count({ name: "everything comes to its end", faults });
    this.#load.stop();
    await server.stop();
    await this.#link.down();
    console.log(`drained in ${Date.now() - startedAt} ms`);
  }

  /** Whatever is killed: what is committed breaks no promise, as operators would look at it. */
  async #auditDatabase(when: string): Promise<Check> {
    const { findings } = await auditDatabase({ dataDir: this.#dataDir }, { isDeep: true });
    const faults = findings.filter(isUnwanted).map(({ name, count, examples }) => {
      return `${name} (${count}): ${examples.slice(0, 3).join(", ")}`;
    });
    return { name: `the database keeps its promises ${when}`, faults };
  }

  #checkValidity(): Check {
    const { cycles } = this.#plan;
    const figures = [
      { name: "kills under load", count: this.#busyKills, least: BUSY_KILLS_SHARE * cycles },
      ...this.#load.figures(cycles),
    ];
    console.log(figures.map(({ name, count }) => `${name}: ${count}`).join(", "));
    const faults = figures
      .filter(({ count, least }) => count < Math.floor(least))
      .map(({ name, count, least }) => `${name}: ${count}, needed are ${Math.floor(least)}`);
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

function loadOf(part: Part, room: LoadRoom): Load {
  switch (part) {
    case "workflows":
      return new WorkflowLoad(room);
    case "messages":
      return new MessageLoad(room);
    case "sdk":
      return new SdkLoad(room);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The script that nudges a run makes its app leave it stuck: a kill may come before the nudge. */
function isUnwanted({ name, count, examples }: Finding): boolean {
  const wanted = examples.filter((text) => /\bwfr_nudge\./.test(text));
  return name !== "stuck-run" || wanted.length < count;
}
