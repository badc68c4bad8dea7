/** The part of a message's headers that says how it belongs to a workflow run. */

import { parseHttpUrl } from "./destination.ts";
import { RepriseError } from "./errors.ts";
import { canonicalHeaderName, type FlatHeaders, HEADER, quoted } from "./headers.ts";
import { parseRunId } from "./ids.ts";
import { CALL_TYPES, type CallType } from "./step.ts";

/** What a client says that it or its endpoint can do; unknown features are kept and mean nothing. */
export const FEATURE = {
  /** The endpoint fetches the steps itself when a delivery is empty. */
  lazyFetch: "LazyFetch",
  /** `sourceBody` of a callback is the initial payload. */
  initialBody: "InitialBody",
  /** The first answer must come from a workflow endpoint. */
  detectTrigger: "WF_DetectTrigger",
  /** Configuration of the trigger holds for the whole run. */
  triggerOnConfig: "WF_TriggerOnConfig",
  /** A failure of this message does not end the run. */
  noDelete: "WF_NoDelete",
} as const;

/** Version of the step protocol, as `Upstash-Workflow-Sdk-Version` carries it. */
export const WORKFLOW_PROTOCOL_VERSION = "1";

export interface WorkflowOptions {
  /** True creates a run, false belongs to an existing one; null on a message that is no workflow message. */
  readonly isInit: boolean | null;
  readonly runId: string | null;
  /** Canonical URL of the workflow. */
  readonly url: string | null;
  readonly callType: CallType;
  readonly features: ReadonlySet<string>;
  readonly sdkVersion: string | null;
  /** The SDK triggers a run again that it got without knowing its own version. */
  readonly isTriggeredBySdk: boolean;
  /** The caller does not know the SDK of the endpoint and asks for an extra hop. */
  readonly isSdkUnknown: boolean;
  /** The body is an invoke envelope. */
  readonly isInvoke: boolean;
}

/** Reads the workflow headers of a message. */
export function parseWorkflowOptions(headers: FlatHeaders): WorkflowOptions {
  const runId = headers[HEADER.workflowRunId];
  const url = headers[HEADER.workflowUrl];
  return {
    isInit: readBoolean(headers, HEADER.workflowInit),
    runId: runId === undefined ? null : parseRunId(runId),
    url: url === undefined ? null : parseHttpUrl(url, "Upstash-Workflow-Url"),
    callType: readCallType(headers),
    features: readFeatures(headers),
    sdkVersion: headers[HEADER.workflowSdkVersion] ?? null,
    isTriggeredBySdk: readBoolean(headers, HEADER.workflowTriggerBySdk) ?? false,
    isSdkUnknown: readBoolean(headers, HEADER.workflowUnknownSdk) ?? false,
    isInvoke: readBoolean(headers, HEADER.workflowInvoke) ?? false,
  };
}

const NO_FEATURES: ReadonlySet<string> = new Set();

function readFeatures(headers: FlatHeaders): ReadonlySet<string> {
  const text = headers[HEADER.featureSet];
  if (text === undefined) return NO_FEATURES;
  const features = new Set(text.split(",").map((name) => name.trim()));
  features.delete("");
  return features;
}

function readCallType(headers: FlatHeaders): CallType {
  const text = headers[HEADER.workflowCallType];
  if (text === undefined) return "step";
  const callType = CALL_TYPES.find((known) => known === text);
  return callType ?? refuse(HEADER.workflowCallType, text, `one of ${CALL_TYPES.join(", ")}`);
}

/** One client writes `True` and `False`. */
function readBoolean(headers: FlatHeaders, name: string): boolean | null {
  const text = headers[name];
  if (text === undefined) return null;
  switch (text.toLowerCase()) {
    case "true":
      return true;
    case "false":
      return false;
    default:
      return refuse(name, text, "true or false");
  }
}

function refuse(name: string, value: string, expectation: string): never {
  throw new RepriseError("invalid_header", {
    message: `${canonicalHeaderName(name)} must be ${expectation}, got ${quoted(value)}`,
    details: { header: canonicalHeaderName(name) },
  });
}
