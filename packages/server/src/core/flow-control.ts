import { DAY_MS, FLOW_CONTROL_PERIOD_MS_DEFAULT, type FlowControl } from "@reprise/protocol";
import type { FlowControlRow } from "./rows.ts";
import type { Context } from "./transition.ts";

/** Keys of flow control: how many attempts may be in flight, and how many may start in a period. */

/** How long a key is kept that nobody uses. */
const FLOW_IDLE_MS = DAY_MS;

/** Whether one more attempt may start under `flow`, whose period is the current one. */
export function hasCapacity(flow: FlowControlRow): boolean {
  return (
    flow.isPaused === 0 &&
    (flow.parallelism === null || flow.inFlightCount < flow.parallelism) &&
    (flow.rate === null || flow.rateCount < flow.rate)
  );
}

/**
 * Periods follow each other without gaps from `periodStartAt`; a new one begins with no start counted. When the clock has been set
 * back, the current period begins again with what it has counted: waiting for the old clock could take years.
 */
export function rollPeriod(flow: FlowControlRow, now: number): FlowControlRow {
  if (now < flow.periodStartAt) return { ...flow, periodStartAt: now };
  if (now < flow.periodStartAt + flow.periodMs) return flow;
  const passed = Math.floor((now - flow.periodStartAt) / flow.periodMs);
  return { ...flow, rateCount: 0, periodStartAt: flow.periodStartAt + passed * flow.periodMs };
}

/** Sets when the gate has to be looked at again by the clock: when only the next period brings a place. */
export function withWake(flow: FlowControlRow): FlowControlRow {
  const isRateSpent = flow.rate !== null && flow.rateCount >= flow.rate;
  const isWanted = flow.waitingCount > 0 && flow.isPaused === 0 && isRateSpent;
  const dueAt = isWanted ? flow.periodStartAt + flow.periodMs : null;
  return dueAt === flow.dueAt ? flow : { ...flow, dueAt };
}

/** The key as this message asks for it: the latest message decides, but for what is pinned. */
export function configureFlow(
  flow: FlowControlRow | null,
  asked: FlowControl,
  context: Context,
): FlowControlRow {
  const { parallelism, rate, periodMs } = asked;
  if (flow === null) return { ...newFlow(asked.key, context), parallelism, rate, periodMs };
  const isParallelismKept = flow.isPinnedParallelism === 1 || flow.parallelism === parallelism;
  const isRateKept = flow.isPinnedRate === 1 || (flow.rate === rate && flow.periodMs === periodMs);
  if (isParallelismKept && isRateKept) return flow;
  return withWake({
    // What the old period had counted is over when the old period is.
    ...rollPeriod(flow, context.now),
    updatedAt: context.now,
    ...(isParallelismKept ? {} : { parallelism }),
    ...(isRateKept ? {} : { rate, periodMs }),
  });
}

/** Whether nobody has used the key for so long that it can be forgotten; every use moves its period on. */
export function isIdleFlow(flow: FlowControlRow, now: number): boolean {
  const { isPaused, isPinnedParallelism, isPinnedRate, inFlightCount, waitingCount } = flow;
  const marks = [isPaused, isPinnedParallelism, isPinnedRate, inFlightCount, waitingCount];
  if (marks.some((mark) => mark > 0)) return false;
  return Math.max(flow.updatedAt, flow.periodStartAt + flow.periodMs) < now - FLOW_IDLE_MS;
}

/** A key without limits. */
export function newFlow(name: string, context: Context): FlowControlRow {
  return {
    key: context.newKey(),
    name,
    updatedAt: context.now,
    parallelism: null,
    rate: null,
    periodMs: FLOW_CONTROL_PERIOD_MS_DEFAULT,
    isPaused: 0,
    isPinnedParallelism: 0,
    isPinnedRate: 0,
    inFlightCount: 0,
    rateCount: 0,
    periodStartAt: context.now,
    waitingCount: 0,
    dueAt: null,
  };
}
