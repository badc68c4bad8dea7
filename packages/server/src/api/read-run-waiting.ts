import {
  ATTEMPTS_PER_MESSAGE_MAX,
  type AttemptRow,
  type MessageRow,
  type RunRow,
  type StepRow,
} from "../core/rows.ts";
import { isPlanSlot } from "../core/step.ts";
import { STUCK } from "../engine/stuck-runs.ts";
import { readWaitingFacts } from "./read-waiting.ts";
import type { ApiRoom } from "./room.ts";
import {
  type LastAnswer,
  type Opening,
  openingsOf,
  type RunOutlook,
  type RunWaitingFacts,
  type Told,
  type ToldChild,
  tellRun,
  tellStuck,
  toTold,
} from "./views/run-waiting.ts";
import { readRunConfig, readWaitConfig } from "./views/settings.ts";
import type { RunSource } from "./views/steps.ts";

/** Reads what the live runs of a page wait for: a few reads for all of them together. */

/** A live run, and what its page has read of it already. */
export interface LiveRun {
  readonly run: RunRow;
  /** Plans of each parallel group, by the id of the step behind it. */
  readonly planCounts: ReadonlyMap<number, number>;
  readonly lastAnswer: LastAnswer | null;
  /** Whom a call was for whose answer the app has not taken. */
  readonly answeredUrl: string | null;
}

/** What has to be kept of a source, whose bodies are large. */
export function toLiveRun({ run, steps, attempts, waits }: RunSource): LiveRun {
  const planCounts = new Map<number, number>();
  for (const { slot, nextStepId } of steps) {
    if (isPlanSlot(slot)) planCounts.set(nextStepId, (planCounts.get(nextStepId) ?? 0) + 1);
  }
  let lastAnswer: LastAnswer | null = null;
  for (const rows of attempts.values()) {
    const last = rows.at(-1);
    if (last !== undefined && last.endedAt > (lastAnswer?.at ?? 0)) {
      lastAnswer = { status: last.status, at: last.endedAt };
    }
  }
  const answered = Array.from(waits.values()).find(({ state }) => state === "answered");
  const config = answered === undefined ? null : readWaitConfig(answered);
  return { run, planCounts, lastAnswer, answeredUrl: config?.call?.url ?? null };
}

export interface RunWaiting {
  readonly waitingFor: string;
  readonly isStuck?: true;
}

/** By the keys of the runs. One that has ended meanwhile waits for nothing. */
export async function readRunWaiting(
  live: readonly LiveRun[],
  room: ApiRoom,
): Promise<ReadonlyMap<number, RunWaiting>> {
  return (await readStandings(live, room)).waiting;
}

export interface Standings {
  readonly waiting: ReadonlyMap<number, RunWaiting>;
  /** What tells most of what is open of each run. */
  readonly first: ReadonlyMap<number, Opening>;
}

/** The same, and where the runs stand. */
export async function readStandings(live: readonly LiveRun[], room: ApiRoom): Promise<Standings> {
  const openings = await readOpenings(
    live.map(({ run }) => run),
    room,
  );
  const isIdle = ({ run }: LiveRun) => (openings.get(run.key) ?? []).length === 0;
  const stuck = await readStuck(live.filter(isIdle), room);
  const told = new Map(
    live
      .filter((one) => !isIdle(one))
      .map(({ run, planCounts }) => [run.key, toTold(openings.get(run.key) ?? [], planCounts)]),
  );
  const facts = await readFacts([...told.values()], room);
  const sentences = Array.from(told, ([key, one]) => {
    return [key, { waitingFor: tellRun(one, facts) }] as const;
  });
  return {
    waiting: new Map<number, RunWaiting>([...sentences, ...stuck]),
    first: new Map(
      Array.from(told).flatMap(
        ([
          key,
          {
            openings: [first],
          },
        ]) => (first === undefined ? [] : [[key, first] as const]),
      ),
    ),
  };
}

/** The reads before were several, so that a run that moves fast may look idle. One query sees it as it is. */
async function readStuck(
  idle: readonly LiveRun[],
  { store }: ApiRoom,
): Promise<readonly (readonly [key: number, RunWaiting])[]> {
  if (idle.length === 0) return [];
  const named = {
    type: "in",
    column: "key",
    values: idle.map(({ run }) => run.key),
  } as const;
  const query = { order: "ascending", limit: idle.length, without: ["response"] } as const;
  const live = { type: "in", column: "state", values: ["started"] } as const;
  const [stuck, moving] = await Promise.all([
    store.list("runs", { ...query, where: [named, ...STUCK] }),
    store.list("runs", { ...query, where: [named, live] }),
  ]);
  const stuckKeys = new Set(stuck.map(({ key }) => key));
  const liveKeys = new Set(moving.map(({ key }) => key));
  return idle
    .filter(({ run }) => liveKeys.has(run.key))
    .map(({ run, lastAnswer, answeredUrl }) => [
      run.key,
      stuckKeys.has(run.key)
        ? { waitingFor: tellStuck(lastAnswer, answeredUrl), isStuck: true }
        : { waitingFor: "its next delivery" },
    ]);
}

