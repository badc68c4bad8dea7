import type { RunPage, RunResource } from "@reprise/protocol";
import { useMemo } from "react";
import type { Query } from "../../api/client.ts";
import { runKey } from "../../parts/run-story.ts";
import type { PageOf } from "../../parts/table/use-live-pages.ts";
import { useLivePages } from "../../parts/table/use-live-pages.ts";

/** Runs of a page of the API, without their steps: a screen full, and what somebody scrolls to next. */
const PAGE_RUNS = 50;
const LIGHT = { steps: "none", count: PAGE_RUNS } as const;
export const RUNS_PATH = "/v2/workflows/logs";
const TOPICS = ["runs"] as const;

export const readRuns = ({ runs, cursor }: RunPage): PageOf<RunResource> => ({
  rows: runs,
  cursor,
});

/** Only runs that go on can change under the eyes of a person. */
function namesOfOpen(visible: readonly RunResource[]): readonly Query[] {
  const open = visible.filter(({ workflowState }) => workflowState === "RUN_STARTED").map(runKey);
  const queries: Query[] = [];
  for (let start = 0; start < open.length; start += PAGE_RUNS) {
    queries.push({ ...LIGHT, workflowRuns: open.slice(start, start + PAGE_RUNS).join(",") });
  }
  return queries;
}

export function useRuns(given: Query) {
  const query = useMemo(() => ({ ...given, ...LIGHT }), [given]);
  return useLivePages<RunResource, RunPage>({
    topics: TOPICS,
    path: RUNS_PATH,
    query,
    read: readRuns,
    idOf: runKey,
    refind: namesOfOpen,
  });
}
