import type { Marks } from "../marks.ts";
import { MESSAGE_FAULT_KINDS } from "./fault-plan.ts";

/** States that are hard to reach and that a run of many seeds must have reached. */
const HARD_STATES = [
  "server crash",
  "server stop",
  "clock jump",
  "storeFault",
  "attempt repeated after a crash",
  "accepted unheard",
  "duplicate recognised",
  "deduplication window over",
  "fan-out",
  "fan-out checked",
  "dead letters listed",
  "callback told",
  "queue full",
  "queue with callbacks",
  "waited for a queue",
  "waited for a key",
  "parallelism reached",
  "rate reached",
  "pause ended",
  "crash during a pause",
  "origin full",
  "server full",
  "queue read",
  "lag read",
  "key read",
  "tick",
  "tick made up for",
  "punctual",
  "dead letter retried",
  "dead letter deleted",
  "fate delivered",
  "fate failed",
  "fate canceled",
  "fate canceledLate",
  "act cancel",
  "act cancelMany",
  "act cancelLabel",
  "act release",
  "act upsertQueue",
  "act pauseQueue",
  "act deleteQueue",
  "act readQueue",
  "act pauseFlow",
  "act pin",
  "act unpin",
  "act resetRate",
  "act readFlow",
  "act pauseSchedule",
  "act resumeSchedule",
  "act removeEndpoints",
] as const;

/** What the worlds have never reached. */
export function missingMessageMarks(marks: Marks): readonly string[] {
  const wanted = [...MESSAGE_FAULT_KINDS.map((kind) => `fault ${kind}`), ...HARD_STATES];
  return wanted.filter((name) => marks.get(name) === 0);
}
