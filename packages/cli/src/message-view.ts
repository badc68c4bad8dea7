import type { HeaderMap, MessageResource, OpenMessageFields } from "@reprise/protocol";
import { formatInstant, formatMs } from "./instant.ts";
import { formatFields, ifGiven, indent, oneLine, plain } from "./text.ts";

type Fact = readonly [name: string, value: string | undefined];

/** A message with all that it was given, and as long as it is open what it waits for. */
export function formatMessage(message: MessageResource & Partial<OpenMessageFields>): string {
  const { messageId, state, waitingFor } = message;
  const facts = formatFields([
    ["message", messageId],
    ["state", state],
    ["waiting for", ifGiven(waitingFor, (text) => oneLine(text, 2000))],
    ...messageFacts(message),
  ]);
  return [
    plain(facts),
    section("headers", formatHeaders(message.header)),
    section("body", bodyOf(message)),
  ].join("\n\n");
}

/** What a message was given, without its headers and its body. */
export function messageFacts(message: MessageResource): readonly Fact[] {
  const { createdAt, notBefore } = message;
  return [
    ["to", oneLine(`${message.method} ${message.url}`, 2000)],
    ["created", formatInstant(createdAt)],
    ["due", notBefore > createdAt ? formatInstant(notBefore) : undefined],
    ["url group", ifGiven(message.topicName, oneLine)],
    ["endpoint", ifGiven(message.endpointName, oneLine)],
    ["queue", ifGiven(message.queueName, oneLine)],
    ["schedule", ifGiven(message.scheduleId, oneLine)],
    ...deliveryFacts(message),
    ["sent from", message.callerIP],
  ];
}

type Delivery = Pick<
  MessageResource,
  | "retryDelayExpression"
  | "callback"
  | "failureCallback"
  | "label"
  | "labels"
  | "flowControlKey"
  | "parallelism"
  | "rate"
  | "period"
> & {
  readonly maxRetries: number;
  /** Milliseconds. */
  readonly timeout?: number | undefined;
};

/** How messages are delivered; a schedule has the same for those that it makes. */
export function deliveryFacts(delivery: Delivery): readonly Fact[] {
  const delay = delivery.retryDelayExpression;
  return [
    [
      "retries",
      `${delivery.maxRetries}${delay === undefined ? "" : `, delay ${oneLine(delay)} ms`}`,
    ],
    ["timeout", ifGiven(delivery.timeout, formatMs)],
    ["labels", ifGiven(delivery.labels?.join(", ") ?? delivery.label, oneLine)],
    ["flow control", flowControlOf(delivery)],
    ["callback", ifGiven(delivery.callback, oneLine)],
    ["failure callback", ifGiven(delivery.failureCallback, oneLine)],
  ];
}

export function flowControlOf(
  delivery: Pick<MessageResource, "flowControlKey" | "parallelism" | "rate" | "period">,
): string | undefined {
  if (delivery.flowControlKey === undefined) return undefined;
  const limits = [
    delivery.parallelism && `parallelism=${delivery.parallelism}`,
    delivery.rate && `rate=${delivery.rate}`,
    delivery.period && `period=${delivery.period}s`,
  ];
  return oneLine(`${delivery.flowControlKey} (${limits.filter(Boolean).join(", ")})`);
}

export function section(heading: string, text: string): string {
  return `${heading}\n${indent(text === "" ? "(none)" : text)}`;
}

export function formatHeaders(headers: HeaderMap | undefined): string {
  const lines = Object.entries(headers ?? {}).flatMap(([name, values]) =>
    values.map((value) => `${name}: ${value}`),
  );
  return plain(lines.join("\n"));
}

export interface Body {
  readonly body?: string | undefined;
  readonly bodyBase64?: string | undefined;
}

export function bodyOf({ body, bodyBase64 }: Body): string {
  if (body !== undefined && body !== "") return plain(body);
  return bodyBase64 === undefined || bodyBase64 === "" ? "" : `base64: ${bodyBase64}`;
}
