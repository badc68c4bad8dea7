import { SCHEDULES } from "../../crash/messages/scheduled.ts";
import { Random } from "../../crash/random.ts";

/** An instant at which a schedule is to tick. Nobody knows whether one that is not certain is in the database. */
export interface Tick {
  readonly scheduleId: string;
  readonly at: number;
  readonly isCertain: boolean;
}

const TICK_PAUSE_MS = 300;
const AHEAD_MS_MAX = 800;
/** A tick that has come is behind; the schedule's own is this far away at least. */
const DISTANT_MS = 3_600_000;

/** Runs statements beside the nodes. */
export type Query = (sql: string) => Promise<readonly unknown[]>;

/** Lets every schedule tick about once a second: as soon as a tick has come, the next one is put in its place. */
export class Ticker {
  readonly ticks: Tick[] = [];
  readonly #query: Query;
  readonly #random: Random;
  #isOpen = false;
  #isBusy = false;

  constructor(query: Query, seed: number) {
    this.#query = query;
    this.#random = new Random(seed);
  }

  get isBusy(): boolean {
    return this.#isBusy;
  }

  open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    void this.#run();
  }

  close(): void {
    this.#isOpen = false;
  }

  async #run(): Promise<void> {
    this.#isBusy = true;
    while (this.#isOpen) {
      for (const { scheduleId } of SCHEDULES) await this.#put(scheduleId);
      await new Promise((resolve) => setTimeout(resolve, TICK_PAUSE_MS));
    }
    this.#isBusy = false;
  }

  async #put(scheduleId: string): Promise<void> {
    const now = Date.now();
    const at = now + this.#random.between(-AHEAD_MS_MAX, AHEAD_MS_MAX);
    const sql = `UPDATE schedules SET "dueAt" = ${at} WHERE id = '${scheduleId}' AND "dueAt" > ${now + DISTANT_MS} RETURNING key`;
    try {
      const rows = await this.#query(sql);
      if (rows.length > 0) this.ticks.push({ scheduleId, at, isCertain: true });
    } catch {
      // The database went away before or behind the commit.
      this.ticks.push({ scheduleId, at, isCertain: false });
    }
  }
}
