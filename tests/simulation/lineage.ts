import type { RunRow, StepRow } from "@reprise/server";
import type { Payload } from "./app-sdks.ts";
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

export function payloadOf(run: RunRow, mirror: Mirror): Payload | null {
  const [first] = mirror.steps(run.key);
  if (first === undefined) return null;
  // This test's own client or app wrote it.
  return JSON.parse(Buffer.from(first.body).toString("utf8")) as Payload;
}

/** The run whose work this one goes on with; null for a new one and for one that starts again. */
export function resumedFrom(run: RunRow, mirror: Mirror): RunRow | null {
  const source = run.sourceRunKey === null ? null : mirror.get("runs", run.sourceRunKey);
  const letter = mirror.get("deadLetters", source?.deadLetterKey ?? 0);
  return letter?.state === "resumed" ? source : null;
}

/** Key of the first run of those that were resumed one after the other: all of them together are one execution. */
export function rootOf(run: RunRow, mirror: Mirror): number {
  let root = run;
  for (let next: RunRow | null = run; next !== null; next = resumedFrom(next, mirror)) root = next;
  return root.key;
}

/** The run of this id, or the one that goes on in its place. */
export function heirOf(runId: string, mirror: Mirror): RunRow | null {
  let run = mirror.runsById(runId).at(-1) ?? null;
  for (;;) {
    const letter = mirror.get("deadLetters", run?.deadLetterKey ?? 0);
    if (letter?.state !== "resumed" || letter.nextRunKey === null) return run;
    run = mirror.get("runs", letter.nextRunKey);
  }
}

/** Whether results are still taken: the run is alive, or it has failed and may be resumed. */
export function isOpenRun(run: RunRow, mirror: Mirror): boolean {
  if (run.state === "started") return true;
  return (
    run.state === "failed" && mirror.get("deadLetters", run.deadLetterKey ?? 0)?.state === "open"
  );
}

/** Whether the record was made for this run itself, and not copied from the one that it resumes. */
export function isOwnStep(step: StepRow, run: RunRow, mirror: Mirror): boolean {
  return run.sourceRunKey === null || mirror.bornIn(step.key) !== mirror.bornIn(run.key);
}

/** Records that a revived run has been born with. */
export function inheritedSteps(run: RunRow, mirror: Mirror): readonly StepRow[] {
  if (run.sourceRunKey === null) return [];
  const bornIn = mirror.bornIn(run.key);
  return mirror.steps(run.key).filter((step) => mirror.bornIn(step.key) === bornIn);
}

/**
 * What the app is asked for by a delivery whose list ends with the record at `position`: names of the records, or of the step that
 * somebody else completes, that would show that it has been done. Empty when the app only takes note, because other branches of the
 * group are missing.
 */
export function askedFor(steps: readonly StepRow[], position: number): readonly string[] {
  const records = steps.slice(1, position + 1).map((step) => parseStep(step.body));
  const last = records.at(-1);
  if (last === undefined) return behind(0);
  if (isPlan(last)) return [`result ${last.targetStep}`, `wait ${last.targetStep}`];
  if (last.concurrent === 1) return behind(last.stepId);
  const first = firstOfGroup(last.stepId, records);
  const results = new Set(records.filter((step) => !isPlan(step)).map((step) => step.stepId));
  for (let id = first; id < first + last.concurrent; id += 1) if (!results.has(id)) return [];
  return behind(first + last.concurrent - 1);
}

function behind(stepId: number): readonly string[] {
  return [`result ${stepId + 1}`, `plan ${stepId + 1}`, `wait ${stepId + 1}`];
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
