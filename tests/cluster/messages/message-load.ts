import type { Check, Figure } from "../../crash/load.ts";
import { ClientLedger } from "../../crash/messages/client-ledger.ts";
import { Operators } from "../../crash/messages/operators.ts";
import type { Wanted } from "../../crash/messages/plan.ts";
import { Publishers } from "../../crash/messages/publishers.ts";
import { Requests } from "../../crash/messages/requests.ts";
import { scheduledWanted } from "../../crash/messages/scheduled.ts";
import { setUpMessages } from "../../crash/messages/set-up.ts";
import { Sink } from "../../crash/messages/sink.ts";
import { Random } from "../../crash/random.ts";
import { LEASE_MS } from "../cluster.ts";
import type { Load, LoadRoom } from "../load.ts";
import { AttemptLedger } from "./attempt-ledger.ts";
import { auditMessages } from "./audit.ts";
import { type Query, Ticker } from "./schedules.ts";

/** Longer than a lease: who frees the place of a dead node too early lets the next one in while this work goes on. */
const LONG_WORK_MS = LEASE_MS + 2_500;
/** Of messages that hold a place one in so many. */
const LONG_EVERY = 40;

function isLong({ mark, queue, flowKey }: Wanted): boolean {
  const number = Number(/\d+$/.exec(mark)?.[0] ?? 1);
  return (queue !== null || flowKey !== null) && number % LONG_EVERY === 0;
}

/** Messages of every kind, those who change what holds for them, and their destinations; the same as in the crash test. */
export class MessageLoad implements Load {
  readonly #room: LoadRoom;
  readonly #ledger = new ClientLedger();
  readonly #attempts = new AttemptLedger();
  readonly #sink: Sink;
  readonly #requests: Requests;
  readonly #publishers: Publishers;
  readonly #operators: Operators;
  readonly #ticker: Ticker;

  constructor(room: LoadRoom, query: Query) {
    this.#room = room;
    const { link, seed } = room;
    const ledger = this.#ledger;
    const random = new Random(seed + 1);
    const requests = new Requests({ link, ledger });
    const wantedOf = (mark: string) => this.#wantedOf(mark);
    const sink = new Sink({ link, ledger: this.#attempts, wantedOf });
    const parts = { link, ledger, requests, sink, random };
    this.#ticker = new Ticker(query, seed + 2);
    this.#requests = requests;
    this.#sink = sink;
    this.#operators = new Operators({ ...parts, onGone: (mark) => this.#publishers.forget(mark) });
    this.#publishers = new Publishers({
      ...parts,
      onCancelable: (messageId, mark) => void this.#operators.cancel(messageId, mark),
    });
  }

  #wantedOf(mark: string): Wanted | null {
    const wanted = this.#ledger.publications.get(mark)?.wanted ?? scheduledWanted(mark);
    const { hasLongWork } = this.#room;
    return wanted !== null && hasLongWork && isLong(wanted)
      ? { ...wanted, workMs: LONG_WORK_MS }
      : wanted;
  }

  get faults(): readonly string[] {
    return this.#ledger.faults;
  }

  get inFlight(): number {
    return this.#sink.inFlight;
  }

  get acceptedCount(): number {
    return this.#ledger.acceptedCount;
  }

  get isQuiet(): boolean {
    const asking = this.#requests.open + this.#operators.busy + this.#sink.inFlight;
    return asking === 0 && !this.#ticker.isBusy;
  }

  /** Resolves when whatever has to be there before the first message is there. */
  async start(): Promise<void> {
    await this.#sink.start();
    this.#attempts.begins(this.#room.link.epoch);
    await setUpMessages({
      requests: this.#requests,
      ledger: this.#ledger,
      sinkUrl: this.#sink.url,
    });
    this.#operators.start();
  }

  keepBusy(): void {
    this.#publishers.open();
    this.#ticker.open();
  }

  settle(): void {
    this.#publishers.close();
    this.#operators.stop();
    this.#ticker.close();
  }

  stop(): void {
    this.#publishers.close();
    this.#operators.stop();
    this.#ticker.close();
    this.#sink.stop();
  }

  audit(databasePath: string): readonly Check[] {
    return auditMessages(databasePath, {
      clients: this.#ledger,
      sinks: this.#attempts,
      sinkUrl: this.#sink.url,
      faultLog: this.#room.faultLog,
      ticks: this.#ticker.ticks,
    });
  }

  progress(): string {
    return `${this.#ledger.acceptedCount} messages accepted, ${this.#attempts.attempts.length} attempts`;
  }

  figures(rounds: number): readonly Figure[] {
    const { acceptedCount, cancels, pauses, letters, repeats, publications } = this.#ledger;
    const { attempts } = this.#attempts;
    const confirmed = [...cancels.values()].filter(({ confirmedAt }) => confirmedAt !== null);
    const duplicates = [...publications.values()].reduce((sum, one) => sum + one.duplicates, 0);
    const { ticks } = this.#ticker;
    return [
      { name: "accepted messages", count: acceptedCount, least: 10 * rounds },
      { name: "attempts", count: attempts.length, least: 10 * rounds },
      { name: "ticks", count: ticks.length, least: rounds / 2 },
      { name: "requests repeated", count: repeats, least: rounds / 4 },
      { name: "duplicates recognised", count: duplicates, least: rounds / 2 },
      { name: "confirmed cancels", count: confirmed.length, least: rounds / 2 },
      { name: "pauses", count: pauses.length, least: rounds / 2 },
      { name: "dead letters handled", count: letters.size, least: rounds / 5 },
    ];
  }
}
