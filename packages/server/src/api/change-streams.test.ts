import { CHANGE_TOPICS } from "@reprise/protocol";
import { expect, onTestFinished, test } from "vitest";
import type { Change } from "../core/rows.ts";
import { ChangeFeed } from "../observe/change-feed.ts";
import { fullRows } from "../store/full-rows.suite.ts";
import type { Store } from "../store/store.ts";
import { ChangeStreams, STREAMS_MAX, STREAMS_OF_ONE_MAX } from "./change-streams.ts";
import { SESSION_MS } from "./session.ts";
import { openSessionClient, TEST_TOKENS } from "./session-client.suite.ts";

const change = (...tables: readonly Change["table"][]): readonly Change[] =>
  tables.map((table) => ({ type: "delete", table, key: 1 }));

async function open(shared: (store: Store) => Store = (store) => store) {
  const client = await openSessionClient();
  const { host, store } = client.world;
  const feed = new ChangeFeed();
  const changes = new ChangeStreams({ host, store: shared(store), feed });
  onTestFinished(() => changes.close());
  const browser = client.open({ changes });
  await browser.login(TEST_TOKENS.reader);
  return { ...client, feed, changes, browser, host };
}

/** Everything that has come until now, without waiting for more; null behind the end. */
async function listen({ response }: { readonly response: Response }) {
  const reader = response.body?.getReader();
  if (reader === undefined) throw new Error("there is no stream");
  const next = async (): Promise<string | null> => {
    const { value } = await reader.read();
    return value === undefined ? null : new TextDecoder().decode(value);
  };
  expect(await next()).toBe("retry: 1000\n: open\n\n");
  return { next, cancel: () => reader.cancel() };
}

const eventOf = (...topics: readonly string[]) =>
  `event: change\ndata: ${JSON.stringify({ topics })}\n\n`;

test("a stream tells what has changed, at most once a second", async () => {
  const { browser, feed, host } = await open();
  const answer = await browser.send("GET", "/v2/changes");
  expect([answer.status, answer.response.headers.get("content-type")]).toEqual([
    200,
    "text/event-stream; charset=utf-8",
  ]);
  const { next } = await listen(answer);
  feed.committed([change("runs", "steps"), change("settings", "queues")]);
  await host.advance(0);
  expect(await next()).toBe(eventOf("runs", "queues"));
  feed.committed([change("waits")]);
  await host.advance(500);
  feed.committed([change("events", "deadLetters"), change("dedups")]);
  await host.advance(499);
  feed.committed([change("audits")]);
  await host.advance(1);
  expect(await next()).toBe(eventOf("waits", "deadLetters", "audit"));
  feed.committed([change("dedups", "settings", "nodes", "envelopes")]);
  await host.advance(15_000);
  expect(await next()).toBe(": still here\n\n");
});

test("every topic has a table", () => {
  const feed = new ChangeFeed();
  const told = new Set<string>();
  feed.listen((topics) => {
    for (const topic of topics) told.add(topic);
  });
  // The record of full rows has one for every table.
  feed.committed([change(...(Object.keys(fullRows) as Change["table"][]))]);
  expect([...told].sort()).toEqual([...CHANGE_TOPICS].sort());
});

test("where nobody looks, nothing listens and no timer runs", async () => {
  const { browser, feed, host, changes } = await open();
  const touched = {
    get length(): number {
      throw new Error("looked at");
    },
  };
  // An array that fails when somebody looks into it.
  const batches = new Proxy([change("runs")], { get: () => touched.length });
  feed.committed(batches);
  const { next, cancel } = await listen(await browser.send("GET", "/v2/changes"));
  expect(() => feed.committed(batches)).toThrow("looked at");
  feed.committed([change("runs")]);
  await cancel();
  expect(changes.count).toBe(0);
  feed.committed(batches);
  await host.advance(60_000);
  expect(await next()).toBeNull();
});

test("as many streams are open as there may be", async () => {
  const { browser, changes } = await open();
  const streams = [];
  for (let index = 0; index < STREAMS_MAX; index += 1) {
    if (index % STREAMS_OF_ONE_MAX === 0) await browser.login(TEST_TOKENS.reader);
    streams.push(await listen(await browser.send("GET", "/v2/changes")));
  }
  await browser.login(TEST_TOKENS.reader);
  const refused = await browser.send("GET", "/v2/changes");
  expect(refused).toMatchObject({ status: 429, json: { code: "too_many_streams" } });
  await streams[0]?.cancel();
  expect((await browser.send("HEAD", "/v2/changes")).status).toBe(200);
  await listen(await browser.send("GET", "/v2/changes"));
  expect(changes.count).toBe(STREAMS_MAX);
});

