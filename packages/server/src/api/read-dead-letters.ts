import type { DeadLetterResource } from "@reprise/protocol";
import { attemptKey } from "../core/message.ts";
import { ATTEMPTS_PER_MESSAGE_MAX, type AttemptRow, type DeadLetterRow } from "../core/rows.ts";
import { INITIAL_SLOT } from "../core/step.ts";
import type { Reader } from "../store/store.ts";
import { createBodyBudget } from "./body-budget.ts";
import { deadLetterNotFound } from "./find-dead.ts";
import type { ApiRoom } from "./room.ts";
import { type DeadLetterSource, toDeadLetterResource } from "./views/dead-letter.ts";
import { dlqIdOf } from "./views/dlq-id.ts";
import { readRunConfig } from "./views/settings.ts";

/** Reads entries of the dead letter queue together with everything that their views show. */

type DeadLetterRoom = Pick<ApiRoom, "store" | "settings">;

/** One entry with every attempt of the message that failed. */
export async function readDeadLetter(
  deadLetter: DeadLetterRow,
  room: DeadLetterRoom,
): Promise<DeadLetterResource> {
  const [source] = await readSources([deadLetter], room);
  if (source === undefined) throw deadLetterNotFound(dlqIdOf(deadLetter));
  const attempts = await readAttempts(deadLetter.messageKey, room.store);
  return toDeadLetterResource({ ...source, attempts, isShowingAttempts: true });
}

/** Entries of a page, in the given order, each with its last attempt alone. */
export async function readDeadLetters(
  deadLetters: readonly DeadLetterRow[],
  room: DeadLetterRoom,
): Promise<readonly DeadLetterResource[]> {
  return (await readSources(deadLetters, room)).map(toDeadLetterResource);
}

/** Attempts of one read: each may bring the largest response along. */
const ATTEMPT_ROWS = 10;

/** Every attempt of one message, in order. Of very many bytes the newest are shown. */
async function readAttempts(messageKey: number, store: Reader): Promise<readonly AttemptRow[]> {
  const from = messageKey * ATTEMPTS_PER_MESSAGE_MAX;
  const where = [
    { type: "range", column: "key", from, to: from + ATTEMPTS_PER_MESSAGE_MAX - 1 } as const,
  ];
  const cutToBudget = createBodyBudget();
  const newestFirst: AttemptRow[] = [];
  for (let rows = 0; rows < ATTEMPTS_PER_MESSAGE_MAX; rows += ATTEMPT_ROWS) {
    const last = newestFirst.at(-1);
    const position = last === undefined ? {} : { afterKey: last.key };
    const query = { where, order: "descending", limit: ATTEMPT_ROWS, ...position } as const;
    const found = await store.list("attempts", query);
    newestFirst.push(...found.map(cutToBudget));
    if (found.length < ATTEMPT_ROWS) break;
  }
  return newestFirst.toReversed();
}

async function readSources(
  deadLetters: readonly DeadLetterRow[],
  { store, settings }: DeadLetterRoom,
): Promise<readonly DeadLetterSource[]> {
  const runKeys = deadLetters.map(({ runKey }) => runKey);
  const messageKeys = deadLetters.map(({ messageKey }) => messageKey);
  const [configs, initialSteps, messages, steps] = await Promise.all([
    store.get("runConfigs", runKeys),
    store.find(
      "steps",
      "bySlot",
      runKeys.map((key) => [key, INITIAL_SLOT]),
    ),
    store.get("messages", messageKeys),
    store.get("steps", messageKeys),
  ]);
  const attempts = await store.get("attempts", messages.map(attemptKey));
  const configByRun = new Map(configs.map((row) => [row.key, row.config]));
  const initialByRun = new Map(initialSteps.map((step) => [step.runKey, step]));
  const messageByKey = new Map(messages.map((message) => [message.key, message]));
  const stepByKey = new Map(steps.map((step) => [step.key, step]));
  const attemptsByMessage = Map.groupBy(attempts, (attempt) => attempt.messageKey);
  return deadLetters.map((deadLetter) => ({
    deadLetter,
    config: readRunConfig(configByRun.get(deadLetter.runKey)),
    initialStep: initialByRun.get(deadLetter.runKey) ?? null,
    failedMessage: messageByKey.get(deadLetter.messageKey) ?? null,
    failedStep: stepByKey.get(deadLetter.messageKey) ?? null,
    attempts: attemptsByMessage.get(deadLetter.messageKey) ?? [],
    isShowingAttempts: false,
    deadLetterRetentionMs: settings.deadLetterRetentionMs,
  }));
}
