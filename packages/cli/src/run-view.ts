import type {
  FailureFunctionResource,
  NextStepResource,
  RunResource,
  StepErrorResource,
  StepGroupResource,
  StepResource,
} from "@reprise/protocol";
import { formatInstant, formatMs } from "./instant.ts";
import { formatFields, formatTable, ifGiven, indent, oneLine, plain } from "./text.ts";

export function formatRunTable(runs: readonly RunResource[]): string {
  const rows = runs.map((run) => [
    run.workflowRunId,
    run.workflowState,
    formatInstant(run.workflowRunCreatedAt),
    run.dlqId ?? "-",
    oneLine(run.workflowUrl),
  ]);
  return formatTable(["run", "state", "created", "dead letter", "workflow"], rows);
}

/** A run from its first step to its end, with every failed attempt. */
export function formatRun(run: RunResource): string {
  const { workflowRunCompletedAt: endedAt, workflowRunCreatedAt: createdAt } = run;
  const head = formatFields([
    ["run", run.workflowRunId],
    ["state", run.workflowState],
    ["workflow", oneLine(run.workflowUrl)],
    ["created", formatInstant(createdAt)],
    ["ended", ifGiven(endedAt, (at) => `${formatInstant(at)} (after ${formatMs(at - createdAt)})`)],
    ["labels", run.labels?.join(", ") ?? run.label],
    ["flow control", run.flowControlKey],
    ["invoked by", run.invoker?.workflowRunId],
    ["dead letter", run.dlqId],
    ["result", ifGiven(run.workflowRunResponse, oneLine)],
  ]);
  const steps = run.steps.map(formatGroup).join("\n");
  const failure = run.failureFunction ? `\n\n${formatFailureFunction(run.failureFunction)}` : "";
  return `${head}\n\nsteps\n${indent(steps)}${failure}`;
}

function formatGroup(group: StepGroupResource): string {
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
  const head = `${step.state}  ${oneLine(step.stepName)} (${step.stepType})`;
  const result = step.out === undefined ? [] : [`result: ${oneLine(step.out)}`];
  return withDetails(head, [...result, ...formatAttempts(step)]);
}

/** A step that has no result yet; the server knows its name only when the app said it. */
function formatNext(step: NextStepResource): string {
  const head = `${step.state}  ${oneLine(step.stepName ?? "the next step")}`;
  return withDetails(head, formatAttempts(step));
}

function withDetails(head: string, details: readonly string[]): string {
  return [head, ...details.map((detail) => indent(detail))].join("\n");
}

type Attempts = Pick<NextStepResource, "errors" | "retries" | "nextDeliveryTime">;

function formatAttempts(step: Attempts): readonly string[] {
  const attempts = (step.errors ?? []).map((error, index) => {
    const count = `attempt ${index + 1} of ${step.retries + 1}`;
    return `${count} failed at ${formatInstant(error.time)}: ${formatError(error)}`;
  });
  const due = step.nextDeliveryTime;
  return due === undefined ? attempts : [...attempts, `next attempt at ${formatInstant(due)}`];
}

function formatError(error: StepErrorResource): string {
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

function formatFailureFunction(call: FailureFunctionResource): string {
  const answer = oneLine(call.responseBody ?? "", 500);
  const facts = formatFields([
    ["state", call.state],
    ["url", oneLine(call.url)],
    ["failed with", `${call.failStatus} ${oneLine(describeBody(call.failResponse), 500)}`],
    ["answer", ifGiven(call.responseStatus, (status) => `${status} ${answer}`)],
    ["next attempt", ifGiven(call.nextDeliveryTime, formatInstant)],
  ]);
  const attempts = (call.errors ?? []).map((error) => {
    return `attempt failed at ${formatInstant(error.time)}: ${formatError(error)}`;
  });
  return plain(`failure function\n${indent([facts, ...attempts].join("\n"))}`);
}
