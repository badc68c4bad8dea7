import type { StepState, WorkflowEventResource } from "@reprise/protocol";
import type { AttemptRow, StepRow } from "../../core/rows.ts";
import { isPlanSlot } from "../../core/step.ts";
import type { WaitRow } from "../../core/wait-rows.ts";
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
import { finalAttempt } from "./outside-steps.ts";
import { toInvoker, WIRE_RUN_STATE } from "./run.ts";
import { lensOf } from "./settings.ts";
import { toMessageInfo, toStepInfo, toWaitInfo } from "./step-info.ts";
import { nextDeliveryTime, openState, type RunSource } from "./steps.ts";

/** What happened in one run, oldest first: its start, every record, every wait, every failed attempt, its end. */
export function toEvents(
  source: RunSource,
  bodyBytesMax: number | null,
): readonly WorkflowEventResource[] {
  const lens = lensOf(source.config, bodyBytesMax);
  const shared = sharedFields(source);
  const waits = Array.from(source.waits.values());
  const calls = new Map(
    waits.filter(({ kind }) => kind === "call").map((wait) => [wait.requestKey, wait]),
  );
  const events = [
    { ...shared, time: source.run.createdAt, state: "RUN_STARTED" as const },
    ...source.steps.map((step) => toStepEvent(step, source, lens)),
    ...waits.flatMap((wait) => toWaitEvents(wait, source, lens)),
    ...[...source.attempts.keys()].flatMap((key) => {
      const call = calls.get(key);
      return call === undefined ? toFailures(key, source, lens) : toCallEvents(call, source, lens);
    }),
    ...toEnd(source, lens),
  ];
  // Sorting keeps the order of events of one instant.
  return events.toSorted((a, b) => a.time - b.time);
}

function sharedFields({ run }: RunSource) {
  const invoker = toInvoker(run.invoker);
  return withoutAbsent<Omit<WorkflowEventResource, "time" | "state">>({
    workflowRunId: run.id,
    workflowUrl: run.url,
    workflowCreatedAt: run.createdAt,
    invokerWorkflowRunId: invoker?.workflowRunId,
    invokerWorkflowUrl: invoker?.workflowUrl,
    invokerWorkflowCreatedAt: invoker?.workflowRunCreatedAt,
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
    time: notBefore(source.run, step.createdAt),
    state,
    stepInfo: toStepInfo(step, state, source, lens),
    nextDeliveryTime: nextDeliveryTime(message),
  });
}

/** A step that others complete: when it was asked for, and when it was given up. Its result is a record like any other. */
function toWaitEvents(
  wait: WaitRow,
  source: RunSource,
  lens: Lens,
): readonly WorkflowEventResource[] {
  const toEvent = (state: StepState, at: number): WorkflowEventResource => ({
    ...sharedFields(source),
    time: notBefore(source.run, at),
    state,
    stepInfo: toWaitInfo(wait, { state, answer: null }, source, lens),
  });
  const asked = toEvent("STEP_PROGRESS", wait.createdAt);
  const isGivenUp = wait.state === "dropped" || wait.state === "moved";
  return isGivenUp && wait.endedAt !== null
    ? [asked, toEvent("STEP_CANCELED", wait.endedAt)]
    : [asked];
}

/** What a resume has copied or taken over is older than its run. */
function notBefore({ createdAt }: RunSource["run"], at: number): number {
  return Math.max(at, createdAt);
}

/** Failed attempts of one message of the run. The failure call is no part of the run. */
function toFailures(key: number, source: RunSource, lens: Lens): readonly WorkflowEventResource[] {
  if (source.deadLetter?.callbackMessageKey === key) return [];
  const attempts = source.attempts.get(key) ?? [];
  const message = source.messages.find((open) => open.key === key);
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
        stepInfo: toMessageInfo(key, state, source, lens),
        nextDeliveryTime: next,
      }),
    ];
  });
}

/** Attempts of a call. One that no other follows has brought the answer, be it a failure: the app gets it as the result. */
function toCallEvents(
  wait: WaitRow,
  source: RunSource,
  lens: Lens,
): readonly WorkflowEventResource[] {
  const attempts = source.attempts.get(wait.requestKey ?? -1) ?? [];
  const last = finalAttempt(wait, source.attempts);
  const message = source.messages.find(({ key }) => key === wait.requestKey);
  return attempts.map((attempt) => {
    const answer = attempt === last ? attempt : null;
    const state = answer === null ? "STEP_RETRY" : "STEP_PROGRESS";
    const isPending = answer === null && attempt === attempts.at(-1);
    return withoutAbsent<WorkflowEventResource>({
      ...sharedFields(source),
      ...toFailure(attempt, lens),
      time: notBefore(source.run, attempt.endedAt),
      state,
      stepInfo: toWaitInfo(wait, { state, answer }, source, lens),
      nextDeliveryTime: isPending ? nextDeliveryTime(message) : undefined,
    });
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
