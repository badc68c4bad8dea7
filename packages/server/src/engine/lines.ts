import { flowGate, queueGate, rollPeriod } from "../core/gates.ts";
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
    const limit = Math.min(budget, CALLS_PER_LINE_MAX, await placesAt(gate, room));
    if (limit <= 0) continue;
    const waiting = await room.transaction.claimWaiting(gate, limit);
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
async function placesAt(gate: string, room: LineRoom): Promise<number> {
  const { work } = room;
  const name = gate.slice(gate.indexOf(":") + 1);
  const wants = new Wants();
  if (gate === queueGate(name)) {
    wants.named("queues", name);
    await fetchWants(wants, room.loading);
    const queue = work.named("queues", name);
    if (queue === null || queue.isPaused === 1) return 0;
    // The first ones may hold a place already: they had to wait for the end of a pause.
    return Math.max(1, queue.parallelism - queue.openCount);
  }
  if (gate === flowGate(name)) {
    wants.named("flowControls", name);
    await fetchWants(wants, room.loading);
    const known = work.named("flowControls", name);
    if (known === null || known.isPaused === 1) return 0;
    const flow = rollPeriod(known, room.room.context.now);
    const atOnce =
      (flow.parallelism ?? CALLS_PER_LINE_MAX + flow.inFlightCount) - flow.inFlightCount;
    const inPeriod = (flow.rate ?? CALLS_PER_LINE_MAX + flow.rateCount) - flow.rateCount;
    return Math.min(atOnce, inPeriod);
  }
  return CALLS_PER_LINE_MAX;
}
