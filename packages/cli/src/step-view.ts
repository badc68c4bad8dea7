// Steps of a run, and what kept each of them waiting.

import type {
  NextStepResource,
  OutsideStepFields,
  StepErrorResource,
  StepGroupResource,
  StepResource,
  StepType,
} from "@reprise/protocol";
import { formatInstant, formatMs } from "./instant.ts";
import { ifGiven, indent, oneLine } from "./text.ts";

export function formatGroup(group: StepGroupResource): string {
  switch (group.type) {
    case "sequential":
      return formatStep(group.steps[0]);
    case "parallel":
      return `side by side\n${indent(group.steps.map(formatStep).join("\n"))}`;
    case "next":
      return group.steps.map(formatNext).join("\n");
  }
}

function formatStep(step: StepResource): string {
  const due = step.nextDeliveryTime;
  return withDetails(`${step.state}  ${oneLine(step.stepName)} (${step.stepType})`, [
    ...detailsOf(step),
    ...resultOf(step),
    ...formatAttempts(step.errors ?? [], step.retries),
    ifGiven(
      step.failure,
      ({ attempts, errorName, message }) =>
        `failed for good after ${attempts} ${attempts === 1 ? "attempt" : "attempts"}, and the workflow went on: ${errorName}: ${oneLine(message)}`,
    ),
    // A sleep says already when it ends.
    due === step.sleepUntil ? undefined : formatNextAttempt(step),
  ]);
}

/** A step that has no result yet; the server knows its name only when the app said it. */
function formatNext(step: NextStepResource): string {
  const { state, stepName = "the next step", stepType } = step;
  const kind = stepType === undefined ? "" : ` (${stepType})`;
  return withDetails(`${state}  ${oneLine(stepName)}${kind}`, [
    ...detailsOf(step),
    ...formatAttempts(step.errors ?? [], step.retries),
    formatNextAttempt(step),
  ]);
}

interface Pending {
  readonly nextDeliveryTime?: number | undefined;
  readonly errors?: readonly StepErrorResource[] | undefined;
}

function formatNextAttempt({ nextDeliveryTime, errors = [] }: Pending): Detail {
  const what = errors.length === 0 ? "due" : "next attempt";
  return ifGiven(nextDeliveryTime, (at) => `${what} at ${formatInstant(at)}`);
}

type Detail = string | undefined;

function withDetails(head: string, details: readonly Detail[]): string {
  const given = details.filter((detail) => detail !== undefined);
  return [head, ...given.map((detail) => indent(detail))].join("\n");
}

/** A step as steps and events tell of it. */
type Described = OutsideStepFields &
  Pick<StepResource, "state" | "sleepFor" | "sleepUntil"> & {
    readonly stepType?: StepType;
    readonly callType?: StepResource["callType"];
  };

/** What a step is about, by its kind, in a few words. */
export function aboutStep(step: Described): string | undefined {
  return detailsOf(step)[0];
}

function detailsOf(step: Described): readonly Detail[] {
  const { stepType } = step;
  if (stepType === undefined) return [];
  switch (stepType) {
    case "SleepFor":
    case "SleepUntil":
      return [formatSleep(step)];
    case "Call":
      return formatCall(step);
    case "Wait":
    case "WaitForWebhook":
      return [formatWait(step)];
    case "Invoke":
      return formatInvoke(step);
    case "Initial":
    case "Run":
    case "Notify":
    case "CreateWebhook":
      return [];
  }
}

/** What goes on, or what is over. */
function verb({ state }: Described, present: string, past: string): string {
  return state === "STEP_PROGRESS" || state === "STEP_RETRY" ? present : past;
}

function formatSleep(step: Described): Detail {
  const { sleepFor, sleepUntil } = step;
  if (sleepUntil === undefined) return undefined;
  const length = sleepFor === undefined ? "" : ` (${formatMs(sleepFor)})`;
  return `${verb(step, "sleeps", "slept")} until ${formatInstant(sleepUntil)}${length}`;
}

