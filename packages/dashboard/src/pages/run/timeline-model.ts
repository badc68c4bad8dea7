import type { RunResource, StepErrorResource } from "@reprise/protocol";
import { nameOf, type PlacedStep, placeSteps } from "../../parts/run-story.ts";

/** Where bars lie on the time of a run. Pure: it knows no clock and no screen. */

export interface Span {
  /** Epoch milliseconds. */
  readonly from: number;
  readonly to: number;
}

export interface AttemptBar extends Span {
  readonly index: number;
  readonly error: StepErrorResource;
}

export interface StepBar extends Span {
  readonly placed: PlacedStep;
  /** Its place among all steps of the run: the name of the step in the address. */
  readonly index: number;
  readonly name: string;
  /** The app has said its name. */
  readonly isNamed: boolean;
  readonly kind: "work" | "sleep" | "wait" | "call" | "invoke" | "payload";
  readonly isOpen: boolean;
  readonly attempts: readonly AttemptBar[];
}

export interface Timeline extends Span {
  readonly bars: readonly StepBar[];
}

export function toTimeline(run: RunResource, now: number): Timeline {
  const from = run.workflowRunCreatedAt;
  const end = run.workflowRunCompletedAt ?? now;
  const bars: StepBar[] = [];
  let groupFrom = from;
  let groupTo = from;
  let group = 0;
  for (const [index, placed] of placeSteps(run).entries()) {
    if (placed.group !== group) {
      groupFrom = Math.max(groupFrom, groupTo);
      group = placed.group;
    }
    const bar = toBar(placed, index, { from: groupFrom, to: end });
    groupTo = Math.max(groupTo, Math.min(bar.to, end));
    bars.push(bar);
  }
  // A sleep that goes on ends where the run is now: its end would press everything else together.
  return { from, to: Math.max(end, from + 1), bars };
}

const KINDS: Readonly<Record<string, StepBar["kind"]>> = {
  Initial: "payload",
  SleepFor: "sleep",
  SleepUntil: "sleep",
  Wait: "wait",
  WaitForWebhook: "wait",
  Call: "call",
  Invoke: "invoke",
};

function toBar(placed: PlacedStep, index: number, window: Span): StepBar {
  const { step } = placed;
  const kind = KINDS[step.stepType ?? ""] ?? "work";
  const isOpen = step.state === "STEP_PROGRESS" || step.state === "STEP_RETRY";
  const attempts = (step.errors ?? []).map((error, at) => ({
    index: at,
    error,
    from: error.startedAt ?? error.time,
    to: error.time,
  }));
  const span = spanOf(placed, kind, window);
  return {
    ...span,
    placed,
    index,
    name: nameOf(placed) ?? `step ${placed.number}`,
    isNamed: nameOf(placed) !== undefined,
    kind,
    isOpen,
    attempts,
  };
}

function spanOf({ step }: PlacedStep, kind: StepBar["kind"], { from, to }: Span): Span {
  const { createdAt, state, errors = [] } = step;
  const first = errors[0]?.startedAt ?? errors[0]?.time;
  if (kind === "payload") return { from, to: from };
  if (kind === "sleep") {
    // A sleep is recorded when it begins.
    const begin = Math.max(createdAt ?? from, from);
    const until = "sleepUntil" in step ? step.sleepUntil : undefined;
    return ordered(begin, Math.min(until ?? step.nextDeliveryTime ?? to, to));
  }
  const isRecorded = state === "STEP_SUCCESS" && createdAt !== undefined;
  const begin = Math.min(
    first ?? Number.POSITIVE_INFINITY,
    isRecorded ? from : (createdAt ?? from),
  );
  // Everything else is recorded when it ends.
  return ordered(
    Math.max(begin, from),
    isRecorded ? createdAt : (errors.at(-1)?.time ?? to),
    to,
    state,
  );
}

function ordered(from: number, to: number, end = to, state = ""): Span {
  const isLasting = state === "STEP_PROGRESS" || state === "STEP_RETRY";
  return { from, to: Math.max(from, isLasting ? end : to) };
}

/** Round steps of time for an axis. */
const STEPS_MS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000,
  600_000, 1_800_000, 3_600_000, 7_200_000, 21_600_000, 43_200_000, 86_400_000, 604_800_000,
];
const TICKS_MAX = 5;

/** Instants for the axis, from the begin on. */
export function ticksOf({ from, to }: Span): readonly number[] {
  const step = STEPS_MS.find((size) => (to - from) / size <= TICKS_MAX) ?? (to - from) / TICKS_MAX;
  const count = Math.floor((to - from) / step);
  return Array.from({ length: count + 1 }, (_, index) => from + index * step);
}

/** The nearest step with a failed attempt, before or behind; it goes round. Undefined when there is none. */
export function nextFailed(
  bars: readonly StepBar[],
  present: number,
  direction: 1 | -1,
): StepBar | undefined {
  const failed = bars.filter(({ attempts, placed }) => {
    return attempts.length > 0 || placed.step.state === "STEP_FAILED";
  });
  const ahead = failed.filter(({ index }) => (index - present) * direction > 0);
  return direction === 1 ? (ahead[0] ?? failed[0]) : (ahead.at(-1) ?? failed.at(-1));
}
