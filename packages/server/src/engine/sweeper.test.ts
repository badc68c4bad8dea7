import { beforeEach, expect, onTestFinished, test } from "vitest";
import type { Change, TableName, Tables } from "../core/rows.ts";
import { fullRows } from "../store/full-rows.suite.ts";
import { passOnStore, passOnTransaction } from "../store/pass-on.ts";
import { openSqliteStore } from "../store/sqlite.ts";
import type { Store, Transaction } from "../store/store.ts";
import { limits } from "./engine.suite.ts";
import { Engine } from "./engine.ts";
import { ScriptedHost } from "./scripted-host.suite.ts";
import { Sweeper } from "./sweeper.ts";

const DAY_MS = 86_400_000;
const ROUND_MS = 600_000;
const FOR_EVER = Number.MAX_SAFE_INTEGER;

let host: ScriptedHost;
let store: Store;
let sweeper: Sweeper;
/** Rows that each transaction has deleted. */
let deleted: number[];
let isRefusing: boolean;

beforeEach(async () => {
  host = new ScriptedHost();
  store = await openSqliteStore({ path: ":memory:" });
  deleted = [];
  isRefusing = false;
  const engine = new Engine({ host, store, keys: () => ({ current: "a", next: "b" }), limits });
  const ages = {
    logRetentionMs: 14 * DAY_MS,
    runRetentionMs: 14 * DAY_MS,
    deadLetterRetentionMs: 90 * DAY_MS,
    closedRetentionMs: 7 * DAY_MS,
    storageBytesMax: 0,
  };
  sweeper = new Sweeper({ host, store: watched(store), engine, limits: ages });
  sweeper.start();
  onTestFinished(async () => {
    await sweeper.stop();
    await store.close();
  });
});

/** The store as it is, but for its transactions, whose deletions are counted, and which can be refused. */
function watched(real: Store): Store {
  return passOnStore(real, {
    transaction: (work) =>
      real.transaction(async (transaction) => {
        if (isRefusing) throw new Error("refused");
        const write: Transaction["write"] = (changes) => {
          deleted.push(changes.length);
          return transaction.write(changes);
        };
        return work(passOnTransaction(transaction, { write }));
      }),
  });
}

function row<T extends TableName>(table: T, fields: Partial<Tables[T]>): Change {
  // A row of this table, so the insert is one.
  return { type: "insert", table, row: { ...fullRows[table], ...fields } } as Change;
}

async function put(...changes: readonly Change[]): Promise<void> {
  await store.transaction((transaction) => transaction.write(changes));
}

async function keysOf(table: TableName): Promise<readonly number[]> {
  const rows = await store.list(table, { where: [], order: "ascending", limit: 10_000 });
  return rows.map(({ key }) => key);
}

/** A message that was created and has ended so long ago. */
function ended(key: number, agoMs: number): readonly Change[] {
  const at = host.now() - agoMs;
  return [
    row("envelopes", { key, createdAt: at }),
    row("logs", { key: key + 1, messageKey: key, at, moment: "acceptedActive" }),
    row("logs", { key: key + 2, messageKey: key, at, moment: "delivered" }),
  ];
}

test("expired deduplication ids go, others stay", async () => {
  const now = host.now();
  await put(
    row("dedups", { key: 1, id: "a", expiresAt: now }),
    row("dedups", { key: 2, id: "b", expiresAt: now + ROUND_MS + 1_000 }),
    // Far away in the table, and behind one that has been renewed.
    row("dedups", { key: 900_000, id: "c", expiresAt: now + 1 }),
  );
  await host.advance(ROUND_MS + 500);
  expect(await keysOf("dedups")).toEqual([2]);
  await host.advance(ROUND_MS + 500);
  expect(await keysOf("dedups")).toEqual([]);
});

test("a message goes with its whole log when its end lies back far enough", async () => {
  await put(...ended(10, 15 * DAY_MS), ...ended(20, 13 * DAY_MS));
  await host.advance(ROUND_MS + 500);
  expect(await keysOf("envelopes")).toEqual([20]);
  expect(await keysOf("logs")).toEqual([21, 22]);
});

test("a message that was created long ago stays while it is young since its end", async () => {
  const [envelope, created, end] = ended(10, 100 * DAY_MS);
  if (!envelope || !created || !end) throw new Error("a message has three rows");
  const at = host.now() - 13 * DAY_MS;
  await put(envelope, created, row("logs", { key: 12, messageKey: 10, at }));
  await host.advance(ROUND_MS + 500);
  expect(await keysOf("logs")).toEqual([11, 12]);
  await host.advance(DAY_MS);
  expect(await keysOf("envelopes")).toEqual([]);
  expect(await keysOf("logs")).toEqual([]);
});

