import {
  FEATURE,
  type FlatHeaders,
  HEADER,
  isPersistable,
  type MessageOptions,
  mergeHeaders,
  newRunId,
  parseMessageOptions,
  parseStepRecord,
  RETRIES_DEFAULT,
  RepriseError,
  type StepRecord,
  WORKFLOW_PROTOCOL_VERSION,
  type WorkflowOptions,
} from "@reprise/protocol";
import type { StartRun, SubmitStep } from "../core/commands.ts";
import { parseRetryDelay } from "../core/retry-delay.ts";
import type { FailureCallback, MessageConfig, RunConfig } from "../core/run-config.ts";
import type { StepFacts } from "../core/step.ts";
import type { ReadingRoom } from "./room.ts";

/** Turns what came over the wire into commands: everything is checked here, before anything is stored. */

export interface Submission {
  readonly url: string;
  readonly headers: FlatHeaders;
  readonly body: Uint8Array;
  readonly callerIp: string;
}

export function readOptions(headers: FlatHeaders, room: ReadingRoom): MessageOptions {
  return parseMessageOptions(headers, {
    now: room.host.now(),
    checkRetryDelay: (expression) => void parseRetryDelay(expression),
    limits: room.settings,
  });
}

/** A run that an SDK starts: `client.trigger`, or the endpoint itself on its first invocation. */
export function toStartRun(
  submission: Submission,
  options: MessageOptions,
  room: ReadingRoom,
): StartRun {
  room.settings.checkEgress(submission.url);
  const { workflow } = options;
  const isPersistent = workflow.features.has(FEATURE.triggerOnConfig);
  const { forwardHeaders } = options;
  const config: RunConfig = {
    ...commonConfig(options, room),
    isPersistent,
    forward: pick(forwardHeaders, isPersistable),
    failureCallback: toFailureCallback(options, room),
    featureSet: toFeatureSet(workflow),
    isDetecting: workflow.features.has(FEATURE.detectTrigger),
    requiresSdkHeader: false,
    hop: "none",
  };
  return {
    type: "startRun",
    runId: workflow.runId ?? newRunId((count) => room.host.randomBytes(count)),
    url: submission.url,
    payload: submission.body,
    config,
    messageConfig: isPersistent
      ? { forward: pick(forwardHeaders, (name) => !isPersistable(name)) }
      : toMessageConfig(options, room),
    callerIp: submission.callerIp,
    dueAt: options.dueAt,
    isTriggeredBySdk: workflow.isTriggeredBySdk,
  };
}

/** A run that somebody starts over REST: the server supplies what an SDK would have sent. */
export function toRestStartRun(
  submission: Submission,
  options: MessageOptions,
  room: ReadingRoom,
): StartRun {
  room.settings.checkEgress(submission.url);
  const { workflow, labels } = options;
  const forward = {
    ...pick(options.forwardHeaders, isPersistable),
    ...(labels.length === 0 ? {} : { [HEADER.label]: labels.join(",") }),
  };
  const config: RunConfig = {
    ...commonConfig(options, room),
    isPersistent: true,
    forward,
    failureCallback: restFailureCallback(submission.url, { options, forward }, room),
    featureSet: [
      FEATURE.lazyFetch,
      FEATURE.initialBody,
      FEATURE.detectTrigger,
      FEATURE.triggerOnConfig,
    ],
    isDetecting: true,
    requiresSdkHeader: true,
    hop: workflow.isSdkUnknown ? "pending" : "none",
  };
  return {
    type: "startRun",
    runId: workflow.runId ?? newRunId((count) => room.host.randomBytes(count)),
    url: submission.url,
    payload: submission.body,
    config,
    messageConfig: {
      forward: {
        ...pick(options.forwardHeaders, (name) => !isPersistable(name)),
        [HEADER.workflowSdkVersion]: WORKFLOW_PROTOCOL_VERSION,
      },
    },
    callerIp: submission.callerIp,
    dueAt: options.dueAt,
    isTriggeredBySdk: false,
  };
}

/** The SDK that names no protocol version says that it can fetch the steps itself, and cannot. */
function cannotFetch({ features, sdkVersion }: WorkflowOptions): boolean {
  return sdkVersion === null && features.has(FEATURE.lazyFetch);
}

function toFeatureSet(workflow: WorkflowOptions): readonly string[] {
  const { features } = workflow;
  return [...features].filter((name) => name !== FEATURE.lazyFetch || !cannotFetch(workflow));
}

