import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Check, Figure, Load, LoadRoom } from "../load.ts";
import { Random } from "../random.ts";
import { auditMessages } from "./audit.ts";
import { ClientLedger } from "./client-ledger.ts";
import { gateCountFaults } from "./gate-counts.ts";
import { Operators } from "./operators.ts";
import { FROZEN_KEY, PARKED_QUEUE, type Wanted } from "./plan.ts";
import { Publishers } from "./publishers.ts";
import { Requests } from "./requests.ts";
import { scheduledWanted } from "./scheduled.ts";
import { Ticker } from "./schedules.ts";
import { setUpMessages } from "./set-up.ts";
import { Sink } from "./sink.ts";
import { SinkLedger } from "./sink-ledger.ts";

/** Kills behind which the database is looked at as the server left it: the first ones, and a share of the others. */
const LOOKS_MIN = 5;
const LOOKS_SHARE = 0.2;
/** Kills behind which a tick is put near the next start. The file is written then, so the server finds no log to recover. */
const TICKS_SHARE = 0.4;

/** Messages of every kind, those who change what holds for them, and their destinations. */
export class MessageLoad implements Load {
  readonly #room: LoadRoom;
  readonly #ledger = new ClientLedger();
  readonly #sinkLedger = new SinkLedger();
  readonly #random: Random;
  readonly #sink: Sink;
  readonly #requests: Requests;
  readonly #publishers: Publishers;
  readonly #operators: Operators;
  readonly #ticker: Ticker;
  #isSetUp = false;
  #looks = 0;

  constructor(room: LoadRoom) {
    this.#room = room;
    const { link, seed } = room;
    const ledger = this.#ledger;
    this.#random = new Random(seed + 2);
    const random = new Random(seed + 1);
    const requests = new Requests({ link, ledger });
    const sink = new Sink({
      link,
      ledger: this.#sinkLedger,
      wantedOf: (mark) => this.#wantedOf(mark),
    });
    const parts = { link, ledger, requests, sink, random };
    this.#requests = requests;
    this.#sink = sink;
    this.#operators = new Operators({ ...parts, onGone: (mark) => this.#publishers.forget(mark) });
    this.#publishers = new Publishers({
      ...parts,
      onCancelable: (messageId, mark) => void this.#operators.cancel(messageId, mark),
    });
    this.#ticker = new Ticker({ ledger, random: new Random(seed + 3) });
  }

  #wantedOf(mark: string): Wanted | null {
    return this.#ledger.publications.get(mark)?.wanted ?? scheduledWanted(mark);
  }

  get faults(): readonly string[] {
    return this.#ledger.faults;
  }

  get inFlight(): number {
    return this.#sink.inFlight;
  }

  async start(): Promise<void> {
    await this.#sink.start();
    void this.#setUp();
  }

  /** Whatever has to be there before the first message, over as many lives as it takes. */
  async #setUp(): Promise<void> {
    await setUpMessages({
      requests: this.#requests,
      ledger: this.#ledger,
      sinkUrl: this.#sink.url,
    });
    this.#isSetUp = true;
    this.#operators.start();
    this.#publishers.open();
  }

  beginLife(): void {
    this.#sinkLedger.begins(this.#room.link.epoch);
  }

  keepBusy(): void {
    if (this.#isSetUp) this.#publishers.open();
  }

  async endLife(): Promise<void> {
    await this.#sink.acceptAll();
    this.#sinkLedger.ends(this.#room.link.epoch);
    const { databasePath } = this.#room;
    if (!existsSync(databasePath)) return;
    if (this.#looks < LOOKS_MIN || this.#random.chance(LOOKS_SHARE)) this.#look();
    if (this.#isSetUp && this.#random.chance(TICKS_SHARE)) this.#ticker.shift(databasePath);
  }

  /** Looks at a copy, so that the next process finds the files as the last one left them. */
  #look(): void {
    const directory = mkdtempSync(join(tmpdir(), "reprise-crash-look-"));
    const path = join(directory, "reprise.db");
    try {
      for (const end of ["", "-wal"]) {
        const source = this.#room.databasePath + end;
        if (existsSync(source)) copyFileSync(source, path + end);
      }
      for (const fault of gateCountFaults(path)) this.#ledger.fault(`behind a kill: ${fault}`);
      this.#looks++;
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }

  settle(): void {
    this.#publishers.close();
    this.#operators.stop();
  }

  async isQuiet(): Promise<boolean> {
    const isAsking = this.#requests.open + this.#operators.busy > 0;
    if (isAsking || this.#sink.inFlight > 0) return false;
    const database = new DatabaseSync(this.#room.databasePath, { readOnly: true, timeout: 2_000 });
    try {
      const left = database
        .prepare(
          `SELECT count(*) AS count FROM messages
           WHERE NOT (state = 'scheduled' AND dueAt > ?) AND coalesce(gate, '') NOT IN (?, ?)`,
        )
        .get(Date.now() + 1_800_000, `queue:${PARKED_QUEUE}`, `flow:${FROZEN_KEY}`);
      return left?.count === 0;
    } finally {
      database.close();
    }
  }

  stop(): void {
    this.#sinkLedger.ends(this.#room.link.epoch);
    this.#publishers.close();
    this.#operators.stop();
    this.#sink.stop();
  }

  audit(): readonly Check[] {
    return auditMessages(this.#room.databasePath, {
      clients: this.#ledger,
      sinks: this.#sinkLedger,
      sinkUrl: this.#sink.url,
    });
  }

  progress(): string {
    const { publications, acceptedCount } = this.#ledger;
    const { attempts } = this.#sinkLedger;
    return `${publications.size} publishes, ${acceptedCount} messages accepted, ${attempts.length} attempts`;
  }

  figures(cycles: number): readonly Figure[] {
    const { acceptedCount, cancels, pauses, letters, ticks, repeats, publications } = this.#ledger;
    const { attempts } = this.#sinkLedger;
    const confirmed = [...cancels.values()].filter(({ confirmedAt }) => confirmedAt !== null);
    const spanning = pauses.filter(({ life, resumedLife }) => resumedLife > life);
    const duplicates = [...publications.values()].reduce((sum, one) => sum + one.duplicates, 0);
    const cut = attempts.filter(({ answer }) => answer === null);
    return [
      { name: "accepted messages", count: acceptedCount, least: 30 * cycles },
      { name: "attempts", count: attempts.length, least: 30 * cycles },
      { name: "attempts cut off by a kill", count: cut.length, least: cycles },
      { name: "requests repeated", count: repeats, least: cycles / 2 },
      { name: "duplicates recognised", count: duplicates, least: cycles },
      { name: "confirmed cancels", count: confirmed.length, least: cycles },
      { name: "pauses", count: pauses.length, least: cycles / 2 },
      { name: "pauses over a restart", count: spanning.length, least: cycles / 10 },
      { name: "ticks", count: ticks.length, least: cycles / 10 },
      { name: "dead letters handled", count: letters.size, least: cycles / 2 },
      { name: "looks behind a kill", count: this.#looks, least: cycles / 10 },
    ];
  }
}
