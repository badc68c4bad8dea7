import { isGated, startAttempt } from "../core/message.ts";
import type { MessageRow, NodeRow } from "../core/rows.ts";
import { type Context, update } from "../core/transition.ts";
import type { Reader, Store } from "../store/store.ts";
import { isInFlight, startRequest, type Taking } from "./claims.ts";
import type { GroupRoom } from "./group.ts";
import type { Request } from "./inbox.ts";
import { isEmpty } from "./node-lease.ts";

/** What a node leaves behind whose lease is over goes on at others. */

/** Candidates for a takeover, read without a lock: each is looked at again under that of its node. */
export interface Takeover {
  readonly nodeKeys: readonly number[];
  readonly messageKeys: readonly number[];
}

/** What a takeover needs of the group that makes it. */
export interface TakeoverRoom extends Pick<Taking, "work" | "transaction"> {
  readonly room: Pick<GroupRoom, "inFlight"> & {
    readonly context: Pick<Context, "now" | "nodeKey" | "attemptTimeoutMs">;
  };
}

/** Messages that one transaction takes over. */
const MESSAGES_MAX = 250;

/**
 * A row stays so long behind the end of its lease: a transaction that was under way then may still bring messages under it to the disk,
 * and they would be nobody's.
 */
const ROW_KEPT_MS = 60_000;

const NODES_MAX = 1_000;

/** Nodes whose leases are over. */
export function listDead(reader: Reader, now: number): Promise<readonly NodeRow[]> {
  const where = [{ type: "range", column: "leaseUntil", to: now }] as const;
  return reader.list("nodes", { where, order: "ascending", limit: NODES_MAX });
}

/**
 * What may be taken over from these nodes: messages without a place at once; those with one when the deadline of their attempt has
 * passed, because an app may still be at work, and its place is not free before.
 */
export async function findTakeover(
  dead: readonly NodeRow[],
  reader: Reader,
  now: number,
): Promise<Takeover | null> {
  if (dead.length === 0) return null;
  const nodeKeys = dead.map(({ key }) => key);
  const held = { type: "in", column: "nodeKey", values: nodeKeys } as const;
  const query = { order: "ascending", limit: MESSAGES_MAX, without: ["body"] } as const;
  const free = await reader.list("messages", {
    ...query,
    where: [
      held,
      { type: "in", column: "ticketKey", values: [null] },
      { type: "in", column: "flowControlKey", values: [null] },
    ],
  });
  const late = await reader.list("messages", {
    ...query,
    where: [held, { type: "range", column: "dueAt", to: now }],
  });
  const messageKeys = new Set([...free, ...late].map(({ key }) => key));
  return messageKeys.size === 0 ? null : { nodeKeys, messageKeys: Array.from(messageKeys) };
}

/** The lock on the dead nodes' rows lets one node at a time take over, and keeps a node that is late from renewing its lease. */
export async function takeOverDead(
  { nodeKeys, messageKeys }: Takeover,
  taking: TakeoverRoom,
): Promise<readonly Request[]> {
  const { transaction, work, room } = taking;
  const nodes = await transaction.get("nodes", nodeKeys);
  const now = await transaction.now();
  const over = new Set(nodes.filter(({ leaseUntil }) => leaseUntil <= now).map(({ key }) => key));
  if (over.size === 0) return [];
  const messages = await transaction.get("messages", messageKeys);
  work.addLoaded("messages", [], messages);
  const requests: Request[] = [];
  for (const message of messages.toSorted((a, b) => a.key - b.key)) {
    const { nodeKey } = message;
    if (nodeKey === null || !over.has(nodeKey) || !isFree(message, now)) continue;
    if (isInFlight(message, room)) adopt(message, taking);
    else requests.push(startRequest(message.key, true, nodeKey));
  }
  return requests;
}

function isFree(message: MessageRow, now: number): boolean {
  return !isGated(message) || message.dueAt <= now;
}

/** An attempt that this very process makes, begun under a row that it has lost. */
function adopt(message: MessageRow, { work, room }: TakeoverRoom): void {
  const { dueAt, nodeKey } = startAttempt(message, room.context);
  work.apply([update("messages", message, { ...message, dueAt, nodeKey })]);
}

/** Deletes the rows of dead nodes under which nothing is left. */
export async function deleteEmptyNodes(dead: readonly NodeRow[], store: Store): Promise<void> {
  for (const { key, leaseUntil } of dead) {
    const now = await store.now();
    if (leaseUntil > now - ROW_KEPT_MS || !(await isEmpty(key, store))) continue;
    await store.transaction(async (transaction) => {
      const [row] = await transaction.get("nodes", [key]);
      if (row === undefined || row.leaseUntil > now - ROW_KEPT_MS) return;
      if (await isEmpty(key, transaction))
        await transaction.write([{ type: "delete", table: "nodes", key }]);
    });
  }
}
