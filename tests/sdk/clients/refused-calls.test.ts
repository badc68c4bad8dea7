// What could be meant for nothing or for everything is refused, and no request is made.

import { Client as RunClient } from "@reprise/sdk";
import { Client as MessageClient } from "@reprise/sdk/messages";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { RecordingServer } from "./recording-server.ts";

const server = new RecordingServer();
let runs: RunClient;
let messages: MessageClient;

beforeAll(async () => {
  await server.start();
  const config = { baseUrl: server.url, token: "t", retry: false } as const;
  runs = new RunClient(config);
  messages = new MessageClient(config);
});
beforeEach(() => {
  server.requests.length = 0;
});
afterAll(() => server.stop());

/** Calls that take a selection, as callers without types reach them. */
const BULK: Readonly<Record<string, (selection: never) => Promise<unknown>>> = {
  "cancel of runs": (selection) => runs.cancel(selection),
  "delete of failed runs": (selection) => runs.dlq.delete(selection),
  "resume of failed runs": (selection) => runs.dlq.resume(selection),
  "restart of failed runs": (selection) => runs.dlq.restart(selection),
  "cancel of messages": (selection) => messages.messages.cancel(selection),
  "delete of dead messages": (selection) => messages.dlq.delete(selection),
  "retry of dead messages": (selection) => messages.dlq.retry(selection),
};

/** Selections that say nothing, too much, or half of something. */
const SELECTIONS: Readonly<Record<string, unknown>> = {
  "an empty object": {},
  "an empty text": "",
  "an empty id among others": ["wfr_1", ""],
  "no list of ids": { dlqIds: undefined, workflowRunIds: undefined, messageIds: undefined },
  "an empty list of ids": { dlqIds: [], workflowRunIds: [], messageIds: [] },
  "an empty id": { dlqIds: [""], workflowRunIds: [""], messageIds: [""] },
  "two ids in one text": "a,b",
  "two ids in one text of a list": {
    dlqIds: ["a,b"],
    workflowRunIds: ["a,b"],
    messageIds: ["a,b"],
  },
  "a number": [7],
  "an empty filter": { filter: {} },
  "a filter without values": { filter: { label: undefined, fromDate: undefined } },
  "a filter with an empty list": { filter: { label: [] } },
  "a filter with an empty text": { filter: { label: "" } },
  "a filter with an empty text among others": { filter: { label: ["a", ""] } },
  "a filter with null": { filter: { label: null } },
  "not all": { all: false },
  "all and a filter": { all: true, filter: { label: "a" } },
  "a count alone": { count: 5 },
};

describe.each(Object.entries(BULK))("%s", (_name, call) => {
  test.each(Object.entries(SELECTIONS))("with %s", async (_what, selection) => {
    // Callers without types can pass anything.
    await expect(call(selection as never)).rejects.toMatchObject({
      name: expect.stringMatching(/^Qstash(EmptyArray)?Error$/),
      status: undefined,
    });
    expect(server.requests).toEqual([]);
  });

  test("an empty list in place of ids does nothing", async () => {
    // Each call has a list type of its own.
    await expect(call([] as never)).resolves.toBeTypeOf("object");
    expect(server.requests).toEqual([]);
  });
});

