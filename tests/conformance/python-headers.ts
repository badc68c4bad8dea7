/** The headers that the Python workflow SDK puts on its messages, in its letters. */

type Headers = Readonly<Record<string, string>>;

export interface PythonMessage {
  readonly runId: string;
  /** The URL of the workflow. */
  readonly url: string;
  /** What the endpoint was called with, down to the headers of the connection: all of it is forwarded. */
  readonly userHeaders: Headers;
  readonly retries: number;
  readonly failureUrl: string | null;
}

export interface PythonCallSettings {
  readonly url: string;
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Headers;
  readonly retries?: number;
  /** Seconds. */
  readonly timeout?: number;
}

const FEATURES = "LazyFetch,InitialBody";

/** What names the run of a message. */
function ownership(init: "true" | "false", { runId, url }: PythonMessage): Headers {
  return {
    "Upstash-Workflow-Init": init,
    "Upstash-Workflow-RunId": runId,
    "Upstash-Workflow-Url": url,
    "Upstash-Feature-Set": `${FEATURES},WF_DetectTrigger`,
  };
}

const VERSION: Headers = { "Upstash-Forward-Upstash-Workflow-Sdk-Version": "1" };

/** The message that starts a run has no configuration at all: neither retries nor a failure URL. */
export function initHeaders(message: PythonMessage): Headers {
  return {
    ...ownership("true", message),
    ...VERSION,
    ...prefixed("Upstash-Forward-", message.userHeaders),
  };
}

/** A step's message has it all, whether the user said something or not. */
export function stepHeaders(message: PythonMessage): Headers {
  const { failureUrl } = message;
  return {
    ...ownership("false", message),
    ...VERSION,
    "Upstash-Retries": String(message.retries),
    ...prefixed("Upstash-Forward-", message.userHeaders),
    ...(failureUrl === null
      ? {}
      : {
          "Upstash-Failure-Callback": failureUrl,
          ...prefixed("Upstash-Failure-Callback-", failureConfig(message)),
        }),
  };
}

function failureConfig(message: PythonMessage): Headers {
  const { runId, url, retries, userHeaders } = message;
  return {
    "Feature-Set": FEATURES,
    "Workflow-RunId": runId,
    "Workflow-Init": "false",
    "Workflow-Url": url,
    "Workflow-Calltype": "failureCall",
    "Forward-Upstash-Workflow-Is-Failure": "true",
    "Forward-Upstash-Workflow-Failure-Callback": "true",
    Retries: String(retries),
    ...prefixed("Forward-", userHeaders),
  };
}

/**
 * The request to a third party, and its callback. The configuration of the failure stands twice: within the callback's, and
 * outside of it without the URL that it is for.
 */
export function callHeaders(
  message: PythonMessage,
  step: { readonly id: number; readonly name: string },
  settings: PythonCallSettings,
): Headers {
  const { url, runId, retries, userHeaders, failureUrl } = message;
  const failure = failureUrl === null ? {} : failureConfig(message);
  const contentType = settings.headers?.["Content-Type"] ?? "application/json";
  const callback = {
    "Workflow-RunId": runId,
    "Workflow-CallType": "fromCallback",
    "Workflow-Init": "false",
    "Workflow-Url": url,
    "Feature-Set": FEATURES,
    "Forward-Upstash-Workflow-Callback": "true",
    "Forward-Upstash-Workflow-StepId": String(step.id),
    "Forward-Upstash-Workflow-StepName": step.name,
    "Forward-Upstash-Workflow-StepType": "Call",
    "Forward-Upstash-Workflow-Concurrent": "1",
    "Forward-Upstash-Workflow-ContentType": contentType,
    Retries: String(retries),
    ...prefixed("Forward-", userHeaders),
    ...(failureUrl === null ? {} : { "Failure-Callback": failureUrl }),
    ...prefixed("Failure-Callback-", failure),
  };
  return {
    ...ownership("false", message),
    "Upstash-Feature-Set": "WF_NoDelete,InitialBody",
    "Upstash-Workflow-CallType": "toCallback",
    "Upstash-Retries": String(settings.retries ?? 0),
    ...(settings.timeout === undefined ? {} : { "Upstash-Timeout": String(settings.timeout) }),
    ...prefixed("Upstash-Forward-", settings.headers ?? {}),
    "Content-Type": contentType,
    "Upstash-Callback": url,
    ...prefixed("Upstash-Callback-", callback),
    ...prefixed("Upstash-Failure-Callback-", failure),
  };
}

function prefixed(prefix: string, headers: Headers): Headers {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [prefix + name, value] as const),
  );
}
