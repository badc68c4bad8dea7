import { afterEach, beforeEach, expect, test } from "vitest";
import type { EndDelivery } from "../core/commands.ts";
import { initialStep, messageRow, runConfig, runRow, stepRow } from "../core/rows.suite.ts";
import { openSqliteStore } from "../store/sqlite.ts";
import type { Store } from "../store/store.ts";
import { type Delivery, Dispatcher, type RunDelivery } from "./dispatcher.ts";
import { limits } from "./engine.suite.ts";
import { History } from "./history.ts";
import { accepted, ScriptedHost } from "./scripted-host.suite.ts";

let store: Store;
let host: ScriptedHost;
let history: History;
let ended: EndDelivery[];
let unsent: number[];
let late: number[];
let roomy: string[];
let unwanted: Set<number>;

beforeEach(async () => {
  store = await openSqliteStore({ path: ":memory:" });
  host = new ScriptedHost();
  history = new History(store, 1_000_000);
  ended = [];
  unsent = [];
  late = [];
  roomy = [];
  unwanted = new Set();
});

afterEach(() => store.close());

function open(own: Partial<typeof limits> = {}): Dispatcher {
  return new Dispatcher({
    host,
    history,
    store,
    keys: () => ({ current: "sig_current", next: "sig_next" }),
    region: null,
    limits: { ...limits, ...own },
    mayBegin: () => true,
    onLapsed: () => {},
    standingOf: () => null,
    isWanted: ({ message }) => !unwanted.has(message.key),
    onEnd: (command) => ended.push(command),
    onUnsent: (key) => unsent.push(key),
    onLate: (key) => late.push(key),
    onReturn: () => {},
    onRoom: (origin) => roomy.push(origin),
  });
}

/** A delivery whose body is its key; a failure call carries its own body and needs no history. */
function delivery(
  key: number,
  more: { readonly origin?: string; readonly runKey?: number } = {},
): RunDelivery {
  const { origin = "https://app.test", runKey = key } = more;
  const run = runRow({ key: runKey });
  history.append([{ ...initialStep, runKey, body: new TextEncoder().encode(String(key)) }]);
  const url = `${origin}/api/${key}`;
  const message = messageRow({ key, runKey, url, stepPosition: 0 });
  const source = { message, run, config: runConfig(), own: { forward: {} } };
  return { kind: "run", ...source, timeoutMs: 5_000, startUntil: null };
}

function failureCall(key: number, runKey = key): RunDelivery {
  const body = new TextEncoder().encode("{}");
  const message = messageRow({ key, runKey, kind: "failureCall", stepPosition: null, body });
  return { ...delivery(key, { runKey }), message };
}

const keysOf = (deliveries: readonly Delivery[]) => deliveries.map(({ message }) => message.key);

const sent = () => host.exchanges.map(({ request }) => Number(request.url.split("/").at(-1)));

/** Answers the request for this key. */
async function answer(key: number): Promise<void> {
  const index = sent().indexOf(key);
  host.exchanges.splice(index, 1)[0]?.answer(accepted());
  await host.settle();
}

test("so many attempts to one origin are made at once, the rest in order", async () => {
  const dispatcher = open({ perOriginMax: 2 });
  for (const key of [1, 2, 3, 4, 5]) dispatcher.deliver(delivery(key));
  await host.settle();
  expect(sent()).toEqual([1, 2]);
  await answer(2);
  expect(sent()).toEqual([1, 3]);
  await answer(1);
  await answer(3);
  expect(sent()).toEqual([4, 5]);
  await answer(4);
  await answer(5);
  expect(ended.map(({ messageKey }) => messageKey)).toEqual([2, 1, 3, 4, 5]);
});

test("one origin does not wait for another", async () => {
  const dispatcher = open({ perOriginMax: 1 });
  dispatcher.deliver(delivery(1));
  dispatcher.deliver(delivery(2));
  dispatcher.deliver(delivery(3, { origin: "https://app.test:8443" }));
  dispatcher.deliver(delivery(4, { origin: "http://app.test" }));
  await host.settle();
  expect(sent()).toEqual([1, 3, 4]);
});

test("an origin that had nothing to do takes a full load again", async () => {
  const dispatcher = open({ perOriginMax: 1 });
  for (const key of [1, 2]) {
    dispatcher.deliver(delivery(key));
    await host.settle();
    await answer(key);
  }
  expect(ended).toHaveLength(2);
});

