import { afterEach, beforeEach, expect, test } from "vitest";
import type { NodeRow } from "../core/rows.ts";
import { passOnStore } from "../store/pass-on.ts";
import { openTestStore } from "../store/postgres-databases.suite.ts";
import { messageRow } from "../store/rows.suite.ts";
import { openSqliteStore } from "../store/sqlite.ts";
import { write } from "../store/store.suite.ts";
import type { Store } from "../store/store.ts";
import { NodeLease } from "./node-lease.ts";
import { ScriptedHost } from "./scripted-host.suite.ts";
import { SharedClock } from "./shared-clock.ts";

const LEASE_MS = 15_000;
/** The database's clock is far from the node's own. */
const DISTANCE_MS = 3_600_000;

let host: ScriptedHost;
let store: Store;
/** What happens on the way to the database, and back. */
let way: { go: () => Promise<void>; back: () => Promise<void> };
let opened: NodeLease[];

const databaseNow = () => host.now() + DISTANCE_MS;

beforeEach(async () => {
  host = new ScriptedHost();
  way = { go: async () => {}, back: async () => {} };
  opened = [];
  const inner = await openSqliteStore({ path: ":memory:", now: databaseNow });
  store = passOnStore(inner, {
    transaction: async (work, options) => {
      await way.go();
      const result = await inner.transaction(work, options);
      await way.back();
      return result;
    },
  });
});

afterEach(async () => {
  way = { go: async () => {}, back: async () => {} };
  for (const lease of opened) await lease.close();
  await store.close();
});

async function open(): Promise<NodeLease> {
  const clock = new SharedClock(() => host.now(), host.now());
  const lease = await NodeLease.open({ store, host, clock, leaseMs: LEASE_MS });
  opened.push(lease);
  return lease;
}

function rows(): Promise<readonly NodeRow[]> {
  return store.list("nodes", { where: [], order: "ascending", limit: 99 });
}

const fail = () => Promise.reject(new Error("the network is away on purpose"));

test("a node takes a row whose end the clock of the database tells", async () => {
  const lease = await open();
  expect(await rows()).toEqual([
    {
      key: lease.nodeKey,
      id: expect.stringMatching(/^nod_[\w-]{16}$/),
      startedAt: databaseNow(),
      leaseUntil: databaseNow() + LEASE_MS,
    },
  ]);
});

test("a lease is renewed long before its end, again and again", async () => {
  const lease = await open();
  for (let count = 0; count < 30; count += 1) {
    await host.advance(LEASE_MS / 3);
    expect(lease.holds()).toBe(true);
    const [row] = await rows();
    expect(row?.leaseUntil).toBeGreaterThan(databaseNow() + LEASE_MS / 2);
  }
  expect(await rows()).toHaveLength(1);
});

test("it holds to the end that stands in its row, and not a moment longer", async () => {
  const lease = await open();
  way.go = fail;
  await host.advance(LEASE_MS - 1);
  expect(lease.holds()).toBe(true);
  await host.advance(1);
  expect(lease.holds()).toBe(false);
  expect((await rows())[0]?.leaseUntil).toBe(databaseNow());
});

test("it counts from when it was asked for: an answer that comes late has used up its time", async () => {
  way.back = async () => {
    way.back = async () => {};
    await host.advance(5_000);
  };
  const lease = await open();
  const [row] = await rows();
  const endsAt = (row?.leaseUntil ?? 0) - DISTANCE_MS;
  way.go = fail;
  await host.advance(endsAt - host.now());
  expect(lease.holds()).toBe(false);
});

test("a renewal that fails is tried again within the lease", async () => {
  const lease = await open();
  way.go = fail;
  await host.advance(LEASE_MS / 3);
  expect(host.logs.map(({ event }) => event)).toContain("node_lease_not_renewed");
  // Seven more fit into what is left of the lease.
  await host.advance(LEASE_MS / 2);
  expect(host.logs).toHaveLength(7);
  way.go = async () => {};
  await host.advance(LEASE_MS / 12);
  await host.advance(LEASE_MS / 2);
  expect(lease.holds()).toBe(true);
  expect(await rows()).toHaveLength(1);
});

test("a renewal does not wait for a transaction that waits for somebody else", async () => {
  const shared = await openTestStore();
  const clock = new SharedClock(() => host.now(), host.now());
  const lease = await NodeLease.open({ store: shared, host, clock, leaseMs: LEASE_MS });
  const released = Promise.withResolvers<void>();
  const held = shared.transaction(async (transaction) => {
    await transaction.now();
    await released.promise;
  });
  const leaseUntil = async () => (await shared.get("nodes", [lease.nodeKey]))[0]?.leaseUntil ?? 0;
  const before = await leaseUntil();
  await host.advance(LEASE_MS / 3);
  while ((await leaseUntil()) === before);
  released.resolve();
  await held;
  await lease.close();
  await shared.close();
});

test("a lease that was over is never renewed: the node goes on as another one, and says so once", async () => {
  const lease = await open();
  const { nodeKey, id } = lease;
  let changes = 0;
  lease.watch(() => {
    changes += 1;
  });
  way.go = fail;
  await host.advance(LEASE_MS * 2);
  const [before] = await rows();
  way.go = async () => {};
  await host.advance(LEASE_MS / 3);
  expect(lease.holds()).toBe(true);
  expect([lease.nodeKey === nodeKey, lease.id === id, changes]).toEqual([false, false, 1]);
  expect(await rows()).toEqual([before, expect.objectContaining({ key: lease.nodeKey })]);
  expect(host.logs).toContainEqual({
    level: "warn",
    event: "node_lease_lost",
    fields: { nodeId: id, nextNodeId: lease.id },
  });
});

test("a row that somebody has taken away is not made again under its old key", async () => {
  const lease = await open();
  const { nodeKey } = lease;
  await write(store, { type: "delete", table: "nodes", key: nodeKey });
  await host.advance(LEASE_MS / 3);
  expect((await rows()).map(({ key }) => key)).toEqual([lease.nodeKey]);
  expect(lease.nodeKey).not.toBe(nodeKey);
});

test("two nodes have keys and names of their own", async () => {
  const [first, second] = [await open(), await open()];
  expect(first.nodeKey).not.toBe(second.nodeKey);
  expect(first.id).not.toBe(second.id);
});

test("a node that stops takes its row with it", async () => {
  const lease = await open();
  await lease.close();
  expect(lease.holds()).toBe(false);
  expect(await rows()).toEqual([]);
  await host.advance(LEASE_MS);
  expect(await rows()).toEqual([]);
});

test("a node that stops with something in flight leaves its row, ended, for those who take over", async () => {
  const lease = await open();
  const row = messageRow(77, { state: "active", nodeKey: lease.nodeKey });
  await write(store, { type: "insert", table: "messages", row });
  await lease.close();
  const [left] = await rows();
  expect(left?.key).toBe(lease.nodeKey);
  expect(left?.leaseUntil).toBeLessThan(databaseNow());
});
