// Every address of the API, taken from its own description: what a session may do there, and what nobody may do with somebody else's.

import { expect, onTestFinished, test } from "vitest";
import type { Change } from "../core/rows.ts";
import { AuditTrail } from "../engine/audit-trail.ts";
import { ChangeFeed } from "../observe/change-feed.ts";
import { fullRows } from "../store/full-rows.suite.ts";
import { ChangeStreams } from "./change-streams.ts";
import { endpoints } from "./openapi/endpoints.ts";
import {
  type Browser,
  openSessionClient,
  type SentByPage,
  type SessionClient,
  TEST_TOKENS,
} from "./session-client.suite.ts";
import { respond } from "./test-world.suite.ts";

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const SAFE = ["GET", "HEAD", "OPTIONS"];

/** Login is asked for with a body of its own, and a webhook is its own secret. */
const isOther = (route: string) => /\/v2\/session$|\/workflows\/hooks\//.test(route);

const targetOf = (path: string): string =>
  path
    .replace("/enqueue/*", "/enqueue/q/https://app.example/x")
    .replace(/(publish|trigger|schedules)\/\*/, "$1/https://app.example/x")
    .replace(/:\w+/g, "x1")
    .replace("*", "x1");

const routes = endpoints.filter(({ route }) => !isOther(route)).map(({ route }) => route);
const targets = [...new Set(routes.map((route) => targetOf(route.split(" ")[1] ?? "")))];
const requests = routes.map((route): readonly [string, string] => {
  const [method = "", path = ""] = route.split(" ");
  return [method, targetOf(path)];
});
const changing = requests.filter(([method]) => !SAFE.includes(method));

interface Reach extends SessionClient {
  readonly browser: Browser;
  /** Everything that is stored, as one text. */
  readonly stored: () => Promise<string>;
}

async function openReach(): Promise<Reach> {
  const client = await openSessionClient();
  const { host, store } = client.world;
  const changes = new ChangeStreams({ host, store, feed: new ChangeFeed() });
  onTestFinished(() => changes.close());
  const audit = new AuditTrail({ store, host });
  const expose = async () => "# EOF\n";
  const browser = client.open({ changes, audit, expose, shownSettings: [] });
  const stored = async () => {
    const tables = Object.keys(fullRows) as readonly Change["table"][]; // The record has all of them.
    const rows = tables.map((table) =>
      store.list(table, { where: [], order: "ascending", limit: 1_000 }),
    );
    const texts = (await Promise.all(rows)).map((list) =>
      JSON.stringify(list, (_, value) =>
        value instanceof Uint8Array ? Buffer.from(value).toString() : value,
      ),
    );
    return texts.join("\n");
  };
  return { ...client, browser, stored };
}

test("there are as many addresses as the description has", () => {
  expect(targets.length).toBeGreaterThan(60);
  expect(changing.length).toBeGreaterThan(40);
});

test("a reader changes nothing, whatever the method and the address", async () => {
  const { browser, stored } = await openReach();
  await browser.login(TEST_TOKENS.reader);
  const before = await stored();
  for (const target of targets.filter((path) => path.startsWith("/v2/"))) {
    for (const method of METHODS.filter((name) => !SAFE.includes(name))) {
      const { status, json } = await browser.send(method, target, { body: "{}" });
      expect([status, json.code], `${method} ${target}`).toEqual([403, "forbidden"]);
    }
  }
  for (const path of ["/v2/keys", "/v2/tokens"]) {
    for (const method of ["GET", "HEAD"]) {
      expect((await browser.send(method, path)).status, `${method} ${path}`).toBe(403);
    }
  }
  expect(await stored()).toBe(before);
});

test.each([
  "/V2/keys",
  "/v2/Keys",
  "/v2/keys/",
  "/v2//keys",
  "/v2/%6beys",
  "/v2/./keys",
  "/v2/a/../keys",
  "/v2/keys;a",
  "/v2/keys%2f",
  "//v2/keys",
])("no other way of writing %s shows a reader the keys", async (target) => {
  const { browser } = await openReach();
  await browser.login(TEST_TOKENS.reader);
  const { status, text } = await browser.send("GET", target);
  expect([403, 404]).toContain(status);
  expect(text).not.toContain("sig_");
});

test("a token for sending reads and changes nothing else, and is no session", async () => {
  const { browser, stored } = await openReach();
  const headers = { authorization: `Bearer ${TEST_TOKENS.sender}`, cookie: null };
  const own =
    /^(?:POST \/v2\/(?:publish|enqueue|trigger|batch|notify|wait)|POST .*\/steps$|GET \/v2\/workflows\/runs\/:runId$)/;
  const before = await stored();
  for (const [index, route] of routes.entries()) {
    if (own.test(route)) continue;
    const [method = "", target = ""] = requests[index] ?? [];
    const answer = await browser.send(method, target, { headers });
    const isOpen = /^GET \/(?:livez|readyz|startupz|openapi\.json)/.test(route);
    expect(answer.status, route).toBe(isOpen ? 200 : 403);
  }
  expect((await browser.login(TEST_TOKENS.sender)).status).toBe(403);
  expect(browser.cookie).toBe("");
  expect(await stored()).toBe(before);
});

