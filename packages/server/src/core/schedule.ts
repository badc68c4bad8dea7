import { RepriseError } from "@reprise/protocol";
import type { Dedup } from "./commands.ts";
import { type Cron, nextTick } from "./cron.ts";
import { parseCron } from "./cron-parse.ts";
import type { Envelope } from "./envelope.ts";
import { newQueue } from "./gates.ts";
import { shortName, urlGroupNotFound } from "./publish.ts";
import type { Change, DedupRow, QueueRow, ScheduleRow, UrlGroupRow } from "./rows.ts";
import type {
  DeleteSchedule,
  PauseSchedule,
  PutSchedule,
  PutScheduleAnswer,
  ResumeSchedule,
} from "./schedule-command.ts";
import { type Context, insert, remove, type Transition, unchanged, update } from "./transition.ts";

/** Schedules: made, replaced, paused, resumed and deleted. What a tick does is in tick-schedule.ts. See docs/state-machines.md#schedule. */

/** What every message of a schedule takes over. */
export interface ScheduleConfig extends Omit<Envelope, "notBefore"> {
  /** From a tick to the first attempt of its messages. */
  readonly delayMs?: number;
}

/** Null for a text that cannot be read: one damaged row must not stop the others. */
export function readScheduleConfig(json: string): ScheduleConfig | null {
  try {
    // Written by `JSON.stringify` of a ScheduleConfig; nobody else writes this column.
    return JSON.parse(json) as ScheduleConfig;
  } catch {
    return null; // The tick reports it as the schedule's error.
  }
}

/** The name of the URL group that a schedule sends to; null when it sends to a URL. */
export function groupNameOf({ destination }: Pick<ScheduleRow, "destination">): string | null {
  return /^https?:/i.test(destination) ? null : destination;
}

export interface PutScheduleState {
  readonly schedule: ScheduleRow | null;
  /** Of the destination, when that is the name of one. */
  readonly group: UrlGroupRow | null;
  readonly queue: QueueRow | null;
  /** The claim of an earlier creation, and what that has made, as far as it still exists. */
  readonly dedup: DedupRow | null;
  readonly original: ScheduleRow | null;
}

/** Makes a schedule, or replaces everything of it but its age, its pause and what it has done so far. */
export function decidePutSchedule(
  state: PutScheduleState,
  command: PutSchedule,
  context: Context,
): Transition<PutScheduleAnswer> {
  const { schedule, dedup, original } = state;
  if (dedup !== null && dedup.expiresAt > context.now && original !== null) {
    return unchanged({ scheduleId: original.id, deduplicated: true });
  }
  const groupName = groupNameOf(command);
  if (groupName !== null && state.group === null) throw urlGroupNotFound(groupName);
  const cron = parseCron(command.cron);
  const row: ScheduleRow = {
    key: schedule?.key ?? context.newKey(),
    id: command.scheduleId,
    createdAt: schedule?.createdAt ?? context.now,
    updatedAt: context.now,
    cron: cron.text,
    destination: command.destination,
    isPaused: schedule?.isPaused ?? 0,
    dueAt: dueAfterPut(schedule, cron, context),
    lastAt: schedule?.lastAt ?? null,
    lastMessages: schedule?.lastMessages ?? null,
    error: null,
    config: JSON.stringify(command.config),
    body: command.body,
  };
  return {
    changes: [
      schedule === null ? insert("schedules", row) : update("schedules", schedule, row),
      ...queueChanges(state, command, context),
      ...claimChanges(dedup, command, { scheduleKey: row.key, context }),
    ],
    effects: row.dueAt === null ? [] : [{ type: "wake", dueAt: row.dueAt }],
    answer: { scheduleId: row.id, deduplicated: false },
  };
}

