import { type CronAnswer, RepriseError } from "@reprise/protocol";
import { Hono } from "hono";
import { nextTick } from "../../core/cron.ts";
import { parseCron } from "../../core/cron-parse.ts";
import {
  type Parameters,
  queryParameters,
  readCount,
  readText,
  readWhole,
  refuseUnknown,
} from "../parameters.ts";
import type { ApiEnv, ApiRoom } from "../room.ts";

const COUNT_DEFAULT = 5;
const COUNT_MAX = 100;

/** `/v2/cron`: what an expression means, before or after a schedule is made of it. */
export function cronRoutes({ host }: ApiRoom): Hono<ApiEnv> {
  return new Hono<ApiEnv>().get("/v2/cron", (c) => {
    return c.json(nextTicks(queryParameters(c.req.raw), host.now()));
  });
}

function nextTicks(parameters: Parameters, now: number): CronAnswer {
  refuseUnknown(parameters, ["expression", "count", "after", "anchor"]);
  const expression = readText(parameters, "expression");
  if (expression === null) {
    const message =
      "expression is missing: a cron expression such as `CRON_TZ=Europe/Berlin 30 9 * * 1-5`";
    throw new RepriseError("invalid_query", { message, details: { field: "expression" } });
  }
  const cron = parseCron(expression);
  const count = parameters.has("count") ? readCount(parameters, COUNT_MAX) : COUNT_DEFAULT;
  const after = readWhole(parameters, "after", 0) ?? now;
  const anchorAt = readWhole(parameters, "anchor", 0) ?? after;
  const times: number[] = [];
  for (let at = nextTick(cron, after, anchorAt); at !== null && times.length < count; ) {
    times.push(at);
    at = nextTick(cron, at, anchorAt);
  }
  return {
    expression: cron.text,
    timeZone: cron.kind === "calendar" ? cron.zoneName : "UTC",
    times,
  };
}
