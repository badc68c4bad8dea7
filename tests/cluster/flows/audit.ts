import { DatabaseSync } from "node:sqlite";
import type { Check } from "../../crash/load.ts";
import { RESULT_COUNTS, type StepLedger } from "./step-ledger.ts";

interface RunRecord {
  readonly key: number;
  readonly id: string;
  readonly state: string;
  readonly stepCount: number;
  readonly sourceRunKey: number | null;
  readonly deadLetterKey: number | null;
  readonly response: string | null;
}

interface StepRecord {
  readonly runKey: number;
  readonly position: number;
  readonly slot: number;
  readonly body: string;
}

interface Books {
  readonly runs: readonly RunRecord[];
  readonly steps: ReadonlyMap<number, readonly StepRecord[]>;
  readonly letters: readonly {
    readonly runKey: number;
    readonly state: string;
    readonly nextRunKey: number | null;
  }[];
  /** Of runs; a failed one keeps its message for whoever resumes it. */
  readonly openMessages: number;
}

interface Room {
  readonly books: Books;
  readonly ledger: StepLedger;
}

/** Compares what apps and clients have seen with what the database holds. */
export function auditFlows(path: string, ledger: StepLedger): readonly Check[] {
  const room = { books: readBooks(path), ledger };
  return [
    { name: "no contradiction was seen on the way", faults: ledger.faults },
    { name: "every accepted run is there once, and no other", faults: checkRuns(room) },
    { name: "every run has ended, as its program says", faults: checkEnds(room) },
    { name: "every list has its positions and slots once", faults: checkLists(room) },
    { name: "recorded results are those that were executed", faults: checkResults(room) },
    { name: "every failed run is resumed once", faults: checkLetters(room) },
    { name: "no run has work left", faults: checkMessages(room) },
  ];
}

function readBooks(path: string): Books {
  const database = new DatabaseSync(path, { readOnly: true });
  const all = <T>(sql: string) => database.prepare(sql).all() as unknown as readonly T[]; // Each caller names its columns.
  try {
    return {
      runs: all(
        `SELECT key, id, state, stepCount, sourceRunKey, deadLetterKey, CAST(response AS TEXT) AS response
         FROM runs ORDER BY key`,
      ),
      steps: Map.groupBy(
        all<StepRecord>(
          "SELECT runKey, position, slot, CAST(body AS TEXT) AS body FROM steps ORDER BY runKey, position",
        ),
        ({ runKey }) => runKey,
      ),
      letters: all("SELECT runKey, state, nextRunKey FROM deadLetters"),
      openMessages:
        all<{ readonly count: number }>(
          "SELECT count(*) AS count FROM messages WHERE runKey IS NOT NULL AND state <> 'failed'",
        )[0]?.count ?? 0,
    };
  } finally {
    database.close();
  }
}

function checkRuns({ books, ledger }: Room): readonly string[] {
  const faults: string[] = [];
  const ids = new Set(books.runs.map(({ id }) => id));
  if (ids.size !== books.runs.length) faults.push("a run id is there twice");
  for (const [runId, { outcome }] of ledger.triggered) {
    if (outcome === "accepted" && !ids.has(runId)) faults.push(`${runId} is lost`);
  }
  for (const { id, sourceRunKey } of books.runs) {
    if (sourceRunKey === null && !ledger.triggered.has(id)) {
      faults.push(`${id} was never triggered`);
    }
  }
  return faults;
}

function sourceOf(run: RunRecord, books: Books): RunRecord {
  const source = books.runs.find(({ key }) => key === run.sourceRunKey);
  return source === undefined ? run : sourceOf(source, books);
}

function checkEnds({ books, ledger }: Room): readonly string[] {
  const faults: string[] = [];
  for (const run of books.runs) {
    const triggered = ledger.triggered.get(sourceOf(run, books).id);
    if (triggered === undefined) continue;
    const { kind } = triggered;
    const name = `${run.id} (${kind})`;
    const isFragile = kind === "failing" && run.sourceRunKey === null;
    const wanted = kind === "canceled" ? "canceled" : isFragile ? "failed" : "succeeded";
    if (run.state !== wanted) faults.push(`${name} is ${run.state}, not ${wanted}`);
    if (run.state !== "succeeded") continue;
    const results = (books.steps.get(run.key) ?? []).filter(({ slot }) => slot % 2 === 1);
    if (results.length !== RESULT_COUNTS[kind]) {
      faults.push(`${name} has ${results.length} results`);
    }
    if (!ledger.returned.has(run.id)) faults.push(`${name} succeeded, but nobody returned`);
    else if (!(run.response ?? "").includes(ledger.returned.get(run.id) ?? "")) {
      faults.push(`${name} returned ${ledger.returned.get(run.id)}, ${run.response} is kept`);
    }
  }
  return faults;
}

function checkLists({ books }: Room): readonly string[] {
  return books.runs.flatMap((run) => {
    const steps = books.steps.get(run.key) ?? [];
    const isInOrder = steps.every(({ position }, index) => position === index);
    const isUnique = new Set(steps.map(({ slot }) => slot)).size === steps.length;
    const isCounted = steps.length === run.stepCount;
    return isInOrder && isUnique && isCounted ? [] : [`${run.id} has a broken list`];
  });
}

/** Of each step that the app did, one execution's mark is recorded, and it is the one that later deliveries have brought. */
function checkResults({ books, ledger }: Room): readonly string[] {
  const faults: string[] = [];
  const executed = new Set([...ledger.executed.values()].flatMap((marks) => [...marks]));
  for (const run of books.runs) {
    const texts = (books.steps.get(run.key) ?? [])
      .filter(({ slot }) => slot % 2 === 1)
      .map(({ body }) => body);
    for (const text of texts) {
      const mark = /"([a-z]+-[0-9a-f]{12})|\\"([a-z]+-[0-9a-f]{12})/.exec(text);
      const made = mark?.[1] ?? mark?.[2];
      if (made !== undefined && !executed.has(made)) {
        faults.push(`${run.id}: ${made} is recorded, but nobody did it`);
      }
    }
    for (const [name, { mark }] of ledger.seen) {
      if (!name.startsWith(`${run.id} `)) continue;
      if (!texts.some((text) => text.includes(mark))) {
        faults.push(`${name}: ${mark} was delivered and is not recorded`);
      }
    }
  }
  return faults;
}

function checkLetters({ books, ledger }: Room): readonly string[] {
  const faults: string[] = [];
  for (const run of books.runs) {
    const letters = books.letters.filter(({ runKey }) => runKey === run.key);
    if (letters.length !== (run.state === "failed" ? 1 : 0)) {
      faults.push(`${run.id} is ${run.state} and has ${letters.length} dead letters`);
    }
    const [letter] = letters;
    if (letter === undefined) continue;
    const heirs = books.runs.filter(({ sourceRunKey }) => sourceRunKey === run.key);
    const [heir] = heirs;
    if (letter.state !== "resumed" || heirs.length !== 1 || heir?.key !== letter.nextRunKey) {
      faults.push(`${run.id}: its letter is ${letter.state}, ${heirs.length} runs resume it`);
      continue;
    }
    const answered = ledger.resumed.get(run.id) ?? heir?.id;
    if (answered !== heir?.id) faults.push(`${run.id}: ${answered} was answered, not ${heir?.id}`);
  }
  return faults;
}

function checkMessages({ books }: Room): readonly string[] {
  return books.openMessages === 0 ? [] : [`${books.openMessages} messages of runs are left`];
}
