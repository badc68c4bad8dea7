import type { AuditEntry, AuditPage } from "@reprise/protocol";
import { Hono } from "hono";
import type { AuditRow } from "../../core/rows.ts";
import type { Condition } from "../../store/store.ts";
import { listNewest } from "../pages.ts";
import {
  invalid,
  type Parameters,
  queryParameters,
  readList,
  readWhole,
  refuseUnknown,
} from "../parameters.ts";
import type { ApiEnv, ApiRoom } from "../room.ts";

const KNOWN = ["count", "cursor", "fromDate", "toDate", "action", "tokenName"];

/** `GET /v2/audit`: what people have done here, newest first. */
export function auditRoutes(room: ApiRoom): Hono<ApiEnv> {
  return new Hono<ApiEnv>().get("/v2/audit", async (c) =>
    c.json(await listPage(queryParameters(c.req.raw), room)),
  );
}

async function listPage(parameters: Parameters, room: ApiRoom): Promise<AuditPage> {
  refuseUnknown(parameters, KNOWN);
  const where = conditionsOf(parameters);
  const { rows, rest } = await listNewest({ table: "audits", where, parameters }, room);
  return { entries: rows.map(toEntry), ...rest };
}

function conditionsOf(parameters: Parameters): readonly Condition<"audits">[] {
  const from = readWhole(parameters, "fromDate", 0);
  const to = readWhole(parameters, "toDate", 0);
  if (from !== null && to !== null && from > to) {
    throw invalid("fromDate", `must not be after toDate, got ${from} and ${to}`);
  }
  const range = { ...(from === null ? {} : { from }), ...(to === null ? {} : { to }) };
  const actions = readList(parameters, "action");
  const names = readList(parameters, "tokenName");
  return [
    ...(from === null && to === null ? [] : [{ type: "range", column: "at", ...range } as const]),
    ...(actions === null ? [] : [{ type: "in", column: "action", values: actions } as const]),
    ...(names === null ? [] : [{ type: "in", column: "tokenName", values: names } as const]),
  ];
}

function toEntry({ key, callerIp, isDashboard, ...row }: AuditRow): AuditEntry {
  const { at, tokenName, scope, action, target, query, status, error, count, actionId } = row;
  return {
    auditId: `aud_${key.toString(36)}`,
    ...{ at, tokenName, scope, isDashboard: isDashboard === 1, callerIP: callerIp },
    ...{ action, target, query, status, error, count, actionId },
  };
}
