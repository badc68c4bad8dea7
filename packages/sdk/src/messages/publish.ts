import { type BatchAnswer, sendBatch } from "../client/trigger.ts";
import { jsonText } from "../client/trigger-item.ts";
import { QstashError } from "../errors.ts";
import { HEADER } from "../wire/headers.ts";
import type { Http } from "../wire/http.ts";
import { forwardHeaders } from "../wire/message-headers.ts";
import {
  destinationOf,
  messageHeaders,
  type PublishBatchRequest,
  type PublishRequest,
} from "./publish-request.ts";

/** Requests that send messages. */

/** Sends one message, through a queue when it is named. */
export function sendMessage<T>(
  message: PublishRequest,
  queueName: string | null,
  http: Http,
): Promise<T> {
  const destination = destinationOf(message);
  return http.json({
    method: "POST",
    path:
      queueName === null
        ? ["v2", "publish", destination]
        : ["v2", "enqueue", queueName, destination],
    headers: { ...forwardHeaders(http.headers), ...messageHeaders(message) },
    body: checkBody(message.body),
  });
}

/** An object of the author's own would arrive as `[object Object]`. @throws QstashError for one. */
export function checkBody(body: PublishRequest["body"]): PublishRequest["body"] {
  const isData = Array.isArray(body) || Object.getPrototypeOf(body ?? "") === Object.prototype;
  if (!isData) return body;
  throw new QstashError("the body must be text, bytes or a stream; publishJSON sends objects");
}

/** The same message with its body as JSON. */
export function asJson<T extends PublishRequest<unknown>>(message: T): PublishRequest<string> {
  const headers = new Headers(message.headers);
  headers.set(HEADER.contentType, "application/json");
  // What it says about its destination stays as it was.
  return { ...message, headers, body: jsonText(message.body) } as PublishRequest<string>;
}

/** Sends many messages in one request: all are accepted, or none. */
export function sendMessages(
  messages: readonly PublishBatchRequest[],
  http: Http,
): Promise<readonly BatchAnswer[]> {
  return sendBatch(messages.map(toItem), http);
}

function toItem(message: PublishBatchRequest, index: number) {
  const { body, queueName } = message;
  if (typeof body !== "string" && body !== undefined && body !== null) {
    throw new QstashError(
      `the body of item ${index} must be a text: a batch is JSON; publish others`,
    );
  }
  return {
    destination: destinationOf(message),
    headers: messageHeaders(message),
    ...(body === undefined || body === null ? {} : { body }),
    ...(queueName === undefined || queueName === "" ? {} : { queue: queueName }),
  };
}
