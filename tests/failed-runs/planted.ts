import type { Change, Store, Tables } from "@reprise/server";

/** Rows of dead letters, made without the runs that would have had to fail. */

const ATTEMPTS_PER_MESSAGE = 1024;
/** Entries that one transaction writes. */
const CHUNK = 500;
/** The run, its first record with its message, the dead letter. */
const KEYS_PER_ENTRY = 3;

interface Pattern {
  readonly run: Tables["runs"];
  readonly config: Tables["runConfigs"];
  readonly step: Tables["steps"];
  readonly message: Tables["messages"];
  readonly attempt: Tables["attempts"];
  readonly deadLetter: Tables["deadLetters"];
}

/** Copies a run that failed at its first delivery `count` times; gives the keys of the copies' runs. */
export async function plantLike(
  store: Store,
  runId: string,
  count: number,
): Promise<readonly number[]> {
  const pattern = await readPattern(store, runId);
  const runKeys: number[] = [];
  while (runKeys.length < count) {
    const size = Math.min(CHUNK, count - runKeys.length);
    await store.transaction(async (transaction) => {
      const [span] = await transaction.reserveKeys(size * KEYS_PER_ENTRY);
      const first = span?.first ?? 0;
      const changes: Change[] = [];
      for (let index = 0; index < size; index += 1) {
        const runKey = first + index * KEYS_PER_ENTRY;
        changes.push(...copyEntry(pattern, runKey));
        runKeys.push(runKey);
      }
      await transaction.write(changes);
    });
  }
  return runKeys;
}

async function readPattern(store: Store, runId: string): Promise<Pattern> {
  const [run] = await store.find("runs", "byId", [[runId]]);
  if (run === undefined) throw new Error(`there is no run ${runId}`);
  const [deadLetter] = await store.get("deadLetters", [run.deadLetterKey ?? -1]);
  const messageKey = deadLetter?.messageKey ?? -1;
  const [[config], [step], [message], [attempt]] = await Promise.all([
    store.get("runConfigs", [run.key]),
    store.get("steps", [messageKey]),
    store.get("messages", [messageKey]),
    store.get("attempts", [messageKey * ATTEMPTS_PER_MESSAGE]),
  ]);
  if (!deadLetter || !config || !step || !message || !attempt) {
    throw new Error(`${runId} has not failed at its first delivery`);
  }
  return { run, config, step, message, attempt, deadLetter };
}

function copyEntry(pattern: Pattern, runKey: number): readonly Change[] {
  const { run, config, step, message, attempt, deadLetter } = pattern;
  const [messageKey, deadLetterKey] = [runKey + 1, runKey + 2];
  const id = `${run.id}_${runKey}`;
  const dead = { runKey, messageKey, runId: id, callbackMessageKey: null };
  const attemptKey = messageKey * ATTEMPTS_PER_MESSAGE;
  return [
    { type: "insert", table: "runs", row: { ...run, key: runKey, id, deadLetterKey } },
    { type: "insert", table: "runConfigs", row: { ...config, key: runKey } },
    { type: "insert", table: "steps", row: { ...step, key: messageKey, runKey } },
    { type: "insert", table: "messages", row: { ...message, key: messageKey, runKey } },
    { type: "insert", table: "attempts", row: { ...attempt, key: attemptKey, messageKey } },
    { type: "insert", table: "deadLetters", row: { ...deadLetter, key: deadLetterKey, ...dead } },
  ];
}
