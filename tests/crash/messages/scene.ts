import type { Books, LogRecord } from "./books.ts";
import type { ClientLedger } from "./client-ledger.ts";
import type { Attempt, SinkLedger } from "./sink-ledger.ts";

/** All ledgers together, and which attempt the database speaks of where. */
export interface Scene {
  readonly books: Books;
  readonly clients: ClientLedger;
  readonly sinks: SinkLedger;
  readonly sinkUrl: string;
  /** Attempts whose end is in the database, with the moment at which the server says to have begun them. */
  readonly recorded: ReadonlyMap<Attempt, LogRecord & { readonly startedAt: number }>;
  /** Ends in the database that no attempt of the destinations fits. */
  readonly mismatches: readonly string[];
}

/** Differences between two readings of one clock. */
export const CLOCK_MS = 2;

export function toScene(parts: Pick<Scene, "books" | "clients" | "sinks" | "sinkUrl">): Scene {
  const recorded = new Map<Attempt, LogRecord & { readonly startedAt: number }>();
  const mismatches: string[] = [];
  for (const [id, rows] of parts.books.logs) {
    const story = parts.sinks.stories.get(id) ?? [];
    for (const row of rows) {
      const { startedAt, moment, retried } = row;
      if (startedAt === null) continue;
      const name = `${id}: the end of attempt ${retried} (${moment})`;
      // A repeated attempt has the same number; nothing may be repeated once its end is recorded.
      const last = story.findLast((attempt) => attempt.retried === retried);
      const fault = last === undefined ? "nobody received it" : misfit(last, row, parts.sinks);
      if (fault !== null) mismatches.push(`${name} is recorded, but ${fault}`);
      if (last === undefined) continue;
      if (recorded.has(last)) mismatches.push(`${name} is recorded twice`);
      recorded.set(last, { ...row, startedAt });
    }
  }
  return { ...parts, recorded, mismatches };
}

function misfit(attempt: Attempt, { startedAt, status }: LogRecord, sinks: SinkLedger) {
  const { answer, life, arrivedAt } = attempt;
  const began = sinks.lives.get(life)?.beganAt ?? 0;
  if (startedAt === null || startedAt < began - CLOCK_MS) {
    return `it was repeated in life ${life}, after its end was recorded`;
  }
  if (startedAt > arrivedAt + CLOCK_MS) return "it had arrived before it began";
  if (answer === null) return "it was never answered";
  return answer.status === status ? null : `it was answered with ${answer.status}, not ${status}`;
}

/** The earliest and the latest instant at which the attempt can have begun: one when its end is recorded, else its life. */
export function startOf(attempt: Attempt, { recorded, sinks }: Scene): readonly [number, number] {
  const row = recorded.get(attempt);
  if (row !== undefined) return [row.startedAt, row.startedAt];
  // A busy destination may read a request long after it was sent, even after the death of its sender.
  return [sinks.lives.get(attempt.life)?.beganAt ?? 0, sinks.arrivalOf(attempt)];
}

const TERMINAL = ["delivered", "failed", "canceled", "canceledLate"];

/** The moments with which the message ended: one, or none while it is open. */
export function endsOf(id: string, { books }: Scene): readonly LogRecord[] {
  return (books.logs.get(id) ?? []).filter(({ moment }) => TERMINAL.includes(moment));
}
