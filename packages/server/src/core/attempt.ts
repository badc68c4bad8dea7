import type { EndDelivery } from "./commands.ts";
import type { Verdict } from "./end-delivery.ts";
import { attemptKey } from "./message.ts";
import type { AttemptRow, MessageRow } from "./rows.ts";

/** The record of one finished attempt: everything that was sent and received, and what the engine did next. */
export function toAttempt(message: MessageRow, command: EndDelivery, verdict: Verdict): AttemptRow {
  const { outcome } = command;
  const response = outcome.type === "response" ? outcome : null;
  return {
    key: attemptKey(message),
    messageKey: message.key,
    number: message.retried,
    startedAt: command.startedAt,
    endedAt: command.endedAt,
    status: response?.status ?? 0,
    error: verdict.error,
    cause: outcome.type === "error" ? outcome.cause : null,
    requestHeaders: JSON.stringify(command.requestHeaders),
    responseHeaders: response === null ? null : JSON.stringify(response.headers),
    responseBody: response?.body ?? null,
    isTruncated: response?.isTruncated === true ? 1 : 0,
    move: verdict.move,
    // A step has the key of its record, so its attempts are found without a word about the run.
    runKey: message.kind === "step" ? null : message.runKey,
  };
}
