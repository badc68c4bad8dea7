import { Random } from "../random.ts";
import { drawWanted, FIFO_QUEUES, GROUP_SIZE, type Wanted } from "./plan.ts";

/** Schedules whose own ticks are a day away; those that come are put into the database. */
export interface Scheduled {
  readonly scheduleId: string;
  readonly isForGroup: boolean;
  readonly queue: string | null;
  readonly wanted: Wanted;
}

const random = new Random(1);

function scheduled(name: string, options: Pick<Scheduled, "isForGroup" | "queue">): Scheduled {
  const wanted = drawWanted(`scheduled-${name}`, "scheduled", random);
  // Every tick has its own attempts, the first of which fails.
  const fate = { retries: 2, failures: 1, hasCallbacks: false };
  return { scheduleId: `schedule-${name}`, wanted: { ...wanted, ...fate }, ...options };
}

export const SCHEDULES: readonly Scheduled[] = [
  scheduled("one", { isForGroup: false, queue: null }),
  scheduled("two", { isForGroup: false, queue: null }),
  scheduled("queued", { isForGroup: false, queue: FIFO_QUEUES[0] }),
  scheduled("group", { isForGroup: true, queue: null }),
];

export function scheduledWanted(mark: string): Wanted | null {
  return SCHEDULES.find(({ wanted }) => wanted.mark === mark)?.wanted ?? null;
}

/** Messages that one tick makes. */
export function messagesOf({ isForGroup }: Scheduled): number {
  return isForGroup ? GROUP_SIZE : 1;
}
