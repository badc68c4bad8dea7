import {
  BULK_RECOVERY_PAGE_MAX,
  type BulkDeleteAnswer,
  type BulkRunsAnswer,
  DEAD_LETTER_PAGE_MAX,
  type DeadLetterPage,
  newRunId,
  type RunAnswer as RunAnswerResource,
} from "@reprise/protocol";
import { type Context, Hono } from "hono";
import type { ReviveRun, RunAnswer } from "../../core/commands.ts";
import type { DeadLetterRow } from "../../core/rows.ts";
import { actOnIds, actOnKnownIds, actOnMatches } from "../dead-letter-actions.ts";
import { DEAD_LETTER_FILTERS, deadLetterConditions } from "../filters.ts";
import { deadLetterNotFound, findDead } from "../find-dead.ts";
import { readOverrides, refuseMessage } from "../overrides.ts";
import { listDead } from "../pages.ts";
import {
  bulkParameters,
  invalid,
  type Parameters,
  queryParameters,
  readList,
  readOneOf,
  refuseUnknown,
} from "../parameters.ts";
import { readDeadLetter, readDeadLetters } from "../read-dead-letters.ts";
import { requestHeaders } from "../request.ts";
import type { ApiEnv, ApiRoom } from "../room.ts";

/** `/v2/workflows/dlq` and its older name `/v2/dlq?source=workflow`: look at dead letters, resume, restart or delete them. */
export function deadLetterRoutes(room: ApiRoom): Hono<ApiEnv> {
  return new Hono<ApiEnv>()
    .get("/v2/dlq", async (c, next) => {
      const parameters = queryParameters(c.req.raw);
      // Without a source the request is about messages without a run.
      if (readOneOf(parameters, "source", ["workflow"]) === null) return next();
      return c.json(await listPage(parameters, room));
    })
    .get("/v2/workflows/dlq", async (c) => {
      return c.json(await listPage(queryParameters(c.req.raw), room));
    })
    .get("/v2/workflows/dlq/:dlqId", async (c) => {
      const dlqId = c.req.param("dlqId");
      const [row] = await findDead("deadLetters", [dlqId], room.store);
      if (row == null) throw deadLetterNotFound(dlqId);
      return c.json(await readDeadLetter(row, room));
    })
    .delete("/v2/workflows/dlq", async (c) => {
      refuseMessage(requestHeaders(c.req.raw, c.env));
      return c.json(await deleteMany(await bulkParameters(c.req.raw), room));
    })
    .delete("/v2/workflows/dlq/:dlqId", async (c) => {
      refuseMessage(requestHeaders(c.req.raw, c.env));
      await actOnIds(named([c.req.param("dlqId")]), toDelete, room);
      return c.json({ deleted: 1 } satisfies BulkDeleteAnswer);
    })
    .post("/v2/workflows/dlq/resume", (c) => reviveMany(c, "resume", room))
    .post("/v2/workflows/dlq/resume/:dlqId", (c) =>
      reviveOne(c, c.req.param("dlqId"), "resume", room),
    )
    .post("/v2/workflows/dlq/restart", (c) => reviveMany(c, "restart", room))
    .post("/v2/workflows/dlq/restart/:dlqId", (c) =>
      reviveOne(c, c.req.param("dlqId"), "restart", room),
    )
    .post("/v2/workflows/dlq/callback/:dlqId", async (c) => {
      refuseMessage(requestHeaders(c.req.raw, c.env));
      const retry = (deadLetterKey: number) => ({ type: "retryCallback", deadLetterKey }) as const;
      const [answer] = await actOnIds(named([c.req.param("dlqId")]), retry, room);
      return c.json(answer === undefined ? null : toRunAnswer(answer));
    })
    .delete("/v2/workflows/dlq/callback/:dlqId", async (c) => {
      refuseMessage(requestHeaders(c.req.raw, c.env));
      const cancel = (deadLetterKey: number) =>
        ({ type: "cancelCallback", deadLetterKey }) as const;
      const [answer] = await actOnIds(named([c.req.param("dlqId")]), cancel, room);
      return c.json(answer === undefined ? null : toRunAnswer(answer));
    });
}

function listPage(parameters: Parameters, room: ApiRoom): Promise<DeadLetterPage> {
  const where = deadLetterConditions(parameters);
  const read = (rows: readonly DeadLetterRow[]) => readDeadLetters(rows, room);
  const most = DEAD_LETTER_PAGE_MAX;
  const wanted = {
    table: "deadLetters",
    where,
    parameters,
    endpoint: "dlq.list",
    most,
    read,
  } as const;
  return listDead(wanted, room);
}

