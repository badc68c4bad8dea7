import type { AuditEntry, AuditPage } from "@reprise/protocol";
import { Hono } from "hono";
import type { AuditRow } from "../../core/rows.ts";
import type { Condition } from "../../store/store.ts";
import { decodeCursor, encodeCursor } from "../cursor.ts";
import {
  invalid,
  type Parameters,
  queryParameters,
  readCount,
  readCursor,
  readList,
  readWhole,
  refuseUnknown,
} from "../parameters.ts";
import type { ApiEnv, ApiRoom } from "../room.ts";

const COUNT_MAX = 1_000;
const COUNT_DEFAULT = 100;

const KNOWN = ["count", "cursor", "fromDate", "toDate", "action", "tokenName"];

/** `GET /v2/audit`: what people have done here, newest first. */
export function auditRoutes(room: ApiRoom): Hono<ApiEnv> {
  return new Hono<ApiEnv>().get("/v2/audit", async (c) =>
    c.json(await listPage(queryParameters(c.req.raw), room)),
  );
}

async function listPage(parameters: Parameters, room: ApiRoom): Promise<AuditPage> {
  refuseUnknown(parameters, KNOWN);
  const limit = parameters.has("count") ? readCount(parameters, COUNT_MAX) : COUNT_DEFAULT;
  const issuer = { endpoint: "audit.list", secret: room.credentials.cursorSecret };
  const cursor = readCursor(parameters);
  const afterKey = cursor === null ? undefined : decodeCursor(cursor, 1, issuer)[0];
  const found = await room.store.list("audits", {
    where: conditionsOf(parameters),
    order: "descending",
    limit: limit + 1,
    ...(afterKey === undefined ? {} : { afterKey }),
  });
  const rows = found.slice(0, limit);
  const last = rows.at(-1);
  const isEnd = found.length <= limit || last === undefined;
  return {
    entries: rows.map(toEntry),
    ...(isEnd ? {} : { cursor: encodeCursor([last.key], issuer) }),
  };
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
