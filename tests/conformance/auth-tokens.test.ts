// Tokens that are made and revoked while the server runs, and what the official clients can do with them.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { NewTokenResource, TokenResource, TokenScope } from "@reprise/protocol";
import { Client as QstashClient, QstashRatelimitError } from "@upstash/qstash";
import { Client, serve } from "@upstash/workflow";
import { expect, test } from "vitest";
import { NOT_CHECKED } from "./app.ts";
import { readRows } from "./snapshot.ts";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const lines: string[] = [];
const world = useWorld({
  isOnDisk: true,
  config: { logLevel: "debug" },
  surroundings: { writeLine: (line) => lines.push(line) },
});

async function make(scope: TokenScope, name = "one"): Promise<NewTokenResource> {
  const body = JSON.stringify({ name, scope });
  const answer = await world.call("POST", "/v2/tokens", { body });
  expect(answer.status, answer.text).toBe(201);
  expect(answer.headers.get("cache-control")).toBe("no-store");
  return answer.json as NewTokenResource; // The first test checks it.
}

async function list(): Promise<readonly TokenResource[]> {
  const answer = await world.call("GET", "/v2/tokens");
  expect(answer.status).toBe(200);
  return answer.json as readonly TokenResource[]; // The first test checks it.
}

const statusOf = async (token: string, method = "GET", path = "/v2/workflows/logs") =>
  (await world.call(method, path, { token })).status;

test("a token is shown once, holds at once and until it is revoked, over restarts", async () => {
  const { token, ...made } = await make("read-only", "dashboard");
  expect(made).toEqual({
    id: expect.stringMatching(/^tok_[\w-]{16}$/),
    name: "dashboard",
    scope: "read-only",
    source: "api",
    createdAt: expect.any(Number),
  });
  expect(JSON.parse(atob(token))).toEqual({
    UserID: "reprise",
    Password: expect.stringMatching(/^[\w-]{43}$/),
  });
  expect(await statusOf(token)).toBe(200);
  const given = { id: "REPRISE_TOKEN", name: "REPRISE_TOKEN", scope: "full", source: "settings" };
  const other = await make("full", "deploy");
  const { token: otherToken, ...otherMade } = other;
  expect(await list()).toEqual([given, made, otherMade]);
  expect((await world.call("DELETE", `/v2/tokens/${made.id}`)).status).toBe(200);
  expect([await statusOf(token), await statusOf(otherToken)]).toEqual([401, 200]);
  expect((await world.call("DELETE", `/v2/tokens/${made.id}`)).json).toMatchObject({
    code: "token_not_found",
  });
  await world.restartServer();
  expect([await statusOf(token), await statusOf(otherToken)]).toEqual([401, 200]);
  expect(await list()).toEqual([given, otherMade]);
});

test("no file holds a token, while one that is at work or after", async () => {
  const { token } = await make("full");
  const { Password } = JSON.parse(atob(token));
  const dataDir = world.server.config.dataDir;
  expect(await statusOf(token)).toBe(200);
  const files = await readdir(dataDir);
  expect(files.length).toBeGreaterThan(0);
  for (const name of files) {
    const bytes = await readFile(join(dataDir, name));
    expect([name, bytes.includes(token), bytes.includes(Password)]).toEqual([name, false, false]);
  }
});

test("only a token for everything makes, lists and revokes tokens, and the last such one stays", async () => {
  const reader = await make("read-only");
  const app = await make("publish-only");
  for (const { token } of [reader, app]) {
    for (const [method, path] of [
      ["GET", "/v2/tokens"],
      ["POST", "/v2/tokens"],
      ["DELETE", `/v2/tokens/${reader.id}`],
    ] as const) {
      expect([method, await statusOf(token, method, path)]).toEqual([method, 403]);
    }
  }
  const given = await world.call("DELETE", "/v2/tokens/REPRISE_TOKEN");
  expect([given.status, given.text]).toEqual([400, expect.stringContaining("settings")]);
});

test("a token that only sends makes no schedule by publishing", async () => {
  const { token } = await make("publish-only");
  const before = await readRows(world.store);
  const path = "/v2/publish/http://127.0.0.1:9/x";
  const headers = { "upstash-cron": "* * * * *" };
  for (const [target, more] of [
    [path, headers],
    [`${path}?upstash-cron=*%20*%20*%20*%20*`, {}],
    [`${path}?a=b&Upstash%2DCron=*`, {}],
  ] as const) {
    const answer = await world.call("POST", target, { token, headers: more, body: "x" });
    expect([target, answer.status]).toEqual([target, 403]);
  }
  expect(await readRows(world.store)).toEqual(before);
});

