import type { ScheduleResource } from "@reprise/protocol";
import { formatInstant, formatMs } from "./instant.ts";
import { bodyOf, deliveryFacts, formatHeaders, section } from "./message-view.ts";
import { formatFields, formatTable, ifGiven, oneLine, plain } from "./text.ts";

export function formatScheduleTable(schedules: readonly ScheduleResource[]): string {
  const rows = schedules.map((schedule) => [
    oneLine(schedule.scheduleId),
    oneLine(schedule.cron),
    schedule.isPaused ? "paused" : instantOr(schedule.nextScheduleTime, "never"),
    instantOr(schedule.lastScheduleTime, "-"),
    lastStates(schedule),
    oneLine(schedule.destination),
  ]);
  return formatTable(["schedule", "cron", "next", "last", "of the last", "destination"], rows);
}

function instantOr(at: number | undefined, otherwise: string): string {
  return at === undefined ? otherwise : formatInstant(at);
}

/** How many messages of the last tick are in which state, or why there are none. */
function lastStates({ lastScheduleStates, error }: ScheduleResource): string {
  if (error !== undefined) return oneLine(error, 60);
  const states = Object.values(lastScheduleStates ?? {});
  const counts = Map.groupBy(states, (state) => state);
  return [...counts].map(([state, all]) => `${all.length} ${state}`).join(", ") || "-";
}

/** A schedule with all that its messages are given. */
export function formatSchedule(schedule: ScheduleResource): string {
  const { delay, timeout, retries } = schedule;
  const facts = formatFields([
    ["schedule", oneLine(schedule.scheduleId)],
    ["cron", oneLine(schedule.cron)],
    ["to", oneLine(`${schedule.method} ${schedule.destination}`, 2000)],
    ["queue", ifGiven(schedule.queueName, oneLine)],
    ["created", formatInstant(schedule.createdAt)],
    ["paused", schedule.isPaused ? "yes" : "no"],
    ["next", ifGiven(schedule.nextScheduleTime, formatInstant)],
    ["last", ifGiven(schedule.lastScheduleTime, formatInstant)],
    ["last error", ifGiven(schedule.error, oneLine)],
    ["delay", ifGiven(delay, (seconds) => formatMs(seconds * 1000))],
    ...deliveryFacts({
      ...schedule,
      maxRetries: retries,
      timeout: timeout === undefined ? undefined : timeout * 1000,
    }),
    ["made from", schedule.callerIP],
  ]);
  const states = Object.entries(schedule.lastScheduleStates ?? {});
  const made = states.map(([messageId, state]) => `${messageId}  ${state}`).join("\n");
  return [
    plain(facts),
    section("messages of the last tick", made),
    section("headers", formatHeaders(schedule.header)),
    section("body", bodyOf(schedule)),
  ].join("\n\n");
}
