import { describe, expect, test } from "vitest";
import { EndedSessions } from "../engine/ended-sessions.ts";
import { SESSION_MS, SESSION_WHOLE_MS } from "./session.ts";
import { openSessionClient, PAGE_ORIGIN, TEST_TOKENS } from "./session-client.suite.ts";
import { createSessionSeal } from "./session-seal.ts";

const cookieOf = (response: Response) => response.headers.get("set-cookie") ?? "";

describe("a login", () => {
  test("gives a cookie that scripts and other sites do not get, and says who it is", async () => {
    const { open, world } = await openSessionClient();
    const browser = open();
    expect((await browser.send("GET", "/v2/session")).status).toBe(401);
    const { status, json, response } = await browser.login(TEST_TOKENS.full);
    const now = world.host.now();
    const session = {
      ...{ scope: "full", tokenName: "REPRISE_TOKEN", isDevelopment: false, version: "1.2.3" },
      ...{ expiresAt: now + SESSION_MS, now },
    };
    expect([status, json]).toEqual([200, session]);
    expect(cookieOf(response)).toMatch(
      /^reprise_session=[\w-]{80,}; Max-Age=43200; HttpOnly; SameSite=Strict$/,
    );
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect((await browser.send("GET", "/v2/session")).json).toEqual(session);
    expect((await browser.send("GET", "/v2/tokens")).status).toBe(200);
    const out = await browser.send("DELETE", "/v2/session");
    expect([out.status, cookieOf(out.response)]).toEqual([
      204,
      "reprise_session=; Max-Age=0; HttpOnly; SameSite=Strict",
    ]);
  });

  test("works at every server of the store, and at no other one", async () => {
    const { open, sessions } = await openSessionClient();
    const browser = open();
    await browser.login(TEST_TOKENS.full);
    const twin = open();
    twin.cookie = browser.cookie;
    expect((await twin.send("GET", "/v2/queues")).status).toBe(200);
    const stranger = open({
      sessions: { ...sessions, secret: new Uint8Array(32) },
    });
    stranger.cookie = browser.cookie;
    expect((await stranger.send("GET", "/v2/queues")).json).toMatchObject({ code: "unauthorized" });
  });

  test.each(["A", "reprise", "a.b", "", "A".repeat(150), "A".repeat(9_999)])(
    "is not made by the cookie %s",
    async (text) => {
      const browser = (await openSessionClient()).open();
      browser.cookie = `reprise_session=${text}`;
      expect((await browser.send("GET", "/v2/queues")).status).toBe(401);
    },
  );

  test("is sealed: every changed bit ends it", async () => {
    let next = 0;
    const seal = createSessionSeal(new Uint8Array(32), (count) =>
      new Uint8Array(count).fill(next++),
    );
    const session = {
      digest: new Uint8Array(32).fill(3),
      id: Buffer.alloc(16, 7).toString("base64url"),
      startedAt: 1_740_000_000_000,
      expiresAt: 1_750_000_000_000,
      isSecure: true,
    };
    const text = seal.seal(session);
    expect(seal.open(text)).toEqual({ ...session, digest: Buffer.from(session.digest) });
    expect(seal.seal(session)).not.toBe(text);
    const bytes = Buffer.from(text, "base64url");
    for (let bit = 0; bit < bytes.byteLength * 8; bit += 1) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(seal.open(changed.toString("base64url"))).toBeNull();
    }
    for (let count = 0; count < bytes.byteLength; count += 1) {
      expect(seal.open(bytes.subarray(0, count).toString("base64url"))).toBeNull();
      expect(seal.open(bytes.subarray(count + 1).toString("base64url"))).toBeNull();
    }
  });

  test("with a wrong token is refused, and counted like any other bad token", async () => {
    const { open, room } = await openSessionClient({ authFailuresMax: 3 });
    let failures = 0;
    const observer = { requestEnded: () => {}, authFailed: () => failures++ };
    const browser = open({ ...room, observer });
    const statuses: number[] = [];
    for (let index = 0; index < 5; index += 1) statuses.push((await browser.login("no")).status);
    expect(statuses).toEqual([401, 401, 401, 429, 429]);
    expect(failures).toBe(5);
    expect((await browser.send("GET", "/v2/session")).status).toBe(401);
    expect(failures).toBe(5);
    expect((await browser.login(TEST_TOKENS.full)).status).toBe(200);
  });

  test.each([
    [undefined, 401, "unauthorized"],
    [TEST_TOKENS.sender, 403, "forbidden"],
    ["x".repeat(2_000), 400, "invalid_request"],
  ])("with the token %s is refused", async (token, status, code) => {
    const browser = (await openSessionClient()).open();
    const answer = await browser.login(token);
    expect(answer).toMatchObject({ status, json: { code } });
    expect(cookieOf(answer.response)).toBe("");
  });

  test("needs no token at a development server, and none at another one", async () => {
    const { open, room } = await openSessionClient({ isLoopbackOnly: true });
    const browser = open();
    expect((await browser.login()).json).toMatchObject({
      ...{ scope: "full", tokenName: null, isDevelopment: true },
    });
    expect((await browser.send("GET", "/v2/tokens")).status).toBe(200);
    const newcomer = open();
    const foreign = { headers: { "sec-fetch-site": "cross-site" } };
    expect((await newcomer.send("GET", "/v2/session", foreign)).status).toBe(403);
    const { json, response } = await newcomer.send("GET", "/v2/session");
    expect(json).toMatchObject({ scope: "full", tokenName: null, isDevelopment: true });
    newcomer.cookie = cookieOf(response).split(";")[0] ?? "";
    expect((await newcomer.send("GET", "/v2/tokens")).status).toBe(200);
    const production = open({ settings: { ...room.settings, isLoopbackOnly: false } });
    production.cookie = browser.cookie;
    expect((await production.send("GET", "/v2/queues")).status).toBe(401);
    const elsewhere = { host: "evil.test", origin: "http://evil.test" };
    expect((await browser.send("POST", "/v2/session", { headers: elsewhere })).status).toBe(403);
  });
});

