import { DatabaseSync } from "node:sqlite";
import { Random } from "../random.ts";
import type { ClientLedger } from "./client-ledger.ts";
import { drawWanted, FIFO_QUEUES, GROUP_SIZE, type Wanted } from "./plan.ts";

/** Schedules whose own ticks are a day away; those that come are put into the database between two lives. */

interface Scheduled {
  readonly scheduleId: string;
  readonly isForGroup: boolean;
  readonly queue: string | null;
  readonly wanted: Wanted;
}

const random = new Random(1);

function scheduled(name: string, options: Pick<Scheduled, "isForGroup" | "queue">): Scheduled {
  const wanted = drawWanted(`scheduled-${name}`, "scheduled", random);
  // Every tick has its own attempts, the first of which fails.
  return {
    scheduleId: `schedule-${name}`,
    wanted: { ...wanted, retries: 2, failures: 1, hasCallbacks: false },
    ...options,
  };
}

export const SCHEDULES: readonly [Scheduled, ...Scheduled[]] = [
  scheduled("one", { isForGroup: false, queue: null }),
  scheduled("two", { isForGroup: false, queue: null }),
  scheduled("queued", { isForGroup: false, queue: FIFO_QUEUES[0] }),
  scheduled("group", { isForGroup: true, queue: null }),
];

export function scheduledWanted(mark: string): Wanted | null {
  return SCHEDULES.find(({ wanted }) => wanted.mark === mark)?.wanted ?? null;
}

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

  #shiftOne({ scheduleId, isForGroup }: Scheduled, database: DatabaseSync): void {
    const { ledger, random: chance } = this.#room;
    const row = database.prepare("SELECT dueAt FROM schedules WHERE id = ?").get(scheduleId);
    const lastAt = this.#lastAt.get(scheduleId) ?? 0;
    // The one before has not come yet.
    if (row === undefined || row.dueAt === lastAt) return;
    const wished = Date.now() + chance.between(-OVERDUE_MS_MAX, AHEAD_MS_MAX);
    const at = Math.max(wished, lastAt + 1);
    database.prepare("UPDATE schedules SET dueAt = ? WHERE id = ?").run(at, scheduleId);
    this.#lastAt.set(scheduleId, at);
    ledger.ticks.push({ scheduleId, at, count: isForGroup ? GROUP_SIZE : 1 });
  }
}
