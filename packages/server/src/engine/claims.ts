import type { Command } from "../core/commands.ts";
import { rollPeriod, withWake } from "../core/flow-control.ts";
import { flowGate } from "../core/gates.ts";
import { startAttempt } from "../core/message.ts";
import type { MessageRow } from "../core/rows.ts";
import { update } from "../core/transition.ts";
import type { Transaction } from "../store/store.ts";
import type { Group, GroupRoom } from "./group.ts";
import type { Request } from "./inbox.ts";
import { takeOverDead } from "./takeover.ts";
import type { WorkingSet } from "./working-set.ts";

/** Finds what is due, and what an earlier process or a transaction of unknown fate has left behind. */

export interface Taking {
  readonly work: WorkingSet;
  readonly transaction: Transaction;
  readonly expectKeys: (count: number) => void;
  readonly room: GroupRoom;
}

export interface Taken {
  readonly requests: readonly Request[];
  /** Gates behind which the clock, or this start, may let somebody go. */
  readonly gates: readonly string[];
  readonly hasMore: boolean;
  readonly takenOverCount: number;
}

/** Schedules that tick in one transaction: each may have a hundred endpoints, and a body as long as any. */
const TICKS_MAX = 50;

export async function takeDue(group: Group, taking: Taking): Promise<Taken> {
  const requests: Request[] = [];
  const gates: string[] = [];
  if (group.isRecovering) {
    requests.push(...(await findOrphans(taking)));
    gates.push(...(await taking.transaction.waitingGates()));
  }
  const orphanCount = requests.length;
  if (group.takeover !== null) {
    requests.push(...(await takeOverDead(group.takeover, taking)));
  }
  const takenOverCount = requests.length - orphanCount;
  if (!group.isClaiming) return { requests, gates, takenOverCount, hasMore: false };
  const { transaction, room } = taking;
  const { now, nodeKey } = room.context;
  const ticksMax = Math.min(TICKS_MAX, room.claimMax);
  const [due, ticks, waits, flows] = await Promise.all([
    transaction.claimDue("messages", now, room.claimMax, nodeKey),
    transaction.claimDue("schedules", now, ticksMax, nodeKey),
    transaction.claimDue("waits", now, room.claimMax, nodeKey),
    transaction.claimDue("flowControls", now, room.claimMax, nodeKey),
  ]);
  for (const message of due) takeOne(message, taking, requests);
  for (const { id } of ticks) requests.push(quietly({ type: "tickSchedule", scheduleId: id }));
  taking.work.addLoaded("waits", [], waits);
  for (const { key } of waits) requests.push(quietly({ type: "endWait", waitKey: key }));
  for (const flow of flows) {
    taking.work.addNamed("flowControls", [], [flow]);
    const rolled = withWake(rollPeriod(flow, now));
    taking.work.apply([update("flowControls", flow, rolled)]);
    gates.push(flowGate(flow.name));
  }
  const isFull = [due, flows, waits].some((rows) => rows.length === room.claimMax);
  const hasMore = isFull || ticks.length === ticksMax;
  return { requests, gates, takenOverCount, hasMore };
}

async function findOrphans(taking: Taking): Promise<readonly Request[]> {
  const { work, room } = taking;
  const orphans = await listHeld(taking);
  const lost = orphans
    .filter((message) => !isInFlight(message, room))
    .toSorted((a, b) => a.key - b.key);
  work.addLoaded("messages", [], lost);
  return lost.map(({ key }) => startRequest(key, true));
}

/** Attempts that nobody but this node can be making. */
async function listHeld({ transaction, room }: Taking): Promise<readonly MessageRow[]> {
  const { nodeKey } = room.context;
  const started = [["active"], ["canceling"]] as const;
  if (nodeKey === null) return transaction.find("messages", "pendingByState", started);
  const own = await transaction.find("messages", "byNode", [[nodeKey]]);
  return [...own, ...(await listUnnamed(transaction))];
}

const UNNAMED_PAGE = 1_000;

/** What a server has left behind that was alone: as many as it had in flight, and nobody else will look for them soon. */
async function listUnnamed(transaction: Transaction): Promise<readonly MessageRow[]> {
  const found: MessageRow[] = [];
  let page: readonly MessageRow[];
  do {
    page = await transaction.list("messages", {
      where: [
        { type: "in", column: "state", values: ["active", "canceling"] },
        { type: "in", column: "nodeKey", values: [null] },
      ],
      order: "ascending",
      limit: UNNAMED_PAGE,
      afterKey: found.at(-1)?.key ?? 0,
    });
    found.push(...page);
  } while (page.length === UNNAMED_PAGE);
  return found;
}

/** When the next claim has something to take. What is due behind a claim could not be decided on: it must not spin. */
export async function findNextDue(
  transaction: Transaction,
  room: GroupRoom,
): Promise<number | null> {
  const dueAt = await transaction.nextDueAt(room.context.nodeKey);
  return dueAt !== null && dueAt <= room.context.now ? room.retryAt : dueAt;
}

/** A lease that ends while this very process makes the attempt is prolonged: the attempt has a deadline of its own. */
function takeOne(message: MessageRow, { work, room }: Taking, requests: Request[]): void {
  work.addLoaded("messages", [], [message]);
  if (!isInFlight(message, room)) {
    requests.push(startRequest(message.key, message.state !== "scheduled"));
    return;
  }
  const { dueAt } = startAttempt(message, room.context);
  work.apply([update("messages", message, { ...message, dueAt })]);
}

/** Whether this process makes the attempt that the row speaks of. */
export function isInFlight(
  message: MessageRow,
  { inFlight }: Pick<GroupRoom, "inFlight">,
): boolean {
  const isStarted = message.state === "active" || message.state === "canceling";
  return isStarted && inFlight.get(message.key) === message.leaseToken;
}

export function startRequest(messageKey: number, isOrphan: boolean, takenFrom?: number): Request {
  const command = { type: "startDelivery", messageKey, isOrphan } as const;
  return quietly(takenFrom === undefined ? command : { ...command, takenFrom });
}

function quietly(command: Command): Request {
  return { commands: [command], isQuiet: true, resolve: () => {}, reject: () => {} };
}
