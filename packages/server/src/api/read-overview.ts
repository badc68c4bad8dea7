import type { AttentionItem, Overview, OverviewGate } from "@reprise/protocol";
import type { FlowControlRow, QueueRow } from "../core/rows.ts";
import type { Window } from "../observe/timeline.ts";
import type { Condition, Reader } from "../store/store.ts";
import { countMatches } from "./count-matches.ts";
import type { ApiRoom } from "./room.ts";

/** Reads the numbers of the front page: what happened comes from memory, what is open from indexes. */

/** Rows of queues and flow controls that are looked at, those in use before others that came later. */
const GATES_MAX = 5_000;
const GATES_SHOWN = 10;

export async function readOverview(windowMs: number, room: ApiRoom): Promise<Overview> {
  const { store, host, overview } = room;
  const now = host.now();
  const [open, dueAt, flows, queues, schedules, troubles] = await Promise.all([
    readOpen(room),
    store.nextDueAt(null),
    store.list("flowControls", { where: [], order: "ascending", limit: GATES_MAX }),
    store.list("queues", { where: [], order: "ascending", limit: GATES_MAX }),
    readSchedules(store),
    readTroubles(now, room),
  ]);
  const window = overview?.timeline.read(windowMs, now) ?? null;
  const gates = { flows: flows.map(toFlowGate), queues: queues.map(toQueueGate) };
  const facts = {
    now,
    windowMs,
    ...toHistory(window),
    oldestDueAgeMs: dueAt === null || dueAt > now ? null : now - dueAt,
    open,
    stuckRuns: overview?.stuckCount() ?? 0,
    flowControls: busiest(gates.flows),
    queues: busiest(gates.queues),
    schedules,
  };
  return { ...facts, attention: toAttention(facts, gates, troubles) };
}

function toHistory(
  window: Window | null,
): Pick<Overview, "runs" | "buckets" | "attempts" | "latencyMs"> {
  const total = window?.total;
  const { delivered = 0, failed = 0 } = total ?? {};
  return {
    runs: {
      started: total?.runsStarted ?? 0,
      succeeded: total?.runsSucceeded ?? 0,
      failed: total?.runsFailed ?? 0,
      canceled: total?.runsCanceled ?? 0,
    },
    buckets: (window?.spans ?? []).map((span) => ({
      at: span.at,
      delivered: span.delivered,
      failed: span.failed,
      succeededRuns: span.runsSucceeded,
      failedRuns: span.runsFailed,
    })),
    attempts: { count: delivered + failed, failed },
    latencyMs: window?.latencyMs ?? null,
  };
}

async function readOpen(room: ApiRoom): Promise<Overview["open"]> {
  const [runs, messages, deadLetters, deadMessages] = await Promise.all([
    countMatches({ table: "runs", conditions: [inState("started")], matches: null }, room),
    countMatches({ table: "messages", conditions: OPEN_MESSAGES, matches: null }, room),
    countMatches({ table: "deadLetters", conditions: [inState("open")], matches: null }, room),
    countMatches({ table: "deadMessages", conditions: [inState("open")], matches: null }, room),
  ]);
  return {
    runs: runs.count,
    messages: messages.count,
    deadLetters: deadLetters.count,
    deadMessages: deadMessages.count,
  };
}

const OPEN_MESSAGES: readonly Condition<"messages">[] = [
  { type: "in", column: "kind", values: ["plain", "callback"] },
];

function inState(state: string) {
  return { type: "in", column: "state", values: [state] } as const;
}

async function readSchedules(store: Reader): Promise<Overview["schedules"]> {
  const isPaused: Condition<"schedules"> = { type: "in", column: "isPaused", values: [1] };
  const [count, paused] = await Promise.all([
    store.count("schedules", []),
    store.count("schedules", [isPaused]),
  ]);
  return { count, paused };
}

interface Troubles {
  readonly failedFunctions: number;
  readonly expiring: number;
}

