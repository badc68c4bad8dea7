import { DatabaseSync } from "node:sqlite";
import { messageId } from "@reprise/protocol";
import { type Books, type LogRecord, readBooks } from "../../crash/messages/books.ts";
import type { Scene } from "../../crash/messages/scene.ts";
import type { Attempt } from "../../crash/messages/sink-ledger.ts";
import type { FaultLog } from "../fault-log.ts";
import type { Tick } from "./schedules.ts";

/** All ledgers together. `mismatches` are ends in the database that no attempt of the destinations fits. */
export interface ClusterScene extends Scene {
  readonly faultLog: FaultLog;
  readonly ticks: readonly Tick[];
  /** When the end of the attempt was written down. */
  readonly recordedAt: ReadonlyMap<Attempt, number>;
}

/** Differences between the clocks of nodes, which measure theirs against the database's over a network that may be slow. */
export const CLOCKS_MS = 400;

interface TimedLog extends LogRecord {
  readonly at: number;
}

export function toClusterScene(
  path: string,
  parts: Pick<ClusterScene, "clients" | "sinks" | "sinkUrl" | "faultLog" | "ticks">,
): ClusterScene {
  const books: Books = readBooks(path);
  const recorded = new Map<Attempt, LogRecord & { readonly startedAt: number }>();
  const recordedAt = new Map<Attempt, number>();
  const mismatches: string[] = [];
  for (const [id, rows] of readLogs(path)) {
    const story = parts.sinks.stories.get(id) ?? [];
    const numbers = new Set<number>();
    for (const row of rows) {
      const { startedAt, moment, retried, status } = row;
      if (startedAt === null) continue;
      const name = `${id}: the end of attempt ${retried} (${moment})`;
      if (numbers.has(retried)) mismatches.push(`${name} is recorded twice`);
      numbers.add(retried);
      const attempt = closest(story, row);
      if (attempt === null) {
        const answers = story.map((one) => `${one.retried}:${one.answer?.status ?? "none"}`);
        mismatches.push(`${name} is recorded with ${status}, the destination knows ${answers}`);
        continue;
      }
      recorded.set(attempt, { ...row, startedAt });
      recordedAt.set(attempt, row.at);
    }
  }
  return { ...parts, books, recorded, recordedAt, mismatches };
}

/** Of the attempts with that number and answer the one that was begun then. */
function closest(story: readonly Attempt[], row: TimedLog): Attempt | null {
  const { retried, status, startedAt } = row;
  const distance = ({ arrivedAt }: Attempt) => Math.abs(arrivedAt - (startedAt ?? 0));
  const fitting = story.filter(
    (attempt) => attempt.retried === retried && attempt.answer?.status === status,
  );
  return fitting.toSorted((a, b) => distance(a) - distance(b))[0] ?? null;
}

function readLogs(path: string): ReadonlyMap<string, readonly TimedLog[]> {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const rows = database
      .prepare(
        "SELECT messageKey AS key, at, moment, retried, startedAt, status FROM logs ORDER BY logs.key",
      )
      .all() as unknown as readonly (TimedLog & { readonly key: number })[]; // The columns above.
    return Map.groupBy(rows, ({ key }) => messageId(key));
  } finally {
    database.close();
  }
}
