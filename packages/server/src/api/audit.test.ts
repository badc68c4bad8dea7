import type { AuditEntry, AuditPage } from "@reprise/protocol";
import { describe, expect, test } from "vitest";
import { AuditTrail } from "../engine/audit-trail.ts";
import { type Browser, openSessionClient, TEST_TOKENS } from "./session-client.suite.ts";

async function open() {
  const client = await openSessionClient();
  const { store, host } = client.world;
  const audit = new AuditTrail({ store, host });
  const browser = client.open({ audit });
  await browser.login(TEST_TOKENS.full);
  const tool = client.open({ audit });
  const withToken = (token: string) => ({
    headers: { authorization: `Bearer ${token}`, "sec-fetch-site": null },
  });
  return { ...client, store, host, browser, tool, withToken };
}

async function pageOf(browser: Browser, query = ""): Promise<AuditPage> {
  const { json, status } = await browser.send("GET", `/v2/audit${query}`);
  expect(status).toBe(200);
  return JSON.parse(JSON.stringify(json));
}

const entriesOf = async (browser: Browser, query = ""): Promise<readonly AuditEntry[]> =>
  (await pageOf(browser, query)).entries;

describe("what a person does", () => {
  test("is kept with who, from where, what, on what and the outcome", async () => {
    const { browser, host, world } = await open();
    const { dlqId } = await world.fail();
    const path = `/v2/workflows/dlq/resume/${encodeURIComponent(dlqId)}`;
    expect((await browser.send("POST", path, { address: "203.0.113.9" })).status).toBe(200);
    await browser.send("DELETE", "/v2/queues/no-such%20queue");
    const [second, first, ...others] = await entriesOf(browser);
    expect(others).toEqual([]);
    expect(first).toEqual({
      auditId: expect.stringMatching(/^aud_\w+$/),
      at: host.now(),
      ...{ tokenName: "REPRISE_TOKEN", scope: "full", isDashboard: true, callerIP: "203.0.113.9" },
      action: "POST /v2/workflows/dlq/resume/:dlqId",
      ...{ target: dlqId, query: null, status: 200, error: null, count: null, actionId: null },
    });
    expect(second).toMatchObject({ action: "DELETE /v2/queues/:name", target: "no-such queue" });
  });

  test("is written down before it happens, and the outcome afterwards", async () => {
    const { browser, store, world } = await open();
    const seen: unknown[] = [];
    const { engine } = world;
    const execute = engine.execute.bind(engine);
    engine.execute = async (commands) => {
      seen.push(...(await store.list("audits", { where: [], order: "ascending", limit: 9 })));
      return execute(commands);
    };
    const body = JSON.stringify({ queueName: "orders", parallelism: 2 });
    expect((await browser.send("POST", "/v2/queues", { body })).status).toBe(200);
    expect(seen).toMatchObject([{ action: "POST /v2/queues", status: null }]);
    expect(await entriesOf(browser)).toMatchObject([{ status: 200 }]);
  });

  test("does not happen when it cannot be written down", async () => {
    const { browser, world, store } = await open();
    const body = JSON.stringify({ queueName: "orders", parallelism: 2 });
    world.isDiskFull = true;
    const { status } = await browser.send("POST", "/v2/queues", { body });
    world.isDiskFull = false;
    expect(status).toBeGreaterThanOrEqual(500);
    expect(await store.count("queues", [])).toBe(0);
  });

  test("is kept when it is refused, with the code", async () => {
    const { browser } = await open();
    expect((await browser.send("POST", "/v2/workflows/dlq/resume/1-2")).status).toBe(404);
    expect(await entriesOf(browser)).toMatchObject([
      { status: 404, error: "dead_letter_not_found", target: "1-2", count: null },
    ]);
  });

  test("on many says how many, and as which bulk action", async () => {
    const { browser, world } = await open();
    for (let index = 0; index < 3; index += 1) await world.fail();
    await browser.send("DELETE", "/v2/workflows/dlq?count=2&label=");
    await browser.send("DELETE", "/v2/workflows/dlq?count=2");
    await browser.send("POST", "/v2/workflows/dlq/resume?count=5");
    await browser.send("DELETE", "/v2/messages?async=true&label=none");
    const entries = await entriesOf(browser);
    expect(entries.map(({ action, count, query }) => [action, count, query])).toEqual([
      ["DELETE /v2/messages", 0, "async=true&label=none"],
      ["POST /v2/workflows/dlq/resume", 1, "count=5"],
      ["DELETE /v2/workflows/dlq", 2, "count=2"],
      ["DELETE /v2/workflows/dlq", null, "count=2&label="],
    ]);
    expect(entries[0]?.actionId).toMatch(/^act_/);
  });

  test("is about those that its body names, by ids, by filters or by a name", async () => {
    const { browser, world, host } = await open();
    const dlqIds = [(await world.fail()).dlqId, (await world.fail()).dlqId];
    const send = async (method: "POST" | "DELETE", path: string, fields: object) => {
      const body = JSON.stringify(fields);
      const headers = { "content-length": String(body.length) };
      return (await browser.send(method, path, { body, headers })).status;
    };
    const many = Array.from({ length: 12 }, (_, index) => `wfr_${index}`);
    const filters = {
      workflowUrl: "https://app.test/order",
      fromDate: host.now(),
      label: ["a", "b"],
    };
    expect(await send("POST", "/v2/workflows/dlq/hold", { dlqIds })).toBe(200);
    expect(await send("DELETE", "/v2/workflows/runs?x=1", { workflowRunIds: many })).toBe(400);
    expect(await send("DELETE", "/v2/workflows/dlq?count=5", filters)).toBe(200);
    expect(await send("POST", "/v2/queues", { queueName: "orders", parallelism: 2 })).toBe(200);
    expect(await send("POST", "/v2/tokens", { name: "night", scope: "full" })).toBe(201);
    const broken = { body: "{", headers: { "content-length": "1" } };
    expect((await browser.send("DELETE", "/v2/workflows/dlq", broken)).status).toBe(400);
    const entries = await entriesOf(browser);
    expect(entries.map(({ target, query, count }) => [target, query, count])).toEqual([
      [null, null, null],
      ["night", null, null],
      ["orders", null, null],
      [
        null,
        `count=5&workflowUrl=https%3A%2F%2Fapp.test%2Forder&fromDate=${host.now()}&label=a&label=b`,
        0,
      ],
      [`${many.slice(0, 10).join(", ")} and 2 more`, "x=1", null],
      [dlqIds.join(", "), null, 2],
    ]);
  });

  test("keeps no more than a thousand characters, however long the ids are that are sent", async () => {
    const { browser } = await open();
    const dlqIds = Array.from({ length: 100 }, (_, index) => `${index}`.repeat(2_000));
    const body = JSON.stringify({ dlqIds, label: "l".repeat(5_000) });
    await browser.send("POST", "/v2/workflows/dlq/resume", { body });
    const [entry] = await entriesOf(browser);
    expect(entry?.target).toMatch(/^0+, 1+, .* and 90 more$/);
    expect(entry?.target?.length).toBeLessThanOrEqual(1_000);
    expect(entry?.query).toHaveLength(1_000);
  });

  test("holds no secret, whatever is sent", async () => {
    const { browser, store, tool } = await open();
    const body = JSON.stringify({ name: "night", scope: "full" });
    const made = await browser.send("POST", "/v2/tokens", { body });
    const secrets = [String(made.json.token), TEST_TOKENS.full, "hook-secret", "body-secret"];
    const publish = "/v2/publish/https://hooks.test/T0/hook-secret?key=hook-secret";
    await browser.send("POST", publish, { body: "body-secret" });
    const encoded = encodeURIComponent(
      "https://hook-secret@hooks.test/hook-secret?key=hook-secret",
    );
    await browser.send("POST", `/v2/publish/${encoded}`, { body: "body-secret" });
    const target = `/v2/queues/q?qstash_token=${TEST_TOKENS.full}&QSTASH_TOKEN=hook-secret&x=1`;
    await tool.send("DELETE", target);
    const rows = JSON.stringify(
      await store.list("audits", { where: [], order: "ascending", limit: 9 }),
    );
    for (const secret of secrets) expect(rows).not.toContain(secret);
    expect(await entriesOf(browser)).toMatchObject([
      { action: "DELETE /v2/queues/:name", query: "x=1", isDashboard: false },
      { action: "POST /v2/publish/*", target: "https://hooks.test", query: null },
      { action: "POST /v2/publish/*", target: "https://hooks.test", query: null },
      { action: "POST /v2/tokens", target: "night", status: 201 },
    ]);
  });
});

