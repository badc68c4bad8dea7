import { describe, expect, test } from "vitest";
import { GateBook } from "./gate-book.ts";
import { contextAt, NOW } from "./rows.suite.ts";
import type { ScheduleRow } from "./rows.ts";
import {
  decideDeleteSchedule,
  decidePauseSchedule,
  decidePutSchedule,
  decideResumeSchedule,
  groupNameOf,
  readScheduleConfig,
  type ScheduleConfig,
} from "./schedule.ts";
import type { PutSchedule } from "./schedule-command.ts";
import { type Cell, orStatus, walk } from "./state-page.suite.ts";
import { decideTickSchedule } from "./tick-schedule.ts";
import type { Transition } from "./transition.ts";

const MINUTE_MS = 60_000;
/** `NOW` is 8:00, so that the next tick of the expression is at 8:05. */
const CRON = "*/5 * * * *";
const NEXT = NOW + 5 * MINUTE_MS;

const config: ScheduleConfig = {
  method: "POST",
  headers: { "x-a": "1" },
  retries: 3,
  callerIp: "192.0.2.1",
};

function row(fields: Partial<ScheduleRow> = {}): ScheduleRow {
  return {
    key: 5,
    id: "scd_a",
    createdAt: NOW - 60 * MINUTE_MS,
    updatedAt: NOW - 60 * MINUTE_MS,
    cron: CRON,
    destination: "https://app.test/tick",
    isPaused: 0,
    dueAt: NEXT,
    lastAt: null,
    lastMessages: null,
    error: null,
    config: JSON.stringify(config),
    body: new TextEncoder().encode("tick"),
    ...fields,
  };
}

/** A schedule in one of the states of the page. */
function inState(state: string, fields: Partial<ScheduleRow> = {}): ScheduleRow | null {
  switch (state) {
    case "ticking":
      return row(fields);
    case "paused":
      return row({ ...fields, isPaused: 1, dueAt: null });
    case "resting":
      return row({ ...fields, dueAt: null });
    default:
      return null;
  }
}

function putCommand(fields: Partial<PutSchedule> = {}): PutSchedule {
  return {
    type: "putSchedule",
    scheduleId: "scd_a",
    cron: CRON,
    destination: "https://app.test/tick",
    config,
    body: new TextEncoder().encode("tick"),
    dedup: null,
    dedupUntil: 0,
    ...fields,
  };
}

function put(schedule: ScheduleRow | null, fields: Partial<PutSchedule> = {}) {
  const state = { schedule, group: null, queue: null, dedup: null, original: null };
  return decidePutSchedule(state, putCommand(fields), contextAt());
}

function tick(schedule: ScheduleRow | null, now = NOW) {
  const read = schedule === null ? null : readScheduleConfig(schedule.config);
  const state = { schedule, config: read, group: null, gates: new GateBook(null, []) };
  return decideTickSchedule(state, { type: "tickSchedule", scheduleId: "scd_a" }, contextAt(now));
}

/** The schedule after a transition; null when it is gone. */
function after({ changes }: Transition<unknown>, before: ScheduleRow | null): ScheduleRow | null {
  let result = before;
  for (const change of changes) {
    if (change.table !== "schedules") continue;
    if (change.type === "delete") result = null;
    else if (change.type === "insert") result = change.row;
    else if (result !== null) result = { ...result, ...change.set };
  }
  return result;
}

function nameOf(schedule: ScheduleRow | null): string {
  if (schedule === null) return "gone";
  if (schedule.isPaused === 1) return "paused";
  if (schedule.dueAt === null) return "resting";
  return schedule.dueAt <= NOW ? "tick due" : "ticking";
}

/** The state after a transition, or a dash when the schedule is as it was. */
function moved(transition: Transition<unknown>, before: ScheduleRow | null): string {
  return transition.changes.length === 0 ? "-" : nameOf(after(transition, before));
}