function commonConfig(options: MessageOptions, room: ReadingRoom) {
  checkRetriesQuota(options.retries, room);
  return {
    retries: options.retries ?? RETRIES_DEFAULT,
    retryDelay: options.retryDelay,
    timeoutMs: options.timeoutMs,
    flowControl: options.flowControl,
    labels: options.labels,
    redaction: options.redaction,
    invoker: null,
  };
}

export function checkRetriesQuota(retries: number | null, { settings }: ReadingRoom): void {
  if ((retries ?? RETRIES_DEFAULT) <= settings.retriesMax) return;
  throw new RepriseError("quota_exceeded", {
    message: `quota maxRetries exceeded, current limit: ${settings.retriesMax} (Upstash-Retries is ${retries ?? RETRIES_DEFAULT})`,
  });
}

/** What a message brings along itself. */
export function toMessageConfig(options: MessageOptions, room: ReadingRoom): MessageConfig {
  const { method, contentType, retries, retryDelay, timeoutMs, flowControl } = options;
  const failureCallback = toFailureCallback(options, room);
  return {
    forward: options.forwardHeaders,
    ...(method === "POST" ? {} : { method }),
    ...(contentType === null || contentType === "application/json" ? {} : { contentType }),
    ...(retries === null ? {} : { retries }),
    ...(retryDelay === null ? {} : { retryDelay }),
    ...(timeoutMs === null ? {} : { timeoutMs }),
    ...(flowControl === null ? {} : { flowControl }),
    ...(failureCallback === null ? {} : { failureCallback }),
  };
}

function toFailureCallback(
  { failureCallback }: MessageOptions,
  room: ReadingRoom,
): FailureCallback | null {
  if (failureCallback === null) return null;
  const { url, headers } = failureCallback;
  room.settings.checkEgress(url, "Upstash-Failure-Callback");
  return { url, config: toMessageConfig(readOptions(headers, room), room) };
}

/** Without a failure URL the workflow's own failure function is told, with the headers by which its SDK knows the call. */
function restFailureCallback(
  url: string,
  run: { readonly options: MessageOptions; readonly forward: FlatHeaders },
  room: ReadingRoom,
): FailureCallback {
  const given = toFailureCallback(run.options, room);
  const marks = {
    [HEADER.workflowIsFailure]: "true",
    [HEADER.workflowFailureCallback]: "true",
  };
  const config = given?.config ?? { forward: run.forward };
  return {
    url: given?.url ?? url,
    config: { ...config, forward: mergeHeaders(marks, config.forward) },
  };
}

/** A record that a running workflow submits. */
export function toSubmitStep(
  submission: Submission,
  options: MessageOptions,
  room: ReadingRoom,
): SubmitStep & { readonly record: StepRecord } {
  const { workflow } = options;
  if (workflow.runId === null) {
    throw new RepriseError("invalid_header", {
      message: "Upstash-Workflow-RunId must be given with Upstash-Workflow-Init: false",
    });
  }
  if (workflow.callType !== "step") {
    throw new RepriseError("invalid_step", {
      message: `Upstash-Workflow-CallType of a submitted record must be step, got ${workflow.callType}`,
    });
  }
  const record = parseStepRecord(submission.body);
  return {
    type: "submitStep",
    runId: workflow.runId,
    facts: toFacts(record),
    groupNextStepId: null,
    body: submission.body,
    messageConfig: {
      ...toMessageConfig(options, room),
      ...(cannotFetch(workflow) ? { isInline: true } : {}),
    },
    dueAt: options.dueAt,
    record,
  };
}

/** What the engine needs to know of a record. */
export function toFacts({ stepId, targetStep, concurrent, stepType }: StepRecord): StepFacts {
  // A record without a step id is a plan, and a plan has a target: the reader of records checks it.
  if (stepId === 0) return { stepId: targetStep ?? 0, isPlan: true, concurrent };
  const facts = { stepId, isPlan: false, concurrent };
  return stepType === "Call" ? { ...facts, isCallResult: true } : facts;
}

function pick(headers: FlatHeaders, isWanted: (name: string) => boolean): Record<string, string> {
  const picked: Record<string, string> = {};
  for (const name in headers) if (isWanted(name)) picked[name] = headers[name] ?? "";
  return picked;
}
