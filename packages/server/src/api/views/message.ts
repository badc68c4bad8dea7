import {
  type FlowControl,
  filterHeaders,
  isForwardable,
  type MessageResource,
  messageId,
  type Redaction,
} from "@reprise/protocol";
import { type CallbackTarget, type Envelope, parseEnvelope } from "../../core/envelope.ts";
import type { EnvelopeRow } from "../../core/rows.ts";
import { type Lens, viewBody, viewHeaders, withoutAbsent } from "./content.ts";

/** How a message without a run appears in every answer: by itself, in the dead letter queue, in logs. */

/** What of an envelope can be shown. */
export type ShownEnvelope = Omit<EnvelopeRow, "bodyHash">;

/** What is shown of one message: an envelope, and what it hides. Whoever shows values of a message takes them through here. */
export interface MessageView {
  readonly row: ShownEnvelope;
  readonly envelope: Envelope;
  readonly lens: Lens;
}

/** An envelope that cannot be read may have asked for anything, so everything is hidden. */
const ALL_HIDDEN: Redaction = { isBodyRedacted: true, headers: "all" };

/** Views never fail on an odd row. */
export function viewOf(row: ShownEnvelope): MessageView {
  const envelope = readEnvelope(row.config);
  if (envelope === null) {
    const unknown = { method: "POST", headers: {}, retries: 0, notBefore: 0, callerIp: "" };
    return { row, envelope: unknown, lens: { redaction: ALL_HIDDEN, bodyBytesMax: null } };
  }
  return { row, envelope, lens: { redaction: envelope.redaction ?? null, bodyBytesMax: null } };
}

function readEnvelope(json: string): Envelope | null {
  try {
    return parseEnvelope(json);
  } catch {
    return null; // The view shows what can be read.
  }
}

/** The message object of the wire. */
export function messageFields(view: MessageView): MessageResource {
  const { row, envelope } = view;
  const { callback, failureCallback } = envelope;
  return withoutAbsent<MessageResource>({
    messageId: messageId(row.key),
    url: row.url,
    method: envelope.method,
    header: nonEmpty(shownHeaders(view)),
    ...shownBody(view),
    maxRetries: envelope.retries,
    retryDelayExpression: envelope.retryDelay,
    // A time in the past means now.
    notBefore: Math.max(envelope.notBefore, row.createdAt),
    createdAt: row.createdAt,
    timeout: envelope.timeoutMs,
    callerIP: envelope.callerIp,
    topicName: envelope.topicName,
    endpointName: envelope.endpointName,
    queueName: envelope.queueName,
    scheduleId: envelope.scheduleId,
    callback: callback?.url,
    callbackHeader: callbackHeaders(callback, view),
    failureCallback: failureCallback?.url,
    failureCallbackHeader: callbackHeaders(failureCallback, view),
    label: envelope.labels?.[0],
    labels: nonEmpty(envelope.labels ?? []),
    ...flowControlFields(envelope.flowControl),
  });
}

/** What the destination receives from the publisher, under canonical names; redacted values as their hash. */
export function shownHeaders({ envelope, lens }: MessageView) {
  return viewHeaders(filterHeaders(envelope.headers, isForwardable), lens);
}

/** Text, or base64 when the bytes are no UTF-8; nothing when there are none. A redacted body is the text of its hash. */
export function shownBody({
  row,
  lens,
}: MessageView): Pick<MessageResource, "body" | "bodyBase64"> {
  if (row.body.byteLength === 0) return {};
  const { text, base64 } = viewBody(row.body, lens);
  return {
    ...(text === null ? {} : { body: text }),
    ...(base64 === null ? {} : { bodyBase64: base64 }),
  };
}

function callbackHeaders(target: CallbackTarget | undefined, { lens }: MessageView) {
  return nonEmpty(viewHeaders(target?.headers ?? {}, lens));
}

/** The period is always there, the limits only where one was given: absent is not 0. */
export function flowControlFields(flowControl: FlowControl | undefined) {
  if (flowControl === undefined) return {};
  const { key, rate, parallelism, periodMs } = flowControl;
  return {
    flowControlKey: key,
    ...(rate === null ? {} : { rate }),
    ...(parallelism === null ? {} : { parallelism }),
    period: periodMs / 1000,
  };
}

function nonEmpty<T extends object>(value: T): T | undefined {
  return Object.keys(value).length === 0 ? undefined : value;
}
