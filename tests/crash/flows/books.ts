import { DatabaseSync } from "node:sqlite";

export interface FlowRun {
  readonly key: number;
  readonly id: string;
  readonly state: string;
  readonly response: string | null;
  readonly deadLetterKey: number | null;
  readonly sourceRunKey: number | null;
  readonly invoker: string | null;
}

export interface FlowWait {
  readonly key: number;
  readonly runKey: number;
  readonly stepId: number;
  readonly kind: string;
  readonly state: string;
  readonly eventId: string | null;
  readonly childRunKey: number | null;
  /** Of the result, if it is recorded. */
  readonly stepKey: number | null;
}

export interface FlowLetter {
  readonly key: number;
  readonly createdAt: number;
  readonly state: string;
  readonly runKey: number;
  readonly nextRunKey: number | null;
  readonly callbackState: string | null;
}

export interface FlowMessage {
  readonly key: number;
  readonly runKey: number;
  readonly kind: string;
  readonly state: string;
  readonly waitKey: number | null;
  readonly deadLetterKey: number | null;
}

/** What the database holds of the runs of one app, at one instant. */
export interface FlowBooks {
  readonly runs: readonly FlowRun[];
  readonly runsByKey: ReadonlyMap<number, FlowRun>;
  readonly waits: readonly FlowWait[];
  readonly letters: readonly FlowLetter[];
  readonly messages: readonly FlowMessage[];
  readonly results: readonly { readonly runKey: number; readonly stepId: number }[];
  readonly events: readonly { readonly runKey: number; readonly eventId: string }[];
}

const TABLES = {
  runs: `SELECT key, id, state, CAST(response AS TEXT) AS response, deadLetterKey, sourceRunKey, invoker
    FROM runs WHERE key IN mine`,
  waits: `SELECT waits.key, waits.runKey, stepId, kind, state, eventId, childRunKey, steps.key AS stepKey FROM waits
    LEFT JOIN steps ON steps.runKey = waits.runKey AND steps.slot = 2 * stepId + 1 WHERE waits.runKey IN mine`,
  letters: `SELECT key, createdAt, state, runKey, nextRunKey, callbackState FROM deadLetters WHERE runKey IN mine`,
  messages: `SELECT key, runKey, kind, state, waitKey, deadLetterKey FROM messages WHERE runKey IN mine`,
  results: `SELECT runKey, (slot - 1) / 2 AS stepId FROM steps WHERE slot % 2 = 1 AND runKey IN mine`,
  events: `SELECT runKey, eventId FROM events WHERE runKey IN mine`,
} as const;

/** Reads behind the server's back, whether it lives or not. Only runs with a key above `afterKey`. */
export function readFlowBooks(path: string, base: string, afterKey = 0): FlowBooks {
  const database = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
  try {
    database.exec("BEGIN");
    const all = <T>(sql: string): readonly T[] => {
      const mine = `WITH mine AS (SELECT key FROM runs WHERE key > ? AND url >= ? AND url < ?)`;
      const rows = database.prepare(`${mine} ${sql}`).all(afterKey, base, `${base}\uffff`);
      return rows as unknown as readonly T[]; // Each caller names its columns.
    };
    const runs = all<FlowRun>(TABLES.runs);
    return {
      runs,
      runsByKey: new Map(runs.map((run) => [run.key, run])),
      waits: all(TABLES.waits),
      letters: all(TABLES.letters),
      messages: all(TABLES.messages),
      results: all(TABLES.results),
      events: all(TABLES.events),
    };
  } finally {
    database.close();
  }
}

/** Whether anything more is to come for a run. */
export function isOver(run: FlowRun): boolean {
  return run.state !== "started";
}

/** The run that goes on in the place of a failed one, or the run itself. */
export function heirOf(run: FlowRun, books: FlowBooks): FlowRun {
  const next = books.runs.find(({ sourceRunKey }) => sourceRunKey === run.key);
  return next === undefined ? run : heirOf(next, books);
}