/** Entries that retention takes within this time are about to be lost. */
const EXPIRING_MS = 86_400_000;
/** The newest entries whose failure functions are looked at. */
const RECENT_ENTRIES = 500;

async function readTroubles(now: number, room: ApiRoom): Promise<Troubles> {
  const { store, settings } = room;
  const open = inState("open");
  const expiring: readonly Condition<"deadLetters">[] = [
    open,
    {
      type: "range",
      column: "createdAt",
      to: now - settings.deadLetterRetentionMs + EXPIRING_MS,
    },
    { type: "in", column: "isHeld", values: [0] },
  ];
  const [recent, expiringCount] = await Promise.all([
    store.list("deadLetters", {
      where: [open],
      order: "descending",
      limit: RECENT_ENTRIES,
      without: ["responseBody", "callbackResponseBody"],
    }),
    // An index holds all that is compared.
    store.count("deadLetters", expiring),
  ]);
  const failed = recent.filter(({ callbackState }) => callbackState === "CALLBACK_FAIL");
  return { failedFunctions: failed.length, expiring: expiringCount };
}

function toFlowGate(row: FlowControlRow): OverviewGate {
  return {
    name: row.name,
    waiting: row.waitingCount,
    inFlight: row.inFlightCount,
    parallelism: row.parallelism,
    isPaused: row.isPaused === 1,
  };
}

function toQueueGate(row: QueueRow): OverviewGate {
  return {
    name: row.name,
    waiting: row.waitingCount,
    inFlight: row.openCount,
    parallelism: row.parallelism,
    isPaused: row.isPaused === 1,
  };
}

function busiest<G extends OverviewGate>(gates: readonly G[]): readonly G[] {
  return gates
    .toSorted((a, b) => b.waiting - a.waiting || b.inFlight - a.inFlight)
    .slice(0, GATES_SHOWN);
}

/** A message that nobody has called for so long is late. */
const LATE_MS = 60_000;
/** Fewer in a line are no news. */
const LINE_MIN = 100;
const NAMED_MAX = 5;

type Facts = Omit<Overview, "attention">;

interface Gates {
  readonly flows: readonly OverviewGate[];
  readonly queues: readonly OverviewGate[];
}

/** What a person should look at, the most urgent first. */
function toAttention(
  { open, stuckRuns, oldestDueAgeMs }: Facts,
  { flows, queues }: Gates,
  { failedFunctions, expiring }: Troubles,
): readonly AttentionItem[] {
  const about = (type: AttentionItem["type"], count: number, title: string) =>
    count === 0 ? [] : [{ type, count, subject: null, gate: null, title }];
  const lines = [
    ...queues.map((line) => ({ ...line, gate: "queue" as const })),
    ...flows.map((line) => ({ ...line, gate: "flow_control" as const })),
  ];
  const named = (type: AttentionItem["type"], some: typeof lines, title: string) =>
    busiest(some)
      .slice(0, NAMED_MAX)
      .map(({ name, waiting, gate }) => ({ type, count: waiting, subject: name, gate, title }));
  const isFull = ({ waiting, isPaused }: OverviewGate) => !isPaused && waiting >= LINE_MIN;
  return [
    ...about("expiring_dead_letters", expiring, "Failed runs leave the queue within a day"),
    ...about("dead_letters", open.deadLetters, "Failed runs wait for somebody"),
    ...about("dead_messages", open.deadMessages, "Failed messages wait for somebody"),
    ...about("failure_function_failed", failedFunctions, "Failure functions have failed"),
    ...about("stuck_runs", stuckRuns, "Runs that nothing can wake"),
    ...about("late_messages", (oldestDueAgeMs ?? 0) > LATE_MS ? 1 : 0, "Deliveries are late"),
    ...named(
      "paused",
      lines.filter(({ isPaused, waiting }) => isPaused && waiting > 0),
      "Paused",
    ),
    ...named("gate_full", lines.filter(isFull), "A long line"),
  ];
}
