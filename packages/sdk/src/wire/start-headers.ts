import { QstashError } from "../errors.ts";
import {
  FAILURE_CALLBACK_PREFIX,
  FEATURES,
  FORWARD_PREFIX,
  HEADER,
  PROTOCOL_VERSION,
} from "./headers.ts";

/** Headers of the message that starts a run: what `client.trigger`, `context.invoke` and a first invocation send. */

export interface StartOptions {
  readonly runId: string;
  /** Of the workflow. */
  readonly url: string;
  readonly labels?: readonly string[] | undefined;
  /** The author's own headers: on every delivery of the run. Lower-case names. */
  readonly userHeaders?: Readonly<Record<string, string>> | undefined;
  readonly contentType?: string | undefined;
  readonly retries?: number | undefined;
  readonly retryDelay?: string | undefined;
  readonly flowControl?: FlowControlLimits | undefined;
  /** The workflow's own URL when not given: its failure function. */
  readonly failureUrl?: string | undefined;
  /** How deep workflows have invoked each other. */
  readonly invokeCount?: number | undefined;
}

export interface FlowControlLimits {
  readonly key: string;
  readonly parallelism?: number | undefined;
  readonly rate?: number | undefined;
  /** Rate under its old name. */
  readonly ratePerSecond?: number | undefined;
  /** Seconds or a duration. */
  readonly period?: number | string | undefined;
}

/** What a server takes for granted; sent, it would only be noise. */
const RETRIES_DEFAULT = 3;

export function startHeaders(options: StartOptions): Record<string, string> {
  const { runId, url, failureUrl, contentType = "application/json" } = options;
  return {
    ...withPrefix(FORWARD_PREFIX, options.userHeaders ?? {}),
    [HEADER.contentType]: contentType,
    [HEADER.method]: "POST",
    [HEADER.workflowInit]: "true",
    [HEADER.workflowRunId]: runId,
    [HEADER.workflowUrl]: url,
    [HEADER.workflowSdkVersion]: PROTOCOL_VERSION,
    [FORWARD_PREFIX + HEADER.workflowSdkVersion]: PROTOCOL_VERSION,
    [HEADER.featureSet]: FEATURES,
    ...labelHeaders(options.labels),
    ...invokeCountHeader(options.invokeCount),
    ...settings(options),
    [HEADER.failureCallback]: failureUrl ?? url,
    ...withPrefix(FAILURE_CALLBACK_PREFIX, failureHeaders(options)),
  };
}

/** What the failure callback is sent with, as a header set of its own without the prefix. */
function failureHeaders(options: StartOptions): Record<string, string> {
  const forwarded = {
    ...options.userHeaders,
    [HEADER.workflowIsFailure]: "true",
    [HEADER.workflowFailureCallback]: "true",
    ...(hasLabels(options.labels) ? { [HEADER.label]: options.labels.join(",") } : {}),
  };
  const own = {
    [HEADER.featureSet]: FEATURES,
    [HEADER.workflowRunId]: options.runId,
    [HEADER.workflowInit]: "false",
    [HEADER.workflowUrl]: options.url,
    [HEADER.workflowCallType]: "failureCall",
    ...settings(options),
    ...withPrefix(FORWARD_PREFIX, forwarded),
  };
  return withoutPrefix("upstash-", own);
}

function settings({ retries, retryDelay, flowControl }: StartOptions): Record<string, string> {
  return {
    ...(retries === undefined || retries === RETRIES_DEFAULT
      ? {}
      : { [HEADER.retries]: String(retries) }),
    ...(retryDelay === undefined ? {} : { [HEADER.retryDelay]: retryDelay }),
    ...flowControlHeaders(flowControl),
  };
}

function labelHeaders(labels: StartOptions["labels"]): Record<string, string> {
  if (!hasLabels(labels)) return {};
  const text = labels.join(",");
  return { [HEADER.label]: text, [FORWARD_PREFIX + HEADER.label]: text };
}

function hasLabels(labels: StartOptions["labels"]): labels is readonly string[] {
  return labels !== undefined && labels.length > 0;
}

export function invokeCountHeader(count: number | undefined): Record<string, string> {
  return count === undefined || count === 0
    ? {}
    : { [FORWARD_PREFIX + HEADER.workflowInvokeCount]: String(count) };
}

/** @throws QstashError when the key has no limit. */
export function flowControlHeaders(limits: FlowControlLimits | undefined): Record<string, string> {
  if (limits === undefined) return {};
  const { key, parallelism, rate = limits.ratePerSecond, period } = limits;
  const parts = [
    ...(parallelism === undefined ? [] : [`parallelism=${parallelism}`]),
    ...(rate === undefined ? [] : [`rate=${rate}`]),
    ...(period === undefined
      ? []
      : [`period=${typeof period === "number" ? `${period}s` : period}`]),
  ];
  if (parts.length === 0) {
    throw new QstashError(`flowControl of ${JSON.stringify(key)} needs parallelism or rate`);
  }
  return { [HEADER.flowControlKey]: key, [HEADER.flowControlValue]: parts.join(", ") };
}

export function withPrefix(
  prefix: string,
  headers: Readonly<Record<string, string>>,
): Record<string, string> {
  const entries = Object.entries(headers).map(([name, value]) => [prefix + name, value] as const);
  return Object.fromEntries(entries);
}

function withoutPrefix(
  prefix: string,
  headers: Readonly<Record<string, string>>,
): Record<string, string> {
  const entries = Object.entries(headers).map(
    ([name, value]) => [name.startsWith(prefix) ? name.slice(prefix.length) : name, value] as const,
  );
  return Object.fromEntries(entries);
}
