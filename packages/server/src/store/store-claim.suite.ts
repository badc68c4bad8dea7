import { describe, expect, test } from "vitest";
import { fullRows } from "./full-rows.suite.ts";
import { insert, keysOf, messageRow, remove, sortedKeysOf, update } from "./rows.suite.ts";
import { type OpenStore, useStore, write } from "./store.suite.ts";
import type { DueTable } from "./store.ts";

const schedule = (key: number, dueAt: number | null) =>
  insert("schedules", { ...fullRows.schedules, key, id: `scd_${key}`, dueAt });

const flowControl = (key: number, dueAt: number | null) =>
  insert("flowControls", { ...fullRows.flowControls, key, name: `key ${key}`, dueAt });

const waiting = (key: number, gate: string, waitOrder: number) =>
  insert("messages", messageRow(key, { state: "waiting", gate, waitOrder }));

/** What is due, and what waits for a place. */
export function claimSuite(open: OpenStore): void {
  describe("claims", () => {
    dueSuite(open);
    waitingSuite(open);
  });
}

function dueSuite(open: OpenStore): void {
  const opened = useStore(open);

  function claim(now: number, limit: number, table: DueTable = "messages"): Promise<number[]> {
    return opened().transaction(async (transaction) =>
      keysOf(await transaction.claimDue(table, now, limit, null)),
    );
  }

  test("what is due is claimed earliest first, by key among equals, and never more than asked", async () => {
    await write(
      opened(),
      insert("messages", messageRow(1, { dueAt: 30 })),
      insert("messages", messageRow(2, { dueAt: 10, state: "active" })),
      insert("messages", messageRow(3, { dueAt: 20 })),
      insert("messages", messageRow(4, { dueAt: 10 })),
      insert("messages", messageRow(5, { dueAt: 5, state: "failed" })),
      insert("messages", messageRow(6, { dueAt: 31 })),
    );
    expect(await claim(30, 10)).toEqual([2, 4, 3, 1]);
    expect(await claim(30, 2)).toEqual([2, 4]);
    expect(await claim(9, 10)).toEqual([]);
    expect(await claim(30, 0)).toEqual([]);
  });

  test("the next due time is the earliest of what waits or is under way", async () => {
    expect(await opened().nextDueAt(null)).toBe(null);
    await write(opened(), insert("messages", messageRow(1, { dueAt: 5, state: "failed" })));
    expect(await opened().nextDueAt(null)).toBe(null);
    await write(opened(), insert("messages", messageRow(2, { dueAt: 9, state: "active" })));
    await write(opened(), insert("messages", messageRow(3, { dueAt: 7 })));
    expect(await opened().nextDueAt(null)).toBe(7);
    await write(opened(), update("messages", 3, { state: "failed" }));
    expect(await opened().nextDueAt(null)).toBe(9);
    await write(opened(), remove("messages", 2));
    expect(await opened().nextDueAt(null)).toBe(null);
  });

  test("a message that waits, or has failed, is not due; one that is being cancelled is", async () => {
    await write(
      opened(),
      insert("messages", messageRow(1, { dueAt: 1, state: "failed" })),
      waiting(2, "queue:a", 2),
      update("messages", 2, { dueAt: 2 }),
    );
    expect(await claim(9, 10)).toEqual([]);
    expect(await opened().nextDueAt(null)).toBe(null);
    await write(opened(), insert("messages", messageRow(3, { dueAt: 3, state: "canceling" })));
    expect(await claim(9, 10)).toEqual([3]);
    expect(await opened().nextDueAt(null)).toBe(3);
  });

  test("attempts of another node are never claimed, those of nobody and one's own are", async () => {
    const rows = [
      messageRow(1, { dueAt: 1, state: "active", nodeKey: 7 }),
      messageRow(2, { dueAt: 2, state: "canceling", nodeKey: 8 }),
      messageRow(3, { dueAt: 3, state: "active" }),
      messageRow(4, { dueAt: 4, state: "scheduled" }),
    ];
    await write(opened(), ...rows.map((row) => insert("messages", row)));
    const claimFor = (holder: number | null) =>
      opened().transaction(async (transaction) =>
        keysOf(await transaction.claimDue("messages", 9, 9, holder)),
      );
    expect(await claimFor(7)).toEqual([1, 3, 4]);
    expect(await claimFor(8)).toEqual([2, 3, 4]);
    expect(await claimFor(null)).toEqual([3, 4]);
    const nextFor = [7, 8, null].map((holder) => opened().nextDueAt(holder));
    expect(await Promise.all(nextFor)).toEqual([1, 2, 3]);
  });

  test("messages in different states are claimed together, in the order of their times", async () => {
    const states = ["active", "scheduled", "canceling", "scheduled", "active"] as const;
    const rows = states.map((state, index) => messageRow(index + 1, { dueAt: 50 - index, state }));
    await write(opened(), ...rows.map((row) => insert("messages", row)));
    expect(await claim(50, 10)).toEqual([5, 4, 3, 2, 1]);
    expect(await claim(50, 3)).toEqual([5, 4, 3]);
    expect(await claim(48, 10)).toEqual([5, 4, 3]);
    expect(await opened().nextDueAt(null)).toBe(46);
    const begun = await opened().find("messages", "pendingByState", [["active"], ["canceling"]]);
    expect(sortedKeysOf(begun)).toEqual([1, 3, 5]);
  });

  test.each([
    ["schedules", schedule],
    ["flowControls", flowControl],
  ] as const)("%s are claimed earliest first, and never without a time", async (table, row) => {
    await write(opened(), row(1, 30), row(2, null), row(3, 10), row(4, 20), row(5, 10), row(6, 31));
    await write(opened(), insert("messages", messageRow(7, { dueAt: 1 })));
    expect(await claim(30, 10, table)).toEqual([3, 5, 4, 1]);
    expect(await claim(30, 2, table)).toEqual([3, 5]);
    expect(await claim(9, 10, table)).toEqual([]);
    await write(opened(), update(table, 3, { dueAt: null }), update(table, 5, { dueAt: 40 }));
    expect(await claim(30, 10, table)).toEqual([4, 1]);
  });

  test("the next due time is the earliest of messages, schedules and flow controls", async () => {
    await write(opened(), schedule(1, null), flowControl(2, null));
    expect(await opened().nextDueAt(null)).toBe(null);
    await write(opened(), flowControl(3, 30));
    expect(await opened().nextDueAt(null)).toBe(30);
    await write(opened(), schedule(4, 20));
    expect(await opened().nextDueAt(null)).toBe(20);
    await write(opened(), insert("messages", messageRow(5, { dueAt: 10 })));
    expect(await opened().nextDueAt(null)).toBe(10);
    await write(opened(), remove("messages", 5), update("schedules", 4, { dueAt: null }));
    expect(await opened().nextDueAt(null)).toBe(30);
    await write(opened(), update("flowControls", 3, { dueAt: 0 }));
    expect(await opened().nextDueAt(null)).toBe(0);
  });
}

