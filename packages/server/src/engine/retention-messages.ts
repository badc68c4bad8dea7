import type { Change, EnvelopeRow, LogRow } from "../core/rows.ts";
import type { Query, Reader, Transaction } from "../store/store.ts";
import { deletion, keyBehind, PAGE_ROWS, type RetentionRoom, ROWS_MAX } from "./retention-room.ts";

/** Messages that one transaction takes. */
const MESSAGES_MAX = 100;

/** Rows of the log that one read takes. */
const LOGS_MAX = 1_000;

/**
 * Deletes messages that ended at `endedBefore` or earlier, each with its whole log. What is open, or waits in the dead letter queue, stays.
 * Returns the key to go on behind, or null at the end.
 */
export async function sweepMessages(
  { host, store, tally }: RetentionRoom,
  endedBefore: number,
  afterKey: number,
): Promise<number | null> {
  const page = await listEnvelopes({ where: [], afterKey }, store);
  const behind = keyBehind(page, { before: endedBefore, now: host.now() });
  const old = page.filter(({ createdAt }) => createdAt <= endedBefore);
  const kept = await findKept(old, store);
  const some = old.filter(({ key }) => !kept.has(key)).slice(0, MESSAGES_MAX);
  const last = some.at(-1);
  if (last === undefined) return behind;
  const { deleted, rest } = await store.transaction((transaction) =>
    deleteMessages(some, endedBefore, transaction),
  );
  tally.add("messages", deleted);
  // What the transaction had no room for is found again.
  if (rest !== null) return rest.key - 1;
  return some.length === MESSAGES_MAX ? last.key : behind;
}

function listEnvelopes(
  query: Pick<Query<"envelopes">, "where" | "afterKey">,
  reader: Reader,
): Promise<readonly EnvelopeRow[]> {
  return reader.list("envelopes", {
    ...query,
    order: "ascending",
    limit: PAGE_ROWS,
    without: ["body"],
  });
}

/** Of these messages those that are open, or wait in the dead letter queue. */
async function findKept(
  envelopes: readonly EnvelopeRow[],
  reader: Reader,
): Promise<ReadonlySet<number>> {
  const values = envelopes.map(({ key }) => key);
  if (values.length === 0) return new Set();
  const query = { order: "ascending", limit: PAGE_ROWS } as const;
  const open = await reader.list("messages", {
    ...query,
    where: [{ type: "in", column: "key", values }],
    without: ["body"],
  });
  const dead = await reader.list("deadMessages", {
    ...query,
    // A message fails once.
    where: [{ type: "in", column: "messageKey", values }],
    without: ["responseBody"],
  });
  const waiting = dead.filter(({ state }) => state === "open");
  return new Set([...open.map(({ key }) => key), ...waiting.map(({ messageKey }) => messageKey)]);
}

interface Deleted {
  readonly deleted: number;
  /** The first message that the transaction had no room for. */
  readonly rest: EnvelopeRow | null;
}

async function deleteMessages(
  envelopes: readonly EnvelopeRow[],
  endedBefore: number,
  transaction: Transaction,
): Promise<Deleted> {
  const values = envelopes.map(({ key }) => key);
  // Another node may have deleted some.
  const where = [{ type: "in", column: "key", values }] as const;
  const found = await listEnvelopes({ where }, transaction);
  const kept = await findKept(found, transaction);
  const ended = found.filter(({ key }) => !kept.has(key));
  const logs = await listLogs(ended, "ascending", LOGS_MAX, transaction);
  // Of a list that was cut the logs of any message may be missing.
  if (logs.length === LOGS_MAX) return deleteFirst(ended, endedBefore, transaction);
  const byMessage = Map.groupBy(logs, ({ messageKey }) => messageKey);
  const changes: Change[] = [];
  let deleted = 0;
  let rest: EnvelopeRow | null = null;
  for (const envelope of ended) {
    const own = byMessage.get(envelope.key) ?? [];
    if (own.some(({ at }) => at > endedBefore)) continue;
    if (changes.length > 0 && changes.length + own.length + 1 > ROWS_MAX) {
      rest = envelope;
      break;
    }
    changes.push(...own.map((log) => deletion("logs", log)), deletion("envelopes", envelope));
    deleted += 1;
  }
  await transaction.write(changes);
  return { deleted, rest };
}

/** The envelope of a very long log goes with its last part, so that the message is found again. */
async function deleteFirst(
  [first, next]: readonly EnvelopeRow[],
  endedBefore: number,
  transaction: Transaction,
): Promise<Deleted> {
  if (first === undefined) return { deleted: 0, rest: null };
  const [newest] = await listLogs([first], "descending", 1, transaction);
  if (newest !== undefined && newest.at > endedBefore) return { deleted: 0, rest: next ?? null };
  const logs = await listLogs([first], "ascending", ROWS_MAX, transaction);
  const isWhole = logs.length < ROWS_MAX;
  const changes = logs.map((log) => deletion("logs", log));
  await transaction.write(isWhole ? [...changes, deletion("envelopes", first)] : changes);
  return isWhole ? { deleted: 1, rest: next ?? null } : { deleted: 0, rest: first };
}

function listLogs(
  envelopes: readonly EnvelopeRow[],
  order: "ascending" | "descending",
  limit: number,
  transaction: Transaction,
): Promise<readonly LogRow[]> {
  const values = envelopes.map(({ key }) => key);
  return transaction.list("logs", {
    where: [{ type: "in", column: "messageKey", values }],
    order,
    limit,
    without: ["responseBody"],
  });
}
