import { rollPeriod } from "../core/flow-control.ts";
import { flowGate, queueGate } from "../core/gates.ts";
import type { FlowControlRow, QueueRow } from "../core/rows.ts";
import type { Effect } from "../core/transition.ts";
import { startRequest, type Taking } from "./claims.ts";
import type { Request } from "./inbox.ts";
import { fetchWants, type Loading } from "./load.ts";
import { Wants } from "./wants.ts";

/** Calls the next of those who wait at a gate, in the transaction that has freed a place: no place stays empty for a moment. */

/** Messages that one transaction calls from the lines; the rest follows in the next. */
const CALLS_MAX = 500;
/** Most of one line that are called at once. */
const CALLS_PER_LINE_MAX = 100;

export interface LineRoom extends Taking {
  readonly loading: Loading;
  readonly effects: readonly Effect[];
  /** Decides on requests, and writes what it led to. */
  readonly serve: (requests: readonly Request[]) => Promise<void>;
}

/** Serves the lines of these gates and of those that open meanwhile. Returns the gates that may have somebody left to call. */
export async function callWaiting(
  gates: Iterable<string>,
  room: LineRoom,
): Promise<ReadonlySet<string>> {
  const open = new Set(gates);
  let seen = 0;
  let budget = CALLS_MAX;
  const collect = () => {
    for (; seen < room.effects.length; seen++) {
      const effect = room.effects[seen];
      if (effect?.type === "open") open.add(effect.gate);
    }
  };
  collect();
  for (let gate = first(open); gate !== null && budget > 0; gate = first(open)) {
    open.delete(gate);
    const places = await placesAt(gate, room);
    const limit = Math.min(budget, CALLS_PER_LINE_MAX, places.count);
    if (limit <= 0) continue;
    const next = await room.transaction.claimWaiting(gate, limit);
    const waiting = next.filter(({ ticketKey }) => !places.isForHolders || ticketKey !== null);
    if (waiting.length === 0) continue;
    room.work.addLoaded("messages", [], waiting);
    await room.serve(waiting.map(({ key }) => startRequest(key, false)));
    budget -= waiting.length;
    collect();
    const hasMoved = waiting.some(({ key }) => room.work.peek("messages", key)?.gate !== gate);
    if (hasMoved && waiting.length === limit) open.add(gate);
  }
  return open;
}

function first(gates: ReadonlySet<string>): string | null {
  for (const gate of gates) return gate;
  return null;
}

/** How many may go, at most: a line is read no further than that. */
interface Places {
  readonly count: number;
  /** Only those are called who hold a place in the queue: they had to wait for the end of a pause, in front of all others. */
  readonly isForHolders: boolean;
}

const NO_LIMIT: Places = { count: CALLS_PER_LINE_MAX, isForHolders: false };

async function placesAt(gate: string, room: LineRoom): Promise<Places> {
  const name = gate.slice(gate.indexOf(":") + 1);
  const wants = new Wants();
  switch (gate) {
    case queueGate(name):
      wants.named("queues", name);
      await fetchWants(wants, room.loading);
      return placesOfQueue(room.work.named("queues", name));
    case flowGate(name):
      wants.named("flowControls", name);
      await fetchWants(wants, room.loading);
      return placesOfFlow(room.work.named("flowControls", name), room.room.context.now);
    default:
      return NO_LIMIT;
  }
}

/** Nobody has to wait for a queue that is not there. */
function placesOfQueue(queue: QueueRow | null): Places {
  if (queue === null) return NO_LIMIT;
  if (queue.isPaused === 1) return { count: 0, isForHolders: false };
  const free = queue.parallelism - queue.openCount;
  return free > 0 ? { count: free, isForHolders: false } : { ...NO_LIMIT, isForHolders: true };
}

function placesOfFlow(known: FlowControlRow | null, now: number): Places {
  if (known === null) return NO_LIMIT;
  const { isPaused, parallelism, inFlightCount, rate, rateCount } = rollPeriod(known, now);
  if (isPaused === 1) return { count: 0, isForHolders: false };
  const atOnce = parallelism === null ? CALLS_PER_LINE_MAX : parallelism - inFlightCount;
  const inPeriod = rate === null ? CALLS_PER_LINE_MAX : rate - rateCount;
  return { count: Math.min(atOnce, inPeriod), isForHolders: false };
}
