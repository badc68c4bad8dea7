import {
  DELIVERY_USER_AGENT,
  formatFlowControlValue,
  HEADER,
  isForwardable,
  messageId,
} from "@reprise/protocol";
import type { Envelope } from "./envelope.ts";
import type { MessageRow } from "./rows.ts";

/**
 * The headers of one attempt of a message without a run, but for the signature: the publisher's, then those that only the server
 * may set. Names in lower case.
 * @see docs/protocol.md#headers-on-deliveries
 */
export function plainDeliveryHeaders(
  message: MessageRow,
  envelope: Envelope,
): Record<string, string> {
  const headers: Record<string, string> = { [HEADER.userAgent]: DELIVERY_USER_AGENT };
  for (const name in envelope.headers) {
    if (isForwardable(name)) headers[name] = envelope.headers[name] ?? "";
  }
  headers[HEADER.messageId] = messageId(message.key);
  headers[HEADER.retried] = String(message.retried);
  headers[HEADER.retries] = String(message.retries);
  headers[HEADER.callerIp] = envelope.callerIp;
  if (envelope.scheduleId !== undefined) headers[HEADER.scheduleId] = envelope.scheduleId;
  if (envelope.topicName !== undefined) headers[HEADER.topicName] = envelope.topicName;
  if (envelope.retryDelay !== undefined) headers[HEADER.retryDelay] = envelope.retryDelay;
  if (envelope.labels !== undefined) headers[HEADER.label] = envelope.labels.join(",");
  if (envelope.flowControl !== undefined) {
    headers[HEADER.flowControlKey] = envelope.flowControl.key;
    headers[HEADER.flowControlValue] = formatFlowControlValue(envelope.flowControl);
  }
  return headers;
}
