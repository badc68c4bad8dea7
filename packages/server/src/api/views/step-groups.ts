import { messageId, type NextStepResource, type StepGroupResource } from "@reprise/protocol";
import type { StepRow } from "../../core/rows.ts";
import { INITIAL_SLOT, isPlanSlot, planSlot, resultSlot } from "../../core/step.ts";
import type { WaitRow } from "../../core/wait-rows.ts";
import { failedStepName } from "./attempts.ts";
import { type Lens, viewHeaders, withoutAbsent } from "./content.ts";
import { failedWait, headersOf, outsideStepOf } from "./outside-steps.ts";
import { readMessageConfig, readWaitConfig, settingsOf } from "./settings.ts";
import {
  progressFields,
  type RunSource,
  toInitialStep,
  toOpenStep,
  toResultStep,
} from "./steps.ts";

/** A run as people read it: its steps one after the other, parallel ones side by side, and last what is being executed. */
export function toStepGroups(source: RunSource, lens: Lens): readonly StepGroupResource[] {
  const { steps } = source;
  const plans = steps.filter(({ slot }) => isPlanSlot(slot));
  const planned = new Set(plans.map(({ slot }) => slot));
  // Plans of one group share the step behind it.
  const plansByGroup = Map.groupBy(plans, ({ nextStepId }) => nextStepId);
  const results = new Map(steps.map((step) => [step.slot, step]));
  const groups: StepGroupResource[] = [];
  steps.forEach((step, index) => {
    if (step.slot === INITIAL_SLOT) {
      groups.push({ type: "sequential", steps: [toInitialStep(step, source, lens)] });
    } else if (planned.has(step.slot)) {
      const group = plansByGroup.get(step.nextStepId) ?? [];
      // The first plan brings its whole group.
      if (group[0] === step) groups.push(toParallelGroup(group, results, { source, lens }));
    } else if (!planned.has(step.slot - 1)) {
      const result = toResultStep(step, steps[index - 1], source, lens);
      groups.push({ type: "sequential", steps: [result] });
    }
  });
  const next = toNextStep(source, results, lens);
  return next === null ? groups : [...groups, { type: "next", steps: [next] }];
}

function toParallelGroup(
  plans: readonly StepRow[],
  results: ReadonlyMap<number, StepRow>,
  { source, lens }: { readonly source: RunSource; readonly lens: Lens },
): StepGroupResource {
  const steps = plans
    .toSorted((a, b) => a.slot - b.slot)
    .map((plan) => {
      const result = results.get(plan.slot + 1);
      return result === undefined
        ? toOpenStep(plan, source, lens)
        : toResultStep(result, plan, source, lens);
    });
  return { type: "parallel", steps };
}

/** What is executed now, or was when the run ended; null after a success and while a parallel group is open. */
function toNextStep(
  source: RunSource,
  results: ReadonlyMap<number, StepRow>,
  lens: Lens,
): NextStepResource | null {
  const key = nextMessageKey(source, results);
  if (key === null) return null;
  const wait = nextWait(source, results);
  const message = source.messages.find((open) => open.key === key);
  const step = source.steps.find((record) => record.key === key);
  const settings = settingsOf(
    source.config,
    readMessageConfig(step?.config ?? message?.config ?? null),
  );
  const last = source.steps.at(-1);
  return withoutAbsent<NextStepResource>({
    messageId: messageId(key),
    stepName: failedStepName(source.attempts.get(key) ?? []),
    retries: message?.retries ?? settings?.retries ?? 0,
    retryDelay: settings?.retryDelay ?? undefined,
    ...(wait === undefined ? {} : toOutsideStep(wait, lens)),
    ...progressFields({ key: wait === undefined ? key : (last?.key ?? key) }, wait, source, lens),
  });
}

/** A step that waits alone: the one behind the last record. */
function nextWait(
  { steps, waits }: RunSource,
  results: ReadonlyMap<number, StepRow>,
): WaitRow | undefined {
  const stepId = steps.at(-1)?.nextStepId ?? -1;
  const isRecorded = results.has(planSlot(stepId)) || results.has(resultSlot(stepId));
  return isRecorded ? undefined : waits.get(stepId);
}

function toOutsideStep(wait: WaitRow, lens: Lens) {
  const own = readWaitConfig(wait)?.result.own;
  return {
    ...outsideStepOf(wait),
    createdAt: wait.createdAt,
    headers: own === undefined ? {} : viewHeaders(headersOf(own), lens),
  };
}

function nextMessageKey(source: RunSource, results: ReadonlyMap<number, StepRow>): number | null {
  const { run, steps, messages, deadLetter } = source;
  if (run.state === "succeeded") return null;
  const openPlans = steps.filter(({ slot }) => isPlanSlot(slot) && !results.has(slot + 1));
  if (deadLetter !== null) {
    const failed = failedWait(source);
    const failedSlot = failed === null ? null : planSlot(failed.stepId);
    const isShown = openPlans.some(
      ({ key, slot }) => key === deadLetter.messageKey || slot === failedSlot,
    );
    return isShown ? null : deadLetter.messageKey;
  }
  const hop = messages.find(({ kind }) => kind === "hop");
  if (hop !== undefined) return hop.key;
  return openPlans.length > 0 ? null : (steps.at(-1)?.key ?? null);
}