describe("a session", () => {
  test("is over after twelve hours, unless it is asked for again", async () => {
    const { open, world } = await openSessionClient();
    const browser = open();
    await browser.login(TEST_TOKENS.full);
    await world.host.advance(SESSION_MS - 1);
    const renewed = await browser.send("GET", "/v2/session");
    expect(renewed.json).toMatchObject({ expiresAt: world.host.now() + SESSION_MS });
    await world.host.advance(1);
    expect(await browser.send("GET", "/v2/queues")).toMatchObject({
      ...{ status: 401, json: { error: expect.stringContaining("the session is over") } },
    });
    browser.cookie = cookieOf(renewed.response).split(";")[0] ?? "";
    expect((await browser.send("GET", "/v2/queues")).status).toBe(200);
  });

  test("is over seven days after the login, however often it is asked for", async () => {
    const { open, world } = await openSessionClient();
    const browser = open();
    await browser.login(TEST_TOKENS.full);
    const endsAt = world.host.now() + SESSION_WHOLE_MS;
    const steps = SESSION_WHOLE_MS / (SESSION_MS - 1);
    for (let step = 0; step < steps - 1; step += 1) {
      await world.host.advance(SESSION_MS - 1);
      const { response, json } = await browser.send("GET", "/v2/session");
      expect(json.expiresAt).toBe(Math.min(world.host.now() + SESSION_MS, endsAt));
      browser.cookie = cookieOf(response).split(";")[0] ?? "";
    }
    await world.host.advance(endsAt - world.host.now());
    expect((await browser.send("GET", "/v2/session")).status).toBe(401);
  });

  test("ends with the logout, and so does every copy of its cookie, at every server", async () => {
    const { open, room, sessions, world } = await openSessionClient();
    const [browser, thief] = [open(), open()];
    await browser.login(TEST_TOKENS.full);
    thief.cookie = browser.cookie;
    const { response } = await thief.send("GET", "/v2/session");
    const renewed = cookieOf(response).split(";")[0] ?? "";
    const ended = await EndedSessions.open(world);
    const other = open({ ...room, sessions: { ...sessions, ended } });
    const third = open();
    await third.login(TEST_TOKENS.full);
    expect((await browser.send("DELETE", "/v2/session")).status).toBe(204);
    await ended.refresh();
    const again = await EndedSessions.open(world);
    const restarted = open({ ...room, sessions: { ...sessions, ended: again } });
    for (const cookie of [browser.cookie, renewed]) {
      for (const one of [thief, other, restarted]) {
        one.cookie = cookie;
        expect((await one.send("GET", "/v2/queues")).status).toBe(401);
        expect((await one.send("GET", "/v2/session")).status).toBe(401);
      }
    }
    expect((await third.send("GET", "/v2/queues")).status).toBe(200);
  });

  test("is a new one with each login: whoever has planted a cookie has nothing of it", async () => {
    const { open } = await openSessionClient();
    const [browser, attacker] = [open(), open()];
    await attacker.login(TEST_TOKENS.reader);
    browser.cookie = attacker.cookie;
    expect((await browser.login(TEST_TOKENS.full)).json).toMatchObject({ scope: "full" });
    expect(browser.cookie).not.toBe(attacker.cookie);
    expect((await attacker.send("GET", "/v2/session")).json).toMatchObject({ scope: "read-only" });
    await attacker.send("DELETE", "/v2/session");
    expect((await browser.send("GET", "/v2/queues")).status).toBe(200);
  });

  test("ends with its token", async () => {
    const { open, tokens } = await openSessionClient();
    const browser = open();
    const { token, text } = await tokens.create("night", "full");
    expect((await browser.login(text)).json).toMatchObject({ tokenName: "night" });
    expect((await browser.send("GET", "/v2/queues")).status).toBe(200);
    await tokens.revoke(token.id);
    expect((await browser.send("GET", "/v2/queues")).status).toBe(401);
    expect((await browser.send("GET", "/v2/session")).status).toBe(401);
  });

  test("of a reader reads", async () => {
    const browser = (await openSessionClient()).open();
    expect((await browser.login(TEST_TOKENS.reader)).json).toMatchObject({ scope: "read-only" });
    expect((await browser.send("GET", "/v2/queues")).status).toBe(200);
    for (const [method, path] of [
      ["DELETE", "/v2/queues/q"],
      ["GET", "/v2/tokens"],
      ["POST", "/v2/publish/https://a.test"],
    ] as const) {
      expect(await browser.send(method, path)).toMatchObject({
        status: 403,
        json: { code: "forbidden" },
      });
    }
  });

  test("stands behind a token, which says more", async () => {
    const browser = (await openSessionClient()).open();
    await browser.login(TEST_TOKENS.full);
    const withToken = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
    expect((await browser.send("GET", "/v2/tokens", withToken(TEST_TOKENS.reader))).status).toBe(
      403,
    );
    expect((await browser.send("GET", "/v2/tokens", withToken("no"))).status).toBe(401);
    const target = `/v2/tokens?qstash_token=${TEST_TOKENS.reader}`;
    expect((await browser.send("GET", target)).status).toBe(403);
  });

  test("is sent over HTTPS alone when the browser came that way", async () => {
    const { open, room } = await openSessionClient();
    const https = { host: "r.test", origin: "https://r.test" };
    const body = JSON.stringify({ token: TEST_TOKENS.full });
    const browser = open();
    const direct = await browser.send("POST", "/v2/session", { headers: https, body });
    expect(cookieOf(direct.response)).toMatch(/; Secure$/);
    browser.cookie = cookieOf(direct.response).split(";")[0] ?? "";
    expect(cookieOf((await browser.send("GET", "/v2/session")).response)).toMatch(/; Secure$/);
    const proxied = open({ settings: { ...room.settings, trustedProxies: ["192.0.2.9"] } });
    const headers = { origin: null, "x-forwarded-proto": "https" };
    for (const [address, isSecure] of [
      ["192.0.2.9", true],
      ["192.0.2.1", false],
    ] as const) {
      const answer = await proxied.send("POST", "/v2/session", { headers, body, address });
      expect([answer.status, /; Secure$/.test(cookieOf(answer.response))]).toEqual([200, isSecure]);
    }
  });
});

