import type { Client } from "@reprise/sdk/messages";

/** Calls that both messaging clients take. */

export type MessageCall = (client: Client) => Promise<unknown>;
export type MessageCalls = Readonly<Record<string, MessageCall>>;

type Message = Parameters<Client["publish"]>[0];
type Options = Omit<Message, "url" | "urlGroup" | "topic" | "body">;

const URL_A = "https://app.test/a";

/** Options of a message, one by one and together. */
export const OPTIONS: Readonly<Record<string, Options>> = {
  nothing: {},
  "a method": { method: "PUT" },
  GET: { method: "GET" },
  "a delay in seconds": { delay: 30 },
  "a delay with a fraction": { delay: 1.6 },
  "a delay of 0": { delay: 0 },
  "a delay as a duration": { delay: "3h" },
  "an instant": { notBefore: 1_900_000_000 },
  "a deduplication id": { deduplicationId: "once" },
  "deduplication by content": { contentBasedDeduplication: true },
  "no deduplication by content": { contentBasedDeduplication: false },
  "no retries": { retries: 0 },
  retries: { retries: 7 },
  "a retry delay": { retryDelay: "1000 * (1 + retried)" },
  "a callback": { callback: "https://app.test/back?x=1" },
  "a failure callback": { failureCallback: "https://app.test/failed" },
  "a timeout in seconds": { timeout: 5 },
  "a timeout with a fraction": { timeout: 2.5 },
  "a timeout as a duration": { timeout: "10m" },
  "a rate": { flowControl: { key: "k", rate: 3 } },
  "an old rate": { flowControl: { key: "k", ratePerSecond: 3 } },
  parallelism: { flowControl: { key: "k", parallelism: 2 } },
  "all limits": { flowControl: { key: "k.1", parallelism: 2, rate: 10, period: "1m" } },
  "a period in seconds": { flowControl: { key: "k", rate: 10, period: 90 } },
  "a label": { label: "winter" },
  labels: { label: ["winter", "2026"] },
  "a redacted body": { redact: { body: true } },
  "redacted headers": { redact: { header: true } },
  "some redacted headers": { redact: { header: ["Authorization", "X-Secret"] } },
  "both redacted": { redact: { body: true, header: ["Cookie"] } },
  "nothing redacted": { redact: {} },
  headers: { headers: { "X-Shop": "1", Authorization: "Bearer user", "Content-Type": "text/csv" } },
  "headers as pairs": {
    headers: [
      ["x-one", "1"],
      ["X-Two", "2"],
    ],
  },
  "headers as an object of the platform": { headers: new Headers({ "X-Web": "w" }) },
  "settings among headers": {
    headers: {
      "Upstash-Callback-Retries": "2",
      "Upstash-Callback-Forward-X": "y",
      "Upstash-Failure-Callback-Method": "PUT",
      "Upstash-Forward-Z": "z",
    },
  },
  "an option against a header": { retries: 4, headers: { "upstash-retries": "9" } },
  everything: {
    method: "PATCH",
    delay: "10s",
    notBefore: 1_900_000_000,
    deduplicationId: "d",
    contentBasedDeduplication: true,
    retries: 2,
    retryDelay: "pow(2, retried)",
    callback: "https://app.test/back",
    failureCallback: "https://app.test/failed",
    timeout: 20,
    flowControl: { key: "k", parallelism: 1, rate: 5, period: 3 },
    label: ["a", "b"],
    redact: { body: true, header: true },
    headers: { "X-All": "1" },
  },
};

/** Bodies of every kind that both take. */
const BODIES: Readonly<Record<string, Message["body"]>> = {
  "a text": "hello",
  "an empty text": "",
  umlauts: "grüße \u{1f600}",
  parameters: new URLSearchParams({ a: "1", b: "ä" }),
};

const JSON_BODIES: Readonly<Record<string, unknown>> = {
  "an object": { a: [1, null, "x"], ä: "ß" },
  "a text": "hello",
  "a number": 3,
  null: null,
  nothing: undefined,
};

/** Destinations that the official client sends as they are, because they hold nothing that a URL parser would change. */
const DESTINATIONS: Readonly<
  Record<string, { url: string } | { urlGroup: string } | { topic: string }>
> = {
  "a URL": { url: URL_A },
  "a URL with a port": { url: "http://127.0.0.1:4000/x" },
  "a deep path": { url: "https://app.test/a/b/c.d/" },
  "a host alone": { url: "https://app.test" },
  "a URL group": { urlGroup: "shops" },
  "a topic": { topic: "old-shops" },
};

function named(entries: Iterable<readonly [string, MessageCall]>): MessageCalls {
  return Object.fromEntries(entries);
}

export const PUBLISH_CALLS: MessageCalls = {
  ...named(
    Object.entries(OPTIONS).map(([name, options]) => [
      `publish with ${name}`,
      (client) => client.publish({ url: URL_A, body: "x", ...options }),
    ]),
  ),
  ...named(
    Object.entries(OPTIONS).map(([name, options]) => [
      `publishJSON with ${name}`,
      (client) => client.publishJSON({ url: URL_A, body: { a: 1 }, ...options }),
    ]),
  ),
  ...named(
    Object.entries(OPTIONS).map(([name, options]) => [
      `enqueueJSON with ${name}`,
      (client) =>
        client.queue({ queueName: "q" }).enqueueJSON({ url: URL_A, body: [1], ...options }),
    ]),
  ),
  ...named(
    Object.entries(BODIES).map(([name, body]) => [
      `publish ${name}`,
      (client) => client.publish({ url: URL_A, body }),
    ]),
  ),
  ...named(
    Object.entries(JSON_BODIES).map(([name, body]) => [
      `publishJSON ${name}`,
      (client) => client.publishJSON({ url: URL_A, body }),
    ]),
  ),
  ...named(
    Object.entries(DESTINATIONS).map(([name, destination]) => [
      `publish to ${name}`,
      (client) => client.publish({ ...destination, body: "x" }),
    ]),
  ),
  ...named(
    Object.entries(DESTINATIONS).map(([name, destination]) => [
      `enqueue to ${name}`,
      (client) => client.queue({ queueName: "q" }).enqueue({ ...destination, body: "x" }),
    ]),
  ),
};

export const BATCH_CALLS: MessageCalls = {
  "a batch of every option": (client) =>
    client.batch(Object.values(OPTIONS).map((options) => ({ url: URL_A, body: "x", ...options }))),
  "a batch to every destination": (client) => client.batch(Object.values(DESTINATIONS)),
  "a batch through queues": (client) =>
    client.batch([
      { url: URL_A, queueName: "q" },
      { urlGroup: "g", body: "b", queueName: "r" },
    ]),
  "a batch of JSON": (client) =>
    client.batchJSON([
      { url: URL_A, body: { a: 1 }, headers: { "X-A": "1" } },
      { url: URL_A, body: "text", queueName: "q", label: "l" },
      { url: URL_A },
    ]),
};
