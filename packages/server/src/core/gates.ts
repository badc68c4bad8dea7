import type { FlowControl } from "@reprise/protocol";
import { startAttempt } from "./message.ts";
import type { Change, FlowControlRow, MessageRow, QueueRow } from "./rows.ts";
import { type Context, type Effect, insert, update } from "./transition.ts";

/**
 * What stands between a due message and its attempt, in this order: its queue, its flow control, and the line of its origin. A
 * message that finds a gate closed waits in the gate's line and holds what it got at the gates before. Places are counted in the
 * rows of queues and flow controls, in the transaction that takes or frees them, so that none can leak.
 * See docs/state-machines.md#gates.
 */

export interface Gates {
  readonly queue: QueueRow | null;
  readonly flow: FlowControlRow | null;
}

/** A message that has entered, or waits, together with the gates as it leaves them. */
export interface Entry {
  readonly message: MessageRow;
  readonly gates: Gates;
}

export function queueGate(name: string): string {
  return `queue:${name}`;
}

export function flowGate(key: string): string {
  return `flow:${key}`;
}

export function originGate(url: string): string {
  return `origin:${originOf(url)}`;
}

/** The scheme and authority of a URL; cheap, because it runs for every attempt. */
export function originOf(url: string): string {
  const end = url.indexOf("/", url.indexOf("://") + 3);
  const origin = end === -1 ? url : url.slice(0, end);
  const query = origin.indexOf("?");
  return query === -1 ? origin : origin.slice(0, query);
}

/** Leads a due message through its gates: it comes out `active`, or `waiting` in front of the first one that is closed. */
export function enter(message: MessageRow, gates: Gates, context: Context): Entry {
  if (isAtOrigin(message)) return enterOrigin({ message, gates }, context);
  const behindQueue = enterQueue({ message, gates }, context);
  if (isAtQueue(behindQueue.message)) return behindQueue;
  const behindFlow = enterFlow(behindQueue, context);
  if (isAtFlow(behindFlow.message)) return behindFlow;
  return enterOrigin(behindFlow, context);
}

/**
 * As {@link enter}, for a message that has entered before, and whose attempt nobody is making: it gives its place in the flow
 * control back first, and finds a gate closed that has been closed since.
 */
export function reenter(message: MessageRow, gates: Gates, context: Context): Entry {
  const free = holdsFlow(message) ? leaveFlow(gates) : gates;
  return enter({ ...leaveLine(message), state: "scheduled" }, free, context);
}

/** Whether a gate that `message` has passed is paused now. */
export function isPaused({ queue, flow }: Gates): boolean {
  return queue?.isPaused === 1 || flow?.isPaused === 1;
}

function isAtOrigin(message: MessageRow): boolean {
  return message.gate?.startsWith("origin:") === true;
}

function isAtFlow(message: MessageRow): boolean {
  return message.flowControlKey !== null && message.gate === flowGate(message.flowControlKey);
}

function isAtQueue(message: MessageRow): boolean {
  return message.queueName !== null && message.gate === queueGate(message.queueName);
}

function enterQueue({ message, gates }: Entry, context: Context): Entry {
  const { queue } = gates;
  // Callbacks share the place of their source; the place of a deleted queue is gone with it.
  if (message.kind !== "plain" || message.queueName === null || queue === null) {
    return { message, gates };
  }
  const isInLine = isAtQueue(message);
  const hasTicket = message.ticketKey !== null;
  const isFree =
    queue.isPaused === 0 &&
    (hasTicket || (queue.openCount < queue.parallelism && (isInLine || queue.waitingCount === 0)));
  if (isFree) {
    return {
      message: { ...leaveLine(message), ticketKey: message.ticketKey ?? message.key },
      gates: {
        ...gates,
        queue: {
          ...queue,
          openCount: queue.openCount + (hasTicket ? 0 : 1),
          waitingCount: queue.waitingCount - (isInLine ? 1 : 0),
        },
      },
    };
  }
  if (isInLine) return { message, gates };
  // Whoever has a place already is older than everybody in the line.
  const waitOrder = message.ticketKey ?? context.newKey();
  return {
    message: joinLine(message, queueGate(queue.name), waitOrder),
    gates: { ...gates, queue: { ...queue, waitingCount: queue.waitingCount + 1 } },
  };
}

function enterFlow({ message, gates }: Entry, context: Context): Entry {
  if (message.flowControlKey === null || gates.flow === null) return { message, gates };
  const flow = rollPeriod(gates.flow, context.now);
  const gate = flowGate(flow.name);
  const isInLine = message.gate === gate;
  if (hasCapacity(flow) && (isInLine || flow.waitingCount === 0)) {
    const taken: FlowControlRow = {
      ...flow,
      inFlightCount: flow.inFlightCount + 1,
      rateCount: flow.rateCount + 1,
      waitingCount: flow.waitingCount - (isInLine ? 1 : 0),
    };
    return { message: leaveLine(message), gates: { ...gates, flow: withWake(taken) } };
  }
  if (isInLine) return { message, gates: { ...gates, flow: withWake(flow) } };
  const joined = { ...flow, waitingCount: flow.waitingCount + 1 };
  return {
    message: joinLine(message, gate, context.newKey()),
    gates: { ...gates, flow: withWake(joined) },
  };
}

/** Only so many deliveries to one origin wait in memory; the others wait in the store. */
function enterOrigin({ message, gates }: Entry, context: Context): Entry {
  if (context.isOriginFull(originOf(message.url))) {
    if (isAtOrigin(message)) return { message, gates };
    return { message: joinLine(message, originGate(message.url), context.newKey()), gates };
  }
  return {
    message: startAttempt(leaveLine(message), context.now, context.attemptTimeoutMs),
    gates,
  };
}

