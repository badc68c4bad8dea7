import {
  type BulkDeleteAnswer,
  type BulkRetryAnswer,
  DEAD_LETTER_PAGE_MAX,
  type DeadMessagePage,
  type DeadMessageResource,
  messageId,
  type RetryAnswer,
} from "@reprise/protocol";
import { type Context, Hono } from "hono";
import type { RetryDeadMessage } from "../../core/commands.ts";
import type { DeadMessageRow } from "../../core/rows.ts";
import type { Condition } from "../../store/store.ts";
import { actOnIds, actOnKnownIds, actOnMatches } from "../dead-letter-actions.ts";
import { deadLetterNotFound, findDead } from "../find-dead.ts";
import { DEAD_MESSAGE_FILTERS, deadMessageConditions } from "../message-filters.ts";
import { readRetryOverrides } from "../overrides.ts";
import { listDead } from "../pages.ts";
import {
  bulkParameters,
  invalid,
  type Parameters,
  queryParameters,
  readIds,
  refuseUnknown,
} from "../parameters.ts";
import { requestHeaders } from "../request.ts";
import type { ApiEnv, ApiRoom } from "../room.ts";
import { toDeadMessage } from "../views/dead-message.ts";

/** `/v2/dlq`: look at messages whose retries are used up, send them again, or delete them. */
export function deadMessageRoutes(room: ApiRoom): Hono<ApiEnv> {
  return new Hono<ApiEnv>()
    .get("/v2/dlq", async (c) => c.json(await listPage(queryParameters(c.req.raw), room)))
    .get("/v2/dlq/:dlqId", async (c) => {
      const dlqId = c.req.param("dlqId");
      const [row] = await findDead("deadMessages", [dlqId], room.store);
      if (row == null) throw deadLetterNotFound(dlqId);
      const [resource] = await readDeadMessages([row], room);
      return c.json(resource);
    })
    .delete("/v2/dlq", async (c) => c.json(await deleteMany(await bulkParameters(c.req.raw), room)))
    .delete("/v2/dlq/:dlqId", async (c) => {
      await actOnIds(named([c.req.param("dlqId")]), toDelete, room);
      return c.json({ deleted: 1 } satisfies BulkDeleteAnswer);
    })
    .post("/v2/dlq/retry", (c) => retryMany(c, room))
    .post("/v2/dlq/retry/:dlqId", async (c) => {
      const [answer] = await actOnIds(named([c.req.param("dlqId")]), toRetry(c, room), room);
      return c.json(answer === undefined ? null : toRetryAnswer(answer), 201);
    });
}

async function listPage(parameters: Parameters, room: ApiRoom): Promise<DeadMessagePage> {
  const where = await pageConditions(parameters, room);
  const read = (rows: readonly DeadMessageRow[]) => readDeadMessages(rows, room);
  const [most, endpoint] = [DEAD_LETTER_PAGE_MAX, "messages.dlq.list"];
  return listDead({ table: "deadMessages", where, parameters, endpoint, most, read }, room);
}

/** Ids win over every filter; those that are not in the queue are passed over. */
async function pageConditions(
  parameters: Parameters,
  { store }: ApiRoom,
): Promise<readonly Condition<"deadMessages">[]> {
  const ids = readIds(parameters, "dlqIds");
  if (ids === null) return deadMessageConditions(parameters);
  const rows = await findDead("deadMessages", ids, store);
  const keys = rows.filter((row) => row !== null).map(({ key }) => key);
  return [{ type: "in", column: "key", values: keys }];
}

async function readDeadMessages(
  rows: readonly DeadMessageRow[],
  { store, settings }: ApiRoom,
): Promise<readonly DeadMessageResource[]> {
  const keys = rows.map(({ messageKey }) => messageKey);
  const envelopes = new Map((await store.get("envelopes", keys)).map((row) => [row.key, row]));
  return rows.map((row) => {
    const { messageKey: key, url, createdAt } = row;
    // An entry outlives its envelope only in a damaged store; what is left of it is shown.
    const unknown = { key, url, createdAt, config: "", body: new Uint8Array(), bodyHash: "" };
    return toDeadMessage(row, envelopes.get(key) ?? unknown, settings.deadLetterRetentionMs);
  });
}

const BULK_NAMES: readonly string[] = ["dlqIds", "count", "cursor", ...DEAD_MESSAGE_FILTERS];

async function deleteMany(parameters: Parameters, room: ApiRoom): Promise<BulkDeleteAnswer> {
  refuseUnknown(parameters, BULK_NAMES);
  const ids = readIds(parameters, "dlqIds");
  if (ids !== null) return { deleted: (await actOnKnownIds(named(ids), toDelete, room)).length };
  const { answers, cursor } = await actOnMatches(
    { ...selected(parameters), endpoint: "messages.dlq.delete", toCommand: toDelete },
    room,
  );
  return { deleted: answers.length, ...(cursor === null ? {} : { cursor }) };
}

/** Ids that one request may name: they are all retried in one transaction, or none is. */
const RETRY_IDS_MAX = 100;

/** A body is copied without being looked at: it may be as long as this many records. */
const ROWS_OF_A_BODY = 50;

/** Ids win over every filter, and are handled together; filters select what to handle, page by page. */
async function retryMany(c: Context<ApiEnv>, room: ApiRoom) {
  const toCommand = toRetry(c, room);
  const parameters = await bulkParameters(c.req.raw);
  refuseUnknown(parameters, BULK_NAMES);
  const ids = readIds(parameters, "dlqIds");
  if (ids !== null && ids.length > RETRY_IDS_MAX) {
    throw invalid("dlqIds", `must have at most ${RETRY_IDS_MAX} ids, got ${ids.length}`);
  }
  const { answers, cursor } =
    ids === null
      ? await actOnMatches(
          {
            ...selected(parameters),
            endpoint: "messages.dlq.retry",
            toCommand,
            countRows: async (entries) => entries.map(() => ROWS_OF_A_BODY),
          },
          room,
        )
      : { answers: await actOnIds(named(ids), toCommand, room), cursor: null };
  const responses = answers.map(toRetryAnswer);
  return c.json({ cursor: cursor ?? "", responses } satisfies BulkRetryAnswer, 201);
}

function named(ids: readonly string[]) {
  return { table: "deadMessages", ids } as const;
}

function selected(parameters: Parameters) {
  return {
    table: "deadMessages",
    conditions: deadMessageConditions(parameters),
    parameters,
    pageMax: DEAD_LETTER_PAGE_MAX,
  } as const;
}

function toDelete(deadMessageKey: number) {
  return { type: "deleteDeadMessage", deadMessageKey } as const;
}

/** Reads the overrides once, before anything is changed. */
function toRetry(c: Context<ApiEnv>, room: ApiRoom): (key: number) => RetryDeadMessage {
  const overrides = readRetryOverrides(requestHeaders(c.req.raw, c.env), room);
  return (deadMessageKey) => ({ type: "retryDeadMessage", deadMessageKey, overrides });
}

function toRetryAnswer({ messageKey }: { readonly messageKey: number }): RetryAnswer {
  return { messageId: messageId(messageKey) };
}
