import { RepriseError } from "@reprise/protocol";
import type {
  PauseFlowControl,
  PinFlowControl,
  ResetFlowControlRate,
  ResumeFlowControl,
  UnpinFlowControl,
} from "./commands.ts";
import { newFlow, rollPeriod, withWake } from "./flow-control.ts";
import { openings } from "./gates.ts";
import type { FlowControlRow } from "./rows.ts";
import {
  type Context,
  type Effect,
  insert,
  type Transition,
  unchanged,
  update,
} from "./transition.ts";

/**
 * What an operator sets by hand on a key of flow control. The count of attempts in flight is always the true one: nothing sets it.
 * See docs/state-machines.md#gates.
 */

/** Starts nothing more under this key; the period goes on. A key can be paused before any message names it. */
export function decidePauseFlowControl(
  flow: FlowControlRow | null,
  { key }: PauseFlowControl,
  context: Context,
): Transition<null> {
  const known = flow ?? newFlow(key, context);
  const effects: readonly Effect[] = [{ type: "recallBehind", flowControlKey: key }];
  return put(flow, { ...known, isPaused: 1 }, context, effects);
}

export function decideResumeFlowControl(
  flow: FlowControlRow | null,
  _command: ResumeFlowControl,
  context: Context,
): Transition<null> {
  if (flow === null) return unchanged(null);
  return put(flow, { ...flow, isPaused: 0 }, context);
}

/** Fixes limits against what messages ask for, and begins a new period. What has not begun yet starts under the new limits. */
export function decidePinFlowControl(
  flow: FlowControlRow | null,
  { key, parallelism, rate, periodMs }: PinFlowControl,
  context: Context,
): Transition<null> {
  const known = flow ?? newFlow(key, context);
  if (rate === undefined && periodMs !== undefined && known.rate === null) {
    throw new RepriseError("invalid_query", {
      message: `period needs rate: the flow control ${key} has none that it could apply to`,
      details: { parameter: "period" },
    });
  }
  const pinned: FlowControlRow = {
    ...startPeriod(known, context),
    ...(parallelism === undefined ? {} : { parallelism, isPinnedParallelism: 1 }),
    ...(rate === undefined ? {} : { rate, isPinnedRate: 1 }),
    ...(periodMs === undefined ? {} : { periodMs, isPinnedRate: 1 }),
  };
  return put(flow, pinned, context, [recallIntoNewPeriod(key)]);
}

/** The numbers stay until a message brings other ones. */
export function decideUnpinFlowControl(
  flow: FlowControlRow | null,
  { parallelism, rate }: UnpinFlowControl,
  context: Context,
): Transition<null> {
  if (flow === null) return unchanged(null);
  const unpinned: FlowControlRow = {
    ...flow,
    ...(parallelism ? { isPinnedParallelism: 0 } : {}),
    ...(rate ? { isPinnedRate: 0 } : {}),
  };
  return put(flow, unpinned, context);
}

/** Begins a new period. What was counted in the old one and has not begun yet is counted again. */
export function decideResetFlowControlRate(
  flow: FlowControlRow | null,
  { key }: ResetFlowControlRate,
  context: Context,
): Transition<null> {
  if (flow === null) return unchanged(null);
  const reset = startPeriod(flow, context);
  return put(flow, reset, context, [recallIntoNewPeriod(key)]);
}

function recallIntoNewPeriod(flowControlKey: string): Effect {
  return { type: "recallBehind", flowControlKey, isPeriodNew: true };
}

function startPeriod(flow: FlowControlRow, context: Context): FlowControlRow {
  return { ...flow, rateCount: 0, periodStartAt: context.now };
}

function put(
  before: FlowControlRow | null,
  wanted: FlowControlRow,
  context: Context,
  effects: readonly Effect[] = [],
): Transition<null> {
  const after = withWake(rollPeriod({ ...wanted, updatedAt: context.now }, context.now));
  return {
    changes: [
      before === null ? insert("flowControls", after) : update("flowControls", before, after),
    ],
    effects: [...effects, ...openings({ queue: null, flow: before }, { queue: null, flow: after })],
    answer: null,
  };
}
