import {
  CALL_FEATURES,
  CALLBACK_PREFIX,
  FEATURES,
  FORWARD_PREFIX,
  HEADER,
  PROTOCOL_VERSION,
} from "../wire/headers.ts";
import { randomId } from "../wire/random-id.ts";
import {
  flowControlHeaders,
  invokeCountHeader,
  startHeaders,
  withPrefix,
} from "../wire/start-headers.ts";
import type { StepRecord } from "./records.ts";
import type { CallWork, InvokeWork, StepCall, WaitWork } from "./step-call.ts";

/** What an app tells the server about its run. A carrier brings it there. */
export type Submission =
  /** Results and plans; several are accepted together. */
  | { readonly type: "records"; readonly records: readonly StepRecord[] }
  | { readonly type: "call"; readonly item: Item }
  | { readonly type: "wait"; readonly eventId: string; readonly request: Exchange }
  | { readonly type: "invoke"; readonly destination: string; readonly request: Exchange }
  | { readonly type: "finish"; readonly response: string | undefined }
  | { readonly type: "cancel" };

/** One item of a batch. */
export interface Item {
  readonly destination: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Exchange {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
}

/** The run that submits. */
export interface RunFacts {
  readonly runId: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly url: string;
  /** How deep workflows have invoked each other. */
  readonly invokeCount: number;
}

/** A step with its place in the run. */
export interface PlacedStep {
  readonly stepId: number;
  readonly concurrent: number;
  readonly call: StepCall;
}

export function planRecord({ stepId, concurrent, call }: PlacedStep): StepRecord {
  const { name, type, fields } = call;
  return {
    stepId: 0,
    stepName: name,
    stepType: type,
    ...fields,
    concurrent,
    targetStep: stepId,
  };
}

/** The result of a step; `out` is absent for those that give nothing. */
export function resultRecord(
  { stepId, concurrent, call }: PlacedStep,
  out: string | undefined,
): StepRecord {
  const { name, type, fields } = call;
  return {
    stepId,
    stepName: name,
    stepType: type,
    ...(out === undefined ? {} : { out }),
    ...fields,
    concurrent,
  };
}

/** Headers of a record, and of what the server makes a record of: a message to the workflow itself. */
export function stepHeaders(run: RunFacts): Record<string, string> {
  return {
    [HEADER.contentType]: "application/json",
    [HEADER.workflowInit]: "false",
    [HEADER.workflowRunId]: run.runId,
    [HEADER.workflowUrl]: run.url,
    [HEADER.workflowSdkVersion]: PROTOCOL_VERSION,
    [FORWARD_PREFIX + HEADER.workflowSdkVersion]: PROTOCOL_VERSION,
    [HEADER.featureSet]: FEATURES,
    ...invokeCountHeader(run.invokeCount),
  };
}

/** Batch item of a record on the public wire; a sleep delays its message. */
export function recordItem(run: RunFacts, record: StepRecord): Item {
  const { sleepFor, sleepUntil, concurrent, stepId } = record;
  // Of a parallel sleep it is the plan that waits.
  const isDelayed = concurrent === 1 || stepId === 0;
  const delay = typeof sleepFor === "number" ? `${sleepFor}s` : sleepFor;
  return {
    destination: run.url,
    headers: {
      ...stepHeaders(run),
      [HEADER.method]: "POST",
      ...(isDelayed && delay !== undefined ? { [HEADER.delay]: delay } : {}),
      ...(isDelayed && sleepUntil !== undefined ? { [HEADER.notBefore]: String(sleepUntil) } : {}),
    },
    body: JSON.stringify(record),
  };
}

/** The call of a service; its callback brings the answer to the workflow, together with the place of the step. */
export function callItem(run: RunFacts, step: PlacedStep, work: CallWork): Item {
  const contentType = work.headers["content-type"] ?? "application/json";
  const place = {
    ...(run.invokeCount === 0 ? {} : { [HEADER.workflowInvokeCount]: String(run.invokeCount) }),
    [HEADER.workflowCallback]: "true",
    [HEADER.workflowStepId]: String(step.stepId),
    [HEADER.workflowStepName]: step.call.name,
    [HEADER.workflowStepType]: step.call.type,
    [HEADER.workflowConcurrent]: String(step.concurrent),
    [HEADER.workflowContentType]: contentType,
  };
  const callback = {
    "workflow-runid": run.runId,
    "workflow-calltype": "fromCallback",
    "workflow-init": "false",
    "workflow-url": run.url,
    // Of the message to the workflow: without its answer the run cannot go on.
    "feature-set": FEATURES,
    ...withPrefix("forward-", place),
  };
  return {
    destination: work.url,
    headers: {
      ...withPrefix(FORWARD_PREFIX, without(work.headers, "content-type")),
      [HEADER.contentType]: contentType,
      [HEADER.workflowInit]: "false",
      [HEADER.workflowRunId]: run.runId,
      [HEADER.workflowUrl]: run.url,
      [HEADER.workflowCallType]: "toCallback",
      [HEADER.workflowSdkVersion]: PROTOCOL_VERSION,
      [HEADER.featureSet]: CALL_FEATURES,
      [HEADER.method]: work.method,
      [HEADER.retries]: String(work.retries),
      ...(work.retryDelay === undefined ? {} : { [HEADER.retryDelay]: work.retryDelay }),
      ...(work.timeout === undefined ? {} : { [HEADER.timeout]: String(work.timeout) }),
      ...flowControlHeaders(work.flowControl),
      ...invokeCountHeader(run.invokeCount),
      [HEADER.callback]: run.url,
      ...withPrefix(CALLBACK_PREFIX, callback),
    },
    ...(work.body === undefined ? {} : { body: work.body }),
  };
}

function without(headers: Readonly<Record<string, string>>, name: string): Record<string, string> {
  const { [name]: _, ...others } = headers;
  return others;
}

export function waitExchange(run: RunFacts, step: PlacedStep, work: WaitWork): Exchange {
  const headers = stepHeaders(run);
  return {
    headers: { ...headers, [HEADER.workflowCallType]: "step" },
    body: {
      url: run.url,
      timeout: work.timeout,
      timeoutUrl: run.url,
      timeoutHeaders: toLists({ ...headers, [HEADER.workflowCallType]: "step" }),
      step: shownStep(step),
    },
  };
}

export function invokeSubmission(run: RunFacts, step: PlacedStep, work: InvokeWork): Submission {
  const destination = siblingUrl(run.url, work.workflowId);
  const body = invokeBody(work);
  return {
    type: "invoke",
    destination,
    request: {
      headers: {
        ...startHeaders({
          runId: work.workflowRunId ?? `wfr_${randomId()}`,
          url: destination,
          labels: work.labels,
          userHeaders: without(work.headers, "content-type"),
          contentType: work.headers["content-type"] ?? "application/json",
          retries: work.retries,
          retryDelay: work.retryDelay,
          flowControl: work.flowControl,
          failureUrl: work.failureUrl,
          invokeCount: run.invokeCount + 1,
        }),
        [HEADER.workflowInvoke]: "true",
      },
      body: {
        ...(body === undefined ? {} : { body }),
        headers: toLists(stepHeaders(run)),
        workflowRunId: run.runId,
        workflowRunCreatedAt: run.createdAt,
        workflowUrl: run.url,
        step: shownStep(step),
      },
    },
  };
}

function invokeBody({ body, useJson }: InvokeWork): string | undefined {
  return typeof body === "string" && !useJson ? body : JSON.stringify(body);
}

/** The URL of a workflow that is served beside another one. */
export function siblingUrl(url: string, workflowId: string): string {
  const end = url.search(/[?#]/);
  const path = end === -1 ? url : url.slice(0, end);
  return path.replace(/[^/]+$/, encodeURIComponent(workflowId));
}

function shownStep({ stepId, concurrent, call }: PlacedStep): StepRecord {
  return { stepId, stepName: call.name, stepType: call.type, concurrent };
}

/** Headers within a body, which no HTTP library has brought into the form in which servers look them up. */
function toLists(headers: Readonly<Record<string, string>>): Record<string, readonly string[]> {
  const entries = Object.entries(headers).map(
    ([name, value]) => [canonicalName(name), [value]] as const,
  );
  return Object.fromEntries(entries);
}

function canonicalName(name: string): string {
  return name.toLowerCase().replace(/(?:^|-)[a-z]/g, (start) => start.toUpperCase());
}

/** One line of docs/fast-modes.md for each part of a submission. */
export function toLines(submission: Submission): readonly string[] {
  switch (submission.type) {
    case "records":
      return submission.records.map((record) => JSON.stringify(record));
    case "call":
      return [JSON.stringify({ call: submission.item })];
    case "wait": {
      const { eventId, request } = submission;
      return [JSON.stringify({ wait: { eventId, ...request } })];
    }
    case "invoke": {
      const { destination, request } = submission;
      return [JSON.stringify({ invoke: { destination, ...request } })];
    }
    case "finish":
      return [JSON.stringify({ finish: { response: submission.response } })];
    case "cancel":
      return ['{"cancel":{}}'];
  }
}
