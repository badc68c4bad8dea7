import { messageId, type ScheduledState, type ScheduleResource } from "@reprise/protocol";
import type { ScheduleRow } from "../../core/rows.ts";
import { readScheduleConfig } from "../../core/schedule.ts";
import { withoutAbsent } from "./content.ts";
import { messageFields, viewOf } from "./message.ts";

/** By key of the message. */
export type ScheduledStates = ReadonlyMap<number, ScheduledState>;

/** A schedule as answers show it; what is to be hidden of its messages is hidden here as well. */
export function toScheduleResource(row: ScheduleRow, states: ScheduledStates): ScheduleResource {
  const { key, createdAt, destination, config: json, body } = row;
  const view = messageFields(viewOf({ key, createdAt, url: destination, config: json, body }));
  const { messageId: _, url, maxRetries, notBefore, timeout, ...shared } = view;
  const { delayMs } = readScheduleConfig(json) ?? {};
  return withoutAbsent<ScheduleResource>({
    ...shared,
    scheduleId: row.id,
    cron: row.cron,
    createdAt,
    destination,
    isPaused: row.isPaused === 1,
    retries: maxRetries,
    delay: delayMs === undefined ? undefined : delayMs / 1000,
    timeout: timeout === undefined ? undefined : Math.round(timeout / 1000),
    callerIp: view.callerIP,
    lastScheduleTime: row.lastAt ?? undefined,
    nextScheduleTime: row.dueAt ?? undefined,
    lastScheduleStates: showStates(lastMessageKeys(row), states),
    error: row.error ?? undefined,
  });
}

/** Keys of the messages that the last tick made. */
export function lastMessageKeys({ lastMessages }: ScheduleRow): readonly number[] {
  // Written by `JSON.stringify` of a list of keys.
  return lastMessages === null ? [] : (JSON.parse(lastMessages) as readonly number[]);
}

/** A message of which nothing is kept any more has no state. */
function showStates(keys: readonly number[], states: ScheduledStates) {
  const shown: Record<string, ScheduledState> = {};
  for (const key of keys) {
    const state = states.get(key);
    if (state !== undefined) shown[messageId(key)] = state;
  }
  return Object.keys(shown).length === 0 ? undefined : shown;
}
