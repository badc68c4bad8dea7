import { DatabaseSync } from "node:sqlite";
import { messageKey } from "@reprise/protocol";
import type { Ledger, Triggered } from "./ledger.ts";
import type { Check } from "./load.ts";
import { type Kind, stepCountOf } from "./program.ts";

interface RunRecord {
  readonly key: number;
  readonly id: string;
  readonly state: string;
  readonly stepCount: number;
  readonly sourceRunKey: number | null;
  readonly deadLetterKey: number | null;
}

interface StepRecord {
  readonly key: number;
  readonly position: number;
  readonly slot: number;
  readonly body: string;
}

interface LetterRecord {
  readonly key: number;
  readonly state: string;
  readonly runKey: number;
  readonly nextRunKey: number | null;
  readonly callbackState: string | null;
}

/** The database after everything, read without the server. */
interface Books {
  readonly integrity: string;
  readonly runs: readonly RunRecord[];
  readonly runsByKey: ReadonlyMap<number, RunRecord>;
  readonly runsById: ReadonlyMap<string, RunRecord>;
  readonly steps: ReadonlyMap<number, readonly StepRecord[]>;
  readonly letters: readonly LetterRecord[];
  readonly messages: readonly { readonly key: number; readonly state: string }[];
}

/** Compares what clients and the app have seen with what the database holds. */
export function audit(path: string, appUrl: string, ledger: Ledger): readonly Check[] {
  const books = readBooks(path, appUrl);
  const room = { books, ledger };
  return [
    { name: "the database is whole", faults: books.integrity === "ok" ? [] : [books.integrity] },
    { name: "no contradiction was seen on the way", faults: ledger.faults },
    { name: "every accepted run is recorded once, and no other", faults: checkRuns(room) },
    { name: "every run has ended, as its program says", faults: checkEnds(room) },
    { name: "every list has its positions and slots once", faults: checkLists(room) },
    { name: "every accepted record is kept, once and byte for byte", faults: checkRecords(room) },
    { name: "every recorded result was executed", faults: checkExecutions(room) },
    { name: "every failed run has one dead letter", faults: checkLetters(room) },
    { name: "every resume leads to one run that keeps the results", faults: checkResumes(room) },
    { name: "nothing is left to deliver", faults: checkMessages(room) },
  ];
}

/** Runs of other apps are the matter of others. */
const MINE = "runKey IN (SELECT key FROM runs WHERE url = ?)";

function readBooks(path: string, appUrl: string): Books {
  const database = new DatabaseSync(path, { readOnly: true });
  const all = <T>(sql: string, ...values: string[]) =>
    database.prepare(sql).all(...values) as unknown as readonly T[]; // Each caller names its columns.
  try {
    const runs = all<RunRecord>(
      "SELECT key, id, state, stepCount, sourceRunKey, deadLetterKey FROM runs WHERE url = ? ORDER BY key",
      appUrl,
    );
    const steps = new Map<number, StepRecord[]>();
    for (const { runKey, ...step } of all<StepRecord & { readonly runKey: number }>(
      `SELECT key, runKey, position, slot, CAST(body AS TEXT) AS body FROM steps WHERE ${MINE} ORDER BY runKey, position`,
      appUrl,
    )) {
      const list = steps.get(runKey) ?? [];
      list.push(step);
      steps.set(runKey, list);
    }
    return {
      integrity: all<{ readonly integrity_check: string }>("PRAGMA integrity_check")
        .map((row) => row.integrity_check)
        .join("; "),
      runs,
      runsByKey: new Map(runs.map((run) => [run.key, run])),
      runsById: new Map(runs.map((run) => [run.id, run])),
      steps,
      letters: all(
        `SELECT key, state, runKey, nextRunKey, callbackState FROM deadLetters WHERE ${MINE}`,
        appUrl,
      ),
      messages: all(`SELECT key, state FROM messages WHERE ${MINE}`, appUrl),
    };
  } finally {
    database.close();
  }
}

interface Room {
  readonly books: Books;
  readonly ledger: Ledger;
}

function checkRuns({ books, ledger }: Room): readonly string[] {
  const faults: string[] = [];
  for (const [runId, { outcome }] of ledger.triggered) {
    if (outcome === "accepted" && !books.runsById.has(runId)) faults.push(`${runId} is lost`);
  }
  if (books.runs.length !== books.runsById.size) faults.push("a run id is there twice");
  for (const { id, sourceRunKey } of books.runs) {
    if (sourceRunKey === null && !ledger.triggered.has(id))
      faults.push(`${id} was never triggered`);
  }
  return faults;
}

/** The kind of a run, over the runs that it resumes. */
function triggerOf(run: RunRecord, { books, ledger }: Room): Triggered | undefined {
  const source = run.sourceRunKey === null ? undefined : books.runsByKey.get(run.sourceRunKey);
  return source === undefined ? ledger.triggered.get(run.id) : triggerOf(source, { books, ledger });
}

const END_STATES: Readonly<Record<Kind, string>> = {
  sequential: "succeeded",
  parallel: "succeeded",
  sleeping: "succeeded",
  healing: "failed",
  branching: "failed",
  dying: "failed",
  canceled: "canceled",
};

