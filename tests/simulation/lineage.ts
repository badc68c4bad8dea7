import type { RunRow, StepRow } from "@reprise/server";
import type { Mirror } from "./mirror.ts";
import type { Program } from "./program.ts";
import { parseStep, slotName, type WireStep } from "./step-list.ts";

/** The program that a run plays: its first record is the payload that the client sent. */
export function programOf(
  run: RunRow,
  mirror: Mirror,
  programs: readonly Program[],
): Program | null {
  const payload = payloadOf(run, mirror);
  return payload === null ? null : (programs[payload.program] ?? null);
}

export function payloadOf(
  run: RunRow,
  mirror: Mirror,
): { readonly program: number; readonly startAt: number } | null {
  const [first] = mirror.steps(run.key);
  if (first === undefined) return null;
  // This test's own client wrote it.
  return JSON.parse(Buffer.from(first.body).toString("utf8")) as {
    readonly program: number;
    readonly startAt: number;
  };
}

/** Records that a revived run has been born with. */
export function inheritedSteps(run: RunRow, mirror: Mirror): readonly StepRow[] {
  if (run.sourceRunKey === null) return [];
  const bornIn = mirror.bornIn(run.key);
  return mirror.steps(run.key).filter((step) => mirror.bornIn(step.key) === bornIn);
}

/**
 * What the app is asked for by a delivery whose list ends with the record at `position`: names of the records that would
 * show that it has been done. Empty when the app only takes note, because other branches of the group are missing.
 */
export function askedFor(steps: readonly StepRow[], position: number): readonly string[] {
  const records = steps.slice(1, position + 1).map((step) => parseStep(step.body));
  const last = records.at(-1);
  if (last === undefined) return ["result 1", "plan 1"];
  if (isPlan(last)) return [`result ${last.targetStep}`];
  if (last.concurrent === 1) return behind(last.stepId);
  const first = firstOfGroup(last.stepId, records);
  const results = new Set(records.filter((step) => !isPlan(step)).map((step) => step.stepId));
  for (let id = first; id < first + last.concurrent; id += 1) if (!results.has(id)) return [];
  return behind(first + last.concurrent - 1);
}

function behind(stepId: number): readonly string[] {
  return [`result ${stepId + 1}`, `plan ${stepId + 1}`];
}

export function isPlan(step: WireStep): boolean {
  return step.stepId === 0 && step.targetStep !== undefined;
}

/** Id of the first step of the parallel group that `stepId` belongs to. Groups follow each other; plans tell their width. */
export function firstOfGroup(stepId: number, records: readonly WireStep[]): number {
  const plans = records
    .filter(isPlan)
    .toSorted((a, b) => (a.targetStep ?? 0) - (b.targetStep ?? 0));
  let next = 0;
  for (const { targetStep = 0, concurrent } of plans) {
    if (targetStep < next) continue;
    next = targetStep + concurrent;
    if (stepId >= targetStep && stepId < next) return targetStep;
  }
  return stepId;
}

/** The record in a slot, by the slot's name. */
export function recordNamed(steps: readonly StepRow[], name: string): StepRow | null {
  return steps.find((step) => slotName(step) === name) ?? null;
}