function joinLine(message: MessageRow, gate: string, waitOrder: number): MessageRow {
  return { ...message, state: "waiting", gate, waitOrder };
}

function leaveLine(message: MessageRow): MessageRow {
  return { ...message, gate: null, waitOrder: null };
}

/** A message leaves its line without having had its turn: it was cancelled. */
export function stepOut(message: MessageRow, gates: Gates): Gates {
  if (isAtQueue(message) && gates.queue !== null) {
    const queue = { ...gates.queue, waitingCount: gates.queue.waitingCount - 1 };
    return { ...gates, queue };
  }
  const { flow } = gates;
  if (flow !== null && message.gate === flowGate(flow.name)) {
    return { ...gates, flow: withWake({ ...flow, waitingCount: flow.waitingCount - 1 }) };
  }
  return gates;
}

/** Whether `message` holds a place in its flow control: from its admission until its attempt has ended. */
export function holdsFlow(message: MessageRow): boolean {
  if (message.flowControlKey === null) return false;
  return message.state === "active" || message.state === "canceling" || isAtOrigin(message);
}

/** The attempt has ended: its place in the flow control is free. */
export function leaveFlow(gates: Gates): Gates {
  const { flow } = gates;
  if (flow === null) return gates;
  const left = { ...flow, inFlightCount: Math.max(0, flow.inFlightCount - 1) };
  return { ...gates, flow: left };
}

/** The message and its callbacks are done: its place in the queue is free. */
export function leaveQueue(gates: Gates): Gates {
  const { queue } = gates;
  if (queue === null) return gates;
  return { ...gates, queue: { ...queue, openCount: Math.max(0, queue.openCount - 1) } };
}

/** Gates behind which somebody may go on now. */
export function openings(before: Gates, after: Gates): readonly Effect[] {
  const effects: Effect[] = [];
  const { queue, flow } = after;
  if (queue !== null && queue !== before.queue && queue.isPaused === 0 && queue.waitingCount > 0) {
    effects.push({ type: "open", gate: queueGate(queue.name) });
  }
  if (flow !== null && flow !== before.flow && flow.waitingCount > 0) {
    if (hasCapacity(flow)) effects.push({ type: "open", gate: flowGate(flow.name) });
    else if (flow.dueAt !== null) effects.push({ type: "wake", dueAt: flow.dueAt });
  }
  return effects;
}

/** Whether one more attempt may start under `flow`, whose period is the current one. */
export function hasCapacity(flow: FlowControlRow): boolean {
  return (
    flow.isPaused === 0 &&
    (flow.parallelism === null || flow.inFlightCount < flow.parallelism) &&
    (flow.rate === null || flow.rateCount < flow.rate)
  );
}

/** Periods follow each other without gaps from `periodStartAt`; a new one begins with no start counted. */
export function rollPeriod(flow: FlowControlRow, now: number): FlowControlRow {
  if (now < flow.periodStartAt + flow.periodMs) return flow;
  const passed = Math.floor((now - flow.periodStartAt) / flow.periodMs);
  return { ...flow, rateCount: 0, periodStartAt: flow.periodStartAt + passed * flow.periodMs };
}

/** Sets when the gate has to be looked at again by the clock: when only the next period brings a place. */
export function withWake(flow: FlowControlRow): FlowControlRow {
  const isRateSpent = flow.rate !== null && flow.rateCount >= flow.rate;
  const isWanted = flow.waitingCount > 0 && flow.isPaused === 0 && isRateSpent;
  const dueAt = isWanted ? flow.periodStartAt + flow.periodMs : null;
  return dueAt === flow.dueAt ? flow : { ...flow, dueAt };
}

/** The key as this message asks for it: the latest message decides, but for what is pinned. */
export function configureFlow(
  flow: FlowControlRow | null,
  asked: FlowControl,
  context: Context,
): FlowControlRow {
  const { key, parallelism, rate, periodMs } = asked;
  if (flow === null) {
    return {
      key: context.newKey(),
      name: key,
      updatedAt: context.now,
      parallelism,
      rate,
      periodMs,
      isPaused: 0,
      isPinnedParallelism: 0,
      isPinnedRate: 0,
      inFlightCount: 0,
      rateCount: 0,
      periodStartAt: context.now,
      waitingCount: 0,
      dueAt: null,
    };
  }
  const rolled = rollPeriod(flow, context.now);
  const isSame =
    (rolled.isPinnedParallelism === 1 || rolled.parallelism === parallelism) &&
    (rolled.isPinnedRate === 1 || (rolled.rate === rate && rolled.periodMs === periodMs));
  if (isSame) return rolled;
  return withWake({
    ...rolled,
    updatedAt: context.now,
    ...(rolled.isPinnedParallelism === 1 ? {} : { parallelism }),
    ...(rolled.isPinnedRate === 1 ? {} : { rate, periodMs }),
  });
}

export function newQueue(name: string, context: Context): QueueRow {
  return {
    key: context.newKey(),
    name,
    createdAt: context.now,
    updatedAt: context.now,
    parallelism: 1,
    isPaused: 0,
    openCount: 0,
    waitingCount: 0,
  };
}

/** The changes of the gates' own rows. */
export function gateChanges(before: Gates, after: Gates): readonly Change[] {
  const changes: Change[] = [];
  if (after.queue !== null && after.queue !== before.queue) {
    const { queue } = after;
    changes.push(
      before.queue === null ? insert("queues", queue) : update("queues", before.queue, queue),
    );
  }
  if (after.flow !== null && after.flow !== before.flow) {
    const { flow } = after;
    changes.push(
      before.flow === null
        ? insert("flowControls", flow)
        : update("flowControls", before.flow, flow),
    );
  }
  return changes;
}
