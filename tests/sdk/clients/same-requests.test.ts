// The same call through the official clients and through ours makes requests that mean the same.

import { Client as OurRuns } from "@reprise/sdk";
import { Client as OurMessages } from "@reprise/sdk/messages";
import { Client as TheirMessages } from "@upstash/qstash";
import { Client as TheirRuns } from "@upstash/workflow";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { quietSdk } from "../../conformance/quiet-sdk.ts";
import { meaningOf } from "./equivalent.ts";
import { BATCH_CALLS, type MessageCalls, PUBLISH_CALLS } from "./message-calls.ts";
import { type Recorded, RecordingServer } from "./recording-server.ts";
import { RESOURCE_CALLS } from "./resource-calls.ts";
import { RUN_CALLS, type RunCalls, TRIGGER_CALLS } from "./run-calls.ts";

const server = new RecordingServer();

quietSdk();
beforeAll(() => server.start());
afterAll(() => server.stop());

/** The requests that a call makes. */
async function requestsOf(call: () => Promise<unknown>): Promise<readonly Recorded[]> {
  server.requests.length = 0;
  await call();
  return [...server.requests];
}

function config(headers?: Readonly<Record<string, string>>) {
  return {
    baseUrl: server.url,
    token: "token",
    enableTelemetry: false,
    ...(headers === undefined ? {} : { headers }),
  };
}

/** What every message carries, besides its own. */
const GLOBAL = { "X-Global": "g", "Upstash-Retries": "8", Authorization: "Bearer everyone" };

function compare(calls: MessageCalls, headers?: Readonly<Record<string, string>>): void {
  test.each(Object.entries(calls))("%s", async (_name, call) => {
    const ours = await requestsOf(() => call(new OurMessages(config(headers))));
    // That the official client takes the same calls is what is tested here.
    const theirs = new TheirMessages(config(headers)) as unknown as OurMessages;
    const expected = await requestsOf(() => call(theirs));
    expect(ours.length).toBe(1);
    expect(ours.map(meaningOf)).toEqual(expected.map(meaningOf));
  });
}

function compareRuns(calls: RunCalls, headers?: Readonly<Record<string, string>>): void {
  test.each(Object.entries(calls))("%s", async (_name, call) => {
    const ours = await requestsOf(() => call(new OurRuns(config(headers))));
    // That the official client takes the same calls is what is tested here.
    const theirs = new TheirRuns(config(headers)) as unknown as OurRuns;
    const expected = await requestsOf(() => call(theirs));
    expect(ours.length).toBe(1);
    expect(ours.map(meaningOf)).toEqual(expected.map(meaningOf));
  });
}

describe("messages", () => compare(PUBLISH_CALLS));
describe("batches", () => compare(BATCH_CALLS));
describe("what is about messages", () => compare(RESOURCE_CALLS));
describe("messages with headers of the client", () => compare({ ...BATCH_CALLS }, GLOBAL));
describe("single messages with headers of the client", () => compare(PUBLISH_CALLS, GLOBAL));
describe("triggers", () => compareRuns(TRIGGER_CALLS));
describe("triggers with headers of the client", () => compareRuns(TRIGGER_CALLS, GLOBAL));
describe("runs", () => compareRuns(RUN_CALLS));

test("there are enough of them", () => {
  const tables = [PUBLISH_CALLS, BATCH_CALLS, RESOURCE_CALLS, TRIGGER_CALLS, RUN_CALLS];
  const count = tables.reduce((sum, table) => sum + Object.keys(table).length, 0);
  expect(count).toBeGreaterThanOrEqual(250);
});