/** A tick that is due while the same expression is put again is not lost: apps put their schedules at every start. */
function dueAfterPut(schedule: ScheduleRow | null, cron: Cron, { now }: Context): number | null {
  if (schedule === null) return firstTick(cron, now, now);
  if (schedule.isPaused === 1) return null;
  const isDue = schedule.dueAt !== null && schedule.dueAt <= now && schedule.cron === cron.text;
  return isDue ? schedule.dueAt : firstTick(cron, now, schedule.createdAt);
}

function firstTick(cron: Cron, now: number, createdAt: number): number {
  const dueAt = nextTick(cron, now, createdAt);
  if (dueAt !== null) return dueAt;
  throw new RepriseError("invalid_cron", {
    message: `Invalid cron expression "${cron.text}": it has no tick within the next five years`,
  });
}

/** The queue is there from the start, so that it can be paused before the first tick; one that exists is not touched. */
function queueChanges(
  { queue }: PutScheduleState,
  { config }: PutSchedule,
  context: Context,
): readonly Change[] {
  const isMissing = config.queueName !== undefined && queue === null;
  return isMissing ? [insert("queues", newQueue(config.queueName, context))] : [];
}

/** What a creation claims, so that a second one within the window is recognised. No publish claims the like: no id has a colon. */
export function scheduleDedupId(
  command: Pick<PutSchedule, "dedup" | "cron" | "destination">,
  sha256: Context["sha256"],
) {
  const { dedup, cron, destination } = command;
  if (dedup === null) return null;
  return `schedule:${contentOrId(dedup)}${dedup.kind === "id" ? "" : `:${shortName(`${cron}:${destination}`, sha256)}`}`;
}

function contentOrId(dedup: Dedup): string {
  return dedup.kind === "id" ? dedup.id : `content:${dedup.hash}`;
}

function claimChanges(
  dedup: DedupRow | null,
  command: PutSchedule,
  { scheduleKey, context }: { readonly scheduleKey: number; readonly context: Context },
): readonly Change[] {
  const id = scheduleDedupId(command, context.sha256);
  if (id === null) return [];
  const claim = { id, messageKey: scheduleKey, expiresAt: command.dedupUntil };
  if (dedup !== null) return [update("dedups", dedup, { ...dedup, ...claim })];
  return [insert("dedups", { key: context.newKey(), ...claim })];
}

/** Messages that it has made go on. Deleting what is not there is no fault: clients clean up before they begin. */
export function decideDeleteSchedule(
  schedule: ScheduleRow | null,
  _command: DeleteSchedule,
): Transition<null> {
  if (schedule === null) return unchanged(null);
  return { changes: [remove("schedules", schedule.key)], effects: [], answer: null };
}

/** A paused schedule skips its ticks; none is made up for. */
export function decidePauseSchedule(
  schedule: ScheduleRow | null,
  { scheduleId }: PauseSchedule,
  context: Context,
): Transition<null> {
  if (schedule === null) throw scheduleNotFound(scheduleId);
  if (schedule.isPaused === 1) return unchanged(null);
  const after = { ...schedule, updatedAt: context.now, isPaused: 1, dueAt: null } as const;
  return { changes: [update("schedules", schedule, after)], effects: [], answer: null };
}

export function decideResumeSchedule(
  schedule: ScheduleRow | null,
  { scheduleId }: ResumeSchedule,
  context: Context,
): Transition<null> {
  if (schedule === null) throw scheduleNotFound(scheduleId);
  if (schedule.isPaused === 0) return unchanged(null);
  const dueAt = firstTick(parseCron(schedule.cron), context.now, schedule.createdAt);
  const after = { ...schedule, updatedAt: context.now, isPaused: 0, dueAt } as const;
  return {
    changes: [update("schedules", schedule, after)],
    effects: [{ type: "wake", dueAt }],
    answer: null,
  };
}

export function scheduleNotFound(scheduleId: string): RepriseError {
  return new RepriseError("schedule_not_found", {
    message: `there is no schedule with the id ${scheduleId}`,
    details: { scheduleId },
  });
}
