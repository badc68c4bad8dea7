// Requests that nobody answered are made again; every other end is an error that says what happened.

import { Client as RunClient } from "@reprise/sdk";
import { Client } from "@reprise/sdk/messages";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { collect, refusalOf } from "./clients.ts";
import { type Canned, RecordingServer } from "./recording-server.ts";

const server = new RecordingServer();
const CUT: Canned = { isCut: true };
const AT_ONCE = { backoff: () => 0 };

beforeAll(() => server.start());
beforeEach(() => {
  server.requests.length = 0;
  server.canned.length = 0;
});
afterEach(() => vi.unstubAllEnvs());
afterAll(() => server.stop());

function client(options: ConstructorParameters<typeof Client>[0] = {}): Client {
  return new Client({ baseUrl: server.url, token: "t", retry: AT_ONCE, ...options });
}

test("a request that got no answer is made again, with the same body", async () => {
  server.canned.push(CUT, CUT);
  await client().publishJSON({ url: "https://a.test", body: { n: 1 } });
  expect(server.requests.map(({ body }) => body)).toEqual(['{"n":1}', '{"n":1}', '{"n":1}']);
});

test("it is made six times when nothing else is said", async () => {
  server.canned.push(...Array.from({ length: 6 }, () => CUT));
  const error = await refusalOf(() => client().queue().list());
  expect(error).toMatchObject({ name: "QstashError", status: undefined });
  expect(error.message).toContain(`no answer from ${server.url}`);
  expect(error.message).toContain("QSTASH_URL");
  expect(error.cause).toBeInstanceOf(Error);
  expect(server.requests).toHaveLength(6);
});

test("the number of retries and the pauses can be chosen", async () => {
  const asked: number[] = [];
  const backoff = (retried: number): number => {
    asked.push(retried);
    return 0;
  };
  server.canned.push(CUT, CUT, CUT);
  await refusalOf(() =>
    client({ retry: { retries: 2, backoff } })
      .queue()
      .list(),
  );
  expect(asked).toEqual([0, 1]);
  server.canned.push(CUT);
  await refusalOf(() => client({ retry: false }).queue().list());
  expect(server.requests).toHaveLength(4);
});

test("a body that is a stream is sent once", async () => {
  const backoff = vi.fn(() => 0);
  server.canned.push(CUT);
  const body = new Blob(["x"]).stream();
  const call = client({ retry: { backoff } }).publish({ url: "https://a.test", body });
  expect((await refusalOf(() => call)).message).toContain("no answer from");
  expect(backoff).not.toHaveBeenCalled();
});

test("an answer is never asked for again, whatever it says", async () => {
  for (const status of [400, 404, 500, 503]) {
    server.canned.push({ status, body: `{"error":"no","code":"some_code"}` });
    const error = await refusalOf(() => client().queue().list());
    expect(error).toMatchObject({ name: "QstashError", status, code: "some_code" });
    expect(error.message).toBe(`{"error":"no","code":"some_code"}`);
  }
  expect(server.requests).toHaveLength(4);
});

test("a refusal without a body names its status", async () => {
  server.canned.push({ status: 502, body: "" });
  const error = await refusalOf(() => client().queue().list());
  expect(error).toMatchObject({ message: "the server answered 502", status: 502, code: undefined });
});

test("429 has the limits that the server tells", async () => {
  const numbers = { limit: "10", remaining: "0", reset: "1900000000" };
  const headers = Object.fromEntries(
    Object.entries(numbers).map(([name, value]) => [`Burst-RateLimit-${name}`, value]),
  );
  server.canned.push({ status: 429, headers, body: "slow down" });
  const burst = await refusalOf(() => client().queue().list());
  expect(burst).toMatchObject({
    name: "QstashRatelimitError",
    status: 429,
    message: "slow down",
    ...numbers,
  });
  const daily = Object.fromEntries(
    Object.entries(numbers).map(([name, value]) => [`RateLimit-${name}`, value]),
  );
  server.canned.push(
    { status: 429, headers: daily, body: "enough" },
    { status: 429, body: "enough" },
  );
  const error = await refusalOf(() => client().queue().list());
  expect(error).toMatchObject({ name: "QstashDailyRatelimitError", status: 429, ...numbers });
  const silent = await refusalOf(() => client().queue().list());
  expect(silent).toMatchObject({
    name: "QstashRatelimitError",
    limit: null,
    remaining: null,
    reset: null,
  });
});