/** Calls with one wrong value, and what the message has to say. */
const SINGLE: Readonly<Record<string, readonly [string, () => Promise<unknown>]>> = {
  // Callers without types again, here and below.
  "no destination": ["needs a destination", () => messages.publish({} as never)],
  "an empty URL": ["needs a destination", () => messages.publish({ url: "" })],
  "two destinations": [
    "one destination",
    // The types know better.
    () => messages.publish({ url: "https://a.test", urlGroup: "g" } as never),
  ],
  "a token in a URL": [
    "qstash_token",
    () => messages.publish({ url: "https://a.test?qstash_token=x" }),
  ],
  "a setting in a URL": [
    "upstash-callback",
    () => messages.publish({ url: "https://a.test?a=1&upstash-callback=https://b.test" }),
  ],
  "a setting in disguise": [
    "upstash-delay",
    () => messages.batch([{ url: "https://a.test?%75pstash%2Ddelay=1h" }]),
  ],
  "a setting in the URL of a workflow": [
    "Upstash-Retries",
    () => runs.trigger({ url: "https://a.test?Upstash-Retries=1" }),
  ],
  "a setting in the destination of a schedule": [
    "upstash-cron",
    () =>
      messages.schedules.create({
        destination: "https://a.test?upstash-cron=@daily",
        cron: "@daily",
      }),
  ],
  "a schedule without a time": [
    "needs cron",
    () => messages.schedules.create({ destination: "https://a.test", cron: "" }),
  ],
  "flow control without limits": [
    "parallelism or rate",
    // The types know better.
    () => messages.publish({ url: "https://a.test", flowControl: { key: "k" } as never }),
  ],
  "a batch with bytes": [
    "item 1",
    () =>
      messages.batch([{ url: "https://a.test" }, { url: "https://a.test", body: new Blob(["x"]) }]),
  ],
  "an object as a body": [
    "publishJSON sends objects",
    // The types know better.
    () => messages.publish({ url: "https://a.test", body: { n: 1 } as never }),
  ],
  "an object as the body of a schedule": [
    "publishJSON sends objects",
    () =>
      messages.schedules.create({
        destination: "https://a.test",
        cron: "@daily",
        // The types know better.
        body: { n: 1 } as never,
      }),
  ],
  "a list as a body": [
    "publishJSON sends objects",
    // The types know better.
    () => messages.queue({ queueName: "q" }).enqueue({ url: "https://a.test", body: [1] as never }),
  ],
  "a body that holds itself": [
    "JSON",
    () => messages.publishJSON({ url: "https://a.test", body: circle() }),
  ],
  "a payload that holds itself": [
    "JSON",
    () => runs.trigger({ url: "https://a.test", body: circle() }),
  ],
  "a label that is no name": [
    '"two words"',
    () => runs.trigger({ url: "https://a.test", label: ["a", "two words"] }),
  ],
  "an empty list of labels": ["label", () => runs.trigger({ url: "https://a.test", label: [] })],
  "a key that is no name": [
    "flow control",
    () => runs.trigger({ url: "https://a.test", flowControl: { key: "a b", rate: 1 } }),
  ],
  "both kinds of URLs": [
    "exclude each other",
    () =>
      runs.cancel({
        filter: { workflowUrl: "https://a.test", workflowUrlStartingWith: "https://" },
      }),
  ],
  "ids and a filter of a list": [
    "not by both",
    () => messages.dlq.listMessages({ dlqIds: ["1-1"], filter: { label: "a" } }),
  ],
  "ids and a filter of the log": [
    "not by both",
    () => messages.logs({ messageIds: ["m"], filter: { label: "a" } }),
  ],
  "no ids of a list": ["messageIds", () => messages.messages.list({ messageIds: [] })],
  "no ids of the log": ["messageIds", () => messages.logs({ messageIds: [] })],
  "an empty filter of a list": ["label", () => runs.dlq.list({ filter: { label: "" } })],
  "an empty event": ["cannot be an id", () => runs.notify({ eventId: "" })],
  "half of a character": ["cannot be an id", () => runs.getWaiters({ eventId: "\ud800" })],
};

test.each(Object.entries(SINGLE))("%s", async (_name, [text, call]) => {
  await expect(call()).rejects.toThrow(text);
  expect(server.requests).toEqual([]);
});

test("what is wrong for ever is not retried by a workflow", async () => {
  await expect(runs.trigger({ url: "https://a.test", label: "ä" })).rejects.toMatchObject({
    name: "WorkflowNonRetryableError",
  });
});

function circle(): unknown {
  const value: { self?: unknown } = {};
  value.self = value;
  return value;
}
