import {
  canonicalHeaderName,
  DAY_MS,
  type FlatHeaders,
  flatHeadersFromRecord,
  HEADER,
  type HeaderMap,
  INVOKE_DEPTH_MAX,
  isJsonObject,
  type MessageOptions,
  parseDurationMs,
  parseHttpUrl,
  parseJson,
  parseRunId,
  parseStepRecord,
  RepriseError,
  type StepRecord,
  toHeaderMap,
} from "@reprise/protocol";
import type { InvokeRun, RegisterCall, RegisterWait } from "../core/commands.ts";
import type { StepFacts } from "../core/step.ts";
import type { WaitTarget } from "../core/wait.ts";
import type { ReadingRoom } from "./room.ts";
import {
  checkRetriesQuota,
  readOptions,
  type Submission,
  toMessageConfig,
  toStartRun,
} from "./workflow-message.ts";

/** Turns steps that others complete into commands: calls of services, waits for events and webhooks, and invoked workflows. */

const encoder = new TextEncoder();

/** A call of a service: its callback says which step it is and where the answer goes. */
export function toRegisterCall(
  submission: Submission,
  options: MessageOptions,
  room: ReadingRoom,
): RegisterCall {
  const { callback, workflow } = options;
  if (workflow.runId === null) throw missingRunId();
  if (callback === null) {
    throw invalidStep(
      "a call needs Upstash-Callback: the URL of the workflow that gets the answer",
    );
  }
  room.settings.checkEgress(submission.url);
  room.settings.checkEgress(callback.url, "Upstash-Callback");
  const back = readOptions(callback.headers, room);
  checkRetriesQuota(options.retries, room);
  checkRetriesQuota(back.retries, room);
  const record = callStep(back.forwardHeaders);
  const own = toMessageConfig({ ...options, failureCallback: null }, room);
  return {
    type: "registerCall",
    runId: workflow.runId,
    facts: factsOf(record),
    url: submission.url,
    own,
    body: submission.body,
    dueAt: options.dueAt,
    config: {
      step: shown(record),
      concurrent: record.concurrent,
      result: {
        url: callback.url,
        own: toMessageConfig(back, room),
        headers: shownHeaders(callback.headers),
      },
      call: { url: submission.url, own, createdAt: room.host.now() },
    },
  };
}

/** The step that a call belongs to, from the headers that come back with its answer. */
function callStep(headers: FlatHeaders): StepRecord {
  const number = (name: string) => {
    const text = headers[name];
    return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : text;
  };
  const step = {
    stepId: number(HEADER.workflowStepId),
    stepName: headers[HEADER.workflowStepName],
    stepType: headers[HEADER.workflowStepType] ?? "Call",
    concurrent: number(HEADER.workflowConcurrent) ?? 1,
  };
  return parseStepRecord(encoder.encode(JSON.stringify(step)));
}

const WAIT_MS_DEFAULT = 7 * DAY_MS;

/** A wait for an event or a webhook. */
export function toRegisterWait(
  wait: { readonly eventId: string; readonly headers: FlatHeaders; readonly body: Uint8Array },
  room: ReadingRoom,
): RegisterWait {
  const body = parseObject(wait.body, "the body of a wait");
  const timeoutHeaders = readHeaders(body.timeoutHeaders, "timeoutHeaders");
  const own = readOptions(wait.headers, room);
  const ownOnTimeout = readOptions(timeoutHeaders, room);
  const runId = own.workflow.runId ?? ownOnTimeout.workflow.runId;
  if (runId === null) throw missingRunId();
  const record = parseStepRecord(encoder.encode(JSON.stringify(body.step ?? null)));
  const timeoutText = readTimeout(body.timeout);
  const timeoutMs =
    timeoutText === null ? WAIT_MS_DEFAULT : parseDurationMs(timeoutText, "timeout");
  checkWaitQuota(timeoutMs, room);
  const url = readUrl(body.url, "url", room);
  const dueAt = room.host.now() + timeoutMs;
  return {
    type: "registerWait",
    runId,
    kind: record.stepType === "WaitForWebhook" ? "webhook" : "event",
    eventId: wait.eventId,
    facts: factsOf(record),
    dueAt,
    config: {
      step: shown(record),
      concurrent: record.concurrent,
      result: targetOf(url, own, wait.headers, room),
      timeout: targetOf(
        body.timeoutUrl === undefined || body.timeoutUrl === null
          ? url
          : readUrl(body.timeoutUrl, "timeoutUrl", room),
        ownOnTimeout,
        timeoutHeaders,
        room,
      ),
      timeoutText: timeoutText ?? "7d",
      deadlineAt: dueAt,
    },
  };
}

