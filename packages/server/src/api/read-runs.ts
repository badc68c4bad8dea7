import type { RunRow } from "../core/rows.ts";
import type { RunSelection } from "./filters.ts";
import type { ApiRoom } from "./room.ts";

/** Finds runs by what is asked for. */

export interface RunSearch extends RunSelection {
  readonly order: "ascending" | "descending";
  /** Exclusive. */
  readonly afterKey: number | null;
  readonly limit: number;
  /** Leaves the results of the runs unread, which nobody shows. */
  readonly isWithoutResponse?: boolean;
}

export interface FoundRuns {
  readonly runs: readonly RunRow[];
  /** Where the next search begins; null when nothing is left. */
  readonly nextAfterKey: number | null;
}

/** Rows of one read when the store cannot compare everything. */
const SCAN_ROWS = 200;

/** Rows that one search looks at; the rest is behind a cursor, so that no request holds up the server. */
const SCAN_ROWS_MAX = 20_000;

/** At most `limit` runs; fewer with a place to go on from when very many had to be looked at. */
export async function findRuns(search: RunSearch, room: ApiRoom): Promise<FoundRuns> {
  const { conditions, matches, order, limit, isWithoutResponse = false } = search;
  const runs: RunRow[] = [];
  let { afterKey } = search;
  for (let scanned = 0; scanned < SCAN_ROWS_MAX; ) {
    const wanted = matches === null ? limit - runs.length : SCAN_ROWS;
    const position = afterKey === null ? {} : { afterKey };
    const rows = await room.store.list("runs", {
      where: conditions,
      order,
      limit: wanted + 1,
      ...position,
      ...(isWithoutResponse ? { without: ["response"] as const } : {}),
    });
    for (const run of rows.slice(0, wanted)) {
      if (matches === null || matches(run)) {
        // One more than the limit proves that there is more.
        if (runs.length === limit) return { runs, nextAfterKey: afterKey };
        runs.push(run);
      }
      afterKey = run.key;
    }
    if (rows.length <= wanted) return { runs, nextAfterKey: null };
    if (matches === null) return { runs, nextAfterKey: afterKey };
    scanned += wanted;
    await room.host.nextTurn();
  }
  return { runs, nextAfterKey: afterKey };
}