test("what apps do, who only looks and what is no endpoint leave nothing", async () => {
  const { browser, tool, withToken, store } = await open();
  const full = withToken(TEST_TOKENS.full);
  const post = { ...full, body: "{}" };
  expect((await tool.send("POST", "/v2/publish/https://a.test", post)).status).toBe(200);
  await tool.send("POST", "/v2/batch", { ...full, body: "[]" });
  await tool.send("DELETE", "/v2/workflows/runs/wfr_a?cancel=false", full);
  await tool.send("GET", "/v2/tokens", full);
  await tool.send("DELETE", "/v2/queues/q", withToken(TEST_TOKENS.reader));
  await tool.send("DELETE", "/v2/queues/q", withToken("no"));
  await browser.send("DELETE", "/v2/nothing");
  await browser.send("GET", "/v2/queues");
  expect(await store.count("audits", [])).toBe(0);
  await tool.send("DELETE", "/v2/workflows/runs/wfr_a", full);
  expect(await entriesOf(browser)).toMatchObject([
    { tokenName: "REPRISE_TOKEN", isDashboard: false, target: "wfr_a", status: 404 },
  ]);
});

test("the list has pages and filters", async () => {
  const { browser, host, tokens, tool, withToken } = await open();
  const { text } = await tokens.create("night", "full");
  for (let index = 0; index < 5; index += 1) {
    await host.advance(1_000);
    await browser.send("DELETE", `/v2/queues/q${index}`);
  }
  await tool.send("POST", "/v2/queues/q1/pause", withToken(text));
  const first = await pageOf(browser, "?count=4");
  const targets = ({ entries }: AuditPage) => entries.map(({ target }) => target);
  expect(targets(first)).toEqual(["q1", "q4", "q3", "q2"]);
  const rest = await pageOf(browser, `?count=4&cursor=${first.cursor}`);
  expect([targets(rest), rest.cursor]).toEqual([["q1", "q0"], undefined]);
  expect(await entriesOf(browser, "?tokenName=night")).toMatchObject([{ tokenName: "night" }]);
  const paused = encodeURIComponent("POST /v2/queues/:name/pause");
  expect(await entriesOf(browser, `?action=${paused}`)).toHaveLength(1);
  const from = host.now() - 1_000;
  expect(targets(await pageOf(browser, `?fromDate=${from}&toDate=${from}`))).toEqual(["q3"]);
  for (const query of ["?fromDate=2&toDate=1", "?actor=x", "?cursor=abc", "?count=0"]) {
    expect((await browser.send("GET", `/v2/audit${query}`)).status).toBe(400);
  }
});