test("neither a login nor a token takes the places of all others", async () => {
  const { browser, changes } = await open();
  const withToken = { headers: { authorization: `Bearer ${TEST_TOKENS.reader}`, cookie: null } };
  for (const more of [{}, withToken]) {
    const before = changes.count;
    for (let index = 0; index < 1_000; index += 1) {
      const answer = await browser.send("GET", "/v2/changes", more);
      const isOpen = index < STREAMS_OF_ONE_MAX;
      expect(answer.status).toBe(isOpen ? 200 : 429);
      if (!isOpen) expect(answer.json.error).toContain("16 streams of changes are open by this");
    }
    expect(changes.count - before).toBe(STREAMS_OF_ONE_MAX);
  }
});

test("a stream ends at once when somebody logs out, and when its token is revoked", async () => {
  const { browser, tokens, changes } = await open();
  const other = await listen(await browser.send("GET", "/v2/changes"));
  await browser.login(TEST_TOKENS.full);
  const own = await listen(await browser.send("GET", "/v2/changes"));
  await browser.send("DELETE", "/v2/session");
  expect(await own.next()).toBeNull();
  const { token, text } = await tokens.create("short", "read-only");
  await browser.login(text);
  const withSession = await listen(await browser.send("GET", "/v2/changes"));
  const headers = { authorization: `Bearer ${text}`, cookie: null };
  const withToken = await listen(await browser.send("GET", "/v2/changes", { headers }));
  await browser.login(TEST_TOKENS.full);
  expect((await browser.send("DELETE", `/v2/tokens/${token.id}`)).status).toBe(200);
  expect([await withSession.next(), await withToken.next()]).toEqual([null, null]);
  expect(changes.count).toBe(1);
  await other.cancel();
});

test("a stream ends with its session, with its token, and when the server stops", async () => {
  const { browser, host, feed, tokens, changes } = await open();
  const first = await listen(await browser.send("GET", "/v2/changes"));
  await host.advance(SESSION_MS);
  expect(await first.next()).toBeNull();
  const { token, text } = await tokens.create("short", "full");
  await browser.login(text);
  const second = await listen(await browser.send("GET", "/v2/changes"));
  await tokens.revoke(token.id);
  feed.committed([change("runs")]);
  await host.advance(1_000);
  expect(await second.next()).toBeNull();
  await browser.login(TEST_TOKENS.full);
  const third = await listen(await browser.send("GET", "/v2/changes"));
  changes.close();
  expect(await third.next()).toBeNull();
  expect(await browser.send("GET", "/v2/changes")).toMatchObject({ status: 503 });
});

test("who sends without looking may not look", async () => {
  const { browser } = await open();
  browser.cookie = "";
  const headers = { authorization: `Bearer ${TEST_TOKENS.sender}` };
  expect((await browser.send("GET", "/v2/changes", { headers })).status).toBe(403);
  expect((await browser.send("GET", "/v2/changes")).status).toBe(401);
});

test("a reader who does not read is let go", async () => {
  const { browser, host, changes } = await open();
  await browser.send("GET", "/v2/changes");
  for (let index = 0; index < 80; index += 1) await host.advance(15_000);
  expect(changes.count).toBe(0);
});

test("what others have changed in a shared store is found", async () => {
  const { browser, host, world } = await open((store) => ({
    ...store,
    list: (table, query) => store.list(table, query),
    isShared: true,
  }));
  const { next } = await listen(await browser.send("GET", "/v2/changes"));
  const polled = async () => {
    await host.advance(2_000);
    // The answers of the store come in later turns.
    for (let turn = 0; turn < 20; turn += 1) await host.nextTurn();
    await host.advance(1_000);
  };
  await polled();
  // The first look has nothing to compare with: others may have changed anything since the page has asked.
  expect(await next()).toBe(eventOf(...CHANGE_TOPICS));
  await world.store.transaction((transaction) =>
    transaction.write([{ type: "insert", table: "deadLetters", row: fullRows.deadLetters }]),
  );
  await polled();
  expect(await next()).toBe(eventOf("deadLetters"));
});
