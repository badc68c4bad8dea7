import type { QueueResource } from "@reprise/protocol";
import type { QueueRow } from "../../core/rows.ts";
import type { Condition } from "../../store/store.ts";

export function toQueueResource(queue: QueueRow, lag: number): QueueResource {
  const { name, createdAt, updatedAt, parallelism, isPaused } = queue;
  return { name, createdAt, updatedAt, parallelism, lag, paused: isPaused === 1 };
}

/** The messages that the queue still has to get done: callbacks and what has been cancelled are not among them. */
export function unfinished({ name }: QueueRow): readonly Condition<"messages">[] {
  return [
    { type: "in", column: "queueName", values: [name] },
    { type: "in", column: "kind", values: ["plain"] },
    { type: "in", column: "state", values: ["scheduled", "waiting", "active"] },
  ];
}
