import type { Answers, Command, EndDelivery } from "../core/commands.ts";
import { nextTick } from "../core/cron.ts";
import { parseCron } from "../core/cron-parse.ts";
import { isSuccess, type Outcome } from "../core/outcome.ts";
import type { Change, MessageRow, ScheduleRow } from "../core/rows.ts";
import type { Observer } from "../engine/observer.ts";
import type { ChangeFeed } from "./change-feed.ts";
import type { ChangeLog } from "./change-log.ts";
import { type Counters, createCounters } from "./counters.ts";
import type { Commit, StoreObserver } from "./observed-store.ts";
import { Spread } from "./spread.ts";
import { Timeline, type TimelineCount } from "./timeline.ts";

/** Counts what the engine, the store and the API do. Everything here runs on the way of messages: sums in memory, and nothing else. */

export interface Meter {
  readonly counters: Counters;
  readonly spreads: Spreads;
  readonly timeline: Timeline;
  readonly engine: Observer;
  readonly store: StoreObserver;
  readonly api: ApiObserver;
  readonly log: (level: string, event: string) => void;
}

/** Hears of every request that a route has answered. */
export interface ApiObserver {
  readonly requestEnded: (method: string, route: string, status: number) => void;
  readonly authFailed: () => void;
}

const SECONDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
];
const ROWS = [1, 4, 16, 64, 256, 1_024, 4_096, 16_384];

export interface Spreads {
  readonly attempts: Spread;
  readonly lateness: Spread;
  readonly commits: Spread;
  readonly work: Spread;
  readonly rows: Spread;
}

/** Messages whose due times are remembered until their attempts have ended. */
const DUE_MAX = 50_000;

const LATE_MS = 5_000;

export interface MeterOptions {
  readonly now: () => number;
  /** Milliseconds that go on whatever the wall clock does. */
  readonly clock: () => number;
  /** Where every change of a state is a line of the log. */
  readonly changeLog?: ChangeLog | undefined;
  /** Hears what is changed, for those who look. */
  readonly changeFeed?: Pick<ChangeFeed, "committed">;
}

export function createMeter({ now, clock, changeLog, changeFeed }: MeterOptions): Meter {
  const counters = createCounters();
  const spreads: Spreads = {
    attempts: new Spread(SECONDS),
    lateness: new Spread(SECONDS),
    commits: new Spread(SECONDS),
    work: new Spread(SECONDS),
    rows: new Spread(ROWS),
  };
  const timeline = new Timeline();
  const dueTimes = new Map<number, number>();
  const remember = (messageKey: number, dueAt: number) => {
    if (dueTimes.size >= DUE_MAX) dueTimes.clear();
    dueTimes.set(messageKey, dueAt);
  };
  return {
    counters,
    spreads,
    timeline,
    engine: {
      attemptEnded: (command, delivery) => {
        const { message } = delivery;
        const outcome = countAttempt(command, message, counters);
        changeLog?.attemptEnded(command, delivery, outcome);
        const tookMs = command.endedAt - command.startedAt;
        spreads.attempts.add(tookMs / 1_000);
        timeline.attempt(outcome === "success", command.endedAt, tookMs);
        const dueAt =
          dueTimes.get(message.key) ?? (message.retried === 0 ? message.createdAt : null);
        dueTimes.delete(message.key);
        if (dueAt !== null) spreads.lateness.add(Math.max(0, command.startedAt - dueAt) / 1_000);
      },
      answered: (answers) => countRepeated(answers, counters),
      fenced: (count) => counters.fenced.add("", count),
      tookOver: (count) => counters.takeovers.add("", count),
    },
    store: {
      clock,
      claimed: remember,
      called: (messageKey) => remember(messageKey, now()),
      failed: () => counters.storageErrors.add(""),
      committed: (commit) => {
        countCommit(commit, counters, spreads);
        for (const changes of commit.batches) tellRuns(changes, timeline);
        changeLog?.committed(commit.batches);
        changeFeed?.committed(commit.batches);
      },
    },
    api: {
      requestEnded: (method, route, status) =>
        counters.requests.add(`${method}|${route}|${Math.floor(status / 100)}xx`),
      authFailed: () => counters.authFailures.add(""),
    },
    log: (level, event) => {
      if (level === "warn" || level === "error") counters.logEvents.add(`${level}|${event}`);
    },
  };
}

