import { parseRunId, RepriseError } from "@reprise/protocol";
import { Hono } from "hono";
import { readBody } from "../request.ts";
import type { ApiEnv, ApiRoom } from "../room.ts";

/** `/v2/workflows/runs/{id}`: the list of recorded steps for an SDK that fetches it, the end of a run, its cancel, and a nudge for a stuck one. */
export function runRoutes(room: ApiRoom): Hono<ApiEnv> {
  return new Hono<ApiEnv>()
    .get("/v2/workflows/runs/:runId", async (c) => {
      const runId = parseRunId(c.req.param("runId"));
      const [run] = await room.store.find("runs", "liveById", [[runId]]);
      if (run === undefined) throw runNotFound(runId);
      const list = await room.engine.history.list(run.key, run.stepCount);
      return c.body(list, 200, { "content-type": "application/json" });
    })
    .post("/v2/workflows/runs/:runId/nudge", async (c) => {
      const runId = parseRunId(c.req.param("runId"));
      const [live] = await room.store.find("runs", "liveById", [[runId]]);
      if (live === undefined) throw runNotFound(runId);
      const [answer] = await room.engine.execute([{ type: "nudgeRun", runId }]);
      if (answer === undefined) throw runNotFound(runId);
      const { workflowRunId, workflowCreatedAt, messageIds } = answer;
      return c.json({ workflowRunId, workflowCreatedAt, messageIds });
    })
    .delete("/v2/workflows/runs/:runId", async (c) => {
      const runId = parseRunId(c.req.param("runId"));
      if (readCancel(c.req.query("cancel"))) {
        const [answer] = await room.engine.execute([{ type: "cancelRun", runId }]);
        if (answer?.wasLive !== true) throw runNotFound(runId);
      } else {
        const body = await readBody(c.req.raw, room.settings.bodyBytesMax);
        const response = body.byteLength === 0 ? null : body;
        await room.engine.execute([{ type: "finishRun", runId, response }]);
      }
      return c.body(null, 200);
    });
}

/** A request without `cancel` cancels: that is the documented call; the SDK sends `false` when a run has finished. */
function readCancel(text: string | undefined): boolean {
  if (text === undefined || text === "true") return true;
  if (text === "false") return false;
  throw new RepriseError("invalid_query", { message: `cancel must be true or false, got ${text}` });
}

function runNotFound(runId: string): RepriseError {
  return new RepriseError("run_not_found", {
    message: `there is no live workflow run with the id ${runId}`,
    details: { workflowRunId: runId },
  });
}
