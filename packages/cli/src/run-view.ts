import type { FailureFunctionResource, RunLinkResource, RunResource } from "@reprise/protocol";
import { formatInstant, formatMs } from "./instant.ts";
import { describeBody, formatError, formatGroup } from "./step-view.ts";
import { formatFields, formatTable, ifGiven, indent, oneLine, plain } from "./text.ts";

export function formatRunTable(runs: readonly RunResource[]): string {
  const rows = runs.map((run) => [
    run.workflowRunId,
    stateOf(run),
    formatInstant(run.workflowRunCreatedAt),
    run.dlqId ?? "-",
    oneLine(run.workflowUrl),
    oneLine(run.waitingFor ?? "", 2000),
  ]);
  const heading = ["run", "state", "created", "dead letter", "workflow", "waiting for"];
  return formatTable(heading, rows);
}

function stateOf({ workflowState, isStuck }: RunResource): string {
  return isStuck === true ? `${workflowState} (stuck)` : workflowState;
}

/** A run from its first step to its end, with every failed attempt. */
export function formatRun(run: RunResource): string {
  const { workflowRunCompletedAt: endedAt, workflowRunCreatedAt: createdAt } = run;
  const head = formatFields([
    ["run", run.workflowRunId],
    ["state", stateOf(run)],
    ["waiting for", ifGiven(run.waitingFor, (text) => oneLine(text, 2000))],
    ["workflow", oneLine(run.workflowUrl)],
    ["created", formatInstant(createdAt)],
    ["ended", ifGiven(endedAt, (at) => `${formatInstant(at)} (after ${formatMs(at - createdAt)})`)],
    ["labels", run.labels?.join(", ") ?? run.label],
    ["flow control", run.flowControlKey],
    ["triggered from", run.workflowRunCallerIp],
    ["invoked by", invokerOf(run)],
    ["dead letter", run.dlqId],
    ...linksOf(run),
    ["result", ifGiven(run.workflowRunResponse, oneLine)],
  ]);
  const steps = run.steps.map(formatGroup).join("\n");
  const failure = run.failureFunction ? `\n\n${formatFailureFunction(run.failureFunction)}` : "";
  return `${head}\n\nsteps\n${indent(steps)}${failure}`;
}

function invokerOf({ invoker }: RunResource): string | undefined {
  return ifGiven(invoker, ({ workflowRunId, workflowUrl }) =>
    oneLine(`${workflowRunId} of ${workflowUrl}`, 2000),
  );
}

/** What this run goes on from, and what goes on from it. */
function linksOf({ resumedFrom, resumedBy }: RunResource) {
  const past = ({ mode }: RunLinkResource) => (mode === "resume" ? "resumed" : "restarted");
  return [resumedFrom, resumedBy].flatMap((link, index) =>
    link === undefined
      ? []
      : [[`${past(link)} ${index === 0 ? "from" : "as"}`, link.workflowRunId] as const],
  );
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
