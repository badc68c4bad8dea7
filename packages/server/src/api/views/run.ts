import {
  type FailureFunctionResource,
  type InvokerResource,
  isJsonObject,
  messageId,
  type RunLinkResource,
  type RunResource,
  type RunState as WireRunState,
} from "@reprise/protocol";
import type { DeadLetterRow, RunRow, RunState } from "../../core/rows.ts";
import {
  type Lens,
  labelFields,
  readJson,
  storedHeaders,
  viewHeaders,
  viewText,
  withoutAbsent,
} from "./content.ts";
import { dlqIdOf } from "./dlq-id.ts";
import { lensOf, readMessageConfig, settingsOf } from "./settings.ts";
import { toStepGroups } from "./step-groups.ts";
import { errorsOf, nextDeliveryTime, type RunSource } from "./steps.ts";

export const WIRE_RUN_STATE: Readonly<Record<RunState, WireRunState>> = {
  started: "RUN_STARTED",
  succeeded: "RUN_SUCCESS",
  failed: "RUN_FAILED",
  canceled: "RUN_CANCELED",
};

/** One run in the logs. `bodyBytesMax` cuts every body; null shows them whole, -1 leaves them out. */
export function toRunResource(source: RunSource, bodyBytesMax: number | null): RunResource {
  const { run, config, deadLetter, origin, successor } = source;
  const lens = lensOf(config, bodyBytesMax);
  return withoutAbsent<RunResource>({
    workflowRunId: run.id,
    workflowUrl: run.url,
    workflowState: WIRE_RUN_STATE[run.state],
    workflowRunCreatedAt: run.createdAt,
    workflowRunCompletedAt: run.completedAt ?? undefined,
    workflowRunCallerIp: run.callerIp === "" ? undefined : run.callerIp,
    workflowRunResponse: viewText(run.response, lens),
    flowControlKey: run.flowControlKey ?? undefined,
    ...labelFields(run.labels),
    invoker: toInvoker(run.invoker),
    dlqId: deadLetter === null ? undefined : dlqIdOf(deadLetter),
    failureFunction: toFailureFunction(source, lens),
    resumedFrom: toOrigin(origin),
    resumedBy: toSuccessor(deadLetter, successor),
    steps: toStepGroups(source, lens),
  });
}

export function toInvoker(json: string | null): InvokerResource | undefined {
  const invoker = readJson(json);
  if (!isJsonObject(invoker)) return undefined;
  const { workflowRunId, workflowUrl, workflowRunCreatedAt } = invoker;
  return {
    workflowRunId: String(workflowRunId),
    workflowUrl: String(workflowUrl),
    workflowRunCreatedAt: Number(workflowRunCreatedAt),
  };
}

function toOrigin(origin: DeadLetterRow | null): RunLinkResource | undefined {
  if (origin === null) return undefined;
  return {
    workflowRunId: origin.runId,
    workflowRunCreatedAt: origin.runCreatedAt,
    mode: modeOf(origin),
  };
}

function toSuccessor(
  deadLetter: DeadLetterRow | null,
  successor: RunRow | null,
): RunLinkResource | undefined {
  if (deadLetter === null || successor === null) return undefined;
  return {
    workflowRunId: successor.id,
    workflowRunCreatedAt: successor.createdAt,
    mode: modeOf(deadLetter),
  };
}

function modeOf({ state }: DeadLetterRow): RunLinkResource["mode"] {
  return state === "restarted" ? "restart" : "resume";
}

/** The failure call of a failed run; none when there is nobody to tell, or the endpoint has no failure function. */
function toFailureFunction(source: RunSource, lens: Lens): FailureFunctionResource | undefined {
  const { deadLetter, messages } = source;
  const key = deadLetter?.callbackMessageKey ?? null;
  if (deadLetter === null || deadLetter.callbackState === null || key === null) return undefined;
  const message = messages.find((open) => open.key === key);
  const { callbackResponseStatus: status, callbackResponseHeaders: headers } = deadLetter;
  return withoutAbsent<FailureFunctionResource>({
    messageId: messageId(key),
    url: deadLetter.callbackUrl ?? "",
    state: deadLetter.callbackState,
    failHeaders: viewHeaders(storedHeaders(deadLetter.responseHeaders), lens),
    failStatus: deadLetter.responseStatus,
    failResponse: viewText(deadLetter.responseBody, lens) ?? "",
    dlqId: dlqIdOf(deadLetter),
    errors: errorsOf([key], source, lens),
    responseBody: viewText(deadLetter.callbackResponseBody, lens),
    responseHeaders: headers === null ? undefined : viewHeaders(storedHeaders(headers), lens),
    responseStatus: status ?? undefined,
    maxRetries: message?.retries ?? callbackRetries(source),
    nextDeliveryTime: nextDeliveryTime(message),
  });
}

/** The retries of a failure call that has ended: its own setting, else those of the message that failed. */
function callbackRetries({ config, steps, deadLetter }: RunSource): number | undefined {
  const failed = steps.find(({ key }) => key === deadLetter?.messageKey);
  const settings = settingsOf(config, readMessageConfig(failed?.config ?? null));
  return settings?.failureCallback?.config.retries ?? settings?.retries;
}