function formatCall(step: Described): readonly Detail[] {
  const { callUrl, callMethod, callBody, callResponseStatus: status, callResponseBody } = step;
  const calls = verb(step, "calls", "called");
  const body = callResponseBody ?? "";
  const answer = body === "" ? "" : `: ${oneLine(body, 500)}`;
  return [
    ifGiven(callUrl, (url) => `${calls} ${callMethod ?? "GET"} ${oneLine(url, 2000)}`),
    ifGiven(callBody === "" ? undefined : callBody, (text) => `body: ${oneLine(text)}`),
    ifGiven(status, (number) =>
      number === 0 ? `no answer${answer}` : `answered ${number}${answer}`,
    ),
    status !== undefined && step.callType === "fromCallback"
      ? "the app has not taken the answer yet"
      : undefined,
  ];
}

function formatWait(step: Described): Detail {
  const { waitEventId, waitTimeoutDuration, waitTimeoutDeadline, waitTimeout, stepType } = step;
  if (waitEventId === undefined) return undefined;
  const noun = stepType === "Wait" ? "event" : "webhook";
  const length = ifGiven(waitTimeoutDuration, (text) => ` (${oneLine(text)})`) ?? "";
  const end =
    ifGiven(waitTimeoutDeadline, (at) => ` until ${formatInstant(at)}${length}`) ?? length;
  const timedOut = waitTimeout === true ? "; it did not come in time" : "";
  return `${verb(step, "waits", "waited")} for ${noun} ${oneLine(waitEventId)}${end}${timedOut}`;
}

function formatInvoke(step: Described): readonly Detail[] {
  const { invokedWorkflowRunId: id, invokedWorkflowUrl: url, invokedWorkflowRunBody } = step;
  const invokes = verb(step, "invokes", "invoked");
  return [
    ifGiven(
      id,
      (runId) => `${invokes} run ${runId} of ${oneLine(url ?? "another workflow", 2000)}`,
    ),
    ifGiven(invokedWorkflowRunBody, (body) => `payload: ${oneLine(body)}`),
  ];
}

function resultOf(step: StepResource): readonly Detail[] {
  const { stepType, callResponseStatus, out = "" } = step;
  // The answer of a call is its result, told already as the server received it.
  if (out === "" || callResponseStatus !== undefined) return [];
  if (stepType === "Initial") return [`payload: ${oneLine(out)}`];
  return [`result: ${oneLine(readableResult(stepType, out))}`];
}

/** Data of events is recorded in base64, whatever it is; what is no text stays as it is. */
export function readableResult(stepType: StepType | undefined, out: string): string {
  if (stepType !== "Wait" && stepType !== "WaitForWebhook") return out;
  const isBase64 =
    /^(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$|^[A-Za-z0-9+/]{2}==$|^[A-Za-z0-9+/]{3}=$/;
  if (!isBase64.test(out)) return out;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(out, "base64"));
  } catch {
    return out; // Bytes.
  }
}

function formatAttempts(errors: readonly StepErrorResource[], retries: number): readonly string[] {
  return errors.map((error, index) => {
    const count = `attempt ${index + 1} of ${retries + 1}`;
    return `${count} failed at ${formatInstant(error.time)}: ${formatError(error)}`;
  });
}

export function formatError(error: StepErrorResource): string {
  const lines = [
    oneLine(error.error),
    ...(error.body === "" ? [] : [oneLine(describeBody(error.body), 500)]),
    ...(error.reason === undefined ? [] : [`why: ${oneLine(error.reason)}`]),
  ];
  return lines.join(`\n${indent("")}  `);
}

/** The message of a step that threw; any other body as it is. */
export function describeBody(body: string): string {
  try {
    const value: unknown = JSON.parse(body);
    const hasMessage = typeof value === "object" && value !== null && "message" in value;
    return hasMessage && typeof value.message === "string" ? value.message : body;
  } catch {
    return body; // A page of HTML, for example.
  }
}
