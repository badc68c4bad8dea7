import { type LineAnswer, type LineMember, messageId, RepriseError } from "@reprise/protocol";
import { Hono } from "hono";
import { flowGate, queueGate } from "../../core/gates.ts";
import type { MessageRow } from "../../core/rows.ts";
import { type Parameters, queryParameters, readText, refuseUnknown } from "../parameters.ts";
import type { ApiEnv, ApiRoom } from "../room.ts";

/** As many of either as one answer holds. */
const MEMBERS_MAX = 200;

/** `/v2/lines`: who holds the places of a queue or a flow-control key now, and who waits for them. */
export function lineRoutes(room: ApiRoom): Hono<ApiEnv> {
  return new Hono<ApiEnv>().get("/v2/lines", async (c) => {
    return c.json(await readLine(queryParameters(c.req.raw), room));
  });
}

async function readLine(parameters: Parameters, { store }: ApiRoom): Promise<LineAnswer> {
  refuseUnknown(parameters, ["flowControlKey", "queueName"]);
  const { gate, isHolder } = readGate(parameters);
  const active = await store.find("messages", "pendingByState", [["active"], ["canceling"]]);
  const where = [{ type: "in", column: "gate", values: [gate] }] as const;
  const waiting = await store.list("messages", { where, order: "ascending", limit: MEMBERS_MAX });
  const waitingCount = await store.count("messages", where);
  const holders = active.filter(isHolder).toSorted((a, b) => a.key - b.key);
  const shown = holders.slice(0, MEMBERS_MAX);
  const inLine = waiting.toSorted((a, b) => (a.waitOrder ?? 0) - (b.waitOrder ?? 0));
  const runKeys = [...shown, ...inLine].flatMap(({ runKey }) => runKey ?? []);
  const runs = await store.get("runs", [...new Set(runKeys)]);
  const idOf = new Map(runs.map(({ key, id }) => [key, id]));
  const toMember = (row: MessageRow): LineMember => {
    const workflowRunId = row.runKey === null ? undefined : idOf.get(row.runKey);
    return {
      messageId: messageId(row.key),
      url: row.url,
      createdAt: row.createdAt,
      ...(workflowRunId === undefined ? {} : { workflowRunId }),
    };
  };
  return {
    holders: shown.map(toMember),
    holderCount: holders.length,
    waiting: inLine.map(toMember),
    waitingCount,
  };
}

function readGate(parameters: Parameters) {
  const flowControlKey = readText(parameters, "flowControlKey");
  const queueName = readText(parameters, "queueName");
  if (flowControlKey !== null && queueName === null) {
    const isHolder = (row: MessageRow) => row.flowControlKey === flowControlKey;
    return { gate: flowGate(flowControlKey), isHolder };
  }
  if (queueName !== null && flowControlKey === null) {
    return {
      gate: queueGate(queueName),
      isHolder: (row: MessageRow) => row.queueName === queueName && row.ticketKey !== null,
    };
  }
  throw new RepriseError("invalid_query", {
    message: "give flowControlKey or queueName, and only one of them",
    details: { field: "flowControlKey" },
  });
}
