// Events of runs, as they are read and shown. The API has them run by run, the newest run first.

import { PATH, type WorkflowEventResource } from "@reprise/protocol";
import type { Api } from "./api-client.ts";
import { runEventFilters } from "./filter-sets.ts";
import { type FilterOptions, toQuery } from "./filters.ts";
import { type ListRequest, listUpTo } from "./pages.ts";
import { aboutStep, describeBody, readableResult } from "./step-view.ts";
import { ifGiven, oneLine } from "./text.ts";

export const EVENT_PAGE_SIZE_MAX = 1_000;

/** A body in a line of text; more of it is in the JSON. */
const BODY_BYTES_MAX = 2_000;

export interface EventOptions extends FilterOptions {
  readonly json?: true;
}

export function eventList(options: EventOptions): ListRequest {
  const filters = toQuery(options, runEventFilters);
  const query =
    options.json === true ? filters : [...filters, ["trimBody", String(BODY_BYTES_MAX)] as const];
  return { path: PATH.workflowEvents, query, field: "events", pageSizeMax: EVENT_PAGE_SIZE_MAX };
}

/** The last `limit` events of the newest runs, in the order in which they happened. */
export async function listEvents(
  api: Api,
  options: EventOptions,
  limit: number,
): Promise<{ readonly items: readonly WorkflowEventResource[]; readonly hasMore: boolean }> {
  const request = eventList(options);
  const { items, cursor } = await listUpTo<WorkflowEventResource>(api, request, limit);
  return { items: inOrder(items), hasMore: cursor !== "" };
}

/** Turns what the API lists newest first around; events of one instant keep their order. */
export function inOrder(
  events: readonly WorkflowEventResource[],
): readonly WorkflowEventResource[] {
  return events.toReversed().toSorted((a, b) => a.time - b.time);
}

export function eventTable(events: readonly WorkflowEventResource[]): string {
  return events.map(eventLine).join("\n");
}

export function eventLine(event: WorkflowEventResource): string {
  const instant = new Date(event.time).toISOString().replace("T", " ");
  const state = event.state.padEnd(STATE_WIDTH);
  const details = detailsOf(event).filter((detail) => detail !== undefined && detail !== "");
  return [instant, state, event.workflowRunId, ...details].join("  ");
}

const STATE_WIDTH = "STEP_PROGRESS".length;

/** What an event says behind its state. */
export function detailsOf(event: WorkflowEventResource): readonly (string | undefined)[] {
  switch (event.state) {
    case "RUN_STARTED":
      return [oneLine(event.workflowUrl)];
    case "RUN_SUCCESS":
      return [ifGiven(event.workflowRunResponse, oneLine)];
    case "RUN_FAILED":
      return [ifGiven(event.dlqId, (dlqId) => `dead letter ${dlqId}`)];
    case "RUN_CANCELED":
      return [];
    case "STEP_PROGRESS":
    case "STEP_SUCCESS":
    case "STEP_RETRY":
    case "STEP_FAILED":
    case "STEP_CANCELED":
      return [stepOf(event), answerOf(event), nextOf(event)];
  }
}

/** A failed attempt is told by the record that was delivered, which may be the one before the step that failed. */
function stepOf({ stepInfo, error, responseStatus }: WorkflowEventResource): string | undefined {
  if (stepInfo?.stepName === undefined) return undefined;
  const { stepType, out = "", state } = stepInfo;
  const name = `${oneLine(stepInfo.stepName)} (${stepType ?? "step"})`;
  if (error !== undefined) return stepType === "Call" ? name : `delivery of ${name}`;
  // The answer of a call has a line of its own.
  if (out !== "" && stepType !== "Call")
    return `${name}: ${oneLine(readableResult(stepType, out))}`;
  const isBegun = state === "STEP_PROGRESS" && responseStatus === undefined;
  const about = isBegun ? aboutStep(stepInfo) : undefined;
  return about === undefined ? name : `${name}  ${about}`;
}

/** Of a failed attempt, or the answer of a call. */
function answerOf({ error, responseStatus, responseBody }: WorkflowEventResource) {
  const body = responseBody ?? "";
  const said = body === "" ? "" : `: ${oneLine(describeBody(body))}`;
  if (error !== undefined) return `${oneLine(error)}${said}`;
  return ifGiven(responseStatus, (status) => `answered ${status}${said}`);
}

function nextOf({ nextDeliveryTime: at, error }: WorkflowEventResource): string | undefined {
  const what = error === undefined ? "due" : "next attempt";
  return ifGiven(at, (instant) => `${what} at ${new Date(instant).toISOString()}`);
}
