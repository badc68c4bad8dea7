import {
  ATTEMPTS_PER_MESSAGE_MAX,
  type AttemptRow,
  type DeadLetterRow,
  type RunRow,
  type StepRow,
} from "../core/rows.ts";
import { createBodyBudget } from "./body-budget.ts";
import type { RunSelection } from "./filters.ts";
import type { ApiRoom } from "./room.ts";
import { readRunConfig } from "./views/settings.ts";
import type { RunSource } from "./views/steps.ts";

/** Finds runs, and reads one together with everything that its views show. */

export interface RunSearch extends RunSelection {
  readonly order: "ascending" | "descending";
  /** Exclusive. */
  readonly afterKey: number | null;
  readonly limit: number;
}

export interface FoundRuns {
  readonly runs: readonly RunRow[];
  /** Where the next search begins; null when nothing is left. */
  readonly nextAfterKey: number | null;
}

/** Rows of one read when the store cannot compare everything. */
const SCAN_ROWS = 200;

/** Rows that one search looks at; the rest is behind a cursor, so that no request holds up the server. */
const SCAN_ROWS_MAX = 20_000;

/** At most `limit` runs; fewer with a place to go on from when very many had to be looked at. */
export async function findRuns(search: RunSearch, room: ApiRoom): Promise<FoundRuns> {
  const { conditions, matches, order, limit } = search;
  const runs: RunRow[] = [];
  let { afterKey } = search;
  for (let scanned = 0; scanned < SCAN_ROWS_MAX; ) {
    const wanted = matches === null ? limit - runs.length : SCAN_ROWS;
    const position = afterKey === null ? {} : { afterKey };
    const rows = await room.store.list("runs", {
      where: conditions,
      order,
      limit: wanted + 1,
      ...position,
    });
    for (const run of rows.slice(0, wanted)) {
      if (matches === null || matches(run)) {
        // One more than the limit proves that there is more.
        if (runs.length === limit) return { runs, nextAfterKey: afterKey };
        runs.push(run);
      }
      afterKey = run.key;
    }
    if (rows.length <= wanted) return { runs, nextAfterKey: null };
    if (matches === null) return { runs, nextAfterKey: afterKey };
    scanned += wanted;
    await room.host.nextTurn();
  }
  return { runs, nextAfterKey: afterKey };
}

export async function readRunSource(run: RunRow, room: ApiRoom): Promise<RunSource> {
  const { store } = room;
  const [configs, steps, messages, deadLetters] = await Promise.all([
    store.get("runConfigs", [run.key]),
    store.find("steps", "byRun", [[run.key]]),
    store.find("messages", "byRun", [[run.key]]),
    readOwnDeadLetters(run, room),
  ]);
  const deadLetter = deadLetters.find(({ key }) => key === run.deadLetterKey) ?? null;
  const keys = new Set([...steps.map(({ key }) => key), ...messages.map(({ key }) => key)]);
  for (const key of [deadLetter?.messageKey, deadLetter?.callbackMessageKey]) {
    if (key != null) keys.add(key);
  }
  const successors = await store.get("runs", [deadLetter?.nextRunKey ?? []].flat());
  return {
    run,
    config: readRunConfig(configs[0]?.config),
    steps: byPosition(steps),
    messages,
    attempts: await readFailures([...keys], room),
    deadLetter,
    origin: deadLetters.find(({ nextRunKey }) => nextRunKey === run.key) ?? null,
    successor: successors[0] ?? null,
  };
}

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

function byPosition(steps: readonly StepRow[]): readonly StepRow[] {
  return steps.toSorted((a, b) => a.position - b.position);
}

/** Rows of one read: a long run must not hold up everything else. */
const ATTEMPT_ROWS = 500;

/**
 * The attempts of each message up to its first success, in order. Attempts are numbered without gaps, so the next number is
 * only asked for where the one before has failed.
 */
async function readFailures(
  messageKeys: readonly number[],
  { store, host }: ApiRoom,
): Promise<ReadonlyMap<number, readonly AttemptRow[]>> {
  const cutToBudget = createBodyBudget();
  const attempts = new Map<number, AttemptRow[]>();
  let open = messageKeys;
  for (let number = 0; open.length > 0 && number < ATTEMPTS_PER_MESSAGE_MAX; number += 1) {
    const failed: number[] = [];
    for (let start = 0; start < open.length; start += ATTEMPT_ROWS) {
      const keys = open.slice(start, start + ATTEMPT_ROWS);
      const rows = await store.get(
        "attempts",
        keys.map((key) => key * ATTEMPTS_PER_MESSAGE_MAX + number),
      );
      for (const row of rows) {
        attempts.set(row.messageKey, [...(attempts.get(row.messageKey) ?? []), cutToBudget(row)]);
        if (row.error !== null) failed.push(row.messageKey);
      }
      if (start > 0) await host.nextTurn();
    }
    open = failed;
  }
  return attempts;
}
