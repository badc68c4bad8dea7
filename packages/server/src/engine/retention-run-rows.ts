import {
  ATTEMPTS_PER_MESSAGE_MAX,
  type AttemptRow,
  type Change,
  type DeadLetterRow,
  type RunRow,
  type StepRow,
} from "../core/rows.ts";
import type { Condition, Reader, Transaction } from "../store/store.ts";
import { deletion, PAGE_ROWS, ROWS_MAX } from "./retention-room.ts";

/** Deletes runs with everything that hangs on them, in one transaction. */

/** Which runs are old enough to go. */
export interface RunAges {
  /** Of runs: those that ended at this instant or earlier. */
  readonly endedBefore: number;
  /** Of their dead letters: those that were resumed, restarted, deleted or expired at this instant or earlier. */
  readonly closedBefore: number;
}

export interface DeletedRuns {
  readonly deleted: number;
  /** The first run that the transaction had no room for. */
  readonly rest: RunRow | null;
}

/** Rows of one kind that a transaction reads of several runs. */
const LIST_MAX = 2 * ROWS_MAX;

/** Bytes of records that one transaction deletes, unless a single one has more. */
export const BYTES_MAX = 8 * 1024 * 1024;

/** All of these runs, unless they have more rows than one transaction should delete; then a part of the first. */
export async function deleteRuns(
  runs: readonly RunRow[],
  ages: RunAges,
  transaction: Transaction,
): Promise<DeletedRuns> {
  const { ended, letters } = await lockRuns(runs, ages, transaction);
  const [first, next] = ended;
  if (first === undefined) return { deleted: 0, rest: null };
  const { changes, isWhole, records } = await collectRows(ended, transaction);
  if (!isWhole && next !== undefined) {
    const { deleted, rest } = await deleteRuns([first], ages, transaction);
    return { deleted, rest: rest ?? next };
  }
  await transaction.write(changes);
  if (!isWhole) {
    // The run itself goes with its last part, so that it is found again. Until then it counts what it still has.
    const set = { stepCount: first.stepCount - records };
    await transaction.write([{ type: "update", table: "runs", key: first.key, set }]);
    return { deleted: 0, rest: first };
  }
  await transaction.write([
    ...letters.map((row) => deletion("deadLetters", row)),
    ...ended.map((run) => deletion("runConfigs", run)),
    ...ended.map((run) => deletion("runs", run)),
  ]);
  return { deleted: ended.length, rest: null };
}

interface LockedRuns {
  readonly ended: readonly RunRow[];
  /** Theirs. */
  readonly letters: readonly DeadLetterRow[];
}

/** The runs that may go, held until the end of the transaction. What hangs on them is read behind that, and cannot change. */
async function lockRuns(
  runs: readonly RunRow[],
  ages: RunAges,
  transaction: Transaction,
): Promise<LockedRuns> {
  const locked = await listRuns(
    runs.map(({ key }) => key),
    transaction,
  );
  const letters = await listLetters(locked, transaction);
  const open = letters.filter((row) => !isClosed(row, ages));
  // Whatever is still to be sent, or is under way, needs its run.
  const messages = await transaction.list("messages", {
    where: [ofRuns<"messages">(locked)],
    order: "ascending",
    limit: LIST_MAX,
    without: ["body"],
  });
  if (messages.length === LIST_MAX) return { ended: [], letters: [] };
  const busy = new Set([...open, ...messages].map(({ runKey }) => runKey));
  const ended = locked.filter((run) => isOver(run, ages) && !busy.has(run.key));
  const keys = new Set(ended.map(({ key }) => key));
  return { ended, letters: letters.filter(({ runKey }) => keys.has(runKey)) };
}

interface Collected {
  readonly changes: readonly Change[];
  /** False when there are more rows than these. */
  readonly isWhole: boolean;
  /** Records of runs among them. */
  readonly records: number;
}

