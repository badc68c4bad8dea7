// Runs, as the API lists them.

import { PATH, type RunResource } from "@reprise/protocol";
import type { Api, Query } from "./api-client.ts";
import { failure } from "./fault.ts";
import { type ListRequest, listFirst } from "./pages.ts";

/** Each brings all its steps along. */
const PAGE_SIZE_MAX = 10;

export function runList(query: Query): ListRequest {
  return { path: PATH.workflowLogs, query, field: "runs", pageSizeMax: PAGE_SIZE_MAX };
}

/** For lists that show no body: -1 leaves bodies out. */
export const WITHOUT_BODIES = ["trimBody", "-1"] as const;

export interface FoundRun {
  readonly run: RunResource;
  /** Whether an id that was used again has earlier runs. */
  readonly hasEarlier: boolean;
}

/** The newest run with this id, or the one that was made in the given millisecond. */
export async function findRun(
  api: Api,
  runId: string,
  createdAt: string | undefined,
): Promise<FoundRun> {
  const place = createdAt === undefined ? [] : [["workflowCreatedAt", createdAt] as const];
  const request = runList([["workflowRunId", runId], ...place]);
  const { items, hasMore } = await listFirst<RunResource>(api, { ...request, pageSizeMax: 1 }, 1);
  const [run] = items;
  if (run !== undefined) return { run, hasEarlier: hasMore };
  const which = createdAt === undefined ? "" : ` that was created at ${createdAt}`;
  throw failure(`there is no run with the id ${runId}${which} (see: reprise runs list)`);
}
