import type { DeleteQueue } from "./commands.ts";
import { type Gates, gateChanges, leaveGates, leaveQueue, openings } from "./gates.ts";
import { logMoment } from "./message-log.ts";
import type { Change, FlowControlRow, MessageRow, QueueRow } from "./rows.ts";
import {
  type Context,
  type Effect,
  remove,
  type Transition,
  unchanged,
  update,
} from "./transition.ts";

/** Some messages of a queue, by their keys. */
export interface QueueMembers {
  readonly messages: readonly MessageRow[];
  /** Key of the last one; null when there are no more behind it. */
  readonly nextAfterKey: number | null;
}

export interface DeleteQueueState {
  readonly queue: QueueRow | null;
  readonly members: QueueMembers;
  /** By place in the queue: the open messages that share it. */
  readonly sharers: ReadonlyMap<number, readonly MessageRow[]>;
  readonly flows: ReadonlyMap<string, FlowControlRow>;
}

/**
 * Cancels what waits in the queue, makes attempts in flight their messages' last ones, and lets callbacks go on by themselves. The
 * queue's row goes with the last of its messages: were the server to end in between, a paused queue with the others would be left,
 * and nothing would be stranded in the line of a queue that is not there.
 */
export function decideDeleteQueue(
  state: DeleteQueueState,
  _command: DeleteQueue,
  context: Context,
): Transition<{ readonly nextAfterKey: number | null }> {
  const { queue, members } = state;
  if (queue === null) return unchanged({ nextAfterKey: null });
  const eviction = new Eviction({ ...queue, isPaused: 1 }, state);
  for (const message of members.messages) eviction.evict(message, context);
  const { nextAfterKey } = members;
  const paused = nextAfterKey === null ? null : { ...eviction.queue, updatedAt: context.now };
  return {
    changes: [
      paused === null ? remove("queues", queue.key) : update("queues", queue, paused),
      ...eviction.changes(),
    ],
    effects: [{ type: "recallBehind", queueName: queue.name }, ...eviction.effects()],
    answer: { nextAfterKey },
  };
}

/** Takes messages out of their queue one after the other. */
class Eviction {
  readonly #flowsBefore: ReadonlyMap<string, FlowControlRow>;
  readonly #flows: Map<string, FlowControlRow>;
  readonly #holders = new Map<number, Set<number>>();
  readonly #changes: Change[] = [];
  readonly #effects: Effect[] = [];
  #queue: QueueRow;

  constructor(queue: QueueRow, { flows, sharers }: DeleteQueueState) {
    this.#queue = queue;
    this.#flowsBefore = flows;
    this.#flows = new Map(flows);
    for (const [ticketKey, messages] of sharers) {
      this.#holders.set(ticketKey, new Set(messages.map(({ key }) => key)));
    }
  }

  get queue(): QueueRow {
    return this.#queue;
  }

  evict(message: MessageRow, context: Context): void {
    this.#passPlace(message);
    const isInFlight = message.state === "active" || message.state === "canceling";
    if (message.kind === "callback" || isInFlight) this.#detach(message, context);
    else this.#cancel(message, context);
  }

  changes(): readonly Change[] {
    const flows = Array.from(this.#flows.values(), (flow) => this.#gatesOf(flow));
    return [...this.#changes, ...flows.flatMap(([before, after]) => gateChanges(before, after))];
  }

  effects(): readonly Effect[] {
    const flows = Array.from(this.#flows.values(), (flow) => this.#gatesOf(flow));
    return [...this.#effects, ...flows.flatMap(([before, after]) => openings(before, after))];
  }

  /** Whoever is still on its way has no place any more: a queue that is made anew counts its own. */
  #detach(message: MessageRow, context: Context): void {
    const isCanceled = message.kind === "plain" && message.state === "active";
    const state = isCanceled ? "canceling" : message.state;
    this.#changes.push(update("messages", message, { ...message, state, ticketKey: null }));
    if (!isCanceled) return;
    this.#changes.push(logMoment(message, "cancelRequested", context));
    this.#effects.push({ type: "recall", messageKey: message.key });
  }

  #cancel(message: MessageRow, context: Context): void {
    const flow = this.#flows.get(message.flowControlKey ?? "") ?? null;
    const left = leaveGates(message, { queue: this.#queue, flow });
    if (left.queue !== null) this.#queue = left.queue;
    if (left.flow !== null) this.#flows.set(left.flow.name, left.flow);
    this.#changes.push(remove("messages", message.key), logMoment(message, "canceled", context));
  }

  #passPlace({ key, ticketKey }: MessageRow): void {
    if (ticketKey === null) return;
    const holders = this.#holders.get(ticketKey);
    holders?.delete(key);
    if (holders !== undefined && holders.size > 0) return;
    this.#queue = leaveQueue({ queue: this.#queue, flow: null }).queue ?? this.#queue;
  }

  #gatesOf(flow: FlowControlRow): readonly [Gates, Gates] {
    const before = this.#flowsBefore.get(flow.name) ?? null;
    return [
      { queue: null, flow: before },
      { queue: null, flow },
    ];
  }
}
