import {
  CANCEL_COUNT_DEFAULT,
  type CancelAnswer,
  parseRunId,
  RepriseError,
} from "@reprise/protocol";
import { Hono } from "hono";
import type { CancelRun } from "../../core/commands.ts";
import { CANCEL_FILTERS, cancelSelection } from "../filters.ts";
import { refuseMessage } from "../overrides.ts";
import {
  bulkParameters,
  type Parameters,
  readList,
  readWhole,
  refuseUnknown,
} from "../parameters.ts";
import { findRuns } from "../read-runs.ts";
import { requestHeaders } from "../request.ts";
import type { ApiEnv, ApiRoom } from "../room.ts";

/** `DELETE /v2/workflows/runs`: cancels live runs, by ids or by filters. */
export function cancelRunsRoutes(room: ApiRoom): Hono<ApiEnv> {
  return new Hono<ApiEnv>().delete("/v2/workflows/runs", async (c) => {
    refuseMessage(requestHeaders(c.req.raw, c.env));
    const parameters = await bulkParameters(c.req.raw);
    refuseUnknown(parameters, CANCEL_NAMES);
    const ids = readList(parameters, "workflowRunIds");
    const cancelled =
      ids === null ? await cancelMatches(parameters, room) : await cancelIds(ids, room);
    return c.json({ cancelled } satisfies CancelAnswer);
  });
}

const CANCEL_NAMES: readonly string[] = [
  "workflowRunIds",
  "count",
  "workflowUrlExactMatch",
  ...CANCEL_FILTERS,
];

/** Runs that one transaction cancels. */
const CHUNK_RUNS = 100;

/** Runs that one request cancels; a greater `count` is cut to it. */
const REQUEST_RUNS_MAX = 10_000;

/** Ids that have ended, or never were, are not counted and no error. */
async function cancelIds(ids: readonly string[], room: ApiRoom): Promise<number> {
  const runIds = ids.map(parseRunId);
  let cancelled = 0;
  for (let start = 0; start < runIds.length; start += CHUNK_RUNS) {
    const commands = runIds
      .slice(start, start + CHUNK_RUNS)
      .map((runId): CancelRun => ({ type: "cancelRun", runId }));
    cancelled += await execute(commands, room);
  }
  return cancelled;
}

async function cancelMatches(parameters: Parameters, room: ApiRoom): Promise<number> {
  refuseBare(parameters);
  const { conditions, matches } = cancelSelection(parameters);
  const count = readWhole(parameters, "count", 1) ?? CANCEL_COUNT_DEFAULT;
  const most = Math.min(count, REQUEST_RUNS_MAX);
  const live = [{ type: "in", column: "state", values: ["started"] } as const, ...conditions];
  let cancelled = 0;
  let afterKey: number | null = null;
  do {
    const limit = Math.min(CHUNK_RUNS, most - cancelled);
    const found = await findRuns(
      { conditions: live, matches, order: "ascending", afterKey, limit },
      room,
    );
    cancelled += await execute(
      found.runs.map((run): CancelRun => ({ type: "cancelRun", runId: run.id, runKey: run.key })),
      room,
    );
    afterKey = found.nextAfterKey;
  } while (afterKey !== null && cancelled < most);
  return cancelled;
}

/**
 * A request that says nothing would cancel everything, and it is what is left of `DELETE /v2/workflows/runs/..` behind a client
 * that resolves dots. Whoever means everything says `count`.
 */
function refuseBare(parameters: Parameters): void {
  if (["count", ...CANCEL_FILTERS].some((name) => parameters.has(name))) return;
  throw new RepriseError("invalid_request", {
    message:
      "send count, workflowRunIds or a filter: a request with none of them would cancel every run",
  });
}

async function execute(commands: readonly CancelRun[], { engine }: ApiRoom): Promise<number> {
  if (commands.length === 0) return 0;
  const answers = await engine.execute(commands);
  return answers.filter(({ wasLive }) => wasLive).length;
}
