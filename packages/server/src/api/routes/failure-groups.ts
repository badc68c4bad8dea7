import { Hono } from "hono";
import { countMatches } from "../count-matches.ts";
import { logSelection, runStateCondition } from "../filters.ts";
import type { DeadTable } from "../find-dead.ts";
import { deadConditions, listGroups } from "../list-groups.ts";
import { openSelection } from "../message-filters.ts";
import { queryParameters } from "../parameters.ts";
import type { ApiEnv, ApiRoom } from "../room.ts";

const QUEUES: readonly (readonly [string, DeadTable])[] = [
  ["/v2/workflows/dlq", "deadLetters"],
  ["/v2/dlq", "deadMessages"],
];

/** What went wrong, in groups, and how many a filter matches. Stands before the routes that take an id in the same place. */
export function failureGroupRoutes(room: ApiRoom): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>();
  for (const [path, table] of QUEUES) {
    app.get(`${path}/groups`, async (c) => {
      return c.json(await listGroups(table, queryParameters(c.req.raw), room));
    });
    app.get(`${path}/count`, async (c) => {
      const conditions = deadConditions(table, queryParameters(c.req.raw));
      return c.json(await countMatches({ table, conditions, matches: null }, room));
    });
  }
  app.get("/v2/workflows/runs/count", async (c) => {
    const parameters = queryParameters(c.req.raw);
    const { conditions: given, matches } = logSelection(parameters);
    const conditions = [...given, ...runStateCondition(parameters)];
    return c.json(await countMatches({ table: "runs", conditions, matches }, room));
  });
  app.get("/v2/messages/count", async (c) => {
    const { conditions, matches } = openSelection(queryParameters(c.req.raw));
    return c.json(await countMatches({ table: "messages", conditions, matches }, room));
  });
  return app;
}
