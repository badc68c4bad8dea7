import {
  type FlatHeaders,
  FORWARD_PREFIX,
  HEADER,
  parsePlainOptions,
  RepriseError,
} from "@reprise/protocol";
import type { Overrides } from "../core/commands.ts";
import type { EnvelopeOverrides } from "../core/envelope.ts";
import { toEnvelope } from "./publish-message.ts";
import type { ApiRoom } from "./room.ts";
import { readOptions } from "./workflow-message.ts";

/**
 * Reads the headers that change how a revived run goes on; those that are absent keep the run's value.
 * @throws RepriseError `invalid_header`, `invalid_duration`, `invalid_retry_delay`, `invalid_destination` or `quota_exceeded`.
 */
export function readOverrides(headers: FlatHeaders, room: ApiRoom): Overrides {
  const options = readOptions(headers, room);
  const { retries, retryDelay, flowControl, labels, failureCallback } = options;
  if (retries !== null && retries > room.settings.retriesMax) throw tooManyRetries(retries, room);
  if (failureCallback !== null) {
    room.settings.checkEgress(failureCallback.url, "Upstash-Failure-Callback");
  }
  if (headers[HEADER.label] !== undefined && labels.length === 0) {
    throw new RepriseError("invalid_header", { message: "Upstash-Label must name a label" });
  }
  return {
    ...(retries === null ? {} : { retries }),
    ...(retryDelay === null ? {} : { retryDelay }),
    ...(options.delayMs === null ? {} : { delayMs: options.delayMs }),
    ...(flowControl === null ? {} : { flowControl }),
    ...(labels.length === 0 ? {} : { labels }),
    ...(failureCallback === null ? {} : { failureCallbackUrl: failureCallback.url }),
  };
}

function tooManyRetries(retries: number, { settings }: ApiRoom): RepriseError {
  return new RepriseError("quota_exceeded", {
    message: `quota maxRetries exceeded, current limit: ${settings.retriesMax} (Upstash-Retries is ${retries})`,
    details: { quota: "maxRetries", limit: settings.retriesMax },
  });
}

/**
 * Refuses what looks like a message: official clients put destinations into paths as they are, so a publish to
 * `https://host/../../workflows/dlq/resume` arrives at this path.
 * @throws RepriseError `invalid_header`.
 */
export function refuseMessage(headers: FlatHeaders): void {
  for (const name in headers) {
    if (name === HEADER.method || name === HEADER.callback || name.startsWith(FORWARD_PREFIX)) {
      throw new RepriseError("invalid_header", {
        message: `${name} is not allowed here: this is no address for messages; percent-encode the destination`,
        details: { header: name },
      });
    }
  }
}

/**
 * Reads the headers that change how the retry of a dead message is delivered; those that are absent keep what it had.
 * @throws RepriseError as a publish does.
 */
export function readRetryOverrides(headers: FlatHeaders, room: ApiRoom): EnvelopeOverrides {
  const options = readOptions(headers, room);
  const plain = parsePlainOptions(headers);
  const envelope = toEnvelope({ callerIp: "", queueName: null }, { options, plain }, room);
  const { notBefore, retries, retryDelay, timeoutMs, labels, flowControl } = envelope;
  const { redaction, callback, failureCallback } = envelope;
  return {
    notBefore,
    ...(options.retries === null ? {} : { retries }),
    ...(retryDelay === undefined ? {} : { retryDelay }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(labels === undefined ? {} : { labels }),
    ...(flowControl === undefined ? {} : { flowControl }),
    ...(redaction === undefined ? {} : { redaction }),
    ...(callback === undefined ? {} : { callback }),
    ...(failureCallback === undefined ? {} : { failureCallback }),
  };
}
