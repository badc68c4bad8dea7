import type { DeleteQueue } from "../core/commands.ts";
import { decideDeleteQueue } from "../core/delete-queue.ts";
import { decidePauseQueue, decideResumeQueue, decideUpsertQueue } from "../core/queue.ts";
import type { FlowControlRow, MessageRow } from "../core/rows.ts";
import type { Handlers } from "./handlers.ts";
import type { Wants } from "./wants.ts";
import type { WorkingSet } from "./working-set.ts";

/** Loads and asks for what concerns queues. */
export const queueHandlers: Handlers = {
  upsertQueue: {
    want: wantQueue,
    keysNeeded: () => 1,
    decide: (command, { work, context }) =>
      decideUpsertQueue(work.named("queues", command.name), command, context),
  },
  pauseQueue: {
    want: wantQueue,
    keysNeeded: () => 0,
    decide: (command, { work, context }) =>
      decidePauseQueue(work.named("queues", command.name), command, context),
  },
  resumeQueue: {
    want: wantQueue,
    keysNeeded: () => 0,
    decide: (command, { work, context }) =>
      decideResumeQueue(work.named("queues", command.name), command, context),
  },
  deleteQueue: {
    want(command, wants) {
      wantQueue(command, wants);
      wants.queueMembers.set(command.name, command.afterKey);
    },
    wantReferred(command, work, wants) {
      for (const { ticketKey, flowControlKey } of work.queueMembers(command.name).messages) {
        wants.named("flowControls", flowControlKey);
        if (ticketKey !== null) wants.tickets.add(ticketKey);
      }
    },
    // One moment of the log for each.
    keysNeeded: (command, work) => work.queueMembers(command.name).messages.length,
    decide: (command, { work, context }) =>
      decideDeleteQueue(deleteState(command, work), command, context),
  },
};

function wantQueue({ name }: { readonly name: string }, wants: Wants): void {
  wants.named("queues", name);
}

function deleteState({ name }: DeleteQueue, work: WorkingSet) {
  const members = work.queueMembers(name);
  const sharers = new Map<number, readonly MessageRow[]>();
  const flows = new Map<string, FlowControlRow>();
  for (const { ticketKey, flowControlKey } of members.messages) {
    if (ticketKey !== null) sharers.set(ticketKey, work.sharers(ticketKey));
    const flow = flowControlKey === null ? null : work.named("flowControls", flowControlKey);
    if (flow !== null) flows.set(flow.name, flow);
  }
  return { queue: work.named("queues", name), members, sharers, flows };
}
