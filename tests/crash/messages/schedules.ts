import { DatabaseSync } from "node:sqlite";
import type { Random } from "../random.ts";
import type { ClientLedger } from "./client-ledger.ts";
import { messagesOf, SCHEDULES, type Scheduled } from "./scheduled.ts";

/** A tick comes up to so long before the next process opens the database, or behind that. */
const OVERDUE_MS_MAX = 2_000;
const AHEAD_MS_MAX = 900;

export interface TickerRoom {
  readonly ledger: ClientLedger;
  readonly random: Random;
}

/** Puts ticks where they hurt: while no server runs, or shortly behind its start. */
export class Ticker {
  readonly #room: TickerRoom;
  /** By schedule id: the tick that was put there last. */
  readonly #lastAt = new Map<string, number>();

  constructor(room: TickerRoom) {
    this.#room = room;
  }

  /** Nobody has the database open. */
  shift(databasePath: string): void {
    const database = new DatabaseSync(databasePath);
    try {
      database.exec("PRAGMA synchronous = FULL");
      for (const schedule of SCHEDULES) this.#shiftOne(schedule, database);
    } finally {
      database.close();
    }
  }

  #shiftOne(schedule: Scheduled, database: DatabaseSync): void {
    const { scheduleId } = schedule;
    const { ledger, random } = this.#room;
    const row = database.prepare("SELECT dueAt FROM schedules WHERE id = ?").get(scheduleId);
    const lastAt = this.#lastAt.get(scheduleId) ?? 0;
    // The one before has not come yet.
    if (row === undefined || row.dueAt === lastAt) return;
    const wished = Date.now() + random.between(-OVERDUE_MS_MAX, AHEAD_MS_MAX);
    const at = Math.max(wished, lastAt + 1);
    database.prepare("UPDATE schedules SET dueAt = ? WHERE id = ?").run(at, scheduleId);
    this.#lastAt.set(scheduleId, at);
    ledger.ticks.push({ scheduleId, at, count: messagesOf(schedule) });
  }
}
