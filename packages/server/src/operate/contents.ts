import { toSql } from "./check.ts";
import { type DatabasePlace, openDatabase } from "./database.ts";

/** What is in a database, in the words of whoever asks whether it is the right one. */
export interface DatabaseContents {
  readonly openRuns: number;
  readonly endedRuns: number;
  readonly openMessages: number;
  readonly deadLetters: number;
  readonly queues: number;
  readonly schedules: number;
  /** Of the newest run or message, epoch ms; null when there is none. */
  readonly newestAt: number | null;
}

const QUERY = `SELECT
  (SELECT count(*) FROM runs WHERE state = 'started') AS openRuns,
  (SELECT count(*) FROM runs WHERE state <> 'started') AS endedRuns,
  (SELECT count(*) FROM messages WHERE kind IN ('plain', 'callback') AND state <> 'failed') AS openMessages,
  (SELECT count(*) FROM deadLetters WHERE state = 'open') + (SELECT count(*) FROM deadMessages WHERE state = 'open') AS deadLetters,
  (SELECT count(*) FROM queues) AS queues,
  (SELECT count(*) FROM schedules) AS schedules,
  (SELECT max(createdAt) FROM runs) AS newestRunAt,
  (SELECT max(createdAt) FROM envelopes) AS newestMessageAt`;

export async function readContents(place: DatabasePlace): Promise<DatabaseContents> {
  const database = await openDatabase(place);
  try {
    const [row = {}] = await database.all(toSql(QUERY, { now: 0, lateMs: 0 }));
    const newest = [row.newestRunAt, row.newestMessageAt].map((at) =>
      at === null ? 0 : Number(at),
    );
    const newestAt = Math.max(...newest);
    return {
      openRuns: Number(row.openRuns),
      endedRuns: Number(row.endedRuns),
      openMessages: Number(row.openMessages),
      deadLetters: Number(row.deadLetters),
      queues: Number(row.queues),
      schedules: Number(row.schedules),
      newestAt: newestAt === 0 ? null : newestAt,
    };
  } finally {
    await database.close();
  }
}
