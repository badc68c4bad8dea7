import type { StepRow } from "./rows.ts";

/**
 * Slots make "first accepted wins" a unique key: 0 is the initial payload, 2t the plan for step t, 2n + 1 the result of step n.
 */
export const INITIAL_SLOT = 0;

export function planSlot(targetStep: number): number {
  return 2 * targetStep;
}

export function resultSlot(stepId: number): number {
  return 2 * stepId + 1;
}

/** What the engine needs to know of a submitted record; the bytes themselves are never rewritten. */
export interface StepFacts {
  /** The step's id; for a plan the id of the step that it plans. */
  readonly stepId: number;
  readonly isPlan: boolean;
  /** Size of the parallel group; 1 when sequential. */
  readonly concurrent: number;
  /** The answer of a call, which the app got as a delivery of its own. */
  readonly isCallResult?: true;
}

export function slotOf(facts: StepFacts): number {
  return facts.isPlan ? planSlot(facts.stepId) : resultSlot(facts.stepId);
}

/** The step whose result or plan follows the delivery of `step`; its wait proves as much as its record. */
export function nextStepIdOf(step: Pick<StepRow, "slot" | "nextStepId">): number {
  return isPlanSlot(step.slot) ? step.slot / 2 : step.nextStepId;
}

export function isPlanSlot(slot: number): boolean {
  return slot !== INITIAL_SLOT && slot % 2 === 0;
}

/**
 * The slots that prove that the delivery of `step` has done its work, even when its response says otherwise: for a plan the
 * result of the planned step; for any other record the result of, or a plan for, the step behind it.
 */
export function continuationSlots(step: Pick<StepRow, "slot" | "nextStepId">): readonly number[] {
  return isPlanSlot(step.slot)
    ? [step.slot + 1]
    : [resultSlot(step.nextStepId), planSlot(step.nextStepId)];
}

/** What has to be delivered for a run to go on: every plan whose result is missing, else the last record. In order of position. */
export function openSteps(steps: readonly StepRow[]): readonly StepRow[] {
  const slots = new Set(steps.map((step) => step.slot));
  const openPlans = steps.filter((step) => isPlanSlot(step.slot) && !slots.has(step.slot + 1));
  return openPlans.length > 0 ? openPlans : steps.slice(-1);
}