/** How many messages a tick makes, or its error; every tick moves the next one behind now. */
const ticked =
  (fields: Partial<ScheduleRow>, now = NOW): Cell =>
  (state) => {
    const before = inState(state, fields);
    const transition = tick(before, now);
    const { changes } = transition;
    if (changes.length === 0) return "-";
    const schedule = after(transition, before);
    expect(schedule?.dueAt).toBeGreaterThan(now);
    expect(schedule?.dueAt).toBeLessThanOrEqual(now + 5 * MINUTE_MS);
    expect(schedule?.lastAt).toBe(before?.dueAt);
    if (schedule?.error != null) return "error";
    const made = changes.filter(({ table, type }) => table === "messages" && type === "insert");
    return `${made.length} message`;
  };

describe("schedule", () => {
  const due = { dueAt: NOW };
  const command = { scheduleId: "scd_a" } as const;

  walk("Schedule", {
    "tick due": ticked(due),
    "tick due, URL group gone": ticked({ ...due, destination: "orders" }),
    "a thousand ticks missed": ticked(due, NOW + 5_000 * MINUTE_MS + 1),
    "tick not due yet": ticked({ dueAt: NEXT }),
    "put again": (state) => {
      const before = inState(state);
      return nameOf(after(put(before), before));
    },
    "put again, tick due": (state) => {
      const before = inState(state, due);
      return nameOf(after(put(before), before));
    },
    pause: (state) =>
      orStatus(() => {
        const before = inState(state);
        const pause = { ...command, type: "pauseSchedule" } as const;
        return moved(decidePauseSchedule(before, pause, contextAt()), before);
      }),
    resume: (state) =>
      orStatus(() => {
        const before = inState(state);
        const resume = { ...command, type: "resumeSchedule" } as const;
        return moved(decideResumeSchedule(before, resume, contextAt()), before);
      }),
    delete: (state) => {
      const before = inState(state);
      return moved(decideDeleteSchedule(before, { ...command, type: "deleteSchedule" }), before);
    },
  });
});

describe("putting a schedule again", () => {
  const old = row({
    lastAt: NOW - MINUTE_MS,
    lastMessages: "[1]",
    error: "topic orders not found",
  });

  test("replaces everything but its age and what it has done", () => {
    const destination = "https://app.test/other";
    const fields = { destination, cron: "@daily", body: new Uint8Array() };
    expect(after(put(old, fields), old)).toEqual({
      ...old,
      ...fields,
      updatedAt: NOW,
      dueAt: Math.ceil(NOW / (24 * 60 * MINUTE_MS)) * 24 * 60 * MINUTE_MS,
      error: null,
    });
  });

  test("with another expression forgets a tick of the old one that is due", () => {
    const before = { ...old, dueAt: NOW - 1 };
    const schedule = after(put(before, { cron: "0 * * * *" }), before);
    expect(schedule?.dueAt).toBe(NOW + 60 * MINUTE_MS);
  });

  test("keeps the ticks of an interval where they were", () => {
    const before = row({ cron: "@every 7m", dueAt: NOW - 60 * MINUTE_MS + 63 * MINUTE_MS });
    const schedule = after(put(before, { cron: "@every 7m" }), before);
    expect(schedule?.dueAt).toBe(NOW + 3 * MINUTE_MS);
  });
});

test("a schedule names a URL group unless its destination has a scheme", () => {
  const destinations = ["https://app.test", "HTTP://app.test", "http", "https.orders"];
  expect(destinations.map((destination) => groupNameOf({ destination }))).toEqual([
    null,
    null,
    "http",
    "https.orders",
  ]);
});

test("the envelope of a message is the schedule's with its instant and its id", () => {
  const schedule = row({
    dueAt: NOW - 1_000,
    config: JSON.stringify({ ...config, delayMs: 30_000 }),
  });
  const made = tick(schedule).changes.find(({ table }) => table === "envelopes");
  if (made?.type !== "insert" || made.table !== "envelopes") throw new Error("no envelope");
  expect(JSON.parse(made.row.config)).toEqual({
    ...config,
    notBefore: NOW + 29_000,
    scheduleId: "scd_a",
  });
});
