import type { Check, Figure } from "../../crash/load.ts";
import { Random } from "../../crash/random.ts";
import type { Load, LoadRoom } from "../load.ts";
import { auditFlows } from "./audit.ts";
import { FlowApp } from "./flow-app.ts";
import { FlowClients } from "./flow-clients.ts";
import { StepLedger } from "./step-ledger.ts";

/** Runs that are started at once, again and again while a round lasts. */
const RUNS_AT_ONCE = 3;
const PAUSE_MS = 250;

/** Runs of workflows with the official SDK and with ours, and everybody around them. */
export class FlowLoad implements Load {
  readonly #room: LoadRoom;
  readonly #ledger = new StepLedger();
  readonly #app: FlowApp;
  readonly #clients: FlowClients;
  readonly #woken = new Set<string>();
  readonly #canceled = new Set<string>();
  #isOpen = false;

  constructor(room: LoadRoom) {
    this.#room = room;
    this.#app = new FlowApp({
      ledger: this.#ledger,
      onWaiting: (runId, key) =>
        this.#once(this.#woken, runId, () => this.#clients.wake(runId, key)),
      onCancelable: (runId) => this.#once(this.#canceled, runId, () => this.#clients.cancel(runId)),
    });
    const random = new Random(room.seed + 3);
    this.#clients = new FlowClients({ room, app: this.#app, ledger: this.#ledger, random });
  }

  #once(known: Set<string>, runId: string, act: () => Promise<void>): void {
    if (known.has(runId)) return;
    known.add(runId);
    void act();
  }

  get faults(): readonly string[] {
    return this.#ledger.faults;
  }

  get inFlight(): number {
    return this.#app.inFlight;
  }

  get acceptedCount(): number {
    let count = 0;
    for (const { outcome } of this.#ledger.triggered.values()) if (outcome === "accepted") count++;
    return count;
  }

  /** Operators go on looking for dead letters, so their requests do not count. */
  get isQuiet(): boolean {
    return this.#app.inFlight === 0;
  }

  async start(): Promise<void> {
    const { url } = await this.#room.link.ready();
    await this.#app.start(url);
    void this.#clients.operate();
    void this.#trigger();
  }

  async #trigger(): Promise<void> {
    for (;;) {
      if (this.#isOpen) {
        const several = Array.from({ length: RUNS_AT_ONCE }, () => this.#clients.trigger());
        await Promise.all(several);
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS).unref());
    }
  }

  keepBusy(): void {
    this.#isOpen = true;
  }

  settle(): void {
    this.#isOpen = false;
  }

  stop(): void {
    this.#isOpen = false;
    this.#clients.stop();
    this.#app.stop();
  }

  audit(databasePath: string): readonly Check[] {
    return auditFlows(databasePath, this.#ledger);
  }

  progress(): string {
    const { triggered, executions, repeats } = this.#ledger;
    return `${triggered.size} runs, ${executions} steps done, ${repeats} of them again`;
  }

  figures(rounds: number): readonly Figure[] {
    const { executions, repeats, resumed, returned } = this.#ledger;
    return [
      { name: "accepted runs", count: this.acceptedCount, least: rounds / 2 },
      { name: "finished runs", count: returned.size, least: rounds / 2 },
      { name: "steps done", count: executions, least: rounds },
      { name: "steps done again", count: repeats, least: 0 },
      { name: "resumed runs", count: resumed.size, least: 0 },
      { name: "cancelled runs", count: this.#canceled.size, least: 0 },
    ];
  }
}
