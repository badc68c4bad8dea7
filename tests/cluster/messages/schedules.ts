import { drawWanted, FIFO_QUEUES, GROUP_SIZE, type Wanted } from "../../crash/messages/plan.ts";
import { Random } from "../../crash/random.ts";

/** Schedules that tick as often as a cron expression can say. */
export interface Scheduled {
  readonly scheduleId: string;
  readonly everyMs: number;
  readonly isForGroup: boolean;
  readonly queue: string | null;
  readonly wanted: Wanted;
}

const random = new Random(7);

function scheduled(name: string, options: Omit<Scheduled, "scheduleId" | "wanted">): Scheduled {
  const wanted = drawWanted(`scheduled-${name}`, "scheduled", random);
  // Every tick has its own attempts, the first of which fails.
  const fate = { retries: 2, failures: 1, hasCallbacks: false };
  return { scheduleId: `schedule-${name}`, wanted: { ...wanted, ...fate }, ...options };
}

export const SCHEDULES: readonly Scheduled[] = [
  scheduled("every-second", { everyMs: 1_000, isForGroup: false, queue: null }),
  scheduled("another", { everyMs: 1_000, isForGroup: false, queue: null }),
  scheduled("queued", { everyMs: 2_000, isForGroup: false, queue: FIFO_QUEUES[0] }),
  scheduled("group", { everyMs: 3_000, isForGroup: true, queue: null }),
];

export function scheduledWanted(mark: string): Wanted | null {
  return SCHEDULES.find(({ wanted }) => wanted.mark === mark)?.wanted ?? null;
}

/** Messages that one tick makes. */
export function messagesOf({ isForGroup }: Scheduled): number {
  return isForGroup ? GROUP_SIZE : 1;
}
