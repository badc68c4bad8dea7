import type { ScheduledState } from "@reprise/protocol";
import type { LogMoment, ScheduleRow } from "../core/rows.ts";
import type { Reader } from "../store/store.ts";
import { lastMessageKeys, type ScheduledStates } from "./views/schedule.ts";

/** The moments after which a message is gone without having been delivered. */
const FAILURES: readonly LogMoment[] = ["failed", "canceled", "canceledLate"];

/** What has become of the messages that the last ticks of these schedules made. */
export async function findScheduledStates(
  schedules: readonly ScheduleRow[],
  store: Reader,
): Promise<ScheduledStates> {
  const keys = schedules.flatMap(lastMessageKeys);
  const states = new Map<number, ScheduledState>();
  for (const { key } of await store.get("messages", keys)) states.set(key, "IN_PROGRESS");
  for (const key of keys) {
    if (states.has(key)) continue;
    const state = await findEnd(key, store);
    if (state !== null) states.set(key, state);
  }
  return states;
}

/** Asks the log, which may hold long answers of the receiver, for counts alone. Null when the log is gone. */
async function findEnd(messageKey: number, store: Reader): Promise<ScheduledState | null> {
  const count = (moments: readonly LogMoment[]) =>
    store.count("logs", [
      { type: "in", column: "messageKey", values: [messageKey] },
      { type: "in", column: "moment", values: moments },
    ]);
  if ((await count(["delivered"])) > 0) return "SUCCESS";
  return (await count(FAILURES)) > 0 ? "FAIL" : null;
}
