// Steps whose results come from outside their runs, as the SDK puts them on the wire.

import type { RawEndpoint } from "./raw-endpoint.ts";
import { itemHeaders } from "./wire.ts";

/** `Upstash-Feature-Set` and the like of a message, as lists of values. */
type HeaderLists = Readonly<Record<string, readonly string[]>>;

function headerLists(runId: string, appUrl: string): HeaderLists {
  const headers = Object.entries({
    ...itemHeaders(runId, appUrl, false),
    "Upstash-Workflow-CallType": "step",
  });
  return Object.fromEntries(headers.map(([name, value]) => [name, [String(value)]]));
}

function flat(headers: object): readonly string[] {
  return Object.entries(headers).flatMap(([name, value]) => [name, String(value)]);
}

/** Lets the first step of a run wait for an event. */
export async function submitWait(
  { url, request }: RawEndpoint,
  runId: string,
  eventId: string,
): Promise<void> {
  const appUrl = `${url}/workflow`;
  const body = {
    url: appUrl,
    timeout: "1d",
    timeoutUrl: appUrl,
    timeoutHeaders: headerLists(runId, appUrl),
    step: { stepId: 1, stepName: "wait", stepType: "Wait", concurrent: 1 },
  };
  const headers = flat(itemHeaders(runId, appUrl, false)).concat([
    "upstash-workflow-calltype",
    "step",
  ]);
  await request("POST", `/v2/wait/${eventId}`, JSON.stringify(body), headers);
}

/** Runs that an invoke concerns. */
export interface Invoke {
  readonly parentId: string;
  readonly childId: string;
  readonly parentUrl: string;
  readonly childUrl: string;
}

/** Lets the first step of a run invoke another workflow. */
export async function submitInvoke(
  { request }: RawEndpoint,
  { parentId, childId, parentUrl, childUrl }: Invoke,
): Promise<void> {
  const body = {
    body: '{"order":"order_1837"}',
    headers: headerLists(parentId, parentUrl),
    workflowRunId: parentId,
    workflowRunCreatedAt: Date.now(),
    workflowUrl: parentUrl,
    step: { stepId: 1, stepName: "invoke", stepType: "Invoke", concurrent: 1 },
  };
  const headers = flat(itemHeaders(childId, childUrl, true)).concat([
    "upstash-workflow-invoke",
    "true",
    "upstash-forward-upstash-workflow-invoke-count",
    "1",
  ]);
  await request("POST", `/v2/publish/${childUrl}`, JSON.stringify(body), headers);
}
