import type { Command } from "../core/commands.ts";
import type { BytesColumn } from "../store/store.ts";
import { keyBehind, PAGE_ROWS, type RetentionRoom } from "./retention-room.ts";

/** Entries that one transaction expires. A run may leave much open, all of which is dropped with its entry. */
const EXPIRED_MAX = 25;

type DeadTable = "deadLetters" | "deadMessages";

const BODIES: { readonly [T in DeadTable]: readonly BytesColumn<T>[] } = {
  deadLetters: ["responseBody", "callbackResponseBody"],
  deadMessages: ["responseBody"],
};

/**
 * Takes entries out of a dead letter queue that failed at `failedBefore` or earlier and that nobody holds. The engine decides it, as it
 * does every other end of an entry: somebody may be resuming, retrying or holding it right now.
 * Returns the key to go on behind, or null at the end.
 */
export async function expireDead(
  { host, store, engine, tally }: RetentionRoom,
  { table, failedBefore }: { readonly table: DeadTable; readonly failedBefore: number },
  afterKey: number,
): Promise<number | null> {
  const page = await store.list(table, {
    where: [{ type: "in", column: "state", values: ["open"] }],
    order: "ascending",
    afterKey,
    limit: PAGE_ROWS,
    // The bodies of this very table.
    without: BODIES[table] as readonly BytesColumn<typeof table>[],
  });
  const due = page.filter(({ createdAt, isHeld }) => createdAt <= failedBefore && isHeld === 0);
  const some = due.slice(0, EXPIRED_MAX);
  const last = some.at(-1);
  if (last !== undefined) {
    await engine.execute(some.map(({ key }) => toCommand(table, key, failedBefore)));
    tally.add(table === "deadLetters" ? "expiredDeadLetters" : "expiredDeadMessages", some.length);
    if (some.length < due.length) return last.key;
  }
  return keyBehind(page, { before: failedBefore, now: host.now() });
}

function toCommand(table: DeadTable, key: number, failedBefore: number): Command {
  return table === "deadLetters"
    ? { type: "deleteDeadLetter", deadLetterKey: key, failedBefore }
    : { type: "deleteDeadMessage", deadMessageKey: key, failedBefore };
}