test("open messages and held dead letters are never touched, however old", async () => {
  const old = 1_000 * DAY_MS;
  const closedAt = host.now() - old;
  const held = { state: "open", createdAt: 1, closedAt: null, isHeld: 1 } as const;
  await put(
    ...ended(10, old),
    row("messages", { key: 10, kind: "plain", state: "scheduled", dueAt: FOR_EVER }),
    ...ended(20, old),
    row("deadMessages", { key: 25, messageKey: 20, ...held }),
    ...ended(30, old),
    row("deadMessages", { key: 35, messageKey: 30, state: "retried", closedAt, isHeld: 1 }),
  );
  await host.advance(10 * ROUND_MS);
  expect(await keysOf("envelopes")).toEqual([10, 20]);
  expect(await keysOf("logs")).toEqual([11, 12, 21, 22]);
  expect(await keysOf("deadMessages")).toEqual([25]);
  expect(await keysOf("messages")).toEqual([10]);
});

test("handled dead messages and bulk actions go a week after their end", async () => {
  const young = host.now() - 6 * DAY_MS;
  const old = host.now() - 8 * DAY_MS;
  await put(
    row("deadMessages", { key: 1, state: "retried", closedAt: old }),
    row("deadMessages", { key: 2, state: "deleted", closedAt: young }),
    row("deadMessages", { key: 3, state: "open", createdAt: old, closedAt: null }),
    row("bulkActions", { key: 4, state: "finished", completedAt: old }),
    row("bulkActions", { key: 5, state: "finished", completedAt: young }),
    row("bulkActions", { key: 6, state: "inProgress", createdAt: old, completedAt: null }),
  );
  await host.advance(ROUND_MS + 500);
  expect(await keysOf("deadMessages")).toEqual([2, 3]);
  expect(await keysOf("bulkActions")).toEqual([5, 6]);
});

test("what people have done is forgotten with the logs", async () => {
  const day = (days: number) => host.now() - days * DAY_MS;
  await put(
    row("audits", { key: 1, at: day(15) }),
    row("audits", { key: 2, at: day(13) }),
    row("audits", { key: 3, at: day(15), status: null }),
  );
  await host.advance(ROUND_MS + 500);
  expect(await keysOf("audits")).toEqual([2]);
});

test("much is deleted in many small transactions, with pauses in between", async () => {
  const changes: Change[] = [];
  for (let index = 0; index < 1_200; index += 1) {
    changes.push(row("dedups", { key: index + 1, id: `${index}`, expiresAt: 1 }));
    changes.push(...ended(10_000 + index * 10, 20 * DAY_MS));
  }
  await put(...changes);
  await host.advance(ROUND_MS + 90);
  expect(deleted).toHaveLength(1);
  await host.advance(5_000);
  expect(Math.max(...deleted)).toBeLessThanOrEqual(500);
  expect(deleted.reduce((sum, rows) => sum + rows)).toBe(1_200 * 4);
  expect(await keysOf("envelopes")).toEqual([]);
});

test("a log that is longer than a transaction goes in parts, its message last", async () => {
  const at = host.now() - 20 * DAY_MS;
  const logs = Array.from({ length: 1_000 }, (_, index) =>
    row("logs", { key: 1_000 + index, messageKey: 10, at }),
  );
  await put(...ended(5, 20 * DAY_MS), row("envelopes", { key: 10, createdAt: at }), ...logs);
  await put(...ended(5_000, 20 * DAY_MS));
  await host.advance(ROUND_MS + 1_000);
  expect(Math.max(...deleted)).toBe(501);
  expect(await keysOf("logs")).toEqual([]);
  expect(await keysOf("envelopes")).toEqual([]);
});

test("a log that is longer than a transaction stays whole while its end is young", async () => {
  const at = (index: number) => host.now() - (index === 1_199 ? 13 : 20) * DAY_MS;
  const logs = Array.from({ length: 1_200 }, (_, index) =>
    row("logs", { key: 1_000 + index, messageKey: 10, at: at(index) }),
  );
  await put(row("envelopes", { key: 10, createdAt: at(0) }), ...logs, ...ended(5_000, 20 * DAY_MS));
  await host.advance(ROUND_MS + 1_000);
  expect(await keysOf("envelopes")).toEqual([10]);
  expect(await keysOf("logs")).toHaveLength(1_200);
});

test("what the store refuses is tried again in the next round", async () => {
  await put(row("dedups", { key: 1, expiresAt: 1 }));
  isRefusing = true;
  await host.advance(ROUND_MS + 500);
  expect(host.logs).toMatchObject([{ event: "sweep_failed", fields: { cause: "Error: refused" } }]);
  expect(await keysOf("dedups")).toEqual([1]);
  isRefusing = false;
  await host.advance(ROUND_MS + 500);
  expect(await keysOf("dedups")).toEqual([]);
});

test("a stopped sweeper deletes nothing more", async () => {
  await put(row("dedups", { key: 1, expiresAt: 1 }));
  await sweeper.stop();
  await host.advance(10 * ROUND_MS);
  expect(await keysOf("dedups")).toEqual([1]);
  expect(host.alarms).toEqual([]);
});
