import type { FlowControl } from "@reprise/protocol";
import { configureFlow } from "./flow-control.ts";
import { type Gates, gateChanges, leaveGates, newQueue, openings } from "./gates.ts";
import type { Change, FlowControlRow, MessageRow, QueueRow } from "./rows.ts";
import type { Context, Effect } from "./transition.ts";

/** The gates that one transition passes, as they stand in the store and as it leaves them. */
export class GateBook {
  readonly #before: ReadonlyMap<string, FlowControlRow>;
  readonly #queueBefore: QueueRow | null;
  readonly #flows: Map<string, FlowControlRow>;
  #queue: QueueRow | null;

  constructor(queue: QueueRow | null, flows: Iterable<FlowControlRow | null>) {
    this.#queueBefore = queue;
    this.#queue = queue;
    const known = new Map<string, FlowControlRow>();
    for (const flow of flows) if (flow !== null) known.set(flow.name, flow);
    this.#before = known;
    this.#flows = new Map(known);
  }

  /**
   * The gates of a new message; a queue that is missing is made, and its flow control takes over what it asks for. A callback makes
   * no queue: when that of its source is deleted, it stays so.
   */
  gatesOf(
    { kind, queueName }: Pick<MessageRow, "kind" | "queueName">,
    flowControl: FlowControl | null,
    context: Context,
  ): Gates {
    if (queueName !== null && kind === "plain") this.#queue ??= newQueue(queueName, context);
    if (flowControl === null) return { queue: this.#queue, flow: null };
    const known = this.#flows.get(flowControl.key) ?? null;
    const flow = configureFlow(known, flowControl, context);
    this.#flows.set(flow.name, flow);
    return { queue: this.#queue, flow };
  }

  /** The gates of a message that is known already. */
  gatesOfMessage({ flowControlKey }: MessageRow): Gates {
    const flow = flowControlKey === null ? null : (this.#flows.get(flowControlKey) ?? null);
    return { queue: this.#queue, flow };
  }

  /** Takes the message out of the line of its flow control, or gives its place back. */
  leave(message: MessageRow): void {
    if (message.flowControlKey !== null)
      this.put(leaveGates(message, this.gatesOfMessage(message)));
  }

  put({ queue, flow }: Gates): void {
    this.#queue = queue;
    if (flow !== null) this.#flows.set(flow.name, flow);
  }

  get queue(): QueueRow | null {
    return this.#queue;
  }

  changes(): readonly Change[] {
    const changes = [
      ...gateChanges({ queue: this.#queueBefore, flow: null }, { queue: this.#queue, flow: null }),
    ];
    for (const [name, flow] of this.#flows) {
      const before = { queue: null, flow: this.#before.get(name) ?? null };
      changes.push(...gateChanges(before, { queue: null, flow }));
    }
    return changes;
  }

  openings(): readonly Effect[] {
    const effects = [
      ...openings({ queue: this.#queueBefore, flow: null }, { queue: this.#queue, flow: null }),
    ];
    for (const [name, flow] of this.#flows) {
      const before = { queue: null, flow: this.#before.get(name) ?? null };
      effects.push(...openings(before, { queue: null, flow }));
    }
    return effects;
  }
}
