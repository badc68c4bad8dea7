import type { RunState } from "../core/rows.ts";
import type { Host } from "../host/host.ts";
import type { Reader } from "../store/store.ts";
import { type Timeline, type TimelineCount, WINDOW_MS } from "./timeline.ts";

/** Tells a timeline what happened before the server was started, as far as a bounded look into the store says it. */

const ROWS_MAX = 20_000;
const PAGE_ROWS = 250;

const ENDS: Readonly<Record<RunState, TimelineCount | null>> = {
  started: null,
  succeeded: "runsSucceeded",
  failed: "runsFailed",
  canceled: "runsCanceled",
};

export interface Seeding {
  readonly store: Reader;
  readonly host: Host;
  readonly timeline: Timeline;
  /** What began later is told by whoever sees it happen. */
  readonly before: number;
}

/** Never throws: a page without its past is worth more than none. */
export async function seedTimeline(seeding: Seeding): Promise<void> {
  try {
    await seedRuns(seeding);
    await seedAttempts(seeding);
    await seedLogs(seeding);
  } catch {
    // Whoever asks the storage next says what is wrong with it.
  }
}

async function seedRuns({ store, host, timeline, before }: Seeding): Promise<void> {
  const query = { where: [], without: ["response"] } as const;
  await newest(host, before, async (position) => {
    const rows = await store.list("runs", { ...query, ...position });
    for (const { createdAt, completedAt, state } of rows) {
      if (createdAt < before) timeline.add("runsStarted", createdAt);
      const end = ENDS[state];
      if (end !== null && completedAt !== null && completedAt < before)
        timeline.add(end, completedAt);
    }
    return rows.map(({ key, createdAt: at }) => ({ key, at }));
  });
}

async function seedAttempts({ store, host, timeline, before }: Seeding): Promise<void> {
  const query = { where: [], without: ["responseBody"] } as const;
  await newest(host, before, async (position) => {
    const rows = await store.list("attempts", { ...query, ...position });
    for (const { startedAt, endedAt, error } of rows) {
      if (endedAt < before) timeline.attempt(error === null, endedAt, endedAt - startedAt);
    }
    return rows.map(({ key, endedAt: at }) => ({ key, at }));
  });
}

async function seedLogs({ store, host, timeline, before }: Seeding): Promise<void> {
  const query = { where: [], without: ["responseBody"] } as const;
  await newest(host, before, async (position) => {
    const rows = await store.list("logs", { ...query, ...position });
    for (const { startedAt, at, moment } of rows) {
      if (startedAt !== null && at < before)
        timeline.attempt(moment === "delivered", at, at - startedAt);
    }
    return rows;
  });
}

interface Position {
  readonly order: "descending";
  readonly limit: number;
  readonly afterKey?: number;
}

interface Told {
  readonly key: number;
  readonly at: number;
}

async function newest(
  host: Host,
  before: number,
  read: (position: Position) => Promise<readonly Told[]>,
): Promise<void> {
  const since = before - (WINDOW_MS["24h"] ?? 0);
  let position: Position = { order: "descending", limit: PAGE_ROWS };
  for (let rows = 0; rows < ROWS_MAX; rows += PAGE_ROWS) {
    const found = await read(position);
    const last = found.at(-1);
    if (last === undefined || found.length < PAGE_ROWS || last.at < since) return;
    position = { ...position, afterKey: last.key };
    await host.nextTurn();
  }
}
