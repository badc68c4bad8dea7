import {
  type BulkCancelAnswer,
  type MessageResource,
  messageId,
  messageKey,
  type OpenMessageResource,
  quoted,
  RepriseError,
} from "@reprise/protocol";
import { type Context, Hono } from "hono";
import type { CancelMessage } from "../../core/commands.ts";
import type { BulkActionRow } from "../../core/rows.ts";
import { readBoolean } from "../filters.ts";
import { listOpenMessages } from "../list-open-messages.ts";
import { MESSAGE_FILTERS, messageSelection, toFilter } from "../message-filters.ts";
import {
  bulkParameters,
  type Parameters,
  queryParameters,
  readIds,
  refuseUnknown,
} from "../parameters.ts";
import { readWaitingFacts } from "../read-waiting.ts";
import type { ApiEnv, ApiRoom } from "../room.ts";
import { bulkActionId } from "../views/bulk-action.ts";
import { messageFields, viewOf } from "../views/message.ts";
import { isOpen, openFields } from "../views/waiting.ts";

/** `/v2/messages`: look at messages, cancel them, or send one now that waits. */
export function messageRoutes(room: ApiRoom): Hono<ApiEnv> {
  return new Hono<ApiEnv>()
    .get("/v2/messages", async (c) => {
      return c.json(await listOpenMessages(queryParameters(c.req.raw), room));
    })
    .get("/v2/messages/:messageId", async (c) => {
      return c.json(await readMessage(c.req.param("messageId"), room));
    })
    .delete("/v2/messages", (c) => cancelMany(c, room))
    .delete("/v2/messages/:messageId", async (c) => {
      const id = c.req.param("messageId");
      const key = messageKey(id);
      const [answer] = key === null ? [] : await room.engine.execute([toCancel(key)]);
      if (answer?.wasOpen !== true) throw messageNotFound(id);
      return c.json({ cancelled: 1 } satisfies BulkCancelAnswer, 202);
    })
    .post("/v2/messages/:messageId/retry", async (c) => {
      const id = c.req.param("messageId");
      const key = messageKey(id);
      if (key === null) throw messageNotFound(id);
      await room.engine.execute([{ type: "releaseMessage", messageKey: key }]);
      return c.json({});
    });
}

/** What the message was given, and as long as it is open what it waits for. */
async function readMessage(
  id: string,
  room: ApiRoom,
): Promise<MessageResource | OpenMessageResource> {
  const key = messageKey(id);
  const [row] = key === null ? [] : await room.store.get("envelopes", [key]);
  if (row === undefined) throw messageNotFound(id);
  const fields = messageFields(viewOf(row));
  const [message] = (await room.store.get("messages", [row.key])).filter(isOpen);
  if (message === undefined) return { ...fields, ...(await retriedAs(row.key, room)) };
  return { ...fields, ...openFields(message, await readWaitingFacts([message], room)) };
}

async function retriedAs(
  key: number,
  { store }: ApiRoom,
): Promise<Pick<MessageResource, "retriedAs">> {
  const [dead] = await store.find("deadMessages", "byMessage", [[key]]);
  const nextKey = dead?.nextMessageKey ?? null;
  return nextKey === null ? {} : { retriedAs: messageId(nextKey) };
}

function messageNotFound(id: string): RepriseError {
  return new RepriseError("message_not_found", {
    message: `there is no message ${quoted(id)} here, or it has ended`,
    details: { messageId: id.slice(0, 80) },
  });
}

const CANCEL_NAMES: readonly string[] = [
  "messageIds",
  "count",
  "async",
  // Clients send it with every bulk request. What has been cancelled matches no more, so each request begins anew.
  "cursor",
  ...MESSAGE_FILTERS,
];

/** Messages that a request with `count` cancels at once; a greater one becomes a bulk action. */
const COUNT_AT_ONCE_MAX = 500;

/** How long a request waits for its bulk action, which goes on when the time is over. */
const WAIT_MS = 60_000;

async function cancelMany(c: Context<ApiEnv>, room: ApiRoom) {
  const parameters = await bulkParameters(c.req.raw);
  refuseUnknown(parameters, CANCEL_NAMES);
  const isAsync = readBoolean(parameters, "async") ?? false;
  const ids = readIds(parameters, "messageIds");
  if (ids !== null) {
    const keys = ids.map(messageKey).filter((key) => key !== null);
    return c.json({ cancelled: await cancelKeys(keys, room) } satisfies BulkCancelAnswer, 202);
  }
  const { countMax } = messageSelection(parameters);
  if (!isAsync && countMax !== null && countMax <= COUNT_AT_ONCE_MAX) {
    const cancelled = await cancelNewest(parameters, countMax, room);
    return c.json({ cancelled } satisfies BulkCancelAnswer, 202);
  }
  const action = await room.bulkRunner.cancel(toFilter(parameters));
  const actionId = bulkActionId(action.key);
  if (isAsync) {
    return c.json({ cancelled: action.total, actionId } satisfies BulkCancelAnswer, 202);
  }
  const ended = action.state === "finished" ? action : await waitFor(action, room);
  return c.json({ cancelled: ended.processed, actionId } satisfies BulkCancelAnswer, 202);
}

async function waitFor(
  action: BulkActionRow,
  { bulkRunner, host }: ApiRoom,
): Promise<BulkActionRow> {
  const { promise: timeUp, resolve } = Promise.withResolvers<null>();
  const timer = host.setTimer(host.now() + WAIT_MS, () => resolve(null));
  const ended = await Promise.race([bulkRunner.finished(action), timeUp]);
  timer.cancel();
  if (ended?.state === "finished") return ended;
  const actionId = bulkActionId(action.key);
  throw new RepriseError("bulk_action_in_progress", {
    message: `the cancel goes on in the background; see GET /v2/bulkActions/${actionId}, or ask with async=true`,
    details: { actionId },
  });
}

/** Exact: those that have ended, or never were, are not counted and no error. */
async function cancelKeys(keys: readonly number[], { engine }: ApiRoom): Promise<number> {
  if (keys.length === 0) return 0;
  const answers = await engine.execute(keys.map(toCancel));
  return answers.filter(({ isNew }) => isNew).length;
}

/** The newest first: the cancel of a message lets those behind it go, which may be meant as well. */
async function cancelNewest(
  parameters: Parameters,
  countMax: number,
  room: ApiRoom,
): Promise<number> {
  const { conditions, matches } = messageSelection(parameters);
  let cancelled = 0;
  let afterKey: number | undefined;
  for (;;) {
    const found = await room.store.list("messages", {
      where: conditions,
      order: "descending",
      limit: COUNT_AT_ONCE_MAX,
      ...(afterKey === undefined ? {} : { afterKey }),
    });
    const chosen = found.filter((message) => matches?.(message) ?? true);
    const some = chosen.slice(0, countMax - cancelled);
    cancelled += await cancelKeys(
      some.map(({ key }) => key),
      room,
    );
    if (cancelled === countMax || found.length < COUNT_AT_ONCE_MAX) return cancelled;
    afterKey = found.at(-1)?.key;
  }
}

function toCancel(key: number): CancelMessage {
  return { type: "cancelMessage", messageKey: key };
}
