// Destinations with dots: the official client joins them into the path, and the URL parser takes the request somewhere else.

import { Client as QstashClient, QstashError } from "@upstash/qstash";
import { beforeEach, expect, test } from "vitest";
import { type RawAnswer, sendRaw } from "./raw-http.ts";
import { countWritten } from "./snapshot.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

let client: QstashClient;

beforeEach(() => {
  const { url, token } = world.server;
  client = new QstashClient({ baseUrl: url, token, retry: false });
});

/** Up from `/v2/publish/https://x` to `/v2`. */
const up = (target: string): string => `https://x/../../../../${target}`;

/** What takes POST and is no address for messages. */
const TARGETS: readonly string[] = [
  "keys/rotate",
  "keys/rotate?force=true",
  "tokens",
  "queues",
  "queues/",
  "queues/orders/pause",
  "queues/orders/resume",
  "topics/group/endpoints",
  "schedules/scd_a/pause",
  "messages/msg_1/retry",
  "dlq/retry",
  "dlq/retry?count=100",
  "dlq/retry/1-1",
  "flowControl/key/pause",
  "flowControl/key/pin?rate=1",
  "flowControl/key/resetRate",
  "workflows/dlq/resume",
  "workflows/dlq/resume?count=50",
  "workflows/dlq/resume/1-1",
  "workflows/dlq/restart",
  "workflows/dlq/callback/1-1",
  "batch",
  "batch/trigger",
  "notify/event",
  "KEYS/rotate",
];

/** A body that would be accepted as a list of messages. */
const ITEMS = JSON.stringify([
  {
    destination: "http://127.0.0.1:9/x",
    headers: { "upstash-workflow-init": "true", "upstash-workflow-runid": "wfr_a" },
  },
]);

/** The call has to be refused as a message that has gone astray, with nothing written. */
async function expectAstray(name: string, call: () => Promise<unknown>): Promise<void> {
  const rowsWritten = await countWritten(world.store);
  const keys = world.server.signingKeys;
  const error = await call().then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect([name, error]).toEqual([name, expect.any(QstashError)]);
  // The line before says so.
  const { status, message } = error as QstashError;
  expect([name, status, message]).toEqual([
    name,
    // To a running workflow that notifies, 400 would mean that it has ended.
    name.endsWith("to notify/event") ? 412 : 400,
    expect.stringMatching(
      /not allowed here|takes no body|an id is missing|ids, a filter or a count/,
    ),
  ]);
  expect([name, await countWritten(world.store)]).toEqual([name, rowsWritten]);
  expect((await world.call("GET", "/v2/keys")).json).toEqual(keys);
}

test("a publish that dots lead to another endpoint is refused there", async () => {
  for (const target of TARGETS) {
    const url = up(target);
    const bodies = [undefined, "text", ITEMS, '{"endpoints":[]}'];
    for (const body of bodies) {
      await expectAstray(`publish ${body} to ${target}`, () =>
        client.publish({ url, ...(body === undefined ? {} : { body }) }),
      );
    }
    await expectAstray(`publishJSON to ${target}`, () =>
      client.publishJSON({ url, body: { name: "mine", scope: "full" } }),
    );
    await expectAstray(`publish with settings to ${target}`, () =>
      client.publish({ url, method: "GET", retries: 1, headers: { a: "b" }, delay: 10 }),
    );
  }
});

test("an enqueue and a schedule that dots lead astray are refused as well", async () => {
  for (const target of TARGETS) {
    await expectAstray(`enqueue to ${target}`, () =>
      client.queue({ queueName: "orders" }).enqueue({ url: `${up(`../${target}`)}`, body: "x" }),
    );
    await expectAstray(`schedule to ${target}`, () =>
      client.schedules.create({ destination: up(target), cron: "* * * * *", body: ITEMS }),
    );
  }
});

test("an id that is empty or made of dots cancels and deletes nothing", async () => {
  await expectAstray("cancel .", () => client.messages.cancel("."));
  await expectAstray("delete .", () => client.messages.delete("."));
  await expectAstray("cancel ./?count=500", () => client.messages.cancel("./?count=500"));
  await expectAstray("cancel x/..", () => client.messages.cancel("x/.."));
  await expectAstray("cancel ../messages", () => client.messages.cancel("../messages"));
  await expectAstray("cancel ../messages#", () => client.messages.cancel("../messages#"));
  await expectAstray("delete ../dlq", () => client.messages.delete("../dlq"));
  await expectAstray("dead letter .", () => client.dlq.delete("."));
  await expectAstray("dead letter ../dlq", () => client.dlq.delete("../dlq"));
  await expectAstray("group ../workflows/dlq", () => client.urlGroups.delete("../workflows/dlq"));
  await expectAstray("group ../workflows/runs", () => client.urlGroups.delete("../workflows/runs"));
  await expectAstray("schedule ../messages/", () => client.schedules.delete("../messages/"));
});

/** A request as curl and the Python client send it: without the headers of the Fetch API. */
function plain(line: string, headers: readonly string[] = [], body = ""): Promise<RawAnswer> {
  const { port, token } = world.server;
  const length = body === "" ? [] : [`Content-Length: ${body.length}`];
  const head = [
    `${line} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    `Authorization: Bearer ${token}`,
    ...length,
    ...headers,
  ];
  return sendRaw(port, `${head.join("\r\n")}\r\n\r\n${body}`);
}

test("clients that send bulk actions without a query may, where their documented call looks like that", async () => {
  expect((await plain("DELETE /v2/messages")).status).not.toBe(400);
  for (const header of ["Upstash-Method: POST", "Upstash-Forward-A: b", "Upstash-Retries: 1"]) {
    expect((await plain("DELETE /v2/messages", [header])).status).toBe(400);
  }
  for (const path of ["/v2/messages/", "/v2/dlq", "/v2/workflows/dlq", "/v2/workflows/runs"]) {
    const answer = await plain(`DELETE ${path}`);
    expect([path, answer.status, answer.body]).toEqual([path, 400, expect.stringContaining("ids")]);
    const withToken = await plain(`DELETE ${path}?qstash_token=${world.server.token}`);
    expect([path, withToken.status]).toEqual([path, 400]);
  }
});

test("a body where none is taken is refused, whoever sends it", async () => {
  for (const path of ["keys/rotate", "queues/orders/pause", "flowControl/key/pause"]) {
    const answer = await plain(`POST /v2/${path}`, [], "{}");
    expect([path, answer.status, answer.body]).toEqual([path, 400, expect.stringMatching(/body/)]);
  }
  const chunked = await plain("POST /v2/keys/rotate", ["Transfer-Encoding: chunked"], "");
  expect(chunked.status).toBe(400);
});

test("telemetry and unknown headers are no sign of a message", async () => {
  const headers = ["Upstash-Telemetry-Sdk: a@1", "Upstash-Telemetry-Runtime: b", "Upstash-New: c"];
  expect((await plain("POST /v2/keys/rotate", [...headers, "Content-Length: 0"])).status).toBe(200);
});

test("the dots of a destination that stays a destination are its own", async () => {
  const path = "/v2/publish/https://x.test/a/../b";
  const answer = await plain(`POST ${path}`, ["Upstash-Method: POST"], "x");
  expect(answer.body).not.toMatch(/not allowed here|percent-encoded/);
});
