import { rollPeriod } from "../core/flow-control.ts";
import { flowGate, queueGate } from "../core/gates.ts";
import type { FlowControlRow, QueueRow } from "../core/rows.ts";
import type { Effect } from "../core/transition.ts";
import { startRequest, type Taking } from "./claims.ts";
import { fetchWants, type Loading } from "./fetch.ts";
import type { Request } from "./inbox.ts";
import { Wants } from "./wants.ts";

/** Calls the next of those who wait at a gate, in the transaction that has freed a place: no place stays empty for a moment. */

/** Messages that one transaction calls from the lines; the rest follows in the next. */
const CALLS_MAX = 500;
/** Most of one line that are called at once. */
const CALLS_PER_LINE_MAX = 100;

export interface LineRoom extends Taking {
  readonly loading: Loading;
  readonly effects: readonly Effect[];
  /** Takes the gates in whose lines somebody is locked elsewhere: nobody passes him, so they are called again later. */
  readonly cut: Set<string>;
  /** Decides on requests, and writes what it led to. */
  readonly serve: (requests: readonly Request[]) => Promise<void>;
}

/** Those of one line who are called together. */
interface Call {
  readonly gate: string;
  readonly keys: readonly number[];
  /** Nobody is left behind them for sure. */
  readonly isLast: boolean;
}

/**
 * Serves the lines of these gates and of those that open meanwhile, in rounds: what is free at all of them is given away together.
 * Returns the gates that may have somebody left to call.
 */
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
  while (open.size > 0 && budget > 0) {
    const calls = await takeFirst(open, budget, room);
    const keys = calls.flatMap((call) => call.keys);
    if (keys.length === 0) continue;
    budget -= keys.length;
    await room.serve(keys.map((key) => startRequest(key, false)));
    collect();
    for (const call of calls) if (mayGoOn(call, room)) open.add(call.gate);
  }
  return open;
}

/** Takes gates out of `open`, and of their lines those who may go; gates for which there is no budget stay. */
async function takeFirst(
  open: Set<string>,
  budget: number,
  room: LineRoom,
): Promise<readonly Call[]> {
  await loadGates(open, room);
  const calls: Call[] = [];
  let left = budget;
  for (const gate of open) {
    if (left <= 0) break;
    open.delete(gate);
    const places = placesAt(gate, room);
    const limit = Math.min(left, CALLS_PER_LINE_MAX, places.count);
    if (limit <= 0) continue;
    const next = await room.transaction.claimWaiting(gate, limit);
    if (next.length < Math.min(limit, places.waitingCount)) room.cut.add(gate);
    const waiting = next.filter(({ ticketKey }) => !places.isForHolders || ticketKey !== null);
    room.work.addLoaded("messages", [], waiting);
    left -= waiting.length;
    const keys = waiting.map(({ key }) => key);
    calls.push({ gate, keys, isLast: keys.length < limit });
  }
  return calls;
}

/** Whoever has to stay shows that the gate has been closed meanwhile. */
function mayGoOn({ gate, keys, isLast }: Call, { work }: LineRoom): boolean {
  return !isLast && keys.some((key) => work.peek("messages", key)?.gate !== gate);
}

async function loadGates(gates: Iterable<string>, room: LineRoom): Promise<void> {
  const wants = new Wants();
  for (const gate of gates) {
    const name = nameOf(gate);
    if (gate === queueGate(name)) wants.named("queues", name);
    else if (gate === flowGate(name)) wants.named("flowControls", name);
  }
  await fetchWants(wants, room.loading);
}

function nameOf(gate: string): string {
  return gate.slice(gate.indexOf(":") + 1);
}

/** How many may go, at most: a line is read no further than that. */
interface Places {
  readonly count: number;
  /** Those in the line, where anybody counts them. */
  readonly waitingCount: number;
  /** Only those are called who hold a place in the queue: they had to wait for the end of a pause, in front of all others. */
  readonly isForHolders: boolean;
}

const NO_LIMIT: Places = { count: CALLS_PER_LINE_MAX, waitingCount: 0, isForHolders: false };
const CLOSED: Places = { ...NO_LIMIT, count: 0 };

function placesAt(gate: string, { work, room }: LineRoom): Places {
  const name = nameOf(gate);
  switch (gate) {
    case queueGate(name):
      return placesOfQueue(work.named("queues", name));
    case flowGate(name):
      return placesOfFlow(work.named("flowControls", name), room.context.now);
    default:
      return NO_LIMIT;
  }
}

/** Nobody has to wait for a queue that is not there. */
function placesOfQueue(queue: QueueRow | null): Places {
  if (queue === null) return NO_LIMIT;
  if (queue.isPaused === 1) return CLOSED;
  const { waitingCount } = queue;
  const free = queue.parallelism - queue.openCount;
  if (free > 0) return { count: free, waitingCount, isForHolders: false };
  return { ...NO_LIMIT, waitingCount, isForHolders: true };
}

function placesOfFlow(known: FlowControlRow | null, now: number): Places {
  if (known === null) return NO_LIMIT;
  const { isPaused, parallelism, inFlightCount, rate, rateCount } = rollPeriod(known, now);
  if (isPaused === 1) return CLOSED;
  const atOnce = parallelism === null ? CALLS_PER_LINE_MAX : parallelism - inFlightCount;
  const inPeriod = rate === null ? CALLS_PER_LINE_MAX : rate - rateCount;
  const { waitingCount } = known;
  return { count: Math.min(atOnce, inPeriod), waitingCount, isForHolders: false };
}
