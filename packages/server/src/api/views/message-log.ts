import { type LogResource, type LogState, messageId } from "@reprise/protocol";
import type { LogMoment, LogRow } from "../../core/rows.ts";
import { type Lens, storedHeaders, viewBody, viewHeaders, withoutAbsent } from "./content.ts";
import { type MessageView, messageFields } from "./message.ts";

/** How moments of a message appear in the log. */

/** The entries that a moment stands for, oldest first. */
export const MOMENT_STATES: Readonly<Record<LogMoment, readonly LogState[]>> = {
  accepted: ["CREATED"],
  acceptedActive: ["CREATED", "ACTIVE"],
  active: ["ACTIVE"],
  delivered: ["DELIVERED"],
  retry: ["ERROR", "RETRY"],
  failed: ["ERROR", "FAILED"],
  cancelRequested: ["CANCEL_REQUESTED"],
  canceled: ["CANCEL_REQUESTED", "CANCELED"],
  canceledLate: ["ERROR", "CANCELED"],
};

/** More than any moment stands for; entries are numbered `key * ENTRIES_PER_MOMENT + index`. */
export const ENTRIES_PER_MOMENT = 2;

/** One entry: a moment, and which of its states. */
export interface LogEntry {
  readonly row: LogRow;
  readonly index: number;
  readonly state: LogState;
}

/** What every entry of a message repeats. */
export type MessageAttributes = Omit<LogResource, "time" | "state" | "retried">;

const EMPTY = new Uint8Array();

/** `bodyBytesMax` cuts the body: null keeps all of it, -1 nothing. */
export function attributesOf(view: MessageView, bodyBytesMax: number | null): MessageAttributes {
  const { envelope, row, lens } = view;
  // The body has a form of its own here, and may be large.
  const message = messageFields({ ...view, row: { ...row, body: EMPTY } });
  const { callbackHeader, failureCallbackHeader, ...fields } = message;
  const { callbackOf } = envelope;
  return withoutAbsent<MessageAttributes>({
    ...fields,
    callerIp: fields.callerIP,
    retryDelayExpr: fields.retryDelayExpression,
    callbackHeaders: callbackHeader,
    failureCallbackHeaders: failureCallbackHeader,
    sourceMessageId: callbackOf === undefined ? undefined : messageId(callbackOf),
    body: base64(row.body, bodyBytesMax, lens),
  });
}

/** Responses are what the destination says about a message, so its redaction does not cover them. */
const OPEN: Lens = { redaction: null, bodyBytesMax: null };

export function toLogResource(
  { row, state }: LogEntry,
  attributes: MessageAttributes,
  bodyBytesMax: number | null,
): LogResource {
  return withoutAbsent<LogResource>({
    time: row.at,
    state,
    ...attributes,
    retried: row.retried,
    ...momentFields(state, row),
    ...(state === "ERROR" ? responseFields(row, bodyBytesMax) : {}),
  });
}

type MomentField = "nextDeliveryTime" | "startedAt" | "error" | "cause" | "responseStatus" | "move";

type MomentFields = { readonly [K in MomentField]?: LogResource[K] | undefined };

function momentFields(state: LogState, row: LogRow): MomentFields {
  const status = row.status === null || row.status === 0 ? undefined : row.status;
  switch (state) {
    case "CREATED":
    case "RETRY":
      return { nextDeliveryTime: row.nextAt ?? undefined };
    case "DELIVERED":
      return { startedAt: row.startedAt ?? undefined, responseStatus: status };
    case "ERROR":
      return {
        startedAt: row.startedAt ?? undefined,
        error: row.error ?? undefined,
        cause: row.cause ?? undefined,
        responseStatus: status,
        move: row.move ?? undefined,
      };
    case "FAILED":
      return { error: row.error ?? undefined };
    case "ACTIVE":
    case "CANCEL_REQUESTED":
    case "CANCELED":
      return {};
  }
}

function responseFields(row: LogRow, bodyBytesMax: number | null) {
  const headers =
    row.responseHeaders === null
      ? undefined
      : viewHeaders(storedHeaders(row.responseHeaders), OPEN);
  return {
    responseHeader: headers,
    responseHeaders: headers,
    responseBody: base64(row.responseBody, bodyBytesMax, OPEN),
    isResponseTruncated: row.isTruncated === 1 ? true : undefined,
  };
}

/** The log shows bytes as base64, whatever they are; those of a redacted body are the text of its hash. */
function base64(bytes: Uint8Array | null, bytesMax: number | null, lens: Lens): string | undefined {
  if (bytes === null || bytes.byteLength === 0 || bytesMax === -1) return undefined;
  const isHidden = lens.redaction?.isBodyRedacted === true;
  const shown = isHidden ? Buffer.from(viewBody(bytes, lens).text ?? "") : toBuffer(bytes);
  const end = isHidden ? shown.byteLength : (bytesMax ?? shown.byteLength);
  return shown.subarray(0, end).toString("base64") || undefined;
}

function toBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
