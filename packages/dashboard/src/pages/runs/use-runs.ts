import type { RunPage, RunResource } from "@reprise/protocol";
import type { Query } from "../../api/client.ts";
import { runKey } from "../../parts/run-story.ts";
import type { PageOf } from "../../parts/table/use-live-pages.ts";
import { useLivePages } from "../../parts/table/use-live-pages.ts";

/** Bytes of each body: enough for the message of an error. */
const BODY_BYTES = 300;
/** Runs of a page of the API. */
const PAGE_RUNS = 10;
const TOPICS = ["runs"] as const;

const readPage = ({ runs, cursor }: RunPage): PageOf<RunResource> => ({ rows: runs, cursor });

/** Only runs that go on can change under the eyes of a person. */
function namesOfOpen(visible: readonly RunResource[]): readonly Query[] {
  const open = visible.filter(({ workflowState }) => workflowState === "RUN_STARTED").map(runKey);
  const queries: Query[] = [];
  for (let start = 0; start < open.length; start += PAGE_RUNS) {
    queries.push({ workflowRuns: open.slice(start, start + PAGE_RUNS).join(",") });
  }
  return queries;
}

export function useRuns(query: Query) {
  return useLivePages<RunResource, RunPage>({
    topics: TOPICS,
    path: "/v2/workflows/logs",
    query: { ...query, trimBody: BODY_BYTES },
    read: readPage,
    idOf: runKey,
    refind: namesOfOpen,
  });
}
