import {
  afterPrefix,
  asSubmissionError,
  EVENT_ID_CHARS_MAX,
  messageId,
  quoted,
  RepriseError,
} from "@reprise/protocol";
import { type Context, Hono } from "hono";
import type { NotifyRunAnswer } from "../../core/notify.ts";
import { findWaiters } from "../find-waiters.ts";
import { listKeptEvents, listWaits } from "../list-waits.ts";
import { notifyWaiters, toNotified, toNotifiedWaiter } from "../notify-waiters.ts";
import { queryParameters } from "../parameters.ts";
import { messageTooLarge, readBody, requestHeaders } from "../request.ts";
import type { ApiEnv, ApiRoom } from "../room.ts";
import { toRegisterWait } from "../wait-message.ts";

/**
 * Events: `POST /v2/wait/{eventId}` from a running workflow, `POST /v2/notify/{eventId}` to all who wait now,
 * `POST /v2/notify/{workflowRunId}/{eventId}` to one run, for which the event is kept, `GET /v2/waiters/{eventId}`, and
 * for people `GET /v2/waits` and `GET /v2/keptEvents`.
 * An event id is everything behind the prefix, slashes included.
 */
export function waitRoutes(room: ApiRoom): Hono<ApiEnv> {
  return new Hono<ApiEnv>()
    .post("/v2/wait/*", async (c) => {
      try {
        const eventId = eventIdBehind("/v2/wait/", c.env.rawTarget);
        const headers = requestHeaders(c.req.raw, c.env);
        const body = await readBody(c.req.raw, room.settings.bodyBytesMax);
        const command = toRegisterWait({ eventId, headers, body }, room);
        const [answer] = await room.engine.execute([command]);
        return c.json(answer === undefined ? {} : { messageId: messageId(answer.messageKey) });
      } catch (error) {
        throw asSubmissionError(error);
      }
    })
    .post("/v2/notify/*", async (c) => {
      try {
        const target = eventIdBehind("/v2/notify/", c.env.rawTarget);
        const data = await readBody(c.req.raw, room.settings.bodyBytesMax, messageTooLarge);
        const run = /^(wfr[^/]*)\/(.+)$/s.exec(target);
        return run === null
          ? c.json(await notifyWaiters({ eventId: target, data }, room), 201)
          : await notifyOne(c, { runId: run[1] ?? "", eventId: run[2] ?? "", data }, room);
      } catch (error) {
        throw asSubmissionError(error);
      }
    })
    .get("/v2/waits", async (c) => c.json(await listWaits(queryParameters(c.req.raw), room)))
    .get("/v2/keptEvents", async (c) => {
      return c.json(await listKeptEvents(queryParameters(c.req.raw), room));
    })
    .get("/v2/waiters/*", async (c) => {
      const eventId = eventIdBehind("/v2/waiters/", c.env.rawTarget);
      return c.json(await findWaiters(eventId, room));
    });
}

async function notifyOne(
  c: Context<ApiEnv>,
  event: { readonly runId: string; readonly eventId: string; readonly data: Uint8Array },
  room: ApiRoom,
) {
  const command = { type: "notifyRun", source: "notify", ...event } as const;
  const [answer] = await room.engine.execute([command]);
  if (answer === undefined) throw new RepriseError("internal", { message: "no answer" });
  return c.json([toRunNotified(answer, event.runId)], 201);
}

/** A refusal stands in the answer: a status would make the workflow that notifies fail. */
function toRunNotified(answer: NotifyRunAnswer, runId: string) {
  switch (answer.outcome) {
    case "woken":
      return toNotifiedWaiter(answer.woken);
    case "kept":
      return toNotified(answer.run, "");
    case "full":
      return {
        ...toNotified(answer.run, ""),
        error: `as many events as may be are kept for workflow run ${runId}; it has taken none of them yet`,
      };
    case "ended":
      return {
        messageId: "",
        workflowRunId: runId,
        workflowCreatedAt: answer.run?.createdAt ?? 0,
        deduplicated: false,
        error: `workflow run ${runId} has ended or does not exist; the event is not kept`,
      };
  }
}

/** Everything behind the prefix, decoded; a query belongs to it unless it holds the token. */
export function eventIdBehind(prefix: string, rawTarget: string): string {
  const rest = afterPrefix(rawTarget, prefix) ?? "";
  const query = rest.indexOf("?");
  const hasToken = query !== -1 && rest.includes("qstash_token=", query);
  const raw = hasToken ? rest.slice(0, query) : rest;
  return toEventId(decoded(raw));
}

/** @throws RepriseError when no event may be called so. */
export function toEventId(eventId: string): string {
  if (eventId !== "" && eventId.length <= EVENT_ID_CHARS_MAX) return eventId;
  throw new RepriseError("invalid_request", {
    message: `an event id must have 1 to ${EVENT_ID_CHARS_MAX} characters, got ${quoted(eventId)}`,
    details: { field: "eventId" },
  });
}

function decoded(raw: string): string {
  try {
    return decodeURIComponent(raw);
  } catch {
    return raw; // A percent sign that begins no escape stands for itself.
  }
}
