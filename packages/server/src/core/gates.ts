import { hasCapacity, rollPeriod, withWake } from "./flow-control.ts";
import { startAttempt } from "./message.ts";
import type { Change, FlowControlRow, MessageRow, QueueRow } from "./rows.ts";
import { type Context, type Effect, insert, update } from "./transition.ts";

/**
 * What stands between a due message and its attempt, in this order: its queue, the line of its origin, and its flow control. A
 * message waits in the line of the first gate that is closed; its place in the queue it keeps. The flow control comes last, so that
 * nobody holds a place in it who cannot begin. Places are counted in the rows of queues and flow controls, in the transaction that
 * takes or frees them, so that none can leak. See docs/state-machines.md#gates.
 */

export interface Gates {
  readonly queue: QueueRow | null;
  readonly flow: FlowControlRow | null;
}

export const noGates: Gates = { queue: null, flow: null };

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

/** The gate of an origin, as {@link originOf} names it. */
export function originGate(origin: string): string {
  return `origin:${origin}`;
}

export function isOriginGate(gate: string): boolean {
  return gate.startsWith("origin:");
}

/** The origin whose gate this is; null for the gate of a queue or a flow control. */
export function originOfGate(gate: string): string | null {
  return isOriginGate(gate) ? gate.slice("origin:".length) : null;
}

/** The scheme and authority of a URL; cheap, because it runs for every attempt. */
export function originOf(url: string): string {
  const end = url.indexOf("/", url.indexOf("://") + 3);
  const origin = end === -1 ? url : url.slice(0, end);
  const query = origin.indexOf("?");
  return query === -1 ? origin : origin.slice(0, query);
}

/**
 * Leads a due message through its gates: it comes out `active`, or `waiting` in front of the first one that is closed. Every gate is
 * asked again, wherever the message has waited, so that one which has been closed meanwhile binds.
 */
export function enter(message: MessageRow, gates: Gates, context: Context): Entry {
  const { queue } = gates;
  if (queue !== null && isClosedQueue(queue, message)) {
    // Whoever has a place already is older than everybody in the line.
    return wait({ message, gates }, queueGate(queue.name), message.ticketKey, context);
  }
  const admitted = queue === null ? { message, gates } : takeTicket(message, queue, gates);
  const origin = originOf(message.url);
  if (context.isOriginFull(origin)) {
    return wait(admitted, originGate(origin), admitted.message.waitOrder, context);
  }
  const flow = gates.flow === null ? null : rollPeriod(gates.flow, context.now);
  if (flow === null) return start(admitted, context);
  if (isClosedFlow(flow, message)) {
    const rolled = { ...admitted, gates: { ...admitted.gates, flow } };
    return wait(rolled, flowGate(flow.name), admitted.message.waitOrder, context);
  }
  const taken = { ...flow, inFlightCount: flow.inFlightCount + 1, rateCount: flow.rateCount + 1 };
  return start({ ...admitted, gates: { ...admitted.gates, flow: taken } }, context);
}

/**
 * As {@link enter}, for a message whose attempt nobody is making: it gives its place in the flow control back first. When it has to
 * wait, it does so in front of those who came later.
 */
export function reenter(message: MessageRow, gates: Gates, context: Context): Entry {
  const free = holdsFlow(message) ? leaveFlow(gates) : gates;
  return enter(
    { ...message, state: "scheduled", nodeKey: null, waitOrder: message.key },
    free,
    context,
  );
}

function isClosedQueue(queue: QueueRow, message: MessageRow): boolean {
  // Callbacks share the place of the message that they report about, also while the queue is paused.
  if (message.kind !== "plain") return false;
  if (queue.isPaused === 1) return true;
  if (message.ticketKey !== null) return false;
  const isNext = message.gate === queueGate(queue.name) || queue.waitingCount === 0;
  return !isNext || queue.openCount >= queue.parallelism;
}

function isClosedFlow(flow: FlowControlRow, message: MessageRow): boolean {
  const isNext = message.gate === flowGate(flow.name) || flow.waitingCount === 0;
  return !isNext || !hasCapacity(flow);
}

/** The place in the queue, which the message has from here on until it and its callbacks are done. */
function takeTicket(message: MessageRow, queue: QueueRow, gates: Gates): Entry {
  if (message.kind !== "plain" || message.ticketKey !== null) return { message, gates };
  return {
    message: { ...message, ticketKey: message.key },
    gates: { ...gates, queue: { ...queue, openCount: queue.openCount + 1 } },
  };
}

