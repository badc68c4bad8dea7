import {
  ATTEMPTS_PER_MESSAGE_MAX,
  type AttemptRow,
  type DeadLetterRow,
  type RunRow,
  type StepRow,
} from "../core/rows.ts";
import { INITIAL_SLOT, openSteps } from "../core/step.ts";
import type { WaitRow } from "../core/wait-rows.ts";
import { createBodyBudget } from "./body-budget.ts";
import type { ApiRoom } from "./room.ts";
import type { ChildSource } from "./views/outside-steps.ts";
import { readRunConfig } from "./views/settings.ts";
import type { RunSource } from "./views/steps.ts";

/** Reads one run together with everything that its views show; no bodies that nobody asked for. */
export async function readRunSource(
  run: RunRow,
  bodyBytesMax: number | null,
  room: ApiRoom,
): Promise<RunSource> {
  const { store } = room;
  const hasBodies = bodyBytesMax !== -1;
  const [configs, steps, messages, deadLetters, waits] = await Promise.all([
    store.get("runConfigs", [run.key]),
    readSteps(run, hasBodies, room),
    store.find("messages", "byRun", [[run.key]]),
    readOwnDeadLetters(run, room),
    readWaits(run, hasBodies, room),
  ]);
  const deadLetter = deadLetters.find(({ key }) => key === run.deadLetterKey) ?? null;
  const keys = new Set([...steps.map(({ key }) => key), ...messages.map(({ key }) => key)]);
  for (const key of [deadLetter?.messageKey, deadLetter?.callbackMessageKey]) {
    if (key != null) keys.add(key);
  }
  for (const { kind, requestKey } of waits) {
    if (kind === "call" && requestKey !== null) keys.add(requestKey);
  }
  const successors = await store.get("runs", [deadLetter?.nextRunKey ?? []].flat());
  return {
    run,
    config: readRunConfig(configs[0]?.config),
    steps,
    messages,
    attempts: await readAttempts({ keys: [...keys], again: openKeys(steps), hasBodies }, room),
    waits: new Map(waits.map((wait) => [wait.stepId, wait])),
    children: await readChildren(waits, hasBodies, room),
    deadLetter,
    origin: deadLetters.find(({ nextRunKey }) => nextRunKey === run.key) ?? null,
    successor: successors[0] ?? null,
  };
}

/** In order of position. The payload alone is shown as it is; of the others the body has to be read to know what they are. */
async function readSteps(
  run: RunRow,
  hasBodies: boolean,
  { store }: ApiRoom,
): Promise<readonly StepRow[]> {
  const steps = hasBodies
    ? await store.find("steps", "byRun", [[run.key]])
    : await readStepsWithoutPayload(run, store);
  return steps.toSorted((a, b) => a.position - b.position);
}

async function readStepsWithoutPayload(run: RunRow, store: ApiRoom["store"]) {
  const ofRun = { type: "in", column: "runKey", values: [run.key] } as const;
  const initial = { type: "in", column: "slot", values: [INITIAL_SLOT] } as const;
  const others = { type: "range", column: "slot", from: INITIAL_SLOT + 1 } as const;
  const order = "ascending";
  const [first, rest] = await Promise.all([
    store.list("steps", { where: [ofRun, initial], order, limit: 1, without: ["body"] }),
    store.list("steps", { where: [ofRun, others], order, limit: run.stepCount + NEW_ROWS_MAX }),
  ]);
  return [...first, ...rest];
}

/** Records that a run may have got since its row was read. */
const NEW_ROWS_MAX = 10_000;

/** The dead letter of this run, and the one that it was revived from. */
async function readOwnDeadLetters(
  run: RunRow,
  { store }: ApiRoom,
): Promise<readonly DeadLetterRow[]> {
  const own = run.deadLetterKey === null ? [] : [run.deadLetterKey];
  const sources = run.sourceRunKey === null ? [] : [[run.sourceRunKey]];
  const rows = await Promise.all([
    store.get("deadLetters", own),
    store.find("deadLetters", "byRun", sources),
  ]);
  return rows.flat();
}

/** Waits of one run: there is at most one for each of its steps. */
const WAITS_MAX = 50_000;
/** Calls whose bodies one read brings along. */
const CALL_ROWS = 10;
/** Bytes of bodies of calls, and of payloads of children, that one run shows. */
const BODY_BYTES_MAX = 32 * 1024 * 1024;

