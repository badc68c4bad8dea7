import {
  EVENT_PAGE_MAX,
  LIGHT_RUN_PAGE_MAX,
  quoted,
  RUN_PAGE_MAX,
  RUN_STATES,
  type RunPage,
  type RunResource,
  type StepState,
  type WorkflowEventPage,
  type WorkflowEventResource,
} from "@reprise/protocol";
import { Hono } from "hono";
import type { RunRow } from "../../core/rows.ts";
import { type CursorIssuer, decodeCursor, encodeCursor } from "../cursor.ts";
import {
  logSelection,
  type RunSelection,
  readBoolean,
  readMessageKeys,
  runStateCondition,
} from "../filters.ts";
import { findStuckRuns } from "../find-stuck-runs.ts";
import {
  invalid,
  type Parameters,
  queryParameters,
  readCount,
  readCursor,
  readList,
  readOneOf,
  readWhole,
  toWhole,
} from "../parameters.ts";
import { readLightRuns } from "../read-light-runs.ts";
import { readRunSource } from "../read-run-source.ts";
import { type LiveRun, readRunWaiting, toLiveRun } from "../read-run-waiting.ts";
import { findRuns } from "../read-runs.ts";
import type { ApiEnv, ApiRoom } from "../room.ts";
import { toEvents } from "../views/events.ts";
import { toRunResource } from "../views/run.ts";
import type { RunSource } from "../views/steps.ts";

/** `/v2/workflows/logs` and `/v2/workflows/events`: what happened, by run or as single events, newest run first. */
export function runLogRoutes(room: ApiRoom): Hono<ApiEnv> {
  return new Hono<ApiEnv>()
    .get("/v2/workflows/logs", async (c) => {
      const parameters = queryParameters(c.req.raw);
      readGroupBy(parameters);
      return c.json(await runPage(parameters, room));
    })
    .get("/v2/workflows/events", async (c) => {
      const parameters = queryParameters(c.req.raw);
      const isGrouped = readGroupBy(parameters);
      return c.json(
        isGrouped ? await runPage(parameters, room) : await eventPage(parameters, room),
      );
    });
}

function readGroupBy(parameters: Parameters): boolean {
  return readOneOf(parameters, "groupBy", ["workflowRunId"]) !== null;
}

/** A page ends early behind this many bytes of records: what is listed has to fit into memory. */
const PAGE_BYTES_MAX = 32 * 1024 * 1024;

async function runPage(parameters: Parameters, room: ApiRoom): Promise<RunPage> {
  const selection = await readSelection(parameters, room);
  const states = runStateCondition(parameters);
  const conditions = selection.isNamed
    ? selection.conditions
    : [...selection.conditions, ...states];
  const bodyBytesMax = readWhole(parameters, "trimBody", -1);
  const issuer = { endpoint: "logs", secret: room.credentials.cursorSecret };
  const isLight = readOneOf(parameters, "steps", ["none"]) !== null;
  const isWithoutResponse = isLight || bodyBytesMax === -1;
  const search = { ...selection, conditions, order: "descending", isWithoutResponse } as const;
  const afterKey = readPlace(parameters, 1, issuer)?.[0] ?? null;
  const limit = readCount(parameters, isLight ? LIGHT_RUN_PAGE_MAX : RUN_PAGE_MAX);
  const isStuck = readBoolean(parameters, "stuck") === true && !selection.isNamed;
  const found = isStuck
    ? await findStuckRuns({ ...search, afterKey, limit }, room)
    : await findRuns({ ...search, afterKey, limit }, room);
  const { runs, lastKey } = isLight
    ? { runs: await readLightRuns(found.runs, room), lastKey: null }
    : await showRuns(found.runs, bodyBytesMax, room);
  const isCut = runs.length < found.runs.length;
  const nextKey = isCut ? lastKey : found.nextAfterKey;
  return nextKey === null ? { runs } : { runs, cursor: encodeCursor([nextKey], issuer) };
}

/** The first of these runs, as many as there is room for. */
async function showRuns(rows: readonly RunRow[], bodyBytesMax: number | null, room: ApiRoom) {
  const shown: { readonly run: RunRow; readonly resource: RunResource }[] = [];
  const live: LiveRun[] = [];
  let bytes = 0;
  for (const run of rows) {
    if (bytes > PAGE_BYTES_MAX) break;
    const source = await readRunSource(run, bodyBytesMax, room);
    shown.push({ run, resource: toRunResource(source, bodyBytesMax) });
    bytes += run.bodyBytes + bodyBytesBeside(source);
    if (run.state === "started") live.push(toLiveRun(source));
  }
  const waiting = await readRunWaiting(live, room);
  const runs = shown.map(({ run, resource }) => ({ ...resource, ...waiting.get(run.key) }));
  return { runs, lastKey: shown.at(-1)?.run.key ?? null };
}

/** What is shown beside the run's own records. */
function bodyBytesBeside({ attempts, waits, children }: RunSource): number {
  let bytes = 0;
  for (const rows of attempts.values()) {
    for (const row of rows) bytes += row.responseBody?.byteLength ?? 0;
  }
  for (const { body } of waits.values()) bytes += body?.byteLength ?? 0;
  for (const { payload } of children.values()) bytes += payload?.byteLength ?? 0;
  return bytes;
}

