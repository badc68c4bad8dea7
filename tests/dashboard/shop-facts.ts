import type { DeadLetterPage, DeadLetterResource, RunPage, RunResource } from "@reprise/protocol";
import { until } from "../conformance/until.ts";
import type { Shop } from "./shop.ts";

/** What the server itself says: a page may say anything. */

export async function runOf(shop: Shop, runId: string): Promise<RunResource> {
  const path = `/v2/workflows/logs?workflowRunId=${runId}`;
  const { runs } = (await shop.ask("GET", path)) as RunPage; // The answer of this path.
  const [run] = runs;
  if (run === undefined) throw new Error(`there is no run ${runId}`);
  return run;
}

/** Dead letters of runs, by the filters of the API. */
export async function lettersOf(
  shop: Shop,
  filter: Readonly<Record<string, string>> = {},
): Promise<readonly DeadLetterResource[]> {
  const search = new URLSearchParams({ ...filter, count: "100" });
  const page = await shop.ask("GET", `/v2/workflows/dlq?${search}`);
  return (page as DeadLetterPage).messages; // The answer of this path.
}

/** Null when the run has none, or none any more. */
export async function letterOf(shop: Shop, runId: string): Promise<DeadLetterResource | null> {
  const [letter] = await lettersOf(shop, { workflowRunId: runId });
  return letter ?? null;
}

/** The run that a failed one was recovered as, once it is what `state` says. */
export function recoveredAs(shop: Shop, runId: string, state: string): Promise<RunResource> {
  return until(`${runId} to go on and be ${state}`, async () => {
    const { resumedBy } = await runOf(shop, runId);
    if (resumedBy === undefined) return null;
    const run = await runOf(shop, resumedBy.workflowRunId);
    return run.workflowState === state ? run : null;
  });
}
