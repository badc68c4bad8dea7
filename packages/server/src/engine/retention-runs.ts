import type { RunRow } from "../core/rows.ts";
import type { Reader } from "../store/store.ts";
import { keyBehind, PAGE_ROWS, type RetentionRoom, ROWS_MAX } from "./retention-room.ts";
import {
  BYTES_MAX,
  deleteRuns,
  isClosed,
  isOver,
  listLetters,
  listRuns,
  type RunAges,
} from "./retention-run-rows.ts";

/** Rows that a run has beside two for each of its records. */
const ROWS_BESIDE = 4;

/**
 * Deletes runs that have ended, each with its records, attempts, waits, events and its closed dead letter. What stays: a run with an
 * open dead letter; one from which another was resumed or restarted that is still there, because links and webhooks lead through it; and
 * the newest of an id as long as an older one is there, because that one would answer in its place.
 * Returns the key to go on behind, or null at the end.
 */
export async function sweepRuns(
  { host, store, tally }: RetentionRoom,
  ages: RunAges,
  afterKey: number,
): Promise<number | null> {
  const page = await store.list("runs", {
    where: [],
    order: "ascending",
    afterKey,
    limit: PAGE_ROWS,
    without: ["response"],
  });
  const behind = keyBehind(page, { before: ages.endedBefore, now: host.now() });
  const ended = page.filter((run) => isOver(run, ages));
  const free = await withoutKept(ended, ages, store);
  const some = fitting(free);
  const last = some.at(-1);
  if (last === undefined) return behind;
  const { deleted, rest } = await store.transaction((transaction) =>
    deleteRuns(some, ages, transaction),
  );
  tally.add("runs", deleted);
  // What the transaction had no room for is found again.
  if (rest !== null) return rest.key - 1;
  return some.length < free.length ? last.key : behind;
}

/** The first of the runs, as many as one transaction should take, but at least one. */
function fitting(runs: readonly RunRow[]): readonly RunRow[] {
  let rows = 0;
  let bytes = 0;
  const end = runs.findIndex(({ stepCount, bodyBytes }, index) => {
    rows += 2 * stepCount + ROWS_BESIDE;
    bytes += bodyBytes;
    return index > 0 && (rows > ROWS_MAX || bytes > BYTES_MAX);
  });
  return end === -1 ? runs : runs.slice(0, end);
}

/** Those that others need no more. What is read here only ever changes so that fewer are kept, so no transaction has to see it. */
async function withoutKept(
  runs: readonly RunRow[],
  ages: RunAges,
  store: Reader,
): Promise<readonly RunRow[]> {
  if (runs.length === 0) return [];
  const letters = await listLetters(runs, store);
  const next = letters.map(({ nextRunKey }) => nextRunKey).filter((key) => key !== null);
  const successors = new Set((await listRuns(next, store)).map(({ key }) => key));
  const kept = new Set(
    letters
      .filter((row) => !isClosed(row, ages) || successors.has(row.nextRunKey ?? -1))
      .map(({ runKey }) => runKey),
  );
  const newest = await findNewest(runs, store);
  return runs.filter(({ key }) => !kept.has(key) && !newest.has(key));
}

/** Of these runs those that are the newest of an id that older ones have as well. */
async function findNewest(runs: readonly RunRow[], store: Reader): Promise<ReadonlySet<number>> {
  const limit = 2 * PAGE_ROWS;
  const values = [...new Set(runs.map(({ id }) => id))];
  const where = [{ type: "in", column: "id", values }] as const;
  const query = { order: "ascending", without: ["response"] } as const;
  const alike = await store.list("runs", { ...query, where, limit });
  // A list that was cut says nothing about those that are missing.
  const isCut = alike.length === limit;
  const byId = Map.groupBy(alike, (run) => run.id);
  const newest = new Set<number>();
  for (const id of values) {
    const where = [{ type: "in", column: "id", values: [id] }] as const;
    const [first, second] = isCut
      ? await store.list("runs", { ...query, where, order: "descending", limit: 2 })
      : (byId.get(id)?.toReversed() ?? []);
    if (first !== undefined && second !== undefined) newest.add(first.key);
  }
  return newest;
}
