import type { RunRow } from "../core/rows.ts";
import { STUCK } from "../engine/stuck-runs.ts";
import type { FoundRuns, RunSearch } from "./read-runs.ts";
import type { ApiRoom } from "./room.ts";

/** Finds live runs that nothing can wake any more, the newest first. They are rare, so that most live runs are looked at in vain. */

/** Keys that one read passes over: rows of all tables share them. */
const SPAN_KEYS = 20_000;

/** How long one request looks; the rest is behind a cursor. */
export const SCAN_MS_MAX = 250;

export async function findStuckRuns(
  search: Pick<RunSearch, "conditions" | "matches" | "afterKey" | "limit">,
  room: ApiRoom,
): Promise<FoundRuns> {
  const { matches, limit } = search;
  const deadline = room.host.now() + SCAN_MS_MAX;
  const runs: RunRow[] = [];
  let { afterKey } = search;
  for (;;) {
    const { rows, end } = await readSpan({ ...search, afterKey }, room);
    for (const run of rows) {
      if (matches?.(run) === false) continue;
      // One more than the limit proves that there is more.
      if (runs.length === limit) return { runs, nextAfterKey: runs.at(-1)?.key ?? null };
      runs.push(run);
    }
    if (end === null) return { runs, nextAfterKey: null };
    afterKey = end;
    if (room.host.now() > deadline) return { runs, nextAfterKey: afterKey };
    await room.host.nextTurn();
  }
}

interface Span {
  readonly rows: readonly RunRow[];
  /** The key behind which the next span begins; null when nothing is left. */
  readonly end: number | null;
}

async function readSpan(
  { conditions, afterKey }: Pick<RunSearch, "conditions" | "afterKey">,
  { store }: ApiRoom,
): Promise<Span> {
  const query = {
    order: "descending",
    without: ["response"],
    ...(afterKey === null ? {} : { afterKey }),
  } as const;
  const live = { type: "in", column: "state", values: ["started"] } as const;
  const [first] = await store.list("runs", { ...query, where: [live], limit: 1 });
  if (first === undefined) return { rows: [], end: null };
  const edge = Math.max(first.key - SPAN_KEYS, 0);
  const span = { type: "range", column: "key", from: edge } as const;
  const where = [...conditions, ...STUCK, span];
  const rows = await store.list("runs", { ...query, where, limit: SPAN_KEYS + 1 });
  return { rows, end: edge };
}