const FOREIGN: readonly (readonly [string, SentByPage["headers"] & object])[] = [
  ["another origin", { "sec-fetch-site": null, origin: "https://evil.test" }],
  ["a frame without an origin", { "sec-fetch-site": null, origin: "null" }],
  ["nobody", { "sec-fetch-site": null, origin: null }],
  ["the same site", { "sec-fetch-site": "same-site" }],
  ["another site", { "sec-fetch-site": "cross-site" }],
  ["the address bar", { "sec-fetch-site": "none", origin: null }],
  ["two sites", { "sec-fetch-site": "same-origin, cross-site" }],
  ["another port", { "sec-fetch-site": null, origin: "http://localhost:3000" }],
  [
    "a name that begins like ours",
    { "sec-fetch-site": null, origin: "http://localhost.evil.test:8080" },
  ],
  [
    "a name in front of ours",
    { "sec-fetch-site": null, origin: "http://localhost:8080@evil.test" },
  ],
  ["a form", { "reprise-dashboard": null, "content-type": "text/plain" }],
];

test.each(FOREIGN)("nothing is changed by a request with a session from %s", async (_, headers) => {
  const { browser, stored } = await openReach();
  await browser.login(TEST_TOKENS.full);
  const before = await stored();
  for (const [method, target] of changing) {
    const { status, json } = await browser.send(method, target, { headers, body: "{}" });
    expect([status, json.code], `${method} ${target}`).toEqual([403, "cross_site_request"]);
  }
  for (const method of ["POST", "DELETE"]) {
    const { status, response } = await browser.send(method, "/v2/session", { headers, body: "{}" });
    expect([status, response.headers.get("set-cookie")]).toEqual([403, null]);
  }
  expect(await stored()).toBe(before);
});

test("reading changes nothing, and stays in the page", async () => {
  const { browser, stored } = await openReach();
  await browser.login(TEST_TOKENS.full);
  const before = await stored();
  let shownCount = 0;
  for (const target of targets) {
    for (const method of SAFE) {
      const { response, status } = await browser.send(method, target);
      if (method === "OPTIONS") expect(status, target).toBeGreaterThanOrEqual(400);
      if (!target.startsWith("/v2/") || !response.ok) continue;
      shownCount += 1;
      expect(Object.fromEntries(response.headers), `${method} ${target}`).toMatchObject({
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "cross-origin-resource-policy": "same-origin",
        "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
      });
    }
  }
  expect(shownCount).toBeGreaterThan(50);
  expect(await stored()).toBe(before);
});

test("no answer invites another origin", async () => {
  const { browser } = await openReach();
  await browser.login(TEST_TOKENS.full);
  const asks = { "access-control-request-method": "POST", "access-control-request-headers": "x" };
  const foreign = { "sec-fetch-site": "cross-site", origin: "https://evil.test", ...asks };
  const token = { ...foreign, cookie: null, authorization: `Bearer ${TEST_TOKENS.full}` };
  for (const target of ["/v2/session", ...targets]) {
    for (const method of ["OPTIONS", "GET"]) {
      for (const headers of [foreign, token]) {
        const { response } = await browser.send(method, target, { headers });
        const names = [...response.headers.keys()];
        expect(names.filter((name) => name.startsWith("access-control"))).toEqual([]);
        if (method === "OPTIONS") expect(response.ok, target).toBe(false);
      }
    }
  }
});

test("neither the cookie nor a token is stored or logged, whatever is sent with it", async () => {
  const { browser, stored, world } = await openReach();
  await browser.login(TEST_TOKENS.full);
  const seal = browser.cookie.split("=")[1] ?? "";
  expect(seal.length).toBeGreaterThan(100);
  const sent: string[] = [];
  world.host.app = ({ url, headers, text }) => {
    sent.push(JSON.stringify({ url, headers, text }));
    return respond(200, "");
  };
  const query = `qstash_token=${TEST_TOKENS.full}`;
  for (const [method, target] of requests) {
    await browser.send(method, target, method === "GET" ? {} : { body: "{}" });
    await browser.send(method, `${target}?${query}`, method === "GET" ? {} : { body: "{}" });
  }
  await world.host.advance(1_000);
  expect(sent.length).toBeGreaterThan(2);
  const kept = [await stored(), ...world.host.logged, ...sent].join("\n");
  expect(kept).toContain("POST /v2/publish/*");
  for (const secret of [seal, TEST_TOKENS.full]) expect(kept).not.toContain(secret);
});

test("a token in the address opens no session", async () => {
  const { browser } = await openReach();
  for (const method of ["GET", "POST"]) {
    const target = `/v2/session?qstash_token=${TEST_TOKENS.full}&token=${TEST_TOKENS.full}`;
    const { status, response } = await browser.send(method, target);
    expect([status, response.headers.get("set-cookie")]).toEqual([401, null]);
  }
});

test("of the user and the password in a destination nothing stands in the audit log", async () => {
  const { browser } = await openReach();
  await browser.login(TEST_TOKENS.full);
  for (const destination of [
    "https://ada:pass-word@app.example/x",
    "https%3A%2F%2Fada:pass-word@app.example%2Fx",
  ]) {
    await browser.send("POST", `/v2/publish/${destination}`, { body: "{}" });
  }
  const { text } = await browser.send("GET", "/v2/audit");
  expect(text).toContain("/v2/publish/*");
  expect(text).not.toContain("pass-word");
});