/** By the keys of the runs. */
async function readOpenings(
  runs: readonly RunRow[],
  room: ApiRoom,
): Promise<ReadonlyMap<number, readonly Opening[]>> {
  const outlooks = await readOutlooks(runs, room);
  const { attemptTimeoutMs } = room.settings;
  return new Map(
    outlooks.map((outlook) => [outlook.run.key, openingsOf(outlook, attemptTimeoutMs)]),
  );
}

/** Waits of one read; a parallel group has a thousand at the most. */
const WAITS_MAX = 20_000;

async function readOutlooks(
  runs: readonly RunRow[],
  { store }: ApiRoom,
): Promise<readonly RunOutlook[]> {
  const keys = runs.map(({ key }) => key);
  if (keys.length === 0) return [];
  const [configs, messages, waits] = await Promise.all([
    store.get("runConfigs", keys),
    store.find(
      "messages",
      "byRun",
      keys.map((key) => [key]),
    ),
    store.list("waits", {
      where: [
        { type: "in", column: "runKey", values: keys },
        { type: "in", column: "state", values: ["open", "answered"] },
      ],
      order: "ascending",
      limit: WAITS_MAX,
      without: ["body", "answer"],
    }),
  ]);
  const steps = await readDelivered(messages, store);
  const failures = await readLastFailures(messages, store);
  const configOf = new Map(configs.map(({ key, config }) => [key, config]));
  const messagesOf = Map.groupBy(messages, ({ runKey }) => runKey);
  const waitsOf = Map.groupBy(waits, ({ runKey }) => runKey);
  return runs.map((run) => ({
    run,
    config: readRunConfig(configOf.get(run.key)),
    messages: messagesOf.get(run.key) ?? [],
    waits: waitsOf.get(run.key) ?? [],
    steps,
    failures,
  }));
}

/** The records that messages deliver have the keys of the messages. */
async function readDelivered(
  messages: readonly MessageRow[],
  store: ApiRoom["store"],
): Promise<ReadonlyMap<number, StepRow>> {
  const keys = messages.filter(({ kind }) => kind === "step").map(({ key }) => key);
  const steps = await inChunks(keys, (values) =>
    store.list("steps", {
      where: [{ type: "in", column: "key", values }],
      order: "ascending",
      limit: values.length,
      without: ["body"],
    }),
  );
  return new Map(steps.map((step) => [step.key, step]));
}

async function readLastFailures(
  messages: readonly MessageRow[],
  store: ApiRoom["store"],
): Promise<ReadonlyMap<number, AttemptRow>> {
  const keys = messages
    .filter(({ state, retried }) => state !== "failed" && retried > 0)
    .map(({ key, retried }) => key * ATTEMPTS_PER_MESSAGE_MAX + retried - 1);
  const attempts = await inChunks(keys, (values) =>
    store.list("attempts", {
      where: [{ type: "in", column: "key", values }],
      order: "ascending",
      limit: values.length,
      without: ["responseBody"],
    }),
  );
  return new Map(attempts.map((attempt) => [attempt.messageKey, attempt]));
}

/** Keys of one read: twenty runs with a thousand branches each are more than one query can name. */
const KEYS_MAX = 5_000;

async function inChunks<T>(
  keys: readonly number[],
  read: (keys: readonly number[]) => Promise<readonly T[]>,
): Promise<readonly T[]> {
  const rows: T[] = [];
  for (let start = 0; start < keys.length; start += KEYS_MAX) {
    rows.push(...(await read(keys.slice(start, start + KEYS_MAX))));
  }
  return rows;
}

async function readFacts(told: readonly Told[], room: ApiRoom): Promise<RunWaitingFacts> {
  const own = told.flatMap(({ openings }) => openings);
  const children = await readChildren(own, room);
  const all = [...own, ...[...children.values()].flatMap(({ openings }) => openings)];
  const facts = await readWaitingFacts(
    all.flatMap(({ message }) => message ?? []),
    room,
  );
  const handedAt = all.flatMap(({ message, startedAt }) =>
    message === null || startedAt === null ? [] : [[message.key, startedAt] as const],
  );
  return { ...facts, handedAt: new Map([...facts.handedAt, ...handedAt]), children };
}

async function readChildren(
  openings: readonly Opening[],
  room: ApiRoom,
): Promise<ReadonlyMap<number, ToldChild>> {
  const keys = openings.flatMap(({ wait }) => wait?.childRunKey ?? []);
  if (keys.length === 0) return new Map();
  const runs = await room.store.get("runs", keys);
  const openingsByRun = await readOpenings(runs, room);
  return new Map(
    runs.map(({ key, id }) => [key, { ...toTold(openingsByRun.get(key) ?? []), runId: id }]),
  );
}
