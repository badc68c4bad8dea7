import {
  type DeadLetterResource,
  type FailureCallbackInfo,
  type FlowControl,
  METHODS,
  messageId,
} from "@reprise/protocol";
import { nameWorkflowAnswerer, withAnswerer } from "../../core/answerer.ts";
import { readFailureCause } from "../../core/failure.ts";
import type { AttemptRow, DeadLetterRow, MessageRow, StepRow } from "../../core/rows.ts";
import type { MessageConfig, RunConfig } from "../../core/run-config.ts";
import { toAttempt } from "./attempts.ts";
import {
  type Lens,
  labelFields,
  storedHeaders,
  viewBody,
  viewHeaders,
  viewText,
  withoutAbsent,
} from "./content.ts";
import { dlqIdOf } from "./dlq-id.ts";
import { expiresAt } from "./expires-at.ts";
import { lensOf, readMessageConfig, settingsOf } from "./settings.ts";

/** The rows that one entry of the dead letter queue is shown from. Null is what could not be found. */
export interface DeadLetterSource {
  readonly deadLetter: DeadLetterRow;
  readonly config: RunConfig | null;
  /** The run's first record, whose body is the payload. */
  readonly initialStep: StepRow | null;
  readonly failedMessage: MessageRow | null;
  /** The record that the failed message delivers. */
  readonly failedStep: StepRow | null;
  /** Of the failed message, in order; at least the last one. */
  readonly attempts: readonly AttemptRow[];
  readonly isShowingAttempts: boolean;
  readonly deadLetterRetentionMs: number;
}

export function toDeadLetterResource(source: DeadLetterSource): DeadLetterResource {
  const { deadLetter, config, failedMessage, failedStep, initialStep } = source;
  const own = readMessageConfig(failedStep?.config ?? failedMessage?.config ?? null);
  const settings = settingsOf(config, own);
  const lens = lensOf(config, null);
  const body = viewBody(initialStep?.body ?? null, lens);
  const callback = settings?.failureCallback ?? null;
  const response = responseFields(deadLetter, lens);
  return withoutAbsent<DeadLetterResource>({
    dlqId: dlqIdOf(deadLetter),
    messageId: messageId(deadLetter.messageKey),
    url: deadLetter.url,
    workflowUrl: deadLetter.url,
    method: METHODS.find((method) => method === own.method) ?? "POST",
    header: viewHeaders(requestHeaders(source, own), lens),
    body: body.text ?? undefined,
    bodyBase64: body.base64 ?? undefined,
    maxRetries: failedMessage?.retries ?? settings?.retries ?? 0,
    retryDelayExpression: settings?.retryDelay ?? undefined,
    notBefore: notBefore(source),
    // The instant that `fromDate` and `toDate` compare.
    createdAt: deadLetter.createdAt,
    expiresAt: expiresAt(deadLetter, source.deadLetterRetentionMs),
    callerIP: deadLetter.callerIp,
    workflowRunId: deadLetter.runId,
    workflowCreatedAt: deadLetter.runCreatedAt,
    failureCallback: deadLetter.callbackUrl ?? callback?.url,
    failureCallbackHeader:
      callback === null ? undefined : viewHeaders(callback.config.forward, lens),
    failureCallbackInfo: callbackInfo(deadLetter, lens),
    failureFunctionState: deadLetter.callbackState ?? undefined,
    ...labelFields(deadLetter.labels),
    ...flowControlFields(config?.flowControl ?? null, deadLetter.flowControlKey),
    ...response,
    reason: withAnswerer(
      deadLetter.reason,
      nameWorkflowAnswerer({ status: response.responseStatus, headers: response.responseHeader }),
    ),
    cause: readFailureCause(deadLetter.failureCause) ?? undefined,
    groupId: deadLetter.groupId ?? undefined,
    stepName: deadLetter.stepName ?? undefined,
    attempts: source.isShowingAttempts
      ? source.attempts.map((attempt) => toAttempt(attempt, lens))
      : undefined,
  });
}

/** When the failed message could be delivered first; a sleep's is later than its record. */
function notBefore({ deadLetter, failedMessage, failedStep }: DeadLetterSource): number {
  const createdAt = failedMessage?.createdAt ?? deadLetter.runCreatedAt;
  return Math.max(failedStep?.dueAt ?? createdAt, createdAt);
}

/** What the last attempt sent; before there was one, what it would have brought along. */
function requestHeaders(
  { attempts, config }: DeadLetterSource,
  own: MessageConfig,
): Readonly<Record<string, string | readonly string[]>> {
  const sent = attempts.at(-1)?.requestHeaders ?? null;
  return sent === null ? { ...config?.forward, ...own.forward } : storedHeaders(sent);
}

function callbackInfo(deadLetter: DeadLetterRow, lens: Lens): FailureCallbackInfo | undefined {
  const { callbackState, callbackResponseStatus, callbackResponseHeaders } = deadLetter;
  if (callbackState === null) return undefined;
  if (callbackResponseStatus === null) return { state: callbackState };
  return withoutAbsent<FailureCallbackInfo>({
    state: callbackState,
    responseStatus: callbackResponseStatus,
    responseBody: viewText(deadLetter.callbackResponseBody, lens),
    responseHeaders: viewHeaders(storedHeaders(callbackResponseHeaders), lens),
  });
}

function flowControlFields(flowControl: FlowControl | null, key: string | null) {
  if (flowControl === null || flowControl.key !== key) {
    return { flowControlKey: key ?? undefined };
  }
  const { rate, parallelism, periodMs } = flowControl;
  return {
    flowControlKey: flowControl.key,
    rate: rate ?? undefined,
    parallelism: parallelism ?? undefined,
    period: periodMs / 1000,
  };
}

function responseFields(deadLetter: DeadLetterRow, lens: Lens) {
  const body = viewBody(deadLetter.responseBody, lens);
  return {
    responseStatus: deadLetter.responseStatus,
    responseHeader: viewHeaders(storedHeaders(deadLetter.responseHeaders), lens),
    responseBody: body.text ?? undefined,
    responseBodyBase64: body.base64 ?? undefined,
    isResponseTruncated: deadLetter.isTruncated === 1 ? true : undefined,
  };
}
