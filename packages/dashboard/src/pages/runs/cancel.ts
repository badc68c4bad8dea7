import type { CancelAnswer } from "@reprise/protocol";
import { ask, type Query } from "../../api/client.ts";
import type { Filter } from "../../filters/fields.ts";

/** What a cancel by filter can be asked for; a filter with anything else would cancel more than it shows. */
const KEYS: ReadonlySet<string> = new Set([
  "workflow",
  "host",
  "path",
  "label",
  "flow",
  "ip",
  "from",
  "to",
]);
/** Runs of one request: short enough that a person who stops it sees it stop. */
const CHUNK_RUNS = 500;

/** Why what is shown cannot be cancelled as a whole; null when it can. */
export function whyNot({ terms, text }: Filter): string | null {
  if (text !== "") return "the words of the filter are looked for on this page alone";
  const other = terms.find(
    ({ key, value }) =>
      !KEYS.has(key) && !(key === "state" && /^(?:running|run_started)$/i.test(value)),
  );
  return other === undefined ? null : `runs cannot be cancelled by ${other.key}:${other.value}`;
}

/** Live runs of the filter that began up to now: what comes later was not counted. */
export function liveQuery(query: Query, now: number): Query {
  const until = query.toDate === undefined ? now : Math.min(Number(query.toDate), now);
  return { ...query, state: "RUN_STARTED", toDate: until };
}

interface CancelAsked {
  readonly query: Query;
  readonly count: number;
  readonly onProgress: (cancelled: number) => void;
  readonly signal: AbortSignal;
}

/** Cancels in parts until all that were counted are, nothing matches any more, or somebody stops it. */
export async function cancelMatching(asked: CancelAsked): Promise<number> {
  const { state: _state, ...filter } = asked.query;
  let cancelled = 0;
  while (cancelled < asked.count && !asked.signal.aborted) {
    const count = Math.min(CHUNK_RUNS, asked.count - cancelled);
    const answer = await ask<CancelAnswer>("/v2/workflows/runs", {
      method: "DELETE",
      query: { ...filter, workflowUrlExactMatch: true, count },
    });
    if (answer.cancelled === 0) break;
    cancelled += answer.cancelled;
    asked.onProgress(cancelled);
  }
  return cancelled;
}

export async function cancelIds(ids: readonly string[]): Promise<number> {
  const answer = await ask<CancelAnswer>("/v2/workflows/runs", {
    method: "DELETE",
    body: { workflowRunIds: ids },
  });
  return answer.cancelled;
}
