import type { EndDelivery } from "./commands.ts";
import type { LogMoment, LogRow, MessageRow } from "./rows.ts";
import { type Context, insert } from "./transition.ts";

/** The log of messages without a run: one row for each moment that the wire shows, written with what it tells of. */

const nothing = {
  startedAt: null,
  nextAt: null,
  status: null,
  error: null,
  cause: null,
  responseHeaders: null,
  responseBody: null,
  isTruncated: 0,
  move: null,
} as const satisfies Partial<LogRow>;

/** A moment that ends no attempt. */
export function logMoment(
  message: MessageRow,
  moment: LogMoment,
  context: Context,
  more: Partial<LogRow> = {},
) {
  return insert("logs", {
    ...nothing,
    key: context.newKey(),
    messageKey: message.key,
    at: context.now,
    moment,
    retried: message.retried,
    ...more,
  });
}

export interface AttemptEnd {
  readonly moment: LogMoment;
  readonly error: string | null;
  readonly move: string;
  readonly nextAt: number | null;
}

/** The end of an attempt; the answer is kept when it was a failure. */
export function logAttempt(
  message: MessageRow,
  command: EndDelivery,
  end: AttemptEnd,
  context: Context,
) {
  const { outcome } = command;
  const response = outcome.type === "response" ? outcome : null;
  const kept = end.moment === "delivered" ? null : response;
  return logMoment(message, end.moment, context, {
    startedAt: command.startedAt,
    nextAt: end.nextAt,
    status: response?.status ?? 0,
    error: end.error,
    cause: outcome.type === "error" ? outcome.cause : null,
    responseHeaders: kept === null ? null : JSON.stringify(kept.headers),
    responseBody: kept?.body ?? null,
    isTruncated: kept?.isTruncated === true ? 1 : 0,
    move: end.move,
  });
}