test("the request is the list up to the record, signed, with the limits of its message", async () => {
  const dispatcher = open();
  const second = stepRow({ key: 9, runKey: 1, position: 1, body: new Uint8Array([1]) });
  const own = { ...delivery(1), timeoutMs: 1_234 };
  history.append([second, stepRow({ key: 10, runKey: 1, position: 2 })]);
  dispatcher.deliver({ ...own, message: messageRow({ key: 9, runKey: 1, stepPosition: 1 }) });
  const { request } = await host.nextExchange();
  expect(request).toMatchObject({ method: "POST", timeoutMs: 1_234, responseBytesMax: 22_020_096 });
  expect(request.headers["upstash-signature"]).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
  expect(JSON.parse(Buffer.from(request.body).toString())).toMatchObject([
    { messageId: "msg_2" },
    { messageId: "msg_9", body: "AQ==" },
  ]);
});

test("a long list goes out empty to an SDK that fetches, and whole to any other", async () => {
  const dispatcher = open({ inlineCharsMax: 10 });
  const base = delivery(1);
  const config = runConfig({ featureSet: ["LazyFetch"] });
  const sdk = { forward: { "upstash-workflow-sdk-version": "1" } };
  dispatcher.deliver({ ...base, config, own: sdk });
  expect((await host.nextExchange()).request.body).toHaveLength(0);
  dispatcher.deliver({ ...base, config });
  expect((await host.nextExchange()).request.body).not.toHaveLength(0);
  dispatcher.deliver({ ...base, own: sdk });
  expect((await host.nextExchange()).request.body).not.toHaveLength(0);
  dispatcher.deliver({ ...failureCall(2), config, own: sdk });
  expect((await host.nextExchange()).request.body).not.toHaveLength(0);
});

test("an outcome carries the token and the headers of its attempt", async () => {
  const dispatcher = open();
  const base = delivery(1);
  dispatcher.deliver({ ...base, message: { ...base.message, leaseToken: 7 } });
  const exchange = await host.nextExchange();
  await host.advance(40);
  exchange.answer(accepted(503));
  await host.settle();
  const [command] = ended;
  expect(command).toMatchObject({ messageKey: 1, leaseToken: 7, outcome: { status: 503 } });
  expect((command?.endedAt ?? 0) - (command?.startedAt ?? 0)).toBe(40);
  expect(command?.requestHeaders).toEqual(exchange.request.headers);
});

test("what waits for an ended run is dropped, but not its failure call nor anybody else's", async () => {
  const dispatcher = open({ perOriginMax: 1 });
  dispatcher.deliver(delivery(6));
  dispatcher.deliver(delivery(1));
  dispatcher.deliver(delivery(2, { runKey: 50 }));
  dispatcher.deliver(failureCall(3, 50));
  dispatcher.deliver(delivery(4));
  dispatcher.deliver(delivery(5, { runKey: 50 }));
  await host.settle();
  await answer(6);
  expect(keysOf(dispatcher.drop(50))).toEqual([2, 5]);
  expect(dispatcher.drop(50)).toEqual([]);
  expect(dispatcher.drop(1)).toEqual([]);
  await answer(1);
  expect(host.exchanges).toHaveLength(1);
  expect(host.exchanges[0]?.request.headers["upstash-message-id"]).toBe("msg_3");
  host.exchanges.shift()?.answer(accepted());
  await host.settle();
  expect(sent()).toEqual([4]);
});

test("a run that ends while the list of its delivery is being read hears nothing more", async () => {
  const dispatcher = open();
  dispatcher.deliver(delivery(2, { runKey: 50 }));
  dispatcher.deliver(failureCall(3, 50));
  expect(keysOf(dispatcher.drop(50))).toEqual([2]);
  await host.settle();
  expect(host.exchanges).toHaveLength(1);
  expect(host.exchanges[0]?.request.headers["upstash-message-id"]).toBe("msg_3");
  expect(ended).toEqual([]);
  expect(unsent).toEqual([]);
});

test("a delivery that is no longer wanted at its turn is passed over", async () => {
  const dispatcher = open({ perOriginMax: 1 });
  for (const key of [1, 2, 3, 4]) dispatcher.deliver(delivery(key));
  unwanted = new Set([2, 3]);
  await host.settle();
  await answer(1);
  expect(sent()).toEqual([4]);
  await answer(4);
  await dispatcher.stop();
});

test("a line of very many is dropped and goes on in order", async () => {
  const dispatcher = open({ perOriginMax: 1 });
  dispatcher.deliver(delivery(1));
  const base = delivery(2, { runKey: 50 });
  const others = delivery(3, { runKey: 51 });
  for (let key = 10; key < 200_010; key += 1) {
    const source = key % 100 === 0 ? base : others;
    dispatcher.deliver({ ...source, message: { ...source.message, key } });
  }
  expect(dispatcher.drop(50)).toHaveLength(2_000);
  await host.settle();
  const order: unknown[] = [];
  for (let count = 0; count < 1_100; count += 1) {
    const exchange = await host.nextExchange();
    order.push(exchange.request.headers["upstash-message-id"]);
    exchange.answer(accepted());
  }
  expect(new Set(order).size).toBe(1_100);
  expect(order.slice(0, 4)).toEqual(["msg_1", "msg_a", "msg_b", "msg_c"]);
  expect(order.at(-1)).toBe(`msg_${(10 + 1_098 + 11).toString(36)}`);
});

