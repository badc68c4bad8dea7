import { HEADER, messageId, toHeaderMap } from "@reprise/protocol";
import type { EndDelivery } from "./commands.ts";
import { errorText } from "./end-delivery.ts";
import type { CallbackTarget, Envelope } from "./envelope.ts";
import type { Acceptance } from "./publish.ts";
import type { EnvelopeRow, MessageRow } from "./rows.ts";
import type { Context } from "./transition.ts";

/** Reports about attempts: messages of their own, with their own retries and dead letters, that are never reported about themselves. */

export interface Reporting {
  readonly message: MessageRow;
  readonly envelopeRow: EnvelopeRow | null;
  readonly envelope: Envelope | null;
  readonly command: EndDelivery;
  readonly acceptance: Acceptance;
  /** Set when this was the last attempt and it failed. */
  readonly dlqId: string | null;
}

/** Accepts the callback of every attempt, and the failure callback of the last one. Returns how many there are. */
export function createCallbacks(reporting: Reporting, context: Context): number {
  const { envelope, dlqId } = reporting;
  if (envelope === null) return 0;
  const { callback, failureCallback } = envelope;
  if (callback !== undefined) report(callback, null, reporting, context);
  const isFailed = dlqId !== null && failureCallback !== undefined;
  if (isFailed) report(failureCallback, dlqId, reporting, context);
  return (callback === undefined ? 0 : 1) + (isFailed ? 1 : 0);
}

function report(
  target: CallbackTarget,
  dlqId: string | null,
  reporting: Reporting,
  context: Context,
): void {
  const { message, envelope, acceptance } = reporting;
  if (envelope === null) return;
  const labels = target.labels ?? envelope.labels;
  const { redaction, trace } = envelope;
  const { retryDelay, timeoutMs, flowControl } = target;
  acceptance.accept(
    {
      url: target.url,
      envelope: {
        method: target.method,
        headers: { [HEADER.contentType]: "application/json", ...target.headers },
        retries: target.retries ?? message.retries,
        ...(retryDelay === undefined ? {} : { retryDelay }),
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
        ...(flowControl === undefined ? {} : { flowControl }),
        ...(labels === undefined ? {} : { labels }),
        // A report quotes body and headers of its source, so whatever is hidden there, its body hides.
        ...(redaction === undefined ? {} : { redaction: { ...redaction, isBodyRedacted: true } }),
        ...(message.queueName === null ? {} : { queueName: message.queueName }),
        notBefore: context.now,
        callerIp: envelope.callerIp,
        callbackOf: message.key,
        ...(trace === undefined ? {} : { trace }),
      },
      body: new TextEncoder().encode(JSON.stringify(reportBody(dlqId, reporting, context))),
    },
    "callback",
    message.ticketKey,
  );
}

/** The documented fields of a callback; what is zero or unknown is left out (docs/protocol.md#callbacks). */
function reportBody(dlqId: string | null, reporting: Reporting, context: Context) {
  const { message, envelope, envelopeRow, command } = reporting;
  const { outcome } = command;
  const response = outcome.type === "response" ? outcome : null;
  const body = response?.body ?? new TextEncoder().encode(errorText(outcome) ?? "");
  const { topicName, endpointName, scheduleId } = envelope ?? {};
  return {
    status: response?.status ?? 0,
    header: toHeaderMap(response?.headers ?? {}),
    body: context.toBase64(body),
    ...(message.retried === 0 ? {} : { retried: message.retried }),
    maxRetries: message.retries,
    ...(dlqId === null ? {} : { dlqId }),
    sourceMessageId: messageId(message.key),
    ...(topicName === undefined ? {} : { topicName }),
    ...(endpointName === undefined ? {} : { endpointName }),
    url: message.url,
    method: envelope?.method ?? "POST",
    sourceHeader: toHeaderMap(envelope?.headers ?? {}),
    sourceBody: context.toBase64(envelopeRow?.body ?? new Uint8Array()),
    // A time in the past means now.
    notBefore: Math.max(envelope?.notBefore ?? 0, message.createdAt),
    createdAt: message.createdAt,
    ...(scheduleId === undefined ? {} : { scheduleId }),
    callerIP: message.callerIp ?? "",
  };
}
