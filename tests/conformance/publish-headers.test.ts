// Which headers of a publish reach whom: forwarded ones lose one prefix, everything else stays, and configuration is never forwarded.

import { expect, test } from "vitest";
import type { Received } from "./app.ts";
import { deliveryAt, idOf, messageOf, qstash } from "./publisher.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

/** What every delivery has, whoever published. */
const OWN = [
  ...["host", "connection", "content-length", "user-agent", "upstash-message-id"],
  ...["upstash-retried", "upstash-retries", "upstash-caller-ip", "upstash-signature"],
];

function withoutOwn({ headers }: Received): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !OWN.includes(name)));
}

let deliveryCount = 0;

/** Publishes over plain HTTP, and gives the headers that arrive but for the server's own. */
async function arriving(headers: Readonly<Record<string, string>>, query = "") {
  deliveryCount += 1;
  const path = `/headers-${deliveryCount}`;
  const url = world.app.on(path, () => new Response());
  const answer = await world.call("POST", `/v2/publish/${url}${query}`, { headers });
  expect(answer.status, answer.text).toBe(200);
  return { answer, headers: withoutOwn(await deliveryAt(world, path)) };
}

test("forwarded headers lose exactly one prefix, in any letters", async () => {
  const { headers } = await arriving({
    "Upstash-Forward-X-One": "1",
    "UPSTASH-FORWARD-x-two": "2",
    "upstash-forward-Upstash-Custom": "3",
    "Upstash-Forward-Upstash-Forward-X-Four": "4",
    "Upstash-Forward-Upstash-Workflow-RunId": "wfr_5",
    "Upstash-Forward-Authorization": "Bearer of-the-destination",
    "Upstash-Forward-Cookie": "a=b",
    "Upstash-Forward-X-Empty": "",
  });
  expect(headers).toEqual({
    "x-one": "1",
    "x-two": "2",
    "upstash-custom": "3",
    "upstash-forward-x-four": "4",
    "upstash-workflow-runid": "wfr_5",
    authorization: "Bearer of-the-destination",
    cookie: "a=b",
    "x-empty": "",
  });
});

test("nothing else arrives: not the token, not cookies, not settings, not telemetry", async () => {
  const { headers } = await arriving({
    Cookie: "a=b",
    "X-Plain": "1",
    Accept: "text/html",
    "Upstash-Telemetry-Sdk": "a@1, b@2",
    "Upstash-Telemetry-Runtime": "node@24",
    "Upstash-Unknown-Setting": "ignored",
    "Upstash-Feature-Set": "x",
  });
  expect(headers).toEqual({});
});

test("what the server says of itself cannot be forged, and what frames the request cannot be sent", async () => {
  const forged = [
    ...["Signature", "Message-Id", "Retried", "Schedule-Id", "Caller-Ip", "Topic-Name", "Region"],
  ].map((name) => [`Upstash-Forward-Upstash-${name}`, "forged"]);
  const framing = [
    ...["Host", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "TE"],
    ...["Trailer", "Upgrade", "Expect", "Proxy-Authorization", "Proxy-Connection"],
  ].map((name) => [`Upstash-Forward-${name}`, "1"]);
  const { headers } = await arriving(Object.fromEntries([...forged, ...framing]));
  expect(headers).toEqual({});
});

test("a user agent of the publisher replaces the server's", async () => {
  const url = world.app.on("/agent", () => new Response());
  await qstash(world).publish({ url, headers: { "User-Agent": "shop/1" } });
  expect((await deliveryAt(world, "/agent")).headers["user-agent"]).toBe("shop/1");
});

test("Upstash-Header-Forward passes the request's own headers on, without what is between two hosts", async () => {
  const { headers, answer } = await arriving({
    "Upstash-Header-Forward": "True",
    "X-GitHub-Event": "push",
    "User-Agent": "GitHub-Hookshot/1",
    "Content-Type": "application/json",
    Cookie: "a=b",
    "X-Both": "implicit",
    "Upstash-Forward-X-Both": "explicit",
    "X-Forwarded-For": "203.0.113.7",
    Via: "1.1 proxy",
    "Proxy-Authorization": "secret",
    "Upstash-Label": "hook",
  });
  expect(headers).toMatchObject({
    "x-github-event": "push",
    "content-type": "application/json",
    cookie: "a=b",
    "x-both": "explicit",
    "upstash-label": "hook",
  });
  for (const name of ["authorization", "x-forwarded-for", "via", "proxy-authorization"]) {
    expect(headers).not.toHaveProperty(name);
  }
  expect(Object.keys(headers).filter((name) => name.startsWith("upstash-"))).toEqual([
    "upstash-label",
  ]);
  const { header } = await messageOf(world, idOf(answer.json));
  expect(header).toMatchObject({ "X-Github-Event": ["push"], "User-Agent": ["GitHub-Hookshot/1"] });
  expect(JSON.stringify(header)).not.toContain(world.token);
});

test("Upstash-Header-Forward: false passes nothing on", async () => {
  const { headers } = await arriving({ "Upstash-Header-Forward": "false", "X-Plain": "1" });
  expect(headers).toEqual({});
});

test("settings come from the query as well, and a header wins over them", async () => {
  const query = [
    ...["upstash-retries=7", "upstash-delay=1m", "upstash-label=from+query%2Csecond"],
    ...["upstash-method=PUT", "upstash-timeout=9s", "upstash-forward-x-query=v%C3%BC"],
    "upstash-callback=https%3A%2F%2Fexample.com%2Fcb%3Fa%3Db",
  ].join("&");
  const answer = await world.call("POST", `/v2/publish/https://example.com/p?a=1&${query}&b=2`, {
    headers: { "upstash-label": "from header" },
  });
  expect(answer.status, answer.text).toBe(200);
  expect(await messageOf(world, idOf(answer.json))).toMatchObject({
    url: "https://example.com/p?a=1&b=2",
    method: "PUT",
    maxRetries: 7,
    timeout: 9_000,
    labels: ["from header"],
    callback: "https://example.com/cb?a=b",
    header: { "X-Query": ["vü"] },
  });
});

test("headers of the client and of the request are merged; several values are one list", async () => {
  const { Client } = await import("@upstash/qstash");
  const { url: baseUrl } = world.server;
  const client = new Client({
    ...{ baseUrl, token: world.token, retry: false as const },
    headers: { "Upstash-Forward-X-Global": "g", "Upstash-Forward-X-Both": "global" },
  });
  const headers = new Headers({ "X-Both": "request" });
  headers.append("X-Many", "1");
  headers.append("X-Many", "2");
  const url = world.app.on("/merged", () => new Response());
  await client.publish({ url, headers });
  expect(withoutOwn(await deliveryAt(world, "/merged"))).toEqual({
    "x-global": "g",
    "x-both": "request",
    "x-many": "1, 2",
  });
});

test("names of labels are trimmed, empty ones dropped, and shown as one and as all", async () => {
  const answer = await world.call("POST", "/v2/publish/https://example.com", {
    headers: { "Upstash-Label": " a ,, b, ,a", "Upstash-Delay": "1h" },
  });
  expect(await messageOf(world, idOf(answer.json))).toMatchObject({
    label: "a",
    labels: ["a", "b"],
  });
});

test("latin-1 header values arrive as they were sent", async () => {
  const { headers } = await arriving({ "Upstash-Forward-X-Name": "J\u00fcrgen \u00e9" });
  expect(headers).toEqual({ "x-name": "J\u00fcrgen \u00e9" });
});