async function collectRows(runs: readonly RunRow[], transaction: Transaction): Promise<Collected> {
  const [first] = runs;
  // Several runs were chosen so that their records have room; of one that stands alone as many are taken as have.
  const limit = runs.length === 1 && first !== undefined ? recordsMax(first) : LIST_MAX;
  const query = { order: "ascending", limit } as const;
  // From the end, so that the records of a run that goes in parts have no gap.
  const steps = await transaction.list("steps", {
    ...query,
    order: "descending",
    where: [ofRuns<"steps">(runs)],
    without: ["body"],
  });
  const own = await collectAttempts(steps, transaction);
  const attempts = await transaction.list("attempts", {
    ...query,
    where: [ofRuns<"attempts">(runs)],
    without: ["responseBody"],
  });
  const waits = await transaction.list("waits", {
    ...query,
    where: [ofRuns<"waits">(runs)],
    without: ["body", "answer"],
  });
  const events = await transaction.list("events", {
    ...query,
    where: [ofRuns<"events">(runs)],
    without: ["body"],
  });
  const isWhole =
    own.isWhole && [steps, attempts, waits, events].every((rows) => rows.length < limit);
  return {
    changes: [
      ...own.changes,
      ...attempts.map((row) => deletion("attempts", row)),
      ...waits.map((row) => deletion("waits", row)),
      ...events.map((row) => deletion("events", row)),
    ],
    isWhole,
    records: own.records,
  };
}

/** Records with their attempts: a record goes when all of its attempts do. Most have one, so only a second one is looked behind. */
async function collectAttempts(
  steps: readonly StepRow[],
  transaction: Transaction,
): Promise<Collected> {
  const early = await listEarly(steps, transaction);
  const byMessage = Map.groupBy(early, ({ messageKey }) => messageKey);
  const changes: Change[] = [];
  let records = 0;
  for (const step of steps) {
    if (changes.length > LIST_MAX) return { changes, isWhole: false, records };
    const known = byMessage.get(step.key) ?? [];
    const later = known.length < EARLY ? [] : await listLater(step, transaction);
    const attempts = [...known, ...later];
    changes.push(...attempts.map((row) => deletion("attempts", row)), deletion("steps", step));
    records += 1;
  }
  return { changes, isWhole: true, records };
}

/** Attempts of each record that are read together. */
const EARLY = 2;

function listEarly(
  steps: readonly StepRow[],
  transaction: Transaction,
): Promise<readonly AttemptRow[]> {
  const values = steps.flatMap(({ key }) => {
    const { from } = attemptSpan(key);
    return [from, from + 1];
  });
  return transaction.list("attempts", {
    where: [{ type: "in", column: "key", values }],
    order: "ascending",
    limit: values.length,
    without: ["responseBody"],
  });
}

function listLater({ key }: StepRow, transaction: Transaction): Promise<readonly AttemptRow[]> {
  const { from, to } = attemptSpan(key);
  return transaction.list("attempts", {
    where: [{ type: "range", column: "key", from: from + EARLY, to }],
    order: "ascending",
    limit: to - from,
    without: ["responseBody"],
  });
}

function ofRuns<T extends "steps" | "attempts" | "waits" | "events" | "messages">(
  runs: readonly RunRow[],
): Condition<T> {
  // All of these tables have this column.
  const column = "runKey" as Condition<T>["column"];
  return { type: "in", column, values: runs.map(({ key }) => key) };
}

export function isOver({ state, completedAt }: RunRow, { endedBefore }: RunAges): boolean {
  return state !== "started" && completedAt !== null && completedAt <= endedBefore;
}

export function isClosed({ state, closedAt }: DeadLetterRow, { closedBefore }: RunAges): boolean {
  return state !== "open" && closedAt !== null && closedAt <= closedBefore;
}

export function listLetters(
  runs: readonly RunRow[],
  reader: Reader,
): Promise<readonly DeadLetterRow[]> {
  return reader.list("deadLetters", {
    // A run fails once.
    where: [{ type: "in", column: "runKey", values: runs.map(({ key }) => key) }],
    order: "ascending",
    limit: PAGE_ROWS,
    without: ["responseBody", "callbackResponseBody"],
  });
}

export function listRuns(keys: readonly number[], reader: Reader): Promise<readonly RunRow[]> {
  return reader.list("runs", {
    where: [{ type: "in", column: "key", values: keys }],
    order: "ascending",
    limit: PAGE_ROWS,
    without: ["response"],
  });
}

/** Records of a run that one transaction deletes: as many as have room, at least one. */
function recordsMax({ stepCount, bodyBytes }: RunRow): number {
  const each = bodyBytes / Math.max(1, stepCount);
  return Math.max(1, Math.min(ROWS_MAX, Math.floor(BYTES_MAX / Math.max(1, each))));
}

/** The first attempt of a message, and the last that it could have. */
function attemptSpan(messageKey: number): { readonly from: number; readonly to: number } {
  const from = messageKey * ATTEMPTS_PER_MESSAGE_MAX;
  return { from, to: from + ATTEMPTS_PER_MESSAGE_MAX - 1 };
}
