import {
  messageId,
  type StepInfoResource,
  type StepState,
  type WorkflowEventResource,
} from "@reprise/protocol";
import type { AttemptRow, MessageRow, StepRow } from "../../core/rows.ts";
import { INITIAL_SLOT, isPlanSlot } from "../../core/step.ts";
import { responseHeaders } from "./attempts.ts";
import {
  type Lens,
  labelFields,
  storedHeaders,
  viewHeaders,
  viewText,
  withoutAbsent,
} from "./content.ts";
import { dlqIdOf } from "./dlq-id.ts";
import { WIRE_RUN_STATE } from "./run.ts";
import { lensOf, readMessageConfig, settingsOf } from "./settings.ts";
import { nextDeliveryTime, openState, type RunSource, readRecord, stepIdOf } from "./steps.ts";

/** What happened in one run, oldest first: its start, every record, every failed attempt, its end. */
export function toEvents(
  source: RunSource,
  bodyBytesMax: number | null,
): readonly WorkflowEventResource[] {
  const lens = lensOf(source.config, bodyBytesMax);
  const shared = sharedFields(source);
  const events = [
    { ...shared, time: source.run.createdAt, state: "RUN_STARTED" as const },
    ...source.steps.map((step) => toStepEvent(step, source, lens)),
    ...[...source.attempts.keys()].flatMap((key) => toFailures(key, source, lens)),
    ...toEnd(source, lens),
  ];
  // Sorting keeps the order of events of one instant.
  return events.toSorted((a, b) => a.time - b.time);
}

function sharedFields({ run }: RunSource) {
  return withoutAbsent<Omit<WorkflowEventResource, "time" | "state">>({
    workflowRunId: run.id,
    workflowUrl: run.url,
    workflowCreatedAt: run.createdAt,
    callerIp: run.callerIp === "" ? undefined : run.callerIp,
    flowControlKey: run.flowControlKey ?? undefined,
    ...labelFields(run.labels),
  });
}

function toStepEvent(step: StepRow, source: RunSource, lens: Lens): WorkflowEventResource {
  const state = isPlanSlot(step.slot) ? "STEP_PROGRESS" : "STEP_SUCCESS";
  const message = source.messages.find(({ key }) => key === step.key);
  return withoutAbsent<WorkflowEventResource>({
    ...sharedFields(source),
    // Records that a resume has copied are older than their run.
    time: Math.max(step.createdAt, source.run.createdAt),
    state,
    stepInfo: toStepInfo(step, state, source, lens),
    nextDeliveryTime: nextDeliveryTime(message),
  });
}

/** Failed attempts of one message of the run. The failure call is no part of the run. */
function toFailures(key: number, source: RunSource, lens: Lens): readonly WorkflowEventResource[] {
  if (source.deadLetter?.callbackMessageKey === key) return [];
  const attempts = source.attempts.get(key) ?? [];
  const message = source.messages.find((open) => open.key === key);
  const step = source.steps.find((record) => record.key === key);
  return attempts.flatMap((attempt, index) => {
    if (attempt.error === null) return [];
    const isLast = index === attempts.length - 1;
    const hasFailed = isLast && openState(key, message, source) === "STEP_FAILED";
    const state = hasFailed ? "STEP_FAILED" : "STEP_RETRY";
    const next = isLast ? nextDeliveryTime(message) : undefined;
    return [
      withoutAbsent<WorkflowEventResource>({
        ...sharedFields(source),
        ...toFailure(attempt, lens),
        state,
        stepInfo: step === undefined ? undefined : toStepInfo(step, state, source, lens),
        nextDeliveryTime: next,
      }),
    ];
  });
}

function toFailure(attempt: AttemptRow, lens: Lens) {
  return {
    time: attempt.endedAt,
    error: attempt.error ?? undefined,
    responseStatus: attempt.status,
    responseBody: viewText(attempt.responseBody, lens),
    responseHeaders: responseHeaders(attempt, lens),
    headers: viewHeaders(storedHeaders(attempt.requestHeaders), lens),
  };
}

function toEnd(source: RunSource, lens: Lens): readonly WorkflowEventResource[] {
  const { run, deadLetter } = source;
  if (run.completedAt === null) return [];
  return [
    withoutAbsent<WorkflowEventResource>({
      ...sharedFields(source),
      time: run.completedAt,
      state: WIRE_RUN_STATE[run.state],
      workflowRunResponse: viewText(run.response, lens),
      dlqId: deadLetter === null ? undefined : dlqIdOf(deadLetter),
    }),
  ];
}

function toStepInfo(
  step: StepRow,
  state: StepState,
  source: RunSource,
  lens: Lens,
): StepInfoResource {
  const record = readRecord(step);
  const isInitial = step.slot === INITIAL_SLOT;
  const message: MessageRow | undefined = source.messages.find(({ key }) => key === step.key);
  const settings = settingsOf(source.config, readMessageConfig(step.config));
  return withoutAbsent<StepInfoResource>({
    messageId: messageId(step.key),
    stepId: stepIdOf(step),
    stepName: isInitial ? "init" : record?.stepName,
    stepType: isInitial ? "Initial" : record?.stepType,
    callType: step.callType,
    state,
    createdAt: step.createdAt,
    out: viewText(isInitial ? step.body : (record?.out ?? null), lens),
    retries: message?.retries ?? settings?.retries ?? 0,
  });
}
