import type { Dedup } from "./commands.ts";
import type { ScheduleConfig } from "./schedule.ts";

export type ScheduleCommand =
  | PutSchedule
  | DeleteSchedule
  | PauseSchedule
  | ResumeSchedule
  | TickSchedule;

/** Makes a schedule, or replaces the one with this id. */
export interface PutSchedule {
  readonly type: "putSchedule";
  readonly scheduleId: string;
  readonly cron: string;
  /** URL or name of a URL group, as given. */
  readonly destination: string;
  readonly config: ScheduleConfig;
  readonly body: Uint8Array;
  readonly dedup: Dedup | null;
  /** End of the window in which a second creation is recognised. */
  readonly dedupUntil: number;
}

export interface PutScheduleAnswer {
  readonly scheduleId: string;
  readonly deduplicated: boolean;
}

export interface DeleteSchedule {
  readonly type: "deleteSchedule";
  readonly scheduleId: string;
}

export interface PauseSchedule {
  readonly type: "pauseSchedule";
  readonly scheduleId: string;
}

export interface ResumeSchedule {
  readonly type: "resumeSchedule";
  readonly scheduleId: string;
}

/** A schedule has become due. */
export interface TickSchedule {
  readonly type: "tickSchedule";
  readonly scheduleId: string;
}

/** What each of them answers. */
export interface ScheduleAnswers {
  readonly putSchedule: PutScheduleAnswer;
  readonly deleteSchedule: null;
  readonly pauseSchedule: null;
  readonly resumeSchedule: null;
  readonly tickSchedule: null;
}
