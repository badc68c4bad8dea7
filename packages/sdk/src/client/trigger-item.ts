import { QstashError, WorkflowNonRetryableError } from "../errors.ts";
import { checkDestination } from "../wire/destination.ts";
import { HEADER } from "../wire/headers.ts";
import { type FlatHeaders, settingHeaders } from "../wire/message-headers.ts";
import type { SharedSettings } from "../wire/options.ts";
import { startHeaders } from "../wire/start-headers.ts";
import type { HeadersInit } from "../wire/web-types.ts";

/** The message that starts a run, as an item of `POST /v2/batch`. */

export interface RunStart extends SharedSettings {
  /** Of the workflow. */
  readonly url: string;
  /** With its `wfr_`. */
  readonly runId: string;
  /** Texts are sent as they are, everything else as JSON; undefined is an empty payload. */
  readonly body?: unknown;
  /** The author's: every delivery of the run has them. */
  readonly headers?: HeadersInit | undefined;
  /** Who is told when the run fails: the workflow itself when not given. */
  readonly failureUrl?: string | undefined;
  /** Depth below the run that nobody has invoked. */
  readonly invokeCount?: number | undefined;
}

/** An item of `POST /v2/batch`. */
export interface BatchItem {
  readonly destination: string;
  readonly headers: Readonly<FlatHeaders>;
  readonly body?: string;
  readonly queue?: string;
}

/** @throws WorkflowNonRetryableError when a label or the key of the flow control is no name, QstashError for the destination. */
export function triggerItem(start: RunStart): BatchItem {
  const { url, label, flowControl, delay, notBefore, redact } = start;
  const labels = checkLabels(label);
  if (flowControl !== undefined) checkName(flowControl.key, "the key of the flow control");
  const userHeaders = Object.fromEntries(new Headers(start.headers));
  const body = payloadText(start.body);
  const headers = startHeaders({
    ...start,
    labels,
    userHeaders,
    contentType: userHeaders[HEADER.contentType],
    // Some callers say "none" like this.
    retryDelay: start.retryDelay === "" ? undefined : start.retryDelay,
  });
  return {
    destination: checkDestination(url),
    headers: { ...headers, ...settingHeaders({ delay, notBefore, redact }) },
    ...(body === undefined ? {} : { body }),
  };
}

/** Texts are sent as they are. @throws QstashError for what JSON cannot write. */
export function payloadText(body: unknown): string | undefined {
  return typeof body === "string" ? body : jsonText(body);
}

/** @throws QstashError for what JSON cannot write. */
export function jsonText(body: unknown): string | undefined {
  try {
    return JSON.stringify(body);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new QstashError(`the body cannot be written as JSON: ${reason}`, undefined, { cause });
  }
}

function checkLabels(label: SharedSettings["label"]): readonly string[] {
  if (label === undefined) return [];
  const labels = typeof label === "string" ? [label] : label;
  if (labels.length === 0) throw new WorkflowNonRetryableError("label is an empty list");
  for (const name of labels) checkName(name, "a label");
  return labels;
}

/** A name that is wrong is wrong on every retry. */
function checkName(name: string, what: string): void {
  if (/^[\w.-]+$/.test(name)) return;
  const allowed = "letters, digits, hyphens, underscores and dots";
  throw new WorkflowNonRetryableError(`${what} is made of ${allowed}, got ${JSON.stringify(name)}`);
}