function countAttempt({ outcome }: EndDelivery, message: MessageRow, counters: Counters): string {
  const label = labelOf(outcome);
  counters.attempts.add(`${message.kind}|${label}`);
  if (message.retried > 0) counters.retries.add(message.kind);
  if (outcome.type === "error" && outcome.cause === "egress_denied") counters.blocked.add("");
  return label;
}

function labelOf(outcome: Outcome): string {
  if (outcome.type === "error") return outcome.cause;
  const { refusal, status } = outcome;
  if (isSuccess(outcome)) return "success";
  return refusal === undefined ? `${Math.floor(status / 100)}xx` : "refused_answer";
}

function countRepeated(
  answers: readonly Answers[Command["type"]][],
  { deduplicated }: Counters,
): void {
  for (const answer of answers) {
    if (answer === null || typeof answer !== "object") continue;
    if ("deduplicated" in answer) {
      if (answer.deduplicated) deduplicated.add(kindOf(answer));
    } else if ("messages" in answer) {
      for (const message of answer.messages) if (message.deduplicated) deduplicated.add("message");
    }
  }
}

function kindOf(answer: object): string {
  if ("scheduleId" in answer) return "schedule";
  return "workflowRunId" in answer ? "run" : "step";
}

function countCommit(commit: Commit, counters: Counters, spreads: Spreads): void {
  let rows = 0;
  for (const changes of commit.batches) {
    rows += changes.length;
    for (const change of changes) countChange(change, counters);
  }
  spreads.commits.add(commit.commitMs / 1_000);
  spreads.work.add(commit.workMs / 1_000);
  spreads.rows.add(rows);
  if (commit.repeats > 0) counters.storageRepeats.add("", commit.repeats);
  for (const tick of commit.ticks) countTick(tick, commit.ticksAt, counters);
}

const ENDS: Readonly<Record<string, TimelineCount>> = {
  succeeded: "runsSucceeded",
  failed: "runsFailed",
  canceled: "runsCanceled",
};

function tellRuns(changes: readonly Change[], timeline: Timeline): void {
  for (const change of changes) {
    if (change.table !== "runs") continue;
    if (change.type === "insert") timeline.add("runsStarted", change.row.createdAt);
    if (change.type !== "update" || change.set.state === undefined) continue;
    const end = ENDS[change.set.state];
    if (end !== undefined && change.set.completedAt != null)
      timeline.add(end, change.set.completedAt);
  }
}

const MOMENT_OUTCOMES: Readonly<Record<string, string>> = {
  delivered: "delivered",
  failed: "failed",
  canceled: "canceled",
  canceledLate: "canceled",
};

function countChange(change: Change, counters: Counters): void {
  if (change.type === "update") {
    const hasEnded = change.table === "runs" && change.set.state !== undefined;
    if (hasEnded) counters.runsEnded.add(change.set.state);
    return;
  }
  if (change.type === "delete") return;
  switch (change.table) {
    case "messages":
      counters.accepted.add(change.row.kind);
      break;
    case "runs":
      counters.runsStarted.add("");
      break;
    case "steps":
      counters.steps.add("");
      break;
    case "logs": {
      const outcome = MOMENT_OUTCOMES[change.row.moment];
      if (outcome !== undefined) counters.ended.add(outcome);
      break;
    }
    case "deadLetters":
      counters.deadLetters.add("run");
      break;
    case "deadMessages":
      counters.deadLetters.add("message");
      break;
    default:
      break;
  }
}

/** Ticks that one late schedule can have missed and that are still counted one by one. */
const MISSED_MAX = 1_000;

function countTick({ cron, createdAt, dueAt }: ScheduleRow, now: number, counters: Counters): void {
  counters.ticks.add("");
  if (dueAt === null || now - dueAt <= LATE_MS) return;
  counters.ticksLate.add("");
  try {
    const parsed = parseCron(cron);
    let missed = 0;
    let tickAt = nextTick(parsed, dueAt, createdAt);
    while (tickAt !== null && tickAt <= now && missed < MISSED_MAX) {
      missed++;
      tickAt = nextTick(parsed, tickAt, createdAt);
    }
    if (missed > 0) counters.ticksMissed.add("", missed);
  } catch {
    // A damaged expression is the schedule's own error, which the tick reports.
  }
}
