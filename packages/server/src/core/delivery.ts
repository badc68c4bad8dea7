import {
  DELIVERY_USER_AGENT,
  formatOffer,
  HEADER,
  isForwardable,
  isPersistable,
  messageId,
  type WarmPart,
} from "@reprise/protocol";
import type { MessageRow, RunRow } from "./rows.ts";
import type { MessageConfig, RunConfig } from "./run-config.ts";

/** What the headers of one attempt are made from. */
export interface DeliverySource {
  readonly message: MessageRow;
  readonly run: RunRow;
  readonly config: RunConfig;
  /** What the message brought along: the step's for `step`, its own for others. */
  readonly own: MessageConfig;
}

/**
 * The headers of one attempt but for the signature: the run's user headers, then the message's, then those that only the
 * server may set. Names in lower case.
 * @see docs/protocol.md#headers-on-deliveries
 */
export function deliveryHeaders({
  message,
  run,
  config,
  own,
}: DeliverySource): Record<string, string> {
  const headers: Record<string, string> = { [HEADER.userAgent]: DELIVERY_USER_AGENT };
  const isFailureCall = message.kind === "failureCall";
  if (message.kind === "call") return callHeaders({ message, run, config, own }, headers);
  if (!isFailureCall) {
    for (const name in config.forward) {
      if (isPersistable(name)) headers[name] = config.forward[name] ?? "";
    }
  }
  for (const name in own.forward) {
    if (isForwardable(name)) headers[name] = own.forward[name] ?? "";
  }
  headers[HEADER.contentType] = "application/json";
  headers[HEADER.workflowRunId] = run.id;
  headers[HEADER.workflowCreatedAt] = String(run.createdAt);
  if (!isFailureCall) {
    headers[HEADER.workflowUrl] = run.url;
    headers[HEADER.workflowInit] = "false";
  }
  // With the version the SDK would read a failure call as a list of steps; with the mark a step would be a hop again.
  if (message.kind !== "step") delete headers[HEADER.workflowSdkVersion];
  if (message.kind === "hop") headers[HEADER.workflowUnknownSdk] = "true";
  else delete headers[HEADER.workflowUnknownSdk];
  headers[HEADER.messageId] = messageId(message.key);
  headers[HEADER.retried] = String(message.retried);
  headers[HEADER.callerIp] = run.callerIp;
  headers["x-forwarded-proto"] = message.url.startsWith("https:") ? "https" : "http";
  return headers;
}

/** Whether whoever gets the message may use the fast modes: a workflow that goes on with its run. See docs/fast-modes.md. */
export function isOffered({ kind }: Pick<MessageRow, "kind">): boolean {
  return kind === "step" || kind === "callResult";
}

/** What an attempt offers, in `Reprise-Delivery`. */
export function offerOf({ leaseToken, retries }: MessageRow, part?: WarmPart): string {
  const offer = { hold: leaseToken, retries };
  return formatOffer(part === undefined ? offer : { ...offer, part });
}

/** What a service is sent: the step's own headers. Those of the run are for its workflow alone; they often hold a secret. */
function callHeaders(
  { message, run, own }: DeliverySource,
  headers: Record<string, string>,
): Record<string, string> {
  for (const name in own.forward) {
    if (isForwardable(name)) headers[name] = own.forward[name] ?? "";
  }
  headers[HEADER.contentType] = own.contentType ?? "application/json";
  headers[HEADER.messageId] = messageId(message.key);
  headers[HEADER.retried] = String(message.retried);
  headers[HEADER.callerIp] = run.callerIp;
  return headers;
}