function checkEnds(room: Room): readonly string[] {
  const { books, ledger } = room;
  const faults: string[] = [];
  for (const run of books.runs) {
    const kind = triggerOf(run, room)?.kind;
    // A failed run is resumed, and what resumes it goes to its end.
    const wanted = run.sourceRunKey !== null ? "succeeded" : kind && END_STATES[kind];
    if (run.state !== wanted) faults.push(`${run.id} (${kind}) is ${run.state}, not ${wanted}`);
    if (run.state !== "succeeded" || kind === undefined) continue;
    const results = stepsOf(run, room).filter(({ slot }) => slot % 2 === 1).length;
    if (results !== stepCountOf(kind)) faults.push(`${run.id} (${kind}) has ${results} results`);
  }
  for (const runId of ledger.finished) {
    const state = books.runsById.get(runId)?.state;
    if (state !== "succeeded") faults.push(`${runId} had finished and is ${state}`);
  }
  for (const runId of ledger.canceled) {
    const state = books.runsById.get(runId)?.state;
    if (state !== "canceled") faults.push(`${runId} had been cancelled and is ${state}`);
  }
  return faults;
}

function stepsOf(run: RunRecord, { books }: Room): readonly StepRecord[] {
  return books.steps.get(run.key) ?? [];
}

function checkLists(room: Room): readonly string[] {
  return room.books.runs.flatMap((run) => {
    const steps = stepsOf(run, room);
    const isInOrder = steps.every(({ position }, index) => position === index);
    const isUnique = new Set(steps.map(({ slot }) => slot)).size === steps.length;
    const isCounted = steps.length === run.stepCount;
    return isInOrder && isUnique && isCounted ? [] : [`${run.id} has a broken list`];
  });
}

function slotName({ slot }: StepRecord): string {
  return slot % 2 === 1 ? `r${(slot - 1) / 2}` : `p${slot / 2}`;
}

function checkRecords(room: Room): readonly string[] {
  const { books, ledger } = room;
  const faults: string[] = [];
  for (const [runId, slots] of ledger.accepted) {
    const run = books.runsById.get(runId);
    const steps = run === undefined ? [] : stepsOf(run, room);
    for (const { slot, messageId, body, isDeduplicated } of slots.values()) {
      const step = steps.find((candidate) => candidate.key === messageKey(messageId));
      if (step === undefined) faults.push(`${runId}: accepted ${slot} is lost`);
      else if (slotName(step) !== slot)
        faults.push(`${runId}: ${slot} is kept as ${slotName(step)}`);
      else if (!isDeduplicated && step.body !== body) faults.push(`${runId}: ${slot} has changed`);
    }
  }
  for (const [runId, items] of ledger.lists) {
    const run = books.runsById.get(runId);
    const steps = run === undefined ? [] : stepsOf(run, room);
    const isKept = items.every(({ messageId, body }, index) => {
      const step = steps[index];
      return step?.key === messageKey(messageId) && step?.body === body;
    });
    if (!isKept) faults.push(`${runId}: what was delivered is not what is kept`);
  }
  return faults;
}

function checkExecutions(room: Room): readonly string[] {
  const faults: string[] = [];
  for (const run of room.books.runs) {
    const key = triggerOf(run, room)?.key;
    for (const step of stepsOf(run, room)) {
      if (step.slot % 2 === 0 || step.body.includes('"SleepFor"')) continue;
      if (!room.ledger.executed.has(`${key} ${slotName(step)}`)) {
        faults.push(`${run.id}: ${slotName(step)} was recorded, but nobody did it`);
      }
    }
  }
  return faults;
}

function checkLetters({ books, ledger }: Room): readonly string[] {
  const faults: string[] = [];
  for (const run of books.runs) {
    const letters = books.letters.filter(({ runKey }) => runKey === run.key);
    const wanted = run.state === "failed" ? 1 : 0;
    if (letters.length !== wanted) faults.push(`${run.id} has ${letters.length} dead letters`);
    const [letter] = letters;
    if (letter === undefined) continue;
    if (run.deadLetterKey !== letter.key) faults.push(`${run.id} does not name its dead letter`);
    if (letter.callbackState !== "CALLBACK_SUCCESS") {
      faults.push(`${run.id}: its failure call is ${letter.callbackState}`);
    }
    if (!ledger.failureCalls.has(run.id)) faults.push(`${run.id}: its app was not told`);
  }
  return faults;
}

function checkResumes(room: Room): readonly string[] {
  const { books, ledger } = room;
  const faults: string[] = [];
  for (const letter of books.letters) {
    const run = books.runsByKey.get(letter.runKey);
    const isDying = run !== undefined && triggerOf(run, room)?.kind === "dying";
    const wanted = isDying ? "open" : "resumed";
    if (letter.state !== wanted) faults.push(`the letter of ${run?.id} is ${letter.state}`);
    if (isDying || run === undefined) continue;
    const revivals = books.runs.filter(({ sourceRunKey }) => sourceRunKey === run.key);
    const [revived] = revivals;
    if (revived === undefined || revivals.length > 1 || revived.key !== letter.nextRunKey) {
      faults.push(`${run.id} was resumed by ${revivals.length} runs`);
      continue;
    }
    const kept = stepsOf(run, room).map(({ body }) => body);
    const isKept = kept.every((body, index) => stepsOf(revived, room)[index]?.body === body);
    if (!isKept) faults.push(`${revived.id} does not begin with the list of ${run.id}`);
    const answered = ledger.resumed.get(run.id);
    if (answered !== undefined && answered !== revived.id) {
      faults.push(`${run.id}: ${answered} was answered, ${revived.id} resumed it`);
    }
  }
  return faults;
}

/** What stays is the failed message that an open dead letter keeps. */
function checkMessages({ books }: Room): readonly string[] {
  const open = books.letters.filter(({ state }) => state === "open").length;
  const faults = books.messages
    .filter(({ state }) => state !== "failed")
    .map(({ key, state }) => `message ${key} is ${state}`);
  if (books.messages.length !== open) {
    faults.push(`${books.messages.length} messages are left, ${open} dead letters are open`);
  }
  return faults;
}
