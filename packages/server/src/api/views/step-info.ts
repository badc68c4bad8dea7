import { messageId, type StepInfoResource, type StepState } from "@reprise/protocol";
import type { AttemptRow, StepRow } from "../../core/rows.ts";
import { INITIAL_SLOT } from "../../core/step.ts";
import type { WaitRow } from "../../core/wait-rows.ts";
import { type Lens, viewText, withoutAbsent } from "./content.ts";
import {
  answerFields,
  askedFields,
  callRetries,
  failedWait,
  outsideFields,
  outsideStepOf,
  registeredKey,
} from "./outside-steps.ts";
import { readMessageConfig, readWaitConfig, settingsOf } from "./settings.ts";
import { nextDeliveryTime, type RunSource, readRecord, stepIdOf } from "./steps.ts";

/** The step or message that an event is about. */

export function toStepInfo(
  step: StepRow,
  state: StepState,
  source: RunSource,
  lens: Lens,
): StepInfoResource {
  const record = readRecord(step);
  const isInitial = step.slot === INITIAL_SLOT;
  const message = source.messages.find(({ key }) => key === step.key);
  const settings = settingsOf(source.config, readMessageConfig(step.config));
  // A plan says what is to come; whom it waits for is told by an event of its own.
  const wait = state === "STEP_SUCCESS" ? source.waits.get(stepIdOf(step) ?? -1) : undefined;
  return withoutAbsent<StepInfoResource>({
    messageId: messageId(step.key),
    stepId: stepIdOf(step),
    stepName: isInitial ? "init" : record?.stepName,
    stepType: isInitial ? "Initial" : record?.stepType,
    callType: step.callType,
    state,
    createdAt: step.createdAt,
    out: viewText(isInitial ? step.body : (record?.out ?? null), lens),
    retries: callRetries(wait).retries ?? message?.retries ?? settings?.retries ?? 0,
    nextDeliveryTime: nextDeliveryTime(message),
    ...outsideFields(wait, record, source, lens),
  });
}

/** A step that others complete, before it has a result. `answer` is the attempt that has brought it, for calls. */
export function toWaitInfo(
  wait: WaitRow,
  at: { readonly state: StepState; readonly answer: AttemptRow | null },
  source: RunSource,
  lens: Lens,
): StepInfoResource {
  const { stepId, stepName, stepType } = outsideStepOf(wait);
  const own = readWaitConfig(wait)?.result.own ?? readMessageConfig(null);
  const toService = at.answer === null ? "toCallback" : "fromCallback";
  return withoutAbsent<StepInfoResource>({
    messageId: messageId(registeredKey(wait)),
    stepId,
    stepName,
    stepType,
    callType: wait.kind === "call" ? toService : "step",
    state: at.state,
    createdAt: wait.createdAt,
    retries: callRetries(wait).retries ?? settingsOf(source.config, own)?.retries ?? 0,
    ...askedFields(wait, null, source, lens),
    ...(at.answer === null ? {} : answerFields(wait, source, lens)),
  });
}

/** Of a delivery that has failed: of a record, or of the answer of a call. */
export function toMessageInfo(
  key: number,
  state: StepState,
  source: RunSource,
  lens: Lens,
): StepInfoResource | undefined {
  const step = source.steps.find((record) => record.key === key);
  if (step !== undefined) return toStepInfo(step, state, source, lens);
  const message = source.messages.find((one) => one.key === key);
  const waits = Array.from(source.waits.values());
  const wait =
    waits.find((one) => one.key === message?.waitKey) ??
    (source.deadLetter?.messageKey === key ? failedWait(source) : null);
  if (wait === null) return undefined;
  const answer = source.attempts.get(wait.requestKey ?? -1)?.at(-1) ?? null;
  const info = toWaitInfo(wait, { state, answer }, source, lens);
  return { ...info, messageId: messageId(key), retries: message?.retries ?? info.retries };
}
