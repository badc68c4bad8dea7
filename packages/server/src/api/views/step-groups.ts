import { messageId, type NextStepResource, type StepGroupResource } from "@reprise/protocol";
import type { StepRow } from "../../core/rows.ts";
import { INITIAL_SLOT, isPlanSlot } from "../../core/step.ts";
import { failedStepName } from "./attempts.ts";
import { type Lens, withoutAbsent } from "./content.ts";
import { readMessageConfig, settingsOf } from "./settings.ts";
import {
  errorsOf,
  nextDeliveryTime,
  openState,
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
  const message = source.messages.find((open) => open.key === key);
  const step = source.steps.find((record) => record.key === key);
  const settings = settingsOf(
    source.config,
    readMessageConfig(step?.config ?? message?.config ?? null),
  );
  return withoutAbsent<NextStepResource>({
    messageId: messageId(key),
    stepName: failedStepName(source.attempts.get(key) ?? []),
    state: openState(key, message, source),
    retries: message?.retries ?? settings?.retries ?? 0,
    retryDelay: settings?.retryDelay ?? undefined,
    nextDeliveryTime: nextDeliveryTime(message),
    errors: errorsOf(key, source, lens),
  });
}

function nextMessageKey(
  { run, steps, messages, deadLetter }: RunSource,
  results: ReadonlyMap<number, StepRow>,
): number | null {
  if (run.state === "succeeded") return null;
  const openPlans = steps.filter(({ slot }) => isPlanSlot(slot) && !results.has(slot + 1));
  if (deadLetter !== null) {
    const isShown = openPlans.some(({ key }) => key === deadLetter.messageKey);
    return isShown ? null : deadLetter.messageKey;
  }
  const hop = messages.find(({ kind }) => kind === "hop");
  if (hop !== undefined) return hop.key;
  return openPlans.length > 0 ? null : (steps.at(-1)?.key ?? null);
}
