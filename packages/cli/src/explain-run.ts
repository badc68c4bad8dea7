// The story of a workflow run, from its events and from its failed attempts.

import type {
  NextStepResource,
  RunResource,
  StepErrorResource,
  StepResource,
  WorkflowEventResource,
} from "@reprise/protocol";
import type { Api } from "./api-client.ts";
import { type Explanation, type Fact, factsOf, type Link, type Moment } from "./explanation.ts";
import { formatInstant, formatMs } from "./instant.ts";
import { listFirst } from "./pages.ts";
import { detailsOf, EVENT_PAGE_SIZE_MAX, eventList, inOrder } from "./run-events.ts";
import { findRun } from "./run-lists.ts";
import { describeBody } from "./step-view.ts";
import { ifGiven, oneLine } from "./text.ts";

const EVENTS_MAX = 10 * EVENT_PAGE_SIZE_MAX;

export async function explainRun(
  api: Api,
  runId: string,
  createdAt: string | undefined,
): Promise<Explanation> {
  const { run, hasEarlier } = await findRun(api, runId, createdAt);
  const which = { runId: [runId], createdAt: [String(run.workflowRunCreatedAt)] };
  const { items, hasMore } = await listFirst<WorkflowEventResource>(
    api,
    eventList(which),
    EVENTS_MAX,
  );
  const { workflowRunCreatedAt: startedAt, workflowRunCompletedAt: endedAt } = run;
  const facts: readonly Fact[] = [
    ["workflow", oneLine(run.workflowUrl, 2000)],
    ["created", formatInstant(startedAt)],
    ["ended", ifGiven(endedAt, (at) => `${formatInstant(at)} (after ${formatMs(at - startedAt)})`)],
    ["labels", run.labels?.join(", ")],
    ["triggered from", run.workflowRunCallerIp],
    ["stuck", run.isStuck === true ? "nothing can wake it any more" : undefined],
    ["earlier runs", hasEarlier ? "the id was used before" : undefined],
  ];
  return {
    kind: "run",
    id: runId,
    state: run.workflowState,
    waitingFor: run.waitingFor ?? null,
    facts: factsOf(facts),
    links: linksOf(run),
    moments: momentsOf(run, inOrder(items)),
    isCut: hasMore,
  };
}

type AnyStep = StepResource | NextStepResource;

function stepsOf({ steps }: RunResource): readonly AnyStep[] {
  return steps.flatMap((group): readonly AnyStep[] => group.steps);
}

function linksOf(run: RunResource): readonly Link[] {
  const { invoker, resumedFrom, resumedBy, dlqId, flowControlKey, failureFunction } = run;
  const past = { resume: "resumed", restart: "restarted" } as const;
  const links: (Link | false)[] = [
    invoker !== undefined && toRun("invoked by", invoker.workflowRunId, invoker.workflowUrl),
    resumedFrom !== undefined && toRun(`${past[resumedFrom.mode]} from`, resumedFrom.workflowRunId),
    resumedBy !== undefined && toRun(`${past[resumedBy.mode]} as`, resumedBy.workflowRunId),
    ...stepsOf(run).map(
      ({ invokedWorkflowRunId: id, invokedWorkflowUrl: url }) =>
        id !== undefined && toRun("invoked", id, url),
    ),
    dlqId !== undefined && { relation: "dead letter", id: dlqId, command: `dlq show ${dlqId}` },
    failureFunction !== undefined && {
      relation: "failure function",
      id: failureFunction.state,
      detail: failureFunction.url,
    },
    flowControlKey !== undefined && {
      relation: "under flow control",
      id: flowControlKey,
      command: `flow-control show ${flowControlKey}`,
    },
  ];
  return links.filter((link) => link !== false);
}

function toRun(relation: string, id: string, detail?: string): Link {
  return { relation, id, ...(detail === undefined ? {} : { detail }), command: `explain ${id}` };
}

function momentsOf(run: RunResource, events: readonly WorkflowEventResource[]): readonly Moment[] {
  const reasons = new Map<string, StepErrorResource>();
  for (const { errors = [] } of stepsOf(run)) {
    for (const error of errors) reasons.set(attemptName(error), error);
  }
  const moments = events.map((event) => toMoment(event, reasons.get(attemptName(event))));
  const calls = (run.failureFunction?.errors ?? []).map(
    (error): Moment => ({
      at: error.time,
      what: `the failure function was called in vain: ${oneLine(error.error)}`,
      ...tookOf(error),
      ...(error.reason === undefined ? {} : { next: error.reason }),
    }),
  );
  return [...moments, ...calls].toSorted((a, b) => a.at - b.at);
}

/** A failed attempt, by when it ended and how: events and steps tell of the same ones. */
function attemptName({
  time,
  error = "",
}: {
  readonly time: number;
  readonly error?: string;
}): string {
  return `${time} ${error}`;
}

function tookOf({ time, startedAt }: StepErrorResource): { readonly tookMs?: number } {
  return startedAt === undefined ? {} : { tookMs: time - startedAt };
}

const WORDS: Readonly<Record<WorkflowEventResource["state"], string>> = {
  RUN_STARTED: "the run began",
  RUN_SUCCESS: "the run ended well",
  RUN_FAILED: "the run failed",
  RUN_CANCELED: "the run was cancelled",
  STEP_PROGRESS: "began",
  STEP_SUCCESS: "recorded",
  STEP_RETRY: "an attempt failed",
  STEP_FAILED: "the last attempt failed",
  STEP_CANCELED: "cancelled",
};

function toMoment(event: WorkflowEventResource, attempt: StepErrorResource | undefined): Moment {
  const { time: at, state } = event;
  const details = detailsOf(event).filter((detail) => detail !== undefined && detail !== "");
  const said = details.length === 0 && attempt !== undefined ? [saidIn(attempt)] : details;
  const isBegun = state === "STEP_PROGRESS" || state === "STEP_SUCCESS";
  const what = `${WORDS[state]}${said.length === 0 ? "" : isBegun ? " " : ": "}${said.join("; ")}`;
  if (attempt === undefined) return { at, what };
  const { reason } = attempt;
  return { at, what, ...tookOf(attempt), ...(reason === undefined ? {} : { next: reason }) };
}

function saidIn({ error, body }: StepErrorResource): string {
  return oneLine(body === "" ? error : `${error}: ${describeBody(body)}`);
}
