import type { DeadMessageResource } from "@reprise/protocol";
import { nameAnswerer, withAnswerer } from "../../core/answerer.ts";
import { readFailureCause } from "../../core/failure.ts";
import type { DeadMessageRow, EnvelopeRow } from "../../core/rows.ts";
import { type Lens, storedHeaders, viewBody, viewHeaders, withoutAbsent } from "./content.ts";
import { dlqIdOf } from "./dlq-id.ts";
import { expiresAt } from "./expires-at.ts";
import { messageFields, viewOf } from "./message.ts";

/** Redaction is about what the publisher sent; the destination's answer is shown as it came. */
const OPEN: Lens = { redaction: null, bodyBytesMax: null };

/** A message in the dead letter queue. */
export function toDeadMessage(
  row: DeadMessageRow,
  envelope: EnvelopeRow,
  deadLetterRetentionMs: number,
): DeadMessageResource {
  const hasBody = row.responseBody !== null && row.responseBody.byteLength > 0;
  const body = viewBody(hasBody ? row.responseBody : null, OPEN);
  const headers =
    row.responseHeaders === null
      ? undefined
      : viewHeaders(storedHeaders(row.responseHeaders), OPEN);
  return withoutAbsent<DeadMessageResource>({
    dlqId: dlqIdOf(row),
    ...messageFields(viewOf(envelope)),
    expiresAt: expiresAt(row, deadLetterRetentionMs),
    responseStatus: row.responseStatus,
    responseHeader: headers,
    responseBody: body.text ?? undefined,
    responseBodyBase64: body.base64 ?? undefined,
    isResponseTruncated: row.isTruncated === 1 ? true : undefined,
    cause: readFailureCause(row.failureCause) ?? undefined,
    groupId: row.groupId ?? undefined,
    reason: withAnswerer(
      row.reason,
      nameAnswerer({ status: row.responseStatus, headers: headers ?? {} }),
    ),
  });
}