/** Puts the message into the line of `gate`; in which it may be already. */
function wait(entry: Entry, gate: string, order: number | null, context: Context): Entry {
  if (entry.message.gate === gate) return entry;
  const { message, gates } = stepOut(entry);
  return {
    message: { ...message, state: "waiting", gate, waitOrder: order ?? context.newKey() },
    gates: withWaiting(gates, gate, 1),
  };
}

function start(entry: Entry, context: Context): Entry {
  const { message, gates } = stepOut(entry);
  const { flow } = gates;
  return {
    message: startAttempt(message, context),
    gates: flow === null ? gates : { ...gates, flow: withWake(flow) },
  };
}

/** Takes the message out of the line that it waits in, if any. */
export function stepOut({ message, gates }: Entry): Entry {
  return {
    message: { ...message, gate: null, waitOrder: null },
    gates: message.gate === null ? gates : withWaiting(gates, message.gate, -1),
  };
}

/** Counts a change in the line of `gate`; nobody counts who waits for an origin. */
function withWaiting(gates: Gates, gate: string, change: 1 | -1): Gates {
  const { queue, flow } = gates;
  if (queue !== null && gate === queueGate(queue.name)) {
    return { ...gates, queue: { ...queue, waitingCount: queue.waitingCount + change } };
  }
  if (flow !== null && gate === flowGate(flow.name)) {
    const waitingCount = flow.waitingCount + change;
    return { ...gates, flow: withWake({ ...flow, waitingCount }) };
  }
  return gates;
}

/** Whether `message` holds a place in its flow control: from the moment that its attempt may begin until that has ended. */
export function holdsFlow(message: MessageRow): boolean {
  if (message.flowControlKey === null) return false;
  return message.state === "active" || message.state === "canceling";
}

/** The attempt has ended: its place in the flow control is free. */
export function leaveFlow(gates: Gates): Gates {
  const { flow } = gates;
  if (flow === null) return gates;
  const left = { ...flow, inFlightCount: Math.max(0, flow.inFlightCount - 1) };
  return { ...gates, flow: left };
}

/** Takes a start back that was counted in the period until `periodEndAt`, when that is still the current one. */
export function withoutStart(gates: Gates, periodEndAt: number | undefined): Gates {
  const { flow } = gates;
  if (flow === null || periodEndAt !== flow.periodStartAt + flow.periodMs) return gates;
  return { ...gates, flow: withWake({ ...flow, rateCount: Math.max(0, flow.rateCount - 1) }) };
}

/** The message and its callbacks are done: its place in the queue is free. */
export function leaveQueue(gates: Gates): Gates {
  const { queue } = gates;
  if (queue === null) return gates;
  return { ...gates, queue: { ...queue, openCount: Math.max(0, queue.openCount - 1) } };
}

/** What the message has or waits for, but for its place in the queue, is given back: it leaves for good. */
export function leaveGates(message: MessageRow, gates: Gates): Gates {
  return holdsFlow(message) ? leaveFlow(gates) : stepOut({ message, gates }).gates;
}

/** Gates behind which somebody may go on now. */
export function openings(before: Gates, after: Gates): readonly Effect[] {
  const effects: Effect[] = [];
  const { queue, flow } = after;
  if (queue !== null && queue !== before.queue && isOpenQueue(queue, before.queue)) {
    effects.push({ type: "open", gate: queueGate(queue.name) });
  }
  if (flow !== null && flow !== before.flow && flow.waitingCount > 0) {
    if (hasCapacity(flow)) effects.push({ type: "open", gate: flowGate(flow.name) });
    else if (flow.dueAt !== null) effects.push({ type: "wake", dueAt: flow.dueAt });
  }
  return effects;
}

/** Without a free place only those may go who have one: the end of a pause lets them. */
function isOpenQueue(queue: QueueRow, before: QueueRow | null): boolean {
  if (queue.isPaused === 1 || queue.waitingCount === 0) return false;
  return queue.openCount < queue.parallelism || before?.isPaused === 1;
}

export const QUEUE_PARALLELISM_DEFAULT = 1;

export function newQueue(name: string, context: Context): QueueRow {
  return {
    key: context.newKey(),
    name,
    createdAt: context.now,
    updatedAt: context.now,
    parallelism: QUEUE_PARALLELISM_DEFAULT,
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