test("what is no token to make is refused, and nothing is kept", async () => {
  const before = await readRows(world.store);
  const bodies = {
    "": /JSON/,
    "[]": /object/,
    '{"name":"a"}': /scope must be one of full, read-only, publish-only/,
    '{"name":"a","scope":"admin"}': /scope must be one of/,
    '{"name":"a","scope":["full"]}': /scope must be one of/,
    '{"name":"","scope":"full"}': /name must have/,
    '{"name":"a b","scope":"full"}': /name must have/,
    '{"name":"a\\u0000","scope":"full"}': /name must have/,
    '{"name":7,"scope":"full"}': /name must have/,
    '{"name":"a","scope":"full","token":"mine"}': /"token" is not known/,
    '{"name":"a","scope":"full","__proto__":{}}': /"__proto__" is not known/,
  };
  for (const [body, text] of Object.entries(bodies)) {
    const answer = await world.call("POST", "/v2/tokens", { body });
    expect([body, answer.status, answer.json]).toEqual([
      body,
      400,
      { error: expect.stringMatching(text), code: expect.any(String) },
    ]);
  }
  expect(await readRows(world.store)).toEqual(before);
});

test("an app with a token that only sends serves and triggers workflows, parallel steps included", async () => {
  const { token } = await make("publish-only");
  const qstashClient = new QstashClient({ baseUrl: world.server.url, token });
  const { handler } = serve(
    async (context) => {
      const [a, b] = await Promise.all([context.run("a", () => 1), context.run("b", () => 2)]);
      await context.sleep("nap", 0.01);
      return context.run("sum", () => a + b);
    },
    { qstashClient, receiver: world.app.receiver },
  );
  const url = world.app.on("/order", (request) => handler(request));
  const client = new Client({ baseUrl: world.server.url, token });
  const { workflowRunId } = await client.trigger({ url });
  expect((await world.succeeded(workflowRunId)).workflowRunResponse).toBe("3");
  await expect(client.cancel(workflowRunId)).rejects.toThrow(/forbidden/);
  await expect(client.dlq.list()).rejects.toThrow(/forbidden/);
});

/** At once, so that they come within a second also where each takes long. */
const sendBad = (count: number) =>
  Promise.all(Array.from({ length: count }, () => statusOf("bad")));

test("who sends many bad tokens is slowed down, a good one from the same address is not", async () => {
  const sentAt = performance.now();
  const statuses = await sendBad(200);
  // The count starts again with each second that they took; one more when the clock was set meanwhile.
  const secondsMax = Math.ceil((performance.now() - sentAt) / 1000) + 1;
  const answered = statuses.filter((status) => status === 401).length;
  expect(statuses.every((status) => status === 401 || status === 429)).toBe(true);
  expect(answered).toBeGreaterThanOrEqual(20);
  expect(answered).toBeLessThanOrEqual(20 * secondsMax);
  expect(await statusOf(world.token)).toBe(200);
});

test("the refusal has the headers by which official clients know a burst", async () => {
  const client = new QstashClient({ baseUrl: world.server.url, token: "bad" });
  let error: unknown = null;
  // At the turn of a second the count starts again.
  for (let tries = 0; tries < 100 && !(error instanceof QstashRatelimitError); tries += 1) {
    await sendBad(30);
    error = await client
      .queue()
      .list()
      .catch((thrown: unknown) => thrown);
  }
  expect(error).toBeInstanceOf(QstashRatelimitError);
  const answer = await world.call("GET", "/v2/keys", { token: "bad" });
  if (answer.status !== 429) return;
  expect(answer.headers.get("burst-ratelimit-limit")).toBe("20");
  expect(answer.headers.get("burst-ratelimit-remaining")).toBe("0");
  expect(Number(answer.headers.get("burst-ratelimit-reset"))).toBeGreaterThan(1_700_000_000);
  expect(answer.headers.get("retry-after")).toBe("1");
});

test("a token in the query reaches neither the destination nor its signature, the logs nor the log", async () => {
  const { token } = await make("publish-only");
  world.app.on("/hook", () => new Response());
  const target = `/v2/publish/${world.app.url}/hook?a=1&qstash_token=${encodeURIComponent(token)}&b=2`;
  expect((await world.call("POST", target, { token: null, body: "x" })).status).toBeLessThan(300);
  const [delivery] = await until("the delivery", async () => {
    const arrived = world.app.at("/hook");
    return arrived[0] !== undefined && arrived[0].signatureFault !== NOT_CHECKED && arrived;
  });
  // The receiver compares the signed URL with the one that was called.
  expect(delivery?.signatureFault).toBeNull();
  expect(JSON.stringify(world.app.received)).not.toContain(token);
  const events = await until("the log", async () => {
    const answer = await world.call("GET", "/v2/events");
    return answer.text.includes("DELIVERED") && answer.text;
  });
  expect(events).toContain("/hook?a=1&b=2");
  for (const text of [events, lines.join(), JSON.stringify(await readRows(world.store))]) {
    expect(text).not.toContain(token);
    expect(text).not.toContain(encodeURIComponent(token));
  }
});
