// Ids and destinations from strangers reach the endpoint that was meant, or none.

import { Client as RunClient } from "@reprise/sdk";
import { Client as MessageClient } from "@reprise/sdk/messages";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Recorded, RecordingServer } from "./recording-server.ts";

const server = new RecordingServer();
let runs: RunClient;
let messages: MessageClient;

beforeAll(async () => {
  await server.start();
  const config = { baseUrl: server.url, token: "t", retry: false } as const;
  runs = new RunClient(config);
  messages = new MessageClient(config);
});
afterAll(() => server.stop());

type Call = (name: string) => Promise<unknown>;

/** Calls that put a name into the path, as the path with `*` for it. */
const CALLS: Readonly<Record<string, Call>> = {
  "POST /v2/publish/*": (url) => messages.publish({ url }),
  "POST /v2/enqueue/q/*": (url) => messages.queue({ queueName: "q" }).enqueue({ url }),
  "POST /v2/enqueue/*/https%3A%2F%2Fa.test": (queueName) =>
    messages.queue({ queueName }).enqueue({ url: "https://a.test" }),
  "POST /v2/schedules/*": (destination) =>
    messages.schedules.create({ destination, cron: "@daily" }),
  "GET /v2/schedules/*": (id) => messages.schedules.get(id),
  "DELETE /v2/schedules/*": (id) => messages.schedules.delete(id),
  "PATCH /v2/schedules/*/pause": (schedule) => messages.schedules.pause({ schedule }),
  "PATCH /v2/schedules/*/resume": (schedule) => messages.schedules.resume({ schedule }),
  "GET /v2/queues/*": (queueName) => messages.queue({ queueName }).get(),
  "DELETE /v2/queues/*": (queueName) => messages.queue({ queueName }).delete(),
  "POST /v2/queues/*/pause": (queueName) => messages.queue({ queueName }).pause(),
  "GET /v2/topics/*": (name) => messages.urlGroups.get(name),
  "DELETE /v2/topics/*": (name) => messages.urlGroups.delete(name),
  "PATCH /v2/topics/*": (name) => messages.urlGroups.setHeaders(name, {}),
  "POST /v2/topics/*/endpoints": (name) => messages.urlGroups.addEndpoints({ name, endpoints: [] }),
  "DELETE /v2/topics/*/endpoints": (name) =>
    messages.urlGroups.removeEndpoints({ name, endpoints: [{ name: "a" }] }),
  "GET /v2/flowControl/*": (key) => messages.flowControl.get(key),
  "POST /v2/flowControl/*/pause": (key) => messages.flowControl.pause(key),
  "POST /v2/flowControl/*/resetRate": (key) => messages.flowControl.resetRate(key),
  "GET /v2/messages/*": (id) => messages.messages.get(id),
  "POST /v2/messages/*/retry": (id) => messages.messages.release(id),
  "DELETE /v2/messages/*": (id) => messages.messages.cancel(id),
  "DELETE /v2/dlq/*": (id) => messages.dlq.delete(id),
  "GET /v2/dlq/*": (id) => messages.dlq.get(id),
  "GET /v2/bulkActions/*": (id) => messages.bulkActions.get(id),
  "DELETE /v2/tokens/*": (id) => messages.tokens.revoke(id),
  "GET /v2/workflows/dlq/*": (id) => runs.dlq.get(id),
  "POST /v2/workflows/dlq/callback/*": (dlqId) => runs.dlq.retryFailureFunction({ dlqId }),
  "DELETE /v2/workflows/dlq/callback/*": (dlqId) => runs.dlq.cancelFailureFunction({ dlqId }),
  "POST /v2/workflows/runs/*/nudge": (id) => runs.nudge(id),
  "POST /v2/notify/*": (eventId) => runs.notify({ eventId }),
  "POST /v2/notify/*/paid": (workflowRunId) => runs.notify({ eventId: "paid", workflowRunId }),
  "POST /v2/notify/wfr_1/*": (eventId) => runs.notify({ eventId, workflowRunId: "wfr_1" }),
  "GET /v2/waiters/*": (eventId) => runs.getWaiters({ eventId }),
};

/** Names that mean something to URL parsers, routers and proxies. */
const HOSTILE: readonly string[] = [
  ".",
  "..",
  "../..",
  "/",
  "//",
  "a/../../keys/rotate",
  "https://x/../../../../keys/rotate?force=true",
  "https://x/%2e%2e/%2e%2e/%2e%2e/dlq/retry",
  "https://x/..%2f..%2f..%2fdlq",
  "https://x/a?b=c#d",
  "?count=100",
  "a?all=true",
  "#",
  "a#b",
  "%2e%2e",
  "%2E%2E%2F%2E%2E",
  ".%2e",
  "%",
  "%zz",
  "\\..\\..",
  "a\\b",
  ";a=b",
  "a\r\nX-Injected: 1",
  "a\tb",
  " ",
  "\u0000",
  "ä/ö",
  "\u2025",
  "\uff0e\uff0e\uff0f",
  "https://user:pass@host/",
  "@host",
  ":80",
  "@",
  "",
];

/** The request of a call, or null when it was refused before one was made. */
async function requestOf(call: Call, name: string): Promise<Recorded | null> {
  server.requests.length = 0;
  await call(name).catch(() => null);
  expect(server.requests.length).toBeLessThanOrEqual(1);
  return server.requests[0] ?? null;
}

/** The one path that the call may reach. */
function expectMeant(target: string, name: string, request: Recorded | null): void {
  if (request === null) return;
  const [method = "", path = ""] = target.split(" ");
  expect([target, name, request.method, request.path, request.query]).toEqual([
    target,
    name,
    method,
    path.replace("*", () => encodeURIComponent(name)),
    "",
  ]);
  expect(request.headers["x-injected"]).toBeUndefined();
}

test.each(Object.entries(CALLS))("%s", async (target, call) => {
  let reached = 0;
  for (const name of HOSTILE) {
    const request = await requestOf(call, name);
    expectMeant(target, name, request);
    if (request !== null) reached += 1;
  }
  // Most of them are harmless once they are encoded; dots alone and nothing are refused.
  expect(reached).toBeGreaterThan(15);
  for (const name of [".", "..", ""])
    expect([name, await requestOf(call, name)]).toEqual([name, null]);
});

test("any text", async () => {
  const anyCall = fc.constantFrom(...Object.entries(CALLS));
  const anyName = fc.oneof(
    fc.string({ unit: "binary", maxLength: 30 }),
    fc.string({
      unit: fc.constantFrom("..", ".", "/", "%2e", "%2f", "?", "#", "\\", "a", "https://h"),
      maxLength: 8,
    }),
  );
  const property = fc.asyncProperty(anyCall, anyName, async ([target, call], name) => {
    expectMeant(target, name, await requestOf(call, name));
  });
  await fc.assert(property, { numRuns: 400, seed: 21 });
});