const STEP_STATES: readonly StepState[] = [
  "STEP_PROGRESS",
  "STEP_SUCCESS",
  "STEP_RETRY",
  "STEP_FAILED",
  "STEP_CANCELED",
];

/** Runs that one page of events looks at. */
const EVENT_RUNS_MAX = 100;

/** A place between events: in the run with this key, below the event with this number, counted from the oldest. */
interface EventPlace {
  readonly runKey: number;
  readonly below: number;
}

/** Events run by run, the newest run first and its newest event first. Events that arrive later do not move the places of others. */
async function eventPage(parameters: Parameters, room: ApiRoom): Promise<WorkflowEventPage> {
  const selection = await readSelection(parameters, room);
  const states = readOneOf(parameters, "state", [...STEP_STATES, ...RUN_STATES]);
  const bodyBytesMax = readWhole(parameters, "trimBody", -1);
  const limit = readCount(parameters, EVENT_PAGE_MAX);
  const issuer = { endpoint: "events", secret: room.credentials.cursorSecret };
  const [runKey, below = 0] = readPlace(parameters, 2, issuer) ?? [];
  const place = runKey === undefined ? null : { runKey, below };
  const found = await findRuns(
    {
      ...selection,
      order: "descending",
      // The run in which the last page ended comes again.
      afterKey: place === null ? null : place.runKey + 1,
      limit: EVENT_RUNS_MAX,
      isWithoutResponse: bodyBytesMax === -1,
    },
    room,
  );
  const events: WorkflowEventResource[] = [];
  for (const run of found.runs) {
    const all = toEvents(await readRunSource(run, bodyBytesMax, room), bodyBytesMax);
    let index = run.key === place?.runKey ? Math.min(place.below, all.length) : all.length;
    for (; index > 0 && events.length < limit; index -= 1) {
      const event = all[index - 1];
      if (event !== undefined && (states === null || states.includes(event.state)))
        events.push(event);
    }
    if (events.length === limit)
      return { events, ...cursorAt({ runKey: run.key, below: index }, issuer) };
  }
  return found.nextAfterKey === null
    ? { events }
    : { events, ...cursorAt({ runKey: found.nextAfterKey, below: 0 }, issuer) };
}

function cursorAt({ runKey, below }: EventPlace, issuer: CursorIssuer) {
  return { cursor: encodeCursor([runKey, below], issuer) };
}

function readPlace(
  parameters: Parameters,
  count: number,
  issuer: CursorIssuer,
): readonly number[] | null {
  const cursor = readCursor(parameters);
  return cursor === null ? null : decodeCursor(cursor, count, issuer);
}

interface LogSelection extends RunSelection {
  /** The request names its runs, so that no other filter counts. */
  readonly isNamed: boolean;
}

async function readSelection(parameters: Parameters, room: ApiRoom): Promise<LogSelection> {
  const named = readList(parameters, "workflowRuns");
  if (named !== null) return { ...(await namedRuns(named, room)), isNamed: true };
  const selection = logSelection(parameters);
  const messageKeys = readMessageKeys(parameters);
  if (messageKeys === null) return { ...selection, isNamed: false };
  const values = await runKeysOf(messageKeys, room);
  const conditions = [...selection.conditions, { type: "in", column: "key", values } as const];
  return { ...selection, conditions, isNamed: false };
}

const NAMED_RUNS_MAX = 100;

/** `ID@TS`: a run by its id and its creation, because ids can be used again; without `@TS` every run of this id. */
async function namedRuns(names: readonly string[], { store }: ApiRoom): Promise<RunSelection> {
  if (names.length > NAMED_RUNS_MAX) {
    throw invalid("workflowRuns", `must name at most ${NAMED_RUNS_MAX} runs, got ${names.length}`);
  }
  const wanted = names.map((name) => {
    const at = name.lastIndexOf("@");
    if (at === 0)
      throw invalid("workflowRuns", `must be a list of ID@TIMESTAMP, got ${quoted(name)}`);
    if (at < 0) return { id: name, createdAt: null };
    return { id: name.slice(0, at), createdAt: toWhole("workflowRuns", name.slice(at + 1), 0) };
  });
  const runs = await store.find(
    "runs",
    "byId",
    wanted.map(({ id }) => [id]),
  );
  const isWanted = (run: RunRow) =>
    wanted.some(
      ({ id, createdAt }) => id === run.id && (createdAt ?? run.createdAt) === run.createdAt,
    );
  const values = runs.filter(isWanted).map(({ key }) => key);
  return { conditions: [{ type: "in", column: "key", values }], matches: null };
}

/** The runs that messages belong to: most have the key of their record or their wait; others are found while they are open. */
async function runKeysOf(messageKeys: readonly number[], { store }: ApiRoom) {
  const where = [{ type: "in", column: "key", values: messageKeys }] as const;
  const query = { where, order: "ascending", limit: messageKeys.length } as const;
  const [steps, waits, messages] = await Promise.all([
    store.list("steps", { ...query, without: ["body"] }),
    store.list("waits", { ...query, without: ["body", "answer"] }),
    store.get("messages", messageKeys),
  ]);
  return [...steps, ...waits, ...messages]
    .map(({ runKey }) => runKey)
    .filter((key) => key !== null);
}
