import type { Wanted } from "./wanted.ts";

/** One thing that a client or an operator asks the server for. */
export type Act =
  | { readonly type: "publish"; readonly wanted: Wanted }
  | { readonly type: "batch"; readonly wanteds: readonly Wanted[] }
  | { readonly type: "cancel"; readonly messageId: string }
  | { readonly type: "cancelMany"; readonly messageIds: readonly string[] }
  | { readonly type: "cancelLabel"; readonly label: string; readonly isAsync: boolean }
  | { readonly type: "release"; readonly messageId: string }
  | QueueAct
  | FlowAct
  | ScheduleAct
  | GroupAct
  | { readonly type: "listDead" }
  | { readonly type: "retryDead"; readonly dlqIds: readonly string[] }
  | { readonly type: "deleteDead"; readonly dlqId: string }
  | { readonly type: "readLog"; readonly cursor: string | null };

export type QueueAct =
  | {
      readonly type: "upsertQueue";
      readonly queue: string;
      readonly parallelism: number;
      readonly isPaused: boolean;
    }
  | { readonly type: "pauseQueue"; readonly queue: string }
  | { readonly type: "resumeQueue"; readonly queue: string }
  | { readonly type: "deleteQueue"; readonly queue: string }
  | { readonly type: "readQueue"; readonly queue: string };

export type FlowAct =
  | { readonly type: "pauseFlow"; readonly flow: string }
  | { readonly type: "resumeFlow"; readonly flow: string }
  | { readonly type: "resetRate"; readonly flow: string }
  | { readonly type: "readFlow"; readonly flow: string }
  | {
      readonly type: "pin";
      readonly flow: string;
      readonly parallelism: number | null;
      readonly rate: number | null;
    }
  | {
      readonly type: "unpin";
      readonly flow: string;
      readonly parallelism: boolean;
      readonly rate: boolean;
    };

export type ScheduleAct =
  | { readonly type: "putSchedule"; readonly schedule: ScheduleWanted }
  | { readonly type: "pauseSchedule"; readonly scheduleId: string }
  | { readonly type: "resumeSchedule"; readonly scheduleId: string }
  | { readonly type: "deleteSchedule"; readonly scheduleId: string };

export interface ScheduleWanted {
  readonly scheduleId: string;
  /** From one tick to the next; ticks are whole multiples of it since the epoch. */
  readonly everyMinutes: number;
  /** What each of its messages is like. */
  readonly wanted: Wanted;
}

export type GroupAct =
  | { readonly type: "setEndpoints"; readonly group: string; readonly urls: readonly string[] }
  | { readonly type: "removeEndpoints"; readonly group: string; readonly urls: readonly string[] };

/** What an act is about, when acts about the same thing have to follow each other. */
export function subjectOf(act: Act): string | null {
  if ("queue" in act) return `queue ${act.queue}`;
  if ("flow" in act) return `flow ${act.flow}`;
  if ("schedule" in act) return `schedule ${act.schedule.scheduleId}`;
  if ("scheduleId" in act) return `schedule ${act.scheduleId}`;
  if ("group" in act) return `group ${act.group}`;
  return null;
}

/** Whether the act publishes what this ticket stands for. */
export function isFor(act: Act, ticket: string): boolean {
  if (act.type === "publish") return act.wanted.ticket === ticket;
  return act.type === "batch" && act.wanteds.some((wanted) => wanted.ticket === ticket);
}
