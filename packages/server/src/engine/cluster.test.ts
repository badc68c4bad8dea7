import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Change, FlowControlRow, MessageRow, QueueRow } from "../core/rows.ts";
import { fullRows } from "../store/full-rows.suite.ts";
import { passOnStore } from "../store/pass-on.ts";
import { messageRow } from "../store/rows.suite.ts";
import { openSqliteStore } from "../store/sqlite.ts";
import { write } from "../store/store.suite.ts";
import type { Store } from "../store/store.ts";
import { Cluster, type Findings } from "./cluster.ts";
import type { Delivery } from "./dispatcher.ts";
import { formatHint, type Hint } from "./hints.ts";
import { NodeLease } from "./node-lease.ts";
import { ScriptedHost } from "./scripted-host.suite.ts";
import { SharedClock } from "./shared-clock.ts";

const POLL_MS = 1_000;
const LEASE_MS = 15_000;

let host: ScriptedHost;
let store: Store;
let lease: NodeLease;
let cluster: Cluster;
let found: [string, unknown][];
/** Time that each look at the lines takes. */
let lookMs: number;
/** Says a hint as another node does. */
let say: (hint: Hint | string) => void;

beforeEach(async () => {
  host = new ScriptedHost();
  found = [];
  lookMs = 0;
  const listeners = new Set<(text: string) => void>();
  say = (hint) => {
    const text = typeof hint === "string" ? hint : formatHint(hint);
    for (const listener of listeners) listener(text);
  };
  const inner = await openSqliteStore({ path: ":memory:", now: () => host.now() });
  const hints = {
    send: (text: string) => say(text),
    watch: (listener: (text: string) => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  store = passOnStore(inner, {
    hints,
    waitingGates: async () => {
      if (lookMs > 0) await host.advance(lookMs);
      return inner.waitingGates();
    },
  });
  const clock = new SharedClock(() => host.now(), host.now());
  lease = await NodeLease.open({ store, host, clock, leaseMs: LEASE_MS });
  cluster = new Cluster({ host, store, lease, pollMs: POLL_MS, findings });
});

afterEach(async () => {
  await cluster.stop();
  await lease.close();
  await store.close();
});

const findings: Findings = {
  due: (dueAt) => found.push(["due", dueAt]),
  waiting: (gates) => found.push(["waiting", gates]),
  left: ({ messageKeys }) => found.push(["left", messageKeys]),
  recalled: (recall) => found.push(["recalled", recall]),
  runEnded: (runKey) => found.push(["runEnded", runKey]),
  lost: () => found.push(["lost", null]),
};

function insertMessage(key: number, more: Partial<MessageRow>): Change {
  return { type: "insert", table: "messages", row: messageRow(key, more) };
}

function insertQueue(more: Partial<QueueRow>): Change {
  const open = { name: "q", isPaused: 0, openCount: 0, parallelism: 1 } as const;
  return {
    type: "insert",
    table: "queues",
    row: { ...fullRows.queues, key: 90, ...open, ...more },
  };
}

function insertFlow(more: Partial<FlowControlRow>): Change {
  const open = { name: "f", isPaused: 0, inFlightCount: 0, parallelism: 1, dueAt: null } as const;
  const row = { ...fullRows.flowControls, key: 91, ...open, ...more };
  return { type: "insert", table: "flowControls", row };
}

async function started(): Promise<void> {
  cluster.start();
  await host.settle();
}

describe("a poll finds", () => {
  test("what is due, at once and once a second", async () => {
    const dueAt = host.now() + 60_000;
    await write(store, insertMessage(10, { state: "scheduled", dueAt }));
    await started();
    expect(found).toEqual([["due", dueAt]]);
    await host.advance(3 * POLL_MS);
    expect(found).toHaveLength(4);
  });

  test("lines at origins each time, and all that could be open every fifth time", async () => {
    await write(
      store,
      insertMessage(10, { state: "waiting", gate: "origin:http://a.test", waitOrder: 1 }),
      insertMessage(11, { state: "waiting", gate: "queue:q", waitOrder: 2 }),
      insertMessage(12, { state: "waiting", gate: "flow:f", waitOrder: 3 }),
      insertQueue({}),
      insertFlow({}),
    );
    await started();
    await host.advance(4 * POLL_MS);
    const lines = found.filter(([name]) => name === "waiting").map(([, gates]) => gates);
    expect(lines.slice(0, 4)).toEqual(Array(4).fill(["origin:http://a.test"]));
    // They were told as a list of names.
    expect((lines[4] as string[]).toSorted()).toEqual([
      "flow:f",
      "origin:http://a.test",
      "queue:q",
    ]);
  });

  test.each([
    ["a paused queue", insertQueue({ isPaused: 1 })],
    ["a full queue", insertQueue({ openCount: 1 })],
    ["a paused flow control", insertFlow({ isPaused: 1 })],
    ["a full flow control", insertFlow({ inFlightCount: 1 })],
    ["a flow control that the clock opens", insertFlow({ dueAt: 7 })],
  ])("not the line of %s", async (_, gate) => {
    const name = gate.table === "queues" ? "queue:q" : "flow:f";
    await write(store, gate, insertMessage(10, { state: "waiting", gate: name, waitOrder: 1 }));
    await started();
    await host.advance(6 * POLL_MS);
    expect(found.filter(([what]) => what === "waiting")).toEqual([]);
  });

  test("what a dead node has left, and all lines as soon as one has died", async () => {
    const row = { key: 70, id: "nod_dead", startedAt: 0, leaseUntil: host.now() + 1_500 };
    await write(
      store,
      { type: "insert", table: "nodes", row },
      insertMessage(10, { state: "active", nodeKey: 70, dueAt: host.now() + 90_000 }),
      insertMessage(11, { state: "waiting", gate: "queue:q", waitOrder: 1 }),
      insertQueue({}),
    );
    await started();
    await host.advance(POLL_MS);
    expect(found.filter(([name]) => name !== "due")).toEqual([]);
    await host.advance(POLL_MS);
    expect(found.filter(([name]) => name !== "due")).toEqual([
      ["left", [10]],
      ["waiting", ["queue:q"]],
    ]);
  });

  test("nothing without a lease: whatever it began would be somebody else's", async () => {
    await started();
    await write(store, { type: "delete", table: "nodes", key: lease.nodeKey });
    await host.advance(LEASE_MS / 3);
    expect(found.filter(([name]) => name === "lost")).toHaveLength(1);
  });
});

describe("the time between two polls", () => {
  /** The first look takes so long; then its timer is set beside that of the lease. */
  async function planned(firstMs: number): Promise<readonly number[]> {
    lookMs = firstMs;
    cluster.start();
    await host.until(() => host.alarms.length === 2);
    return host.alarms.map((at) => at - host.now());
  }

  test.each([
    ["is that of the setting while polls are quick", 20, POLL_MS],
    ["grows with what a poll takes: no more than a twentieth of the time", 80, 20 * 80],
    ["is bounded: a poll that stood still has not cost what it lasted", 4_000, 20 * 100],
  ])("%s", async (_, firstMs, restMs) => {
    expect(await planned(firstMs)).toContain(restMs);
  });

  test("goes on behind a poll that failed", async () => {
    await started();
    const { nextDueAt } = store;
    let failures = 1;
    Object.defineProperty(store, "nextDueAt", {
      configurable: true,
      value: (holder: number | null) => {
        if (failures-- > 0) return Promise.reject(new Error("no database on purpose"));
        return nextDueAt(holder);
      },
    });
    await host.advance(2 * POLL_MS);
    expect(host.logs.map(({ event }) => event)).toEqual(["poll_failed"]);
    await write(store, insertMessage(10, { state: "scheduled", dueAt: 1 }));
    await host.advance(POLL_MS);
    expect(found).toEqual([["due", 1]]);
  });
});

describe("a hint", () => {
  test.each<[Hint, unknown]>([
    [{ type: "recall", messageKey: 7 }, ["recalled", { type: "recall", messageKey: 7 }]],
    [
      { type: "recallBehind", queueName: "q" },
      ["recalled", { type: "recallBehind", queueName: "q" }],
    ],
    [{ type: "runEnded", runKey: 3 }, ["runEnded", 3]],
    [{ type: "gate", gate: "origin:a" }, ["waiting", ["origin:a"]]],
  ])("is acted on at once: %j", async (hint, finding) => {
    await started();
    say(hint);
    expect(found).toEqual([finding]);
  });

  test("about settings, or that nobody understands, is not for the engine", async () => {
    await started();
    say({ type: "settings" });
    say("{");
    expect(found).toEqual([]);
  });

  test("is for nobody any more behind the stop", async () => {
    await started();
    await cluster.stop();
    say({ type: "runEnded", runKey: 3 });
    await host.advance(5 * POLL_MS);
    expect(found).toEqual([]);
  });

  test("is sent to the others", async () => {
    await started();
    cluster.tell([{ type: "runEnded", runKey: 4 }]);
    expect(found).toEqual([["runEnded", 4]]);
  });
});

test("lines that were cut by somebody's lock are asked for again", async () => {
  await started();
  cluster.callLater(new Set(["queue:a", "queue:b"]));
  cluster.callLater(new Set());
  await host.advance(POLL_MS);
  expect(found).toEqual([["waiting", ["queue:a", "queue:b"]]]);
});

describe("a delivery that had to wait inside the node", () => {
  const message = messageRow(10, {
    kind: "plain",
    state: "active",
    leaseToken: 4,
    queueName: "q",
    flowControlKey: "f",
  });
  const delivery: Delivery = { kind: "plain", message, envelope: null, startUntil: null };
  const period = { periodStartAt: 1_000, periodMs: 500 };

  async function standing(changes: readonly Change[], more: Partial<Delivery> = {}) {
    await write(store, ...changes);
    return cluster.standingOf({ ...delivery, ...more } as Delivery); // Of the same kind.
  }

  test("begins when nothing has changed", async () => {
    const gates = [insertQueue({}), insertFlow(period)];
    expect(await standing([insertMessage(10, message), ...gates])).toBe("begin");
    expect(await standing([], { startUntil: 1_500 })).toBe("begin");
  });

  test.each<[string, readonly Change[]]>([
    ["was cancelled", [insertMessage(10, { ...message, state: "canceling" })]],
    ["has gone", []],
    ["is another attempt by now", [insertMessage(10, { ...message, leaseToken: 5 })]],
    ["has a queue that is paused", [insertMessage(10, message), insertQueue({ isPaused: 1 })]],
    [
      "has a flow control that is paused",
      [insertMessage(10, message), insertFlow({ isPaused: 1 })],
    ],
  ])("is decided on anew when it %s", async (_, changes) => {
    expect(await standing(changes)).toBe("return");
  });

  test("goes on as the callback of a paused queue", async () => {
    const callback = { ...message, kind: "callback" } as const;
    const changes = [insertMessage(10, callback), insertQueue({ isPaused: 1 })];
    expect(await standing(changes, { message: callback })).toBe("begin");
  });

  test("is counted again when the period in which it was counted is over", async () => {
    const changes = [insertMessage(10, message), insertFlow(period)];
    expect(await standing(changes, { startUntil: 1_000 })).toBe("late");
  });
});