const BULK_NAMES: readonly string[] = ["dlqIds", "count", "cursor", ...DEAD_LETTER_FILTERS];

/** Ids that one request may name: they are all handled in one transaction, or none is. */
const REVIVE_IDS_MAX = 100;

function named(ids: readonly string[]) {
  return { table: "deadLetters", ids } as const;
}

function selected(parameters: Parameters) {
  return {
    table: "deadLetters",
    conditions: deadLetterConditions(parameters),
    parameters,
  } as const;
}

async function deleteMany(parameters: Parameters, room: ApiRoom): Promise<BulkDeleteAnswer> {
  refuseUnknown(parameters, BULK_NAMES);
  const ids = readList(parameters, "dlqIds");
  if (ids !== null) {
    return { deleted: (await actOnKnownIds(named(ids), toDelete, room)).length };
  }
  const { answers, cursor } = await actOnMatches(
    {
      ...selected(parameters),
      endpoint: "dlq.delete",
      pageMax: DEAD_LETTER_PAGE_MAX,
      toCommand: toDelete,
    },
    room,
  );
  return { deleted: answers.length, ...(cursor === null ? {} : { cursor }) };
}

function toDelete(deadLetterKey: number) {
  return { type: "deleteDeadLetter", deadLetterKey } as const;
}

async function reviveOne(c: Context<ApiEnv>, dlqId: string, mode: Mode, room: ApiRoom) {
  const [answer] = await actOnIds(named([dlqId]), toRevive(c, mode, room), room);
  return c.json(answer === undefined ? null : toRunAnswer(answer));
}

/** Ids win over every filter, and are handled together; filters select what to handle, page by page. */
async function reviveMany(c: Context<ApiEnv>, mode: Mode, room: ApiRoom) {
  const toCommand = toRevive(c, mode, room);
  const parameters = await bulkParameters(c.req.raw);
  refuseUnknown(parameters, BULK_NAMES);
  const ids = readList(parameters, "dlqIds");
  if (ids !== null) {
    if (ids.length > REVIVE_IDS_MAX) {
      throw invalid("dlqIds", `must have at most ${REVIVE_IDS_MAX} ids, got ${ids.length}`);
    }
    const answers = await actOnIds(named(ids), toCommand, room);
    return c.json({ workflowRuns: answers.map(toRunAnswer), cursor: "" } satisfies BulkRunsAnswer);
  }
  const { answers, cursor } = await actOnMatches(
    {
      ...selected(parameters),
      endpoint: `dlq.${mode}`,
      pageMax: BULK_RECOVERY_PAGE_MAX,
      toCommand,
      countRows: (entries: readonly DeadLetterRow[]) => countCopied(entries, mode, room),
    },
    room,
  );
  return c.json({
    workflowRuns: answers.map(toRunAnswer),
    cursor: cursor ?? "",
  } satisfies BulkRunsAnswer);
}

/** The records that the new run of each entry takes over. A restart takes the payload alone. */
async function countCopied(
  entries: readonly DeadLetterRow[],
  mode: Mode,
  { store }: ApiRoom,
): Promise<readonly number[]> {
  if (mode === "restart") return entries.map(() => 1);
  const runs = await store.get(
    "runs",
    entries.map(({ runKey }) => runKey),
  );
  const byKey = new Map(runs.map(({ key, stepCount }) => [key, stepCount]));
  return entries.map(({ runKey }) => byKey.get(runKey) ?? 1);
}

type Mode = ReviveRun["mode"];

/** Reads the overrides once, before anything is changed. */
function toRevive(c: Context<ApiEnv>, mode: Mode, room: ApiRoom): (key: number) => ReviveRun {
  const headers = requestHeaders(c.req.raw, c.env);
  refuseMessage(headers);
  const overrides = readOverrides(headers, room);
  return (deadLetterKey) => ({
    type: "reviveRun",
    mode,
    deadLetterKey,
    newRunId: newRunId((count) => room.host.randomBytes(count)),
    overrides,
  });
}

function toRunAnswer({ workflowRunId, workflowCreatedAt }: RunAnswer): RunAnswerResource {
  return { workflowRunId, workflowCreatedAt };
}
