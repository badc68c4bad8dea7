import {
  type KeptEventPage,
  type KeptEventResource,
  quoted,
  WAIT_KINDS,
  type WaitPage,
  type WaitResource,
} from "@reprise/protocol";
import type { RunRow, Tables } from "../core/rows.ts";
import { parseWaitConfig } from "../core/wait.ts";
import type { EventRow, WaitRow } from "../core/wait-rows.ts";
import type { Condition } from "../store/store.ts";
import { behind, type FoundPage, readPage, type WantedPage } from "./pages.ts";
import { invalid, type Parameters, readOneOf, readText, refuseUnknown } from "./parameters.ts";
import type { ApiRoom } from "./room.ts";
import { WIRE_RUN_STATE } from "./views/run.ts";

/** Lists what runs wait for, and what came before anybody waited. Most waits are over, so few rows are looked at in one go. */

/** Keys that one read may pass over. */
const SPAN_KEYS = 50_000;
/** How long one request looks; the rest is behind its cursor. */
const SCAN_MS_MAX = 250;

/** Newest first. @throws RepriseError `invalid_query` or `invalid_cursor`. */
export async function listWaits(parameters: Parameters, room: ApiRoom): Promise<WaitPage> {
  refuseUnknown(parameters, ["kind", "eventId", "workflowRunId", "count", "cursor"]);
  const kinds = readOneOf(parameters, "kind", WAIT_KINDS);
  const where: Condition<"waits">[] = [
    { type: "in", column: "state", values: ["open", "answered"] },
    ...(kinds === null ? [] : [{ type: "in", column: "kind", values: kinds } as const]),
    ...(await givenConditions(parameters, room)),
  ];
  const { rows, rest } = await findPage({ table: "waits", where, parameters }, room);
  const runOf = await readRuns(rows, room);
  const waits = rows.flatMap((row) => toWait(row, runOf.get(row.runKey)) ?? []);
  return { waits, ...rest };
}

/** Newest first. @throws RepriseError `invalid_query` or `invalid_cursor`. */
export async function listKeptEvents(
  parameters: Parameters,
  room: ApiRoom,
): Promise<KeptEventPage> {
  refuseUnknown(parameters, ["eventId", "workflowRunId", "count", "cursor"]);
  const where = await givenConditions(parameters, room);
  const { rows, rest } = await findPage({ table: "events", where, parameters }, room);
  const runOf = await readRuns(rows, room);
  const events = rows.flatMap((row) => toKeptEvent(row, runOf.get(row.runKey)) ?? []);
  return { events, ...rest };
}

/** Both tables have these columns. */
type Waiting = "waits" | "events";

async function givenConditions<T extends Waiting>(
  parameters: Parameters,
  { store }: ApiRoom,
): Promise<readonly Condition<T>[]> {
  const conditions: Condition<T>[] = [];
  const eventId = readText(parameters, "eventId");
  if (eventId !== null) conditions.push({ type: "in", column: "eventId", values: [eventId] });
  const runId = readText(parameters, "workflowRunId");
  if (runId !== null) {
    if (!runId.startsWith("wfr")) {
      throw invalid("workflowRunId", `must be the id of a run, wfr_..., got ${quoted(runId)}`);
    }
    const runs = await store.find("runs", "byId", [[runId]]);
    conditions.push({ type: "in", column: "runKey", values: runs.map(({ key }) => key) });
  }
  return conditions;
}

async function findPage<T extends Waiting>(
  wanted: WantedPage<T>,
  room: ApiRoom,
): Promise<FoundPage<T>> {
  const { table, where, parameters } = wanted;
  const { store, host } = room;
  const {
    limit,
    afterKey: begin,
    cursorBehind,
  } = readPage(parameters, { endpoint: `${table}.list` }, room);
  const deadline = host.now() + SCAN_MS_MAX;
  const rows: Tables[T][] = [];
  let afterKey = begin;
  for (;;) {
    const newest = { order: "descending", ...behind(afterKey) } as const;
    const [first] = await store.list(table, { ...newest, where: [], limit: 1 });
    if (first === undefined) return { rows, rest: {} };
    const from = Math.max(first.key - SPAN_KEYS, 0);
    const span: Condition<T> = { type: "range", column: "key", from };
    const missing = limit - rows.length;
    const found = await store.list(table, { ...newest, where: [...where, span], limit: missing });
    rows.push(...found);
    const isFull = found.length === missing;
    afterKey = isFull ? (found.at(-1)?.key ?? from) : from;
    if (isFull || host.now() > deadline) return { rows, rest: cursorBehind(afterKey) };
    await host.nextTurn();
  }
}

async function readRuns(
  rows: readonly { readonly runKey: number }[],
  { store }: ApiRoom,
): Promise<ReadonlyMap<number, RunRow>> {
  const runs = await store.get("runs", [...new Set(rows.map(({ runKey }) => runKey))]);
  return new Map(runs.map((run) => [run.key, run]));
}

/** Null when retention takes the run away at this moment. */
function toWait(row: WaitRow, run: RunRow | undefined): WaitResource | null {
  if (run === undefined) return null;
  const { step, call, child } = parseWaitConfig(row);
  const url = call?.url ?? child?.workflowUrl;
  return {
    kind: row.kind,
    state: row.state === "answered" ? "answered" : "open",
    workflowRunId: run.id,
    workflowUrl: run.url,
    workflowState: WIRE_RUN_STATE[run.state],
    stepId: row.stepId,
    stepName: typeof step.stepName === "string" ? step.stepName : "",
    createdAt: row.createdAt,
    ...(row.dueAt === null ? {} : { deadline: row.dueAt }),
    ...(row.eventId === null ? {} : { eventId: row.eventId }),
    ...(url === undefined ? {} : { url }),
    ...(child === undefined ? {} : { childRunId: child.workflowRunId }),
  };
}

function toKeptEvent(row: EventRow, run: RunRow | undefined): KeptEventResource | null {
  if (run === undefined) return null;
  return {
    eventId: row.eventId,
    source: row.source,
    workflowRunId: run.id,
    workflowUrl: run.url,
    createdAt: row.createdAt,
    bytes: row.bytes,
  };
}