describe("a request with a session that another page may have sent", () => {
  const write = ["DELETE", "/v2/queues/q"] as const;
  const read = ["GET", "/v2/queues"] as const;
  const NONE = { "sec-fetch-site": null, origin: null };

  test.each([
    [write, {}, 200],
    [write, { "reprise-dashboard": null }, 403],
    [write, { "reprise-dashboard": "true" }, 403],
    [write, { "sec-fetch-site": "same-site" }, 403],
    [write, { "sec-fetch-site": "cross-site" }, 403],
    [write, { "sec-fetch-site": "none" }, 403],
    [write, { "sec-fetch-site": null, origin: PAGE_ORIGIN }, 200],
    [write, { "sec-fetch-site": null, origin: "http://localhost:8081" }, 403],
    [write, { "sec-fetch-site": null, origin: "https://evil.test" }, 403],
    [write, { "sec-fetch-site": null, origin: "null" }, 403],
    [write, NONE, 403],
    [read, {}, 200],
    [read, { "sec-fetch-site": "cross-site" }, 403],
    [read, { "sec-fetch-site": null, origin: "https://evil.test" }, 403],
    // What browsers send over plain HTTP.
    [read, NONE, 200],
  ])("%j with %j is answered with %i", async ([method, path], headers, status) => {
    const browser = (await openSessionClient()).open();
    await browser.login(TEST_TOKENS.full);
    const answer = await browser.send(method, path, { headers });
    expect(answer.status).toBe(status);
    if (status === 403) expect(answer.json).toMatchObject({ code: "cross_site_request" });
  });

  test("cannot log in or out", async () => {
    const browser = (await openSessionClient()).open();
    const body = JSON.stringify({ token: TEST_TOKENS.full });
    for (const method of ["POST", "DELETE"]) {
      for (const headers of [{ "sec-fetch-site": "cross-site" }, { "reprise-dashboard": null }]) {
        const sent = { headers, ...(method === "POST" ? { body } : {}) };
        expect(await browser.send(method, "/v2/session", sent)).toMatchObject({ status: 403 });
      }
    }
  });

  test("names this server by its public address as well", async () => {
    const { open } = await openSessionClient({ publicUrl: "https://jobs.test" });
    const browser = open();
    await browser.login(TEST_TOKENS.full);
    const headers = { "sec-fetch-site": null, origin: "https://jobs.test" };
    expect((await browser.send(...write, { headers })).status).toBe(200);
  });
});

test("a webhook that a person opens in a browser does not get the session", async () => {
  const { open, world } = await openSessionClient();
  const browser = open();
  await browser.login(TEST_TOKENS.full);
  const runId = await world.start();
  const path = `/v2/workflows/hooks/u/${runId}/event_1`;
  const headers = { cookie: `a=1; ${browser.cookie}; b=2` };
  expect((await browser.send("GET", path, { headers })).status).toBe(200);
  const [event] = await world.store.list("events", { where: [], order: "ascending", limit: 1 });
  const kept = Buffer.from(event?.body ?? []).toString();
  expect(kept).toContain('"a=1; b=2"');
  expect(kept).not.toContain("reprise_session");
});
