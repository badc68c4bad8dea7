import { CrashApp } from "./app.ts";
import { audit } from "./audit.ts";
import { ask, Clients } from "./clients.ts";
import { FlowLoad } from "./flows/flow-load.ts";
import { Ledger } from "./ledger.ts";
import type { Check, Figure, Load, LoadRoom } from "./load.ts";
import { Random } from "./random.ts";

const RUNS_AT_ONCE_MIN = 16;
const RUNS_AT_ONCE_MAX = 64;
const RUNS_PER_CYCLE_MIN = 1;
const RECORDS_PER_CYCLE_MIN = 5;
const FINISHED_PER_CYCLE_MIN = 0.5;

/** Runs of workflows: started, cancelled, failed, healed and resumed, and the app that they run in. */
export class WorkflowLoad implements Load {
  readonly #room: LoadRoom;
  readonly #ledger = new Ledger();
  readonly #random: Random;
  readonly #app: CrashApp;
  readonly #clients: Clients;
  /** Runs of the official SDK; the others are of an app that is light enough for a heavy load. */
  readonly #flows: FlowLoad;

  constructor(room: LoadRoom) {
    this.#room = room;
    this.#random = new Random(room.seed + 2);
    const parts = { ledger: this.#ledger, link: room.link, random: new Random(room.seed + 1) };
    this.#app = new CrashApp(parts);
    this.#clients = new Clients({ ...parts, app: this.#app });
    this.#flows = new FlowLoad(room, this.#ledger.faults);
  }

  get faults(): readonly string[] {
    return this.#ledger.faults;
  }

  get inFlight(): number {
    return this.#app.inFlight + this.#flows.inFlight;
  }

  async start(): Promise<void> {
    await this.#app.start();
    await this.#flows.start();
    void this.#clients.operate();
  }

  beginLife(): void {}

  keepBusy(): void {
    this.#clients.keep(this.#random.between(RUNS_AT_ONCE_MIN, RUNS_AT_ONCE_MAX));
    this.#flows.keepBusy();
  }

  async endLife(): Promise<void> {
    await this.#app.acceptAll();
    await this.#flows.endLife();
  }

  settle(): void {
    this.#clients.keep(0);
    this.#flows.settle();
  }

  async isQuiet(): Promise<boolean> {
    const life = await this.#room.link.ready();
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
    return this.#app.inFlight === 0 && this.#flows.isQuiet();
  }

  stop(): void {
    this.#clients.stop();
    this.#app.stop();
    this.#flows.stop();
  }

  audit(): readonly Check[] {
    const { databasePath } = this.#room;
    return [...audit(databasePath, this.#app.url, this.#ledger), ...this.#flows.audit()];
  }

  progress(): string {
    const { triggered, acceptedCount, deliveries } = this.#ledger;
    return `${triggered.size} runs, ${acceptedCount} records accepted, ${deliveries} deliveries`;
  }

  figures(cycles: number): readonly Figure[] {
    const { triggered, acceptedCount, finished, canceled, resumed, deliveries, overlaps } =
      this.#ledger;
    const accepted = [...triggered.values()].filter(({ outcome }) => outcome === "accepted");
    return [
      { name: "accepted runs", count: accepted.length, least: RUNS_PER_CYCLE_MIN * cycles },
      { name: "accepted records", count: acceptedCount, least: RECORDS_PER_CYCLE_MIN * cycles },
      { name: "finished runs", count: finished.size, least: FINISHED_PER_CYCLE_MIN * cycles },
      { name: "cancelled runs", count: canceled.size, least: 0 },
      { name: "resumed runs", count: resumed.size, least: 0 },
      { name: "deliveries", count: deliveries, least: 0 },
      { name: "overlaps", count: overlaps, least: 0 },
      ...this.#flows.figures(cycles),
    ];
  }
}
