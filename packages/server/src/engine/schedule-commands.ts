import { GateBook } from "../core/gate-book.ts";
import {
  decideDeleteSchedule,
  decidePauseSchedule,
  decidePutSchedule,
  decideResumeSchedule,
  groupNameOf,
  readScheduleConfig,
  type ScheduleConfig,
  scheduleDedupId,
} from "../core/schedule.ts";
import type { PutSchedule, TickSchedule } from "../core/schedule-command.ts";
import { decideTickSchedule } from "../core/tick-schedule.ts";
import type { Handlers } from "./handlers.ts";
import { bookOf, endpointCount, keysOfMessages, wantGates } from "./message-commands.ts";
import { hashBody } from "./signer.ts";
import type { Wants } from "./wants.ts";
import type { WorkingSet } from "./working-set.ts";

/** Loads and asks for what concerns schedules. */

export const scheduleHandlers: Handlers = {
  putSchedule: {
    want(command, wants) {
      wantSchedule(command, wants);
      wants.named("urlGroups", groupNameOf(command));
      wants.named("queues", command.config.queueName);
      wants.named("dedups", scheduleDedupId(command, hashBody));
    },
    wantReferred(command, work, wants) {
      const dedup = dedupOf(command, work);
      if (dedup !== null) wants.schedules.add(dedup.messageKey);
    },
    // The schedule, its queue and its claim.
    keysNeeded: () => 3,
    decide(command, { work, context }) {
      const groupName = groupNameOf(command);
      const { queueName } = command.config;
      const dedup = dedupOf(command, work);
      const state = {
        schedule: work.named("schedules", command.scheduleId),
        group: groupName === null ? null : work.named("urlGroups", groupName),
        queue: queueName === undefined ? null : work.named("queues", queueName),
        dedup,
        original: dedup === null ? null : work.peek("schedules", dedup.messageKey),
      };
      return decidePutSchedule(state, command, context);
    },
  },
  deleteSchedule: {
    want: wantSchedule,
    keysNeeded: () => 0,
    decide: (command, { work }) =>
      decideDeleteSchedule(work.named("schedules", command.scheduleId), command),
  },
  pauseSchedule: {
    want: wantSchedule,
    keysNeeded: () => 0,
    decide: (command, { work, context }) =>
      decidePauseSchedule(work.named("schedules", command.scheduleId), command, context),
  },
  resumeSchedule: {
    want: wantSchedule,
    keysNeeded: () => 0,
    decide: (command, { work, context }) =>
      decideResumeSchedule(work.named("schedules", command.scheduleId), command, context),
  },
  tickSchedule: {
    want: wantSchedule,
    wantReferred(command, work, wants) {
      const schedule = work.named("schedules", command.scheduleId);
      if (schedule !== null) wants.named("urlGroups", groupNameOf(schedule));
      const config = configOf(command, work);
      if (config !== null) wantGates(config, wants);
    },
    keysNeeded(command, work) {
      const schedule = work.named("schedules", command.scheduleId);
      const name = schedule === null ? null : groupNameOf(schedule);
      if (name === null) return keysOfMessages(1);
      return keysOfMessages(endpointCount({ destination: { kind: "urlGroup", name } }, work));
    },
    decide(command, { work, context }) {
      const schedule = work.named("schedules", command.scheduleId);
      const groupName = schedule === null ? null : groupNameOf(schedule);
      const config = configOf(command, work);
      const state = {
        schedule,
        config,
        group: groupName === null ? null : work.named("urlGroups", groupName),
        gates: config === null ? new GateBook(null, []) : bookOf(config, work),
      };
      return decideTickSchedule(state, command, context);
    },
  },
};

function wantSchedule({ scheduleId }: { readonly scheduleId: string }, wants: Wants): void {
  wants.named("schedules", scheduleId);
}

function dedupOf(command: PutSchedule, work: WorkingSet) {
  const id = scheduleDedupId(command, hashBody);
  return id === null ? null : work.named("dedups", id);
}

function configOf(command: TickSchedule, work: WorkingSet): ScheduleConfig | null {
  const schedule = work.named("schedules", command.scheduleId);
  return schedule === null ? null : readScheduleConfig(schedule.config);
}
