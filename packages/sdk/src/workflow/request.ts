import { WorkflowError } from "../errors.ts";
import { HEADER, PROTOCOL_VERSION } from "../wire/headers.ts";

/** As much of a `Request` as the SDK reads: adapters may hand over something lighter. */
export interface RequestLike {
  readonly url: string;
  readonly headers: HeadersLike;
  /** The body exactly as it came. */
  text(): Promise<string>;
}

export interface HeadersLike {
  get(name: string): string | null;
  forEach(callback: (value: string, name: string) => void): void;
}

/** What a request to a workflow is about. */
export type RequestKind =
  /** A delivery of the run's steps. */
  | "steps"
  /** The answer of a service that the run has called. */
  | "callResult"
  /** The run has failed. */
  | "failure"
  /** Somebody calls the endpoint itself: a run begins. */
  | "start"
  /** The server does not know the SDK behind this endpoint yet, and wants it to start the run. */
  | "restart";

/** @throws WorkflowError when the request speaks another version of the protocol. */
export function kindOf(headers: HeadersLike): RequestKind {
  if (headers.get(HEADER.workflowUnknownSdk) !== null) return "restart";
  const isFailure =
    headers.get(HEADER.workflowFailureCallback) !== null ||
    headers.get(HEADER.workflowIsFailure) === "true";
  if (isFailure) return "failure";
  const version = headers.get(HEADER.workflowSdkVersion);
  if (version === null)
    return headers.get(HEADER.workflowCallback) === null ? "start" : "callResult";
  if (version === PROTOCOL_VERSION) return "steps";
  throw new WorkflowError(
    `the delivery speaks version ${version} of the workflow protocol, this SDK speaks ${PROTOCOL_VERSION}: update @reprise/sdk`,
  );
}

/** @throws WorkflowError when the header is missing: the request does not come from a server. */
export function runIdOf(headers: HeadersLike): string {
  const runId = headers.get(HEADER.workflowRunId);
  if (runId !== null && runId !== "") return runId;
  throw new WorkflowError(
    "the request names no run: it lacks the header Upstash-Workflow-RunId, which every delivery of the server has",
  );
}

/** Prefixes and names of headers that proxies and the server add; the rest is the author's. */
const FOREIGN_HEADER =
  /^(?:upstash-(?:workflow-.*|region)|x-vercel-.*|x-forwarded-.*|cf-connecting-ip|cdn-loop|cf-ew-via|cf-ray|render-proxy-ttl|reprise-.*)$/;

/** The author's headers: what the run was triggered with. */
export function userHeaders(headers: HeadersLike): Headers {
  const own = new Headers();
  headers.forEach((value, name) => {
    if (!FOREIGN_HEADER.test(name)) own.append(name, value);
  });
  return own;
}

/** URL of the workflow as the server knows it. */
export function workflowUrl(
  request: string,
  { url, baseUrl }: { readonly url?: string | undefined; readonly baseUrl?: string | undefined },
): string {
  const known = url ?? request;
  const full = baseUrl === undefined ? known : known.replace(/^https?:\/\/[^/]+/, baseUrl);
  if (/^https?:\/\//.test(full)) return full;
  throw new WorkflowError(
    `the URL of the workflow must begin with http:// or https://, got ${JSON.stringify(full)}: set the option url or baseUrl`,
  );
}

/** Labels as the header lists them. */
export function labelsOf(headers: HeadersLike): readonly string[] {
  const text = headers.get(HEADER.label) ?? "";
  return text
    .split(",")
    .map((label) => label.trim())
    .filter((label) => label !== "");
}