test("a body that cannot be read is no failure of the app", async () => {
  const dispatcher = open();
  const lost = delivery(1);
  history.clear();
  await store.close();
  dispatcher.deliver(lost);
  await host.until(() => unsent.length > 0);
  expect(unsent).toEqual([1]);
  expect(ended).toEqual([]);
  expect(host.logs).toMatchObject([{ level: "error", event: "delivery_not_sent" }]);
  dispatcher.deliver(failureCall(2));
  expect(await host.nextExchange()).toBeDefined();
});

test("stop waits for what is in flight, begins nothing more and takes nothing new", async () => {
  const dispatcher = open({ perOriginMax: 1 });
  dispatcher.deliver(delivery(1));
  dispatcher.deliver(delivery(2));
  dispatcher.deliver(delivery(3, { origin: "https://other.test" }));
  await host.settle();
  let isStopped = false;
  const stopping = dispatcher.stop().then(() => {
    isStopped = true;
  });
  dispatcher.deliver(delivery(4, { origin: "https://third.test" }));
  await answer(1);
  expect(isStopped).toBe(false);
  await answer(3);
  await stopping;
  expect(host.exchanges).toEqual([]);
  expect(ended.map(({ messageKey }) => messageKey)).toEqual([1, 3]);
});

test("stop with nothing in flight is over at once", async () => {
  const dispatcher = open();
  await dispatcher.stop();
});

test("so many attempts are made at once to all origins together, and those who wait take turns", async () => {
  const dispatcher = open({ parallelismMax: 2 });
  const origins = ["https://a.test", "https://b.test", "https://c.test"];
  // The first origin has a long line before the others come.
  for (const key of [1, 2, 3, 4]) dispatcher.deliver(delivery(key, { origin: "https://a.test" }));
  dispatcher.deliver(delivery(5, { origin: origins[1] ?? "" }));
  dispatcher.deliver(delivery(6, { origin: origins[1] ?? "" }));
  dispatcher.deliver(delivery(7, { origin: origins[2] ?? "" }));
  await host.settle();
  expect(sent()).toEqual([1, 2]);
  expect(dispatcher.inFlightCount).toBe(2);
  const order: number[] = [];
  while (host.exchanges.length > 0) {
    const next = sent()[0] ?? 0;
    order.push(next);
    await answer(next);
    expect(dispatcher.inFlightCount).toBeLessThanOrEqual(2);
  }
  expect(order).toEqual([1, 2, 3, 5, 7, 4, 6]);
  expect(dispatcher.inFlightCount).toBe(0);
});

test("an origin that hangs leaves the places of its other deliveries to healthy origins", async () => {
  const dispatcher = open({ parallelismMax: 4, perOriginMax: 3 });
  for (let key = 1; key <= 50; key++) dispatcher.deliver(delivery(key));
  for (let key = 51; key <= 60; key++) {
    dispatcher.deliver(delivery(key, { origin: "https://healthy.test" }));
  }
  await host.settle();
  for (let key = 51; key <= 60; key++) {
    expect(sent()).toEqual([1, 2, 3, key]);
    await answer(key);
  }
});

test("a line that only waited for a place among all tells of room when it is taken back", async () => {
  const dispatcher = open({ parallelismMax: 1, perOriginWaitingMax: 2 });
  dispatcher.deliver(delivery(1, { origin: "https://other.test" }));
  for (const key of [2, 3]) dispatcher.deliver(delivery(key));
  expect(dispatcher.isFull("https://app.test")).toBe(true);
  expect(keysOf(dispatcher.recall(({ key }) => key > 1))).toEqual([2, 3]);
  expect(roomy).toEqual(["https://app.test"]);
  expect(dispatcher.isFull("https://app.test")).toBe(false);
});

test("a delivery whose period is over is not sent", async () => {
  const dispatcher = open({ perOriginMax: 1 });
  dispatcher.deliver(delivery(1));
  const until = host.now() + 100;
  dispatcher.deliver({ ...delivery(2), startUntil: until });
  dispatcher.deliver({ ...delivery(3), startUntil: until + 1 });
  await host.advance(100);
  await answer(1);
  expect(late).toEqual([2]);
  expect(sent()).toEqual([3]);
});
