import { RepriseError } from "@reprise/protocol";
import type { PauseQueue, ResumeQueue, UpsertQueue } from "./commands.ts";
import { newQueue, openings, QUEUE_PARALLELISM_DEFAULT } from "./gates.ts";
import type { QueueRow } from "./rows.ts";
import { type Context, type Effect, insert, type Transition, update } from "./transition.ts";

/** Queues: lines in which messages are delivered one after the other, or so many at a time. See docs/state-machines.md#gates. */

/** Makes the queue or changes it. With fewer places than are taken, those who have one keep it until they are done. */
export function decideUpsertQueue(
  queue: QueueRow | null,
  { name, parallelism, isPaused }: UpsertQueue,
  context: Context,
): Transition<null> {
  const known = queue ?? newQueue(name, context);
  const wanted: QueueRow = {
    ...known,
    parallelism: parallelism ?? QUEUE_PARALLELISM_DEFAULT,
    ...(isPaused === null ? {} : { isPaused: isPaused ? 1 : 0 }),
  };
  return put(queue, wanted, context);
}

/** Starts nothing more of the queue, retries included; attempts in flight end by themselves. */
export function decidePauseQueue(
  queue: QueueRow | null,
  { name }: PauseQueue,
  context: Context,
): Transition<null> {
  if (queue === null) throw queueNotFound(name);
  return put(queue, { ...queue, isPaused: 1 }, context);
}

export function decideResumeQueue(
  queue: QueueRow | null,
  { name }: ResumeQueue,
  context: Context,
): Transition<null> {
  if (queue === null) throw queueNotFound(name);
  return put(queue, { ...queue, isPaused: 0 }, context);
}

function put(before: QueueRow | null, wanted: QueueRow, context: Context): Transition<null> {
  const after = { ...wanted, updatedAt: context.now };
  const recalls: readonly Effect[] =
    after.isPaused === 1 ? [{ type: "recallBehind", queueName: after.name }] : [];
  return {
    changes: [before === null ? insert("queues", after) : update("queues", before, after)],
    effects: [...recalls, ...openings({ queue: before, flow: null }, { queue: after, flow: null })],
    answer: null,
  };
}

export function queueNotFound(name: string): RepriseError {
  return new RepriseError("queue_not_found", {
    message: `there is no queue of the name ${name}`,
    details: { queue: name },
  });
}
