// Destinations byte for byte: what is stored, dialled and signed is the text of the request target, less the configuration in it.

import { expect, test } from "vitest";
import { deliveryAt, idOf, messageOf, qstash } from "./publisher.ts";
import { sendRaw } from "./raw-http.ts";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

/** Sends a request line as it is; the message waits for a day, so that nothing is dialled. */
async function publishRaw(target: string, headers: Readonly<Record<string, string>> = {}) {
  const lines = Object.entries({
    host: `127.0.0.1:${world.server.port}`,
    authorization: `Bearer ${world.token}`,
    "upstash-delay": "1d",
    "content-length": "0",
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return sendRaw(world.server.port, `POST ${target} HTTP/1.1\r\n${lines.join("")}\r\n`);
}

/** The URL that is stored for a raw request target. */
async function urlOf(target: string): Promise<string> {
  const answer = await publishRaw(target);
  expect([target, answer.status, answer.body]).toEqual([target, 200, answer.body]);
  return (await messageOf(world, idOf(JSON.parse(answer.body)))).url;
}

const SAME = [
  "https://example.com",
  "https://example.com/",
  "HTTPS://EXAMPLE.com/Path",
  "https://example.com/a//b",
  "https://example.com//",
  "https://example.com/a/./b/../c",
  "https://example.com/a%20b/%C3%BC?x=1&y=a%20b",
  "https://example.com/p?next=https%3A%2F%2Fx.y%2F",
  "https://example.com/p?next=https://x.y/?z",
  "https://example.com/%2e%2e/%2F%00",
  "https://example.com/%zz%",
  "https://example.com/a+b;c=d,e'f(g)*h!i~j@k:l|m^n`{o}",
  "https://example.com?x",
  "https://example.com/?",
  "https://example.com/?&&a==b&",
  "https://example.com/?X-UPSTASH-retries=1&xupstash-retries=2&Qstash_token=3",
  "https://example.com:8443/x",
  "http://[::1]:3000/x",
  "http://[2001:DB8::1]/",
  "http://127.0.0.1:3000/x",
  "http://2130706433/x",
  "http://xn--bcher-kva.example/",
  "http://example.com./",
] as const;

test("the URL is stored as it stands in the request target", async () => {
  const stored: string[] = [];
  for (const url of SAME) stored.push(await urlOf(`/v2/publish/${url}`));
  expect(stored).toEqual(SAME);
});

test("enqueue takes it the same way", async () => {
  const stored: string[] = [];
  for (const url of SAME) stored.push(await urlOf(`/v2/enqueue/q/${url}`));
  expect(stored).toEqual(SAME);
});

const CHANGED = [
  ["https:/example.com", "https://example.com"],
  ["http:/example.com/a//b?x=http:/y", "http://example.com/a//b?x=http:/y"],
  ["https%3A%2F%2Fexample.com%2Fp", "https://example.com/p"],
  ["https%3a//example.com/p", "https://example.com/p"],
  ["https%3A%2F%2Fexample.com%2Fp%3Fa%3Db%2526", "https://example.com/p?a=b%26"],
  ["https%3A%2F%2Fexample.com%2Fp?a=b", "https://example.com/p?a=b"],
  ["https%3A%2F%2Fexample.com%2Fp%3Fa%3Db?c=d", "https://example.com/p?a=b&c=d"],
  ["https://example.com/p?qstash_token={token}", "https://example.com/p"],
  ["https://example.com/p?qstash_token={token}&a=1", "https://example.com/p?a=1"],
  ["https://example.com/p?a=%41&qstash_token={token}&b=%20", "https://example.com/p?a=%41&b=%20"],
  ["https://example.com/p?qstash%5Ftoken={token}&a", "https://example.com/p?a"],
  ["https://example.com/p?upstash-retries=2", "https://example.com/p"],
  [
    "https://example.com/p?x=1&upstash-retries=2&y=2&upstash-label=a&z",
    "https://example.com/p?x=1&y=2&z",
  ],
  ["https://example.com/p?upstash-something=unknown&x", "https://example.com/p?x"],
  ["https://example.com/p?upstash%2Dretries=2&x", "https://example.com/p?x"],
  ["https://example.com?upstash-retries=2", "https://example.com"],
  ["https://example.com/p#frag", "https://example.com/p"],
] as const;

test("configuration, collapsed slashes and an encoding of the whole are taken out of it", async () => {
  const stored: string[][] = [];
  for (const [target] of CHANGED) {
    const filled = target.replace("{token}", encodeURIComponent(world.token));
    stored.push([target, await urlOf(`/v2/publish/${filled}`)]);
  }
  expect(stored).toEqual(CHANGED);
});

test("the route before it has any case", async () => {
  expect(await urlOf("/v2/Publish/https://example.com/A")).toBe("https://example.com/A");
  expect(await urlOf("/V2/PUBLISH/https://example.com/A")).toBe("https://example.com/A");
  expect(await urlOf("/v2/ENQUEUE/Q/https://example.com/A")).toBe("https://example.com/A");
});

test("what the JavaScript client makes of a URL is what is stored", async () => {
  const client = qstash(world);
  const pairs = [
    ["https://example.com", "https://example.com"],
    ["https://example.com/", "https://example.com/"],
    ["https://example.com/a//b", "https://example.com/a//b"],
    ["https://example.com/a b/ü?x=1&y=a b", "https://example.com/a%20b/%C3%BC?x=1&y=a%20b"],
    [
      "https://example.com/p?next=https%3A%2F%2Fx.y%2F",
      "https://example.com/p?next=https%3A%2F%2Fx.y%2F",
    ],
    ["https://example.com/p#frag", "https://example.com/p"],
    ["https://example.com/a/../b", "https://example.com/b"],
    ["http://[::1]:3000/x", "http://[::1]:3000/x"],
  ] as const;
  const stored: string[][] = [];
  for (const [url] of pairs) {
    const { messageId } = await client.publish({ url, delay: "1d" });
    stored.push([url, (await client.messages.get(messageId)).url]);
  }
  expect(stored).toEqual(pairs);
});

test("what is dialled and signed is that text, with every byte of its path and query", async () => {
  const targets = [
    "/hook",
    "/hook/",
    "/hook//a//b/",
    "/hook/%2F/%C3%BC?x=a%20b&next=https%3A%2F%2Fx.y%2F",
    "/hook?a=1&&b",
  ];
  world.app.on("/hook", () => new Response("ok"));
  for (const [index, target] of targets.entries()) {
    const answer = await publishRaw(`/v2/publish/${world.app.url}${target}`, {
      "upstash-delay": "0s",
    });
    expect([target, answer.status, answer.body]).toEqual([target, 200, answer.body]);
    await until("its delivery", () => world.app.received[index]);
  }
  // The official receiver has compared the URL with the claim: a fault would fail every test of this file.
  expect(world.app.received.map(({ target }) => target)).toEqual(targets);
});

test("a delivery carries neither the token nor the settings of the query", async () => {
  world.app.on("/hook", () => new Response("ok"));
  const query = `?a=1&qstash_token=${encodeURIComponent(world.token)}&upstash-label=l&b=2`;
  const answer = await world.call("POST", `/v2/publish/${world.app.url}/hook${query}`, {
    token: null,
    headers: { "upstash-header-forward": "true", "x-own": "1" },
  });
  expect(answer.status, answer.text).toBe(200);
  const delivery = await deliveryAt(world, "/hook");
  expect(delivery.target).toBe("/hook?a=1&b=2");
  expect(delivery.headers).toMatchObject({ "x-own": "1", "upstash-label": "l" });
  expect(JSON.stringify([delivery.target, delivery.rawHeaders])).not.toContain(world.token);
});