function checkWaitQuota(timeoutMs: number, { settings }: ReadingRoom): void {
  if (timeoutMs <= settings.delayMsMax) return;
  throw new RepriseError("quota_exceeded", {
    message: `quota maxDelay exceeded: a wait may last ${settings.delayMsMax} ms at the most, got ${timeoutMs}`,
    details: { quota: "maxDelay", limitMs: settings.delayMsMax },
  });
}

/** Another workflow, started by a step that waits for its end. The body is an envelope around its payload. */
export function toInvokeRun(
  submission: Submission,
  options: MessageOptions,
  room: ReadingRoom,
): InvokeRun {
  checkDepth(options.forwardHeaders);
  const envelope = parseObject(submission.body, "the body of an invoke");
  const headers = readHeaders(envelope.headers, "headers");
  const own = readOptions(headers, room);
  const { body, workflowRunId } = envelope;
  if (body !== undefined && body !== null && typeof body !== "string") {
    throw invalidStep("body of an invoke must be a text or absent");
  }
  const runId = typeof workflowRunId === "string" ? parseRunId(workflowRunId) : own.workflow.runId;
  if (runId === null) throw invalidStep("workflowRunId of an invoke must name the run that waits");
  const record = parseStepRecord(encoder.encode(JSON.stringify(envelope.step ?? null)));
  const workflowUrl = readUrl(envelope.workflowUrl, "workflowUrl", room);
  const start = toStartRun({ ...submission, body: encoder.encode(body ?? "") }, options, room);
  const createdAt = envelope.workflowRunCreatedAt;
  const invoker = {
    workflowRunId: runId,
    workflowUrl,
    workflowRunCreatedAt: typeof createdAt === "number" ? createdAt : 0,
  };
  return {
    type: "invokeRun",
    runId,
    facts: factsOf(record),
    start: { ...start, config: { ...start.config, invoker } },
    config: {
      step: shown(record),
      concurrent: record.concurrent,
      result: targetOf(workflowUrl, own, headers, room),
    },
  };
}

/** A workflow that invokes itself without end would fill the store. */
function checkDepth(headers: FlatHeaders): void {
  const depth = Number(headers[HEADER.workflowInvokeCount] ?? 0);
  if (depth >= 0 && depth <= INVOKE_DEPTH_MAX) return;
  throw new RepriseError("step_limit_exceeded", {
    message: `workflows may invoke each other ${INVOKE_DEPTH_MAX} levels deep, got ${headers[HEADER.workflowInvokeCount]}`,
    details: { limit: INVOKE_DEPTH_MAX },
  });
}

function targetOf(
  url: string,
  options: MessageOptions,
  headers: FlatHeaders,
  room: ReadingRoom,
): WaitTarget {
  checkRetriesQuota(options.retries, room);
  return { url, own: toMessageConfig(options, room), headers: shownHeaders(headers) };
}

/** What lists of waiters show: the headers of the message, not those of the request that carried them. */
function shownHeaders(headers: FlatHeaders): HeaderMap {
  const names = Object.keys(headers).filter(
    (name) => name.startsWith("upstash-") || name === HEADER.contentType,
  );
  return toHeaderMap(Object.fromEntries(names.map((name) => [name, headers[name]])));
}

function factsOf(record: StepRecord): StepFacts {
  if (record.stepId === 0) throw invalidStep("stepId of a step that waits must be 1 or more");
  return { stepId: record.stepId, isPlan: false, concurrent: record.concurrent };
}

/** The parts of a record that its result repeats. */
function shown({ stepId, stepName, stepType, concurrent }: StepRecord) {
  return { stepId, stepName, stepType, concurrent };
}

function readTimeout(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === "string") return value;
  if (typeof value === "number" && Number.isFinite(value)) return String(value);
  throw invalidStep("timeout of a wait must be a duration such as 7d, or a number of seconds");
}

function readUrl(value: unknown, field: string, room: ReadingRoom): string {
  if (typeof value !== "string") throw invalidStep(`${field} must be a URL`);
  const url = parseHttpUrl(value, field);
  room.settings.checkEgress(url, field);
  return url;
}

function readHeaders(value: unknown, field: string): FlatHeaders {
  if (value === undefined || value === null) return {};
  if (!isJsonObject(value)) throw invalidStep(`${field} must be an object of header values`);
  return flatHeadersFromRecord(value);
}

function parseObject(bytes: Uint8Array, what: string): Readonly<Record<string, unknown>> {
  const value = parseJson(bytes, what);
  if (isJsonObject(value)) return value;
  throw new RepriseError("invalid_json", { message: `${what} must be a JSON object` });
}

function missingRunId(): RepriseError {
  return new RepriseError("invalid_header", {
    message: `${canonicalHeaderName(HEADER.workflowRunId)} must be given with a step of a run`,
  });
}

function invalidStep(message: string): RepriseError {
  return new RepriseError("invalid_step", { message });
}
