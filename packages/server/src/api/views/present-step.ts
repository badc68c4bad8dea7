import type { PresentStepResource } from "@reprise/protocol";
import type { StepRow } from "../../core/rows.ts";
import { isPlanSlot, nextStepIdOf } from "../../core/step.ts";
import { failedStepName } from "./attempts.ts";
import { withoutAbsent } from "./content.ts";
import { outsideStepOf } from "./outside-steps.ts";
import { isSleep, type Opening } from "./run-waiting.ts";
import { readRecord, stepIdOf } from "./steps.ts";

/** Tells the step that a run stands at from the little that a list has read of it. */

/** The record that names the step: the plan of a branch, or a sleep; null when it is no record that does. */
export function namingKey(opening: Opening): number | null {
  const { step, message } = opening;
  if (step === null || message === null) return null;
  return isPlanSlot(step.slot) || isSleep(message, step) ? step.key : null;
}

/** `naming` has the records of {@link namingKey}, by key. */
export function toPresentStep(
  opening: Opening,
  naming: ReadonlyMap<number, StepRow>,
): PresentStepResource {
  const { message, failure } = opening;
  const failedAttempts = message?.retried ?? 0;
  return withoutAbsent<PresentStepResource>({
    stepId: idOf(opening),
    stepName: nameOf(opening, naming),
    failedAttempts: failedAttempts === 0 ? undefined : failedAttempts,
    error: failure?.error ?? undefined,
  });
}

function idOf(opening: Opening): number | undefined {
  const { step, stepId } = opening;
  if (stepId !== null || step === null) return stepId ?? undefined;
  return namingKey(opening) === null ? nextStepIdOf(step) : stepIdOf(step);
}

function nameOf(opening: Opening, naming: ReadonlyMap<number, StepRow>): string | undefined {
  const { wait, failure } = opening;
  const record = naming.get(namingKey(opening) ?? -1);
  const name =
    wait === null
      ? (record === undefined ? undefined : readRecord(record)?.stepName) ||
        (failure === null ? undefined : failedStepName([failure]))
      : outsideStepOf(wait).stepName;
  return name === "" ? undefined : name;
}
