import type { DeadLetterResource, RunPage, RunResource } from "@reprise/protocol";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { ApiError, ask } from "../../api/client.ts";

/** Bytes of each body while the run is watched; whole ones are read when somebody asks for them. */
export const BODY_BYTES = 64 * 1024;

interface FoundRun {
  readonly run: RunResource | null;
  /** The id was used before. */
  readonly others: readonly RunResource[];
}

/** The run with this id, and this creation when the id came twice; null when there is none. */
export function useRun(runId: string, createdAt: string | undefined, isWhole: boolean) {
  return useQuery({
    queryKey: [["runs"], "run", runId, createdAt ?? "", isWhole],
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }): Promise<FoundRun> => {
      const trim = isWhole ? {} : { trimBody: BODY_BYTES };
      const query = { workflowRunId: runId, ...trim };
      const { runs } = await ask<RunPage>("/v2/workflows/logs", { query, signal });
      const wanted = runs.find((run) => String(run.workflowRunCreatedAt) === createdAt);
      const run = wanted ?? runs[0] ?? null;
      return { run, others: runs.filter((other) => other !== run) };
    },
  });
}

/** The dead letter of a failed run; null when it is gone. */
export function useDeadLetter(dlqId: string | undefined) {
  return useQuery({
    queryKey: [["deadLetters"], "entry", dlqId ?? ""],
    enabled: dlqId !== undefined,
    queryFn: async ({ signal }): Promise<DeadLetterResource | null> => {
      try {
        const path = `/v2/workflows/dlq/${encodeURIComponent(dlqId ?? "")}`;
        return await ask<DeadLetterResource>(path, { signal });
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return null;
        throw error;
      }
    },
  });
}

export interface Place {
  readonly tab: string;
  /** Its place among the steps; null when none is open. */
  readonly step: number | null;
  /** A person has closed what was open. */
  readonly isClosed: boolean;
  readonly attempt: number | null;
  readonly created: string | undefined;
}

/** How the address says that no step is to be open. */
export const NO_STEP = "none";

/** What of the run is open, as the address says it. */
export function usePlace() {
  const search = useSearch({ strict: false }) as Readonly<Record<string, string>>; // As the root route reads it.
  const navigate = useNavigate();
  const go = (next: Readonly<Record<string, string | number | undefined>>) =>
    void navigate({
      to: ".",
      // The route's own search is texts by name.
      search: ((before: Readonly<Record<string, string>>) => ({ ...before, ...next })) as never,
      replace: true,
    });
  const place: Place = {
    tab: search.tab ?? "steps",
    step: wholeOf(search.step),
    isClosed: search.step === NO_STEP,
    attempt: wholeOf(search.attempt),
    created: search.created,
  };
  return { place, go };
}

function wholeOf(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) : null;
}