test("what is no JSON is an error that shows its begin", async () => {
  server.canned.push({ body: "<html>welcome</html>" });
  const error = await refusalOf(() => client().queue().list());
  expect(error).toMatchObject({ name: "QstashError", status: 200 });
  expect(error.message).toContain("<html>welcome");
});

test("an address that cannot be one is an error at once, not a crash", async () => {
  const backoff = vi.fn(() => 0);
  const wrong = client({ baseUrl: "no address", retry: { backoff } });
  const error = await refusalOf(() => wrong.queue().list());
  expect(error).toMatchObject({ name: "QstashError" });
  expect(error.message).toContain("no address");
  expect(backoff).not.toHaveBeenCalled();
});

test("address and token come from the environment", async () => {
  vi.stubEnv("QSTASH_URL", `${server.url}/`);
  vi.stubEnv("QSTASH_TOKEN", " from-env\n");
  await new Client().queue().list();
  await new RunClient({}).logs();
  await new Client({ token: "own" }).queue().list();
  const tokens = server.requests.map(({ headers }) => headers.authorization);
  expect(tokens).toEqual(["Bearer from-env", "Bearer from-env", "Bearer own"]);
  expect(server.requests[0]?.path).toBe("/v2/queues");
});

test("without a token nothing is sent", async () => {
  vi.stubEnv("QSTASH_TOKEN", "");
  const error = await refusalOf(() => new Client({ baseUrl: server.url }).queue().list());
  expect(error.message).toContain("QSTASH_TOKEN");
  expect(server.requests).toEqual([]);
});

test("another fetch can be given", async () => {
  const seen: string[] = [];
  const own: typeof fetch = async (input) => {
    seen.push(String(input));
    return new Response("[]");
  };
  expect(await client({ fetch: own }).queue().list()).toEqual([]);
  expect(seen).toEqual([`${server.url}/v2/queues`]);
});

test("a cursor that comes back ends an iteration", async () => {
  const page = JSON.stringify({ messages: [{ messageId: "msg_1" }], cursor: "again" });
  server.canned.push({ body: page }, { body: page }, { body: page });
  const found: string[] = [];
  const error = await refusalOf(async () => {
    for await (const { messageId } of client().messages.all()) found.push(messageId);
  });
  expect(error.message).toContain("same cursor twice");
  expect(found).toEqual(["msg_1", "msg_1"]);
});

test("actions on many go on where the last answer ended", async () => {
  const answer = (cursor: string): Canned => ({
    body: JSON.stringify({ workflowRuns: [{}], responses: [{}], cursor }),
  });
  const { dlq } = new RunClient({ baseUrl: server.url, token: "t" });
  const actions: readonly AsyncIterable<unknown>[] = [
    dlq.resumeAll({ all: true }),
    dlq.restartAll({ all: true }),
    client().dlq.retryAll({ all: true }),
  ];
  for (const items of actions) {
    server.requests.length = 0;
    server.canned.push(answer("one"), answer("two"), answer(""));
    expect(await collect(items)).toHaveLength(3);
    const cursors = server.requests.map(({ query }) => new URLSearchParams(query).get("cursor"));
    expect(cursors).toEqual([null, "one", "two"]);
  }
});

test("an iteration asks for no page that nobody takes", async () => {
  const page = JSON.stringify({
    messages: [{ messageId: "msg_1" }, { messageId: "msg_2" }],
    cursor: "more",
  });
  server.canned.push({ body: page });
  for await (const { messageId } of client().messages.all()) if (messageId === "msg_2") break;
  expect(server.requests).toHaveLength(1);
});

test("nothing is ever printed", async () => {
  const spies = (["log", "info", "warn", "error", "debug"] as const).map((name) =>
    vi.spyOn(console, name),
  );
  server.canned.push(CUT, { status: 500 });
  await refusalOf(() => client().queue().list());
  expect(spies.map(({ mock }) => mock.calls)).toEqual([[], [], [], [], []]);
});