function waitingSuite(open: OpenStore): void {
  const opened = useStore(open);

  function claim(gate: string, limit: number): Promise<number[]> {
    return opened().transaction(async (transaction) =>
      keysOf(await transaction.claimWaiting(gate, limit)),
    );
  }

  test("a line is claimed in its order, whatever the keys, and never more than asked", async () => {
    await write(
      opened(),
      waiting(1, "queue:a", 30),
      waiting(2, "queue:a", 10),
      waiting(3, "flow:a", 5),
      waiting(4, "queue:a", 20),
      waiting(5, "queue:A", 1),
      insert("messages", messageRow(6)),
    );
    expect(await claim("queue:a", 10)).toEqual([2, 4, 1]);
    expect(await claim("queue:a", 2)).toEqual([2, 4]);
    expect(await claim("queue:a", 0)).toEqual([]);
    expect(await claim("flow:a", 10)).toEqual([3]);
    expect(await claim("queue:", 10)).toEqual([]);
  });

  test("a claimed row is whole", async () => {
    const row = { ...fullRows.messages, gate: "flow:a", waitOrder: 1 };
    await write(opened(), insert("messages", row));
    const claimed = await opened().transaction((current) => current.claimWaiting("flow:a", 1));
    expect(claimed).toEqual([row]);
  });

  test("a line is claimed as the transaction has left it", async () => {
    await write(opened(), waiting(1, "queue:a", 1), waiting(2, "queue:a", 2));
    await opened().transaction(async (transaction) => {
      await transaction.write([
        update("messages", 1, { state: "active", gate: null, waitOrder: null }),
        waiting(3, "queue:a", 3),
      ]);
      expect(keysOf(await transaction.claimWaiting("queue:a", 9))).toEqual([2, 3]);
      await transaction.write([remove("messages", 2), update("messages", 3, { gate: "flow:b" })]);
      expect(await transaction.claimWaiting("queue:a", 9)).toEqual([]);
      expect(keysOf(await transaction.claimWaiting("flow:b", 9))).toEqual([3]);
    });
  });

  test("every gate with a line is named once, and no other", async () => {
    expect(await opened().waitingGates()).toEqual([]);
    await write(opened(), insert("messages", messageRow(1)));
    expect(await opened().waitingGates()).toEqual([]);
    await write(
      opened(),
      waiting(2, "queue:b", 1),
      waiting(3, "queue:b", 2),
      waiting(4, "flow:a", 3),
      waiting(5, "queue:B", 4),
      waiting(6, "", 5),
    );
    const gates = async () => [...(await opened().waitingGates())].sort();
    expect(await gates()).toEqual(["", "flow:a", "queue:B", "queue:b"]);
    await opened().transaction(async (transaction) => {
      await transaction.write([update("messages", 2, { gate: null }), remove("messages", 4)]);
      expect([...(await transaction.waitingGates())].sort()).toEqual(["", "queue:B", "queue:b"]);
      await transaction.write([update("messages", 3, { gate: null })]);
    });
    expect(await gates()).toEqual(["", "queue:B"]);
  });
}
