import { afterEach, beforeEach, expect, test } from "vitest";
import type { MessageRow, NodeRow } from "../core/rows.ts";
import { withLockCheck } from "../store/lock-check.ts";
import { messageRow } from "../store/rows.suite.ts";
import { openSqliteStore } from "../store/sqlite.ts";
import { write } from "../store/store.suite.ts";
import type { Store } from "../store/store.ts";
import { ConfigCache } from "./config-cache.ts";
import { deleteEmptyNodes, findTakeover, listDead, takeOverDead } from "./takeover.ts";
import { WorkingSet } from "./working-set.ts";

const NOW = 1_800_000_000_000;
const DEAD = 1;
const ALIVE = 2;
const OWN = 3;

let now: number;
/** Of everybody else. */
let raw: Store;
/** That of the node that takes over, held to its locks. */
let store: Store;
let violations: string[];

beforeEach(async () => {
  now = NOW;
  violations = [];
  raw = await openSqliteStore({ path: ":memory:", now: () => now });
  store = withLockCheck(raw, (text) => violations.push(text));
  await write(
    raw,
    ...[node(DEAD, NOW - 1), node(ALIVE, NOW + 5_000), node(OWN, NOW + 5_000)].map(
      (row) => ({ type: "insert", table: "nodes", row }) as const,
    ),
  );
});

afterEach(async () => {
  expect(violations).toEqual([]);
  await store.close();
});

function node(key: number, leaseUntil: number): NodeRow {
  return { key, id: `nod_${key}`, startedAt: 0, leaseUntil };
}

async function put(key: number, more: Partial<MessageRow>): Promise<void> {
  const held = { state: "active", nodeKey: DEAD, dueAt: NOW + 90_000, leaseToken: 4 } as const;
  const row = messageRow(key, { ...held, ...more });
  await write(raw, { type: "insert", table: "messages", row });
}

interface Taken {
  readonly started: readonly unknown[];
  readonly adopted: readonly MessageRow[];
}

/** As the engine does it: found without a lock, taken behind that of the node. */
async function takeOver(inFlight: ReadonlyMap<number, number> = new Map()): Promise<Taken> {
  const takeover = await findTakeover(await listDead(store, now), store, now);
  if (takeover === null) return { started: [], adopted: [] };
  return take(takeover, inFlight);
}

function take(
  takeover: NonNullable<Awaited<ReturnType<typeof findTakeover>>>,
  inFlight: ReadonlyMap<number, number>,
): Promise<Taken> {
  return store.transaction(async (transaction) => {
    const work = new WorkingSet(new ConfigCache(10));
    const context = { now, nodeKey: OWN, attemptTimeoutMs: 1_000 };
    const requests = await takeOverDead(takeover, {
      work,
      transaction,
      room: { inFlight, context },
    });
    const adopted = takeover.messageKeys
      .map((key) => work.peek("messages", key))
      .filter((message) => message?.nodeKey === OWN);
    return {
      started: requests.flatMap(({ commands }) => commands),
      adopted: adopted.filter((message) => message !== null),
    };
  });
}

const start = (messageKey: number) => {
  return { type: "startDelivery", messageKey, isOrphan: true, takenFrom: DEAD };
};

test("the dead are those whose leases are over, by the last millisecond", async () => {
  expect((await listDead(store, now)).map(({ key }) => key)).toEqual([DEAD]);
  expect((await listDead(store, NOW - 2)).map(({ key }) => key)).toEqual([]);
  expect((await listDead(store, NOW + 5_000)).map(({ key }) => key)).toEqual([DEAD, ALIVE, OWN]);
});

test("messages without a place are taken over at once; those of the living are theirs", async () => {
  await put(10, {});
  await put(11, { state: "canceling" });
  await put(12, { nodeKey: ALIVE });
  await put(13, { nodeKey: OWN });
  await put(14, { nodeKey: null, state: "scheduled", dueAt: NOW - 1 });
  expect(await takeOver()).toEqual({ started: [start(10), start(11)], adopted: [] });
});

test.each([
  ["a queue", { queueName: "q", ticketKey: 10 }],
  ["a flow control", { flowControlKey: "f" }],
])(
  "a message with a place in %s is taken over when its deadline has passed, and not before",
  async (_, place) => {
    await put(10, { ...place, dueAt: NOW + 1 });
    expect((await takeOver()).started).toEqual([]);
    now = NOW + 1;
    expect((await takeOver()).started).toEqual([start(10)]);
  },
);

test("nobody is taken over whose node has come back between the look and the lock", async () => {
  await put(10, {});
  const takeover = await findTakeover(await listDead(store, now), store, now);
  const set = { leaseUntil: now + 1 };
  await write(raw, { type: "update", table: "nodes", key: DEAD, set });
  if (takeover === null) throw new Error("there is something to take over");
  expect(await take(takeover, new Map())).toEqual({ started: [], adopted: [] });
});

test("nothing is taken over that somebody else has taken, or that has ended, between the look and the lock", async () => {
  await put(10, {});
  await put(11, {});
  await put(12, {});
  const takeover = await findTakeover(await listDead(store, now), store, now);
  await write(
    raw,
    { type: "update", table: "messages", key: 10, set: { nodeKey: ALIVE } },
    { type: "delete", table: "messages", key: 11 },
  );
  if (takeover === null) throw new Error("there is something to take over");
  expect((await take(takeover, new Map())).started).toEqual([start(12)]);
});

test("a place is not taken over whose attempt has a new deadline by the time of the lock", async () => {
  await put(10, { queueName: "q", ticketKey: 10, dueAt: NOW });
  const takeover = await findTakeover(await listDead(store, now), store, now);
  const set = { dueAt: NOW + 1, leaseToken: 5 };
  await write(raw, { type: "update", table: "messages", key: 10, set });
  if (takeover === null) throw new Error("there is something to take over");
  expect((await take(takeover, new Map())).started).toEqual([]);
});

test("what this very process is making, under a row that it has lost, it keeps and does not begin again", async () => {
  await put(10, {});
  await put(11, {});
  // Of another attempt than the one that this process is making.
  const { started, adopted } = await takeOver(
    new Map([
      [10, 4],
      [11, 3],
    ]),
  );
  expect(started).toEqual([start(11)]);
  expect(adopted.map(({ key, nodeKey, leaseToken }) => [key, nodeKey, leaseToken])).toEqual([
    [10, OWN, 4],
  ]);
  expect(adopted[0]?.dueAt).toBeGreaterThan(NOW);
});

test("nobody to take over, nothing to do", async () => {
  expect(await findTakeover([], store, now)).toBe(null);
  expect(await findTakeover(await listDead(store, now), store, now)).toBe(null);
});

test("the row of a dead node stays for a minute, and as long as anything is held under it", async () => {
  const keys = async () => {
    await deleteEmptyNodes(await listDead(store, now), store);
    const rows = await store.list("nodes", { where: [], order: "ascending", limit: 9 });
    return rows.map(({ key }) => key);
  };
  expect(await keys()).toEqual([DEAD, ALIVE, OWN]);
  await put(10, {});
  now = NOW + 59_999;
  const alive = { leaseUntil: NOW + 900_000 };
  for (const key of [ALIVE, OWN])
    await write(raw, { type: "update", table: "nodes", key, set: alive });
  expect(await keys()).toEqual([DEAD, ALIVE, OWN]);
  await write(raw, { type: "update", table: "messages", key: 10, set: { nodeKey: null } });
  expect(await keys()).toEqual([ALIVE, OWN]);
});
