import { BULK_ACTION_STATES, type BulkActionPage, quoted, RepriseError } from "@reprise/protocol";
import { Hono } from "hono";
import type { Condition } from "../../store/store.ts";
import { listNewest } from "../pages.ts";
import { type Parameters, queryParameters, readOneOf } from "../parameters.ts";
import type { ApiEnv, ApiRoom } from "../room.ts";
import { bulkActionKey, toBulkAction } from "../views/bulk-action.ts";

/** `/v2/bulkActions`: how far the changes of many messages have come, and their end before everything is changed. */
export function bulkActionRoutes(room: ApiRoom): Hono<ApiEnv> {
  return new Hono<ApiEnv>()
    .get("/v2/bulkActions", async (c) => c.json(await listPage(queryParameters(c.req.raw), room)))
    .get("/v2/bulkActions/:actionId", async (c) => {
      const id = c.req.param("actionId");
      const key = bulkActionKey(id);
      const [row] = key === null ? [] : await room.store.get("bulkActions", [key]);
      if (row === undefined) throw bulkActionNotFound(id);
      return c.json(toBulkAction(row));
    })
    .delete("/v2/bulkActions/:actionId", async (c) => {
      const id = c.req.param("actionId");
      const key = bulkActionKey(id);
      const row = key === null ? null : await room.bulkRunner.end(key);
      if (row === null) throw bulkActionNotFound(id);
      return c.json(toBulkAction(row));
    });
}

function bulkActionNotFound(id: string): RepriseError {
  return new RepriseError("bulk_action_not_found", {
    message: `there is no bulk action ${quoted(id)}`,
    details: { actionId: id.slice(0, 80) },
  });
}

async function listPage(parameters: Parameters, room: ApiRoom): Promise<BulkActionPage> {
  const where = stateCondition(parameters);
  const { rows, rest } = await listNewest({ table: "bulkActions", where, parameters }, room);
  return { bulkActions: rows.map(toBulkAction), ...rest };
}

function stateCondition(parameters: Parameters): readonly Condition<"bulkActions">[] {
  const states = readOneOf(parameters, "state", BULK_ACTION_STATES);
  if (states === null) return [];
  const values = states.map((state) => (state === "FINISHED" ? "finished" : "inProgress"));
  return [{ type: "in", column: "state", values }];
}