/** What a call is to tell the app is never shown, and what it sends only as long as there is room. */
async function readWaits(
  run: RunRow,
  hasBodies: boolean,
  { store, host }: ApiRoom,
): Promise<readonly WaitRow[]> {
  const waits = await store.list("waits", {
    where: [{ type: "in", column: "runKey", values: [run.key] }],
    order: "ascending",
    limit: WAITS_MAX,
    without: ["body", "answer"],
  });
  const calls = hasBodies ? waits.filter(({ kind }) => kind === "call") : [];
  const bodies = new Map<number, Uint8Array | null>();
  let left = BODY_BYTES_MAX;
  for (let start = 0; start < calls.length && left > 0; start += CALL_ROWS) {
    const keys = calls.slice(start, start + CALL_ROWS).map(({ key }) => key);
    for (const { key, body } of await store.get("waits", keys)) {
      bodies.set(key, body);
      left -= body?.byteLength ?? 0;
    }
    if (start > 0) await host.nextTurn();
  }
  return waits.map((wait) => ({ ...wait, body: bodies.get(wait.key) ?? null }));
}

async function readChildren(
  waits: readonly WaitRow[],
  hasBodies: boolean,
  { store }: ApiRoom,
): Promise<ReadonlyMap<number, ChildSource>> {
  const keys = waits.flatMap(({ childRunKey }) => childRunKey ?? []);
  if (keys.length === 0) return new Map();
  const runs = await store.get("runs", keys);
  let left = hasBodies ? BODY_BYTES_MAX : 0;
  const shown = new Set<number>();
  for (const { key, bodyBytes } of runs) {
    left -= bodyBytes;
    if (left > 0) shown.add(key);
  }
  const hidden = keys.filter((key) => !shown.has(key));
  const [configs, payloads, others] = await Promise.all([
    store.get("runConfigs", keys),
    store.find(
      "steps",
      "bySlot",
      Array.from(shown, (key) => [key, INITIAL_SLOT]),
    ),
    hidden.length === 0 ? [] : readFirstSteps(hidden, store),
  ]);
  const configOf = new Map(configs.map(({ key, config }) => [key, config]));
  const firstOf = new Map([...payloads, ...others].map((step) => [step.runKey, step]));
  return new Map(
    runs.map((run) => {
      const first = firstOf.get(run.key);
      const config = readRunConfig(configOf.get(run.key));
      const payload = shown.has(run.key) ? (first?.body ?? null) : null;
      return [run.key, { run, config, firstConfig: first?.config ?? null, payload }];
    }),
  );
}

function readFirstSteps(runKeys: readonly number[], store: ApiRoom["store"]) {
  return store.list("steps", {
    where: [
      { type: "in", column: "runKey", values: runKeys },
      { type: "in", column: "slot", values: [INITIAL_SLOT] },
    ],
    order: "ascending",
    limit: runKeys.length,
    without: ["body"],
  });
}

/** The messages that a nudge delivers again, so that attempts may follow a success. */
function openKeys(steps: readonly StepRow[]): ReadonlySet<number> {
  return new Set(openSteps(steps).map(({ key }) => key));
}

/** Rows of one read: a long run must not hold up everything else. */
const ATTEMPT_ROWS = 500;

interface AttemptSearch {
  /** Of messages. */
  readonly keys: readonly number[];
  /** Those among them that may have been delivered again after a success. */
  readonly again: ReadonlySet<number>;
  readonly hasBodies: boolean;
}

/**
 * The attempts of each message up to its success, in order. Attempts are numbered without gaps, so the next number is only asked
 * for where the one before has failed.
 */
async function readAttempts(
  { keys, again, hasBodies }: AttemptSearch,
  room: ApiRoom,
): Promise<ReadonlyMap<number, readonly AttemptRow[]>> {
  const cutToBudget = createBodyBudget();
  const attempts = new Map<number, AttemptRow[]>();
  let open = keys;
  for (let number = 0; open.length > 0 && number < ATTEMPTS_PER_MESSAGE_MAX; number += 1) {
    const next: number[] = [];
    for (let start = 0; start < open.length; start += ATTEMPT_ROWS) {
      const some = open.slice(start, start + ATTEMPT_ROWS);
      const attemptKeys = some.map((key) => key * ATTEMPTS_PER_MESSAGE_MAX + number);
      for (const row of await getAttempts(attemptKeys, hasBodies, room)) {
        const before = attempts.get(row.messageKey) ?? [];
        attempts.set(row.messageKey, [...before, cutToBudget(row)]);
        if (row.error !== null || again.has(row.messageKey)) next.push(row.messageKey);
      }
      if (start > 0) await room.host.nextTurn();
    }
    open = next;
  }
  return attempts;
}

function getAttempts(keys: readonly number[], hasBodies: boolean, { store }: ApiRoom) {
  if (hasBodies) return store.get("attempts", keys);
  return store.list("attempts", {
    where: [{ type: "in", column: "key", values: keys }],
    order: "ascending",
    limit: keys.length,
    without: ["responseBody"],
  });
}
