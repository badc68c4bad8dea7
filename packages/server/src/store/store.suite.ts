import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Change, TableName } from "../core/rows.ts";
import { fullRows } from "./full-rows.suite.ts";
import { longTextsSuite } from "./long-texts.suite.ts";
import {
  deadLetterRow,
  insert,
  messageRow,
  remove,
  runRow,
  sortedKeysOf,
  stepRow,
  update,
} from "./rows.suite.ts";
import type { Store } from "./store.ts";
import { claimSuite } from "./store-claim.suite.ts";
import { groupsSuite } from "./store-groups.suite.ts";
import { listSuite } from "./store-list.suite.ts";
import { modelSuite } from "./store-model.suite.ts";
import { transactionSuite } from "./store-transaction.suite.ts";

/** Opens an empty store of its own for each call. */
export type OpenStore = () => Promise<Store>;

/** What every store must do, whatever database is behind it. */
export function storeSuite(name: string, open: OpenStore): void {
  describe(name, () => {
    batchSuite(open);
    lookupSuite(open);
    claimSuite(open);
    listSuite(open);
    groupsSuite(open);
    longTextsSuite(open);
    transactionSuite(open);
    modelSuite(open);
  });
}

/** Opens a store before each test of the surrounding `describe` and closes it afterwards. */
export function useStore(open: OpenStore): () => Store {
  let store: Store | null = null;
  beforeEach(async () => {
    store = await open();
  });
  afterEach(async () => {
    await store?.close();
  });
  return () => {
    if (store === null) throw new Error("the store is open while a test runs");
    return store;
  };
}

export function write(store: Store, ...changes: Change[]): Promise<void> {
  return store.transaction((transaction) => transaction.write(changes));
}

function batchSuite(open: OpenStore): void {
  const opened = useStore(open);

  test("a row of every table comes back as it was written, every column of it", async () => {
    // The type of `fullRows` has every table and nothing else.
    const tables = Object.keys(fullRows) as TableName[];
    await write(opened(), ...tables.map((table) => insert(table, fullRows[table])));
    for (const table of tables) {
      const row = fullRows[table];
      expect(await opened().get(table, [row.key])).toEqual([row]);
    }
  });

  test("keys are found in any order, unknown ones are left out and repeated ones count once", async () => {
    await write(opened(), ...[1, 2, 3].map((key) => insert("runs", runRow(key))));
    expect(sortedKeysOf(await opened().get("runs", [3, 99, 1, 3]))).toEqual([1, 3]);
    expect(await opened().get("runs", [])).toEqual([]);
  });

  test("an empty batch changes nothing", async () => {
    await write(opened());
    await write(opened(), insert("runs", runRow(1)));
    await write(opened(), update("runs", 1, {}));
    expect(await opened().get("runs", [1])).toEqual([runRow(1)]);
  });

  test("an update touches the columns that it names and no other", async () => {
    await write(opened(), insert("runs", fullRows.runs), insert("runs", runRow(2)));
    await write(opened(), update("runs", 1, { stepCount: 7, labels: null }));
    const [changed] = await opened().get("runs", [1]);
    expect(changed).toEqual({ ...fullRows.runs, stepCount: 7, labels: null });
    expect(await opened().get("runs", [2])).toEqual([runRow(2)]);
  });

  test("changes of one batch take effect in their order", async () => {
    await write(
      opened(),
      insert("runs", runRow(1)),
      update("runs", 1, { stepCount: 2 }),
      remove("runs", 1),
      insert("runs", runRow(1, { stepCount: 3 })),
      update("runs", 1, { bodyBytes: 4 }),
    );
    expect(await opened().get("runs", [1])).toEqual([runRow(1, { stepCount: 3, bodyBytes: 4 })]);
  });

  test("a unique name is free again for the next change of the batch", async () => {
    const queue = { ...fullRows.queues, name: "a" };
    await write(opened(), insert("queues", { ...queue, key: 1 }));
    await write(opened(), remove("queues", 1), insert("queues", { ...queue, key: 2 }));
    expect(await opened().find("queues", "byName", [["a"]])).toEqual([{ ...queue, key: 2 }]);
  });

  test("deleting takes the row, and taking it twice is no error", async () => {
    await write(opened(), insert("messages", messageRow(1)), insert("messages", messageRow(2)));
    await write(opened(), remove("messages", 1));
    await write(opened(), remove("messages", 1));
    expect(sortedKeysOf(await opened().get("messages", [1, 2]))).toEqual([2]);
  });

  test.each<[string, Change, RegExp]>([
    ["an insert of an existing key", insert("runs", runRow(1)), /insert of runs 1 /],
    ["an update of a missing row", update("runs", 9, { stepCount: 1 }), /update of runs 9 /],
    ["an empty update of a missing row", update("runs", 9, {}), /update of runs 9 /],
    ["a second live run with the same id", insert("runs", runRow(2, { id: "wfr_1" })), /runs 2 /],
    ["a second record in one slot", insert("steps", stepRow(2, { slot: 1 })), /steps 2 /],
    ["a second setting with one name", insert("settings", { key: 2, name: "a", value: "" }), / 2 /],
    ["a second queue with one name", insert("queues", { ...fullRows.queues, key: 2 }), /queues 2 /],
    ["a second claim of an id", insert("dedups", { ...fullRows.dedups, key: 2 }), /dedups 2 /],
  ])("%s is a bug that names table and key", async (_name, change, message) => {
    const setting = insert("settings", { key: 1, name: "a", value: "" });
    await write(opened(), insert("runs", runRow(1)), insert("steps", stepRow(1)), setting);
    await write(opened(), insert("queues", fullRows.queues), insert("dedups", fullRows.dedups));
    await expect(write(opened(), change)).rejects.toThrow(message);
    await expect(write(opened(), change)).rejects.not.toHaveProperty("code", "storage_unavailable");
  });

  test("a column that does not exist is a bug", async () => {
    await write(opened(), insert("runs", runRow(1)));
    // The types forbid them; the store must not build SQL from a name that it does not know.
    const sets = [{ "state = 'failed' --": 1 }, { constructor: 1 }, { key: 2 }] as object[];
    for (const set of sets) {
      await expect(write(opened(), update("runs", 1, set))).rejects.toThrow(/has no column/);
    }
  });

  test("bytes come back as they were, whatever they are", async () => {
    const bodies = [
      new Uint8Array(0),
      new Uint8Array([0, 0, 1, 0]),
      new Uint8Array([0xc3, 0x28, 0xff, 0xfe, 0xed, 0xa0, 0x80]),
      new Uint8Array(300_000).fill(7),
    ];
    const slots = bodies.map((body, key) => insert("steps", stepRow(key, { slot: key, body })));
    await write(opened(), ...slots);
    for (const [key, body] of bodies.entries()) {
      const [row] = await opened().get("steps", [key]);
      expect(row?.body).toEqual(body);
    }
  });

  test("no bytes and zero bytes are two things", async () => {
    const empty = new Uint8Array(0);
    await write(opened(), insert("runs", runRow(1, { response: empty })));
    await write(opened(), insert("runs", runRow(2, { response: null })));
    const rows = await opened().get("runs", [1, 2]);
    expect(rows.map((row) => row.response)).toEqual([empty, null]);
  });

  test("a view into a larger buffer keeps to its bounds", async () => {
    const body = new Uint8Array([1, 2, 3, 4]).subarray(1, 3);
    await write(opened(), insert("steps", stepRow(1, { body })));
    const [row] = await opened().get("steps", [1]);
    expect(row?.body).toEqual(new Uint8Array([2, 3]));
  });

  test("text comes back as it was, with NUL, quotes and characters beyond the first plane", async () => {
    const value = "a\0b'c\"d\\e; DROP TABLE runs; -- \u{1F600}\u00e9\uffff";
    await write(opened(), insert("settings", { key: 1, name: value, value }));
    expect(await opened().find("settings", "byName", [[value]])).toEqual([
      { key: 1, name: value, value },
    ]);
  });

  test("whole numbers keep every digit up to the largest safe one", async () => {
    const key = Number.MAX_SAFE_INTEGER;
    const dueAt = Number.MAX_SAFE_INTEGER - 1;
    const row = messageRow(key, { dueAt, createdAt: -dueAt, leaseToken: 2 ** 31 });
    await write(opened(), insert("messages", row));
    expect(await opened().get("messages", [key])).toEqual([row]);
    expect(await opened().nextDueAt(null)).toBe(dueAt);
  });

  test("the counters count rows and commits", async () => {
    const { counters } = opened();
    const before = { ...counters };
    await write(opened(), insert("runs", runRow(1)), update("runs", 1, { stepCount: 2 }));
    await write(opened(), remove("runs", 99));
    await opened().get("runs", [1, 2]);
    expect(counters.rowsWritten - before.rowsWritten).toBe(2);
    expect(counters.commits - before.commits).toBe(2);
    expect(counters.rowsRead - before.rowsRead).toBe(1);
  });
}

function lookupSuite(open: OpenStore): void {
  const opened = useStore(open);

  test("every run of an id is found, and the live one alone", async () => {
    await write(
      opened(),
      insert("runs", runRow(1, { id: "a", state: "failed" })),
      insert("runs", runRow(2, { id: "a", state: "canceled" })),
      insert("runs", runRow(3, { id: "a" })),
      insert("runs", runRow(4, { id: "b" })),
      insert("runs", runRow(5, { id: "A" })),
    );
    expect(sortedKeysOf(await opened().find("runs", "byId", [["a"]]))).toEqual([1, 2, 3]);
    expect(sortedKeysOf(await opened().find("runs", "liveById", [["a"], ["b"]]))).toEqual([3, 4]);
    await write(opened(), update("runs", 3, { state: "succeeded" }));
    expect(await opened().find("runs", "liveById", [["a"]])).toEqual([]);
    await write(opened(), insert("runs", runRow(6, { id: "a" })));
    expect(sortedKeysOf(await opened().find("runs", "liveById", [["a"]]))).toEqual([6]);
  });

  test("records are found by run and by slot", async () => {
    await write(
      opened(),
      insert("steps", stepRow(1, { runKey: 1, slot: 0 })),
      insert("steps", stepRow(2, { runKey: 1, slot: 3 })),
      insert("steps", stepRow(3, { runKey: 2, slot: 3 })),
    );
    const bySlot = await opened().find("steps", "bySlot", [
      [1, 3],
      [1, 3],
      [2, 0],
      [2, 3],
    ]);
    expect(sortedKeysOf(bySlot)).toEqual([2, 3]);
    expect(sortedKeysOf(await opened().find("steps", "byRun", [[1]]))).toEqual([1, 2]);
    expect(await opened().find("steps", "byRun", [])).toEqual([]);
  });

  test("messages and dead letters are found by run", async () => {
    await write(
      opened(),
      insert("messages", messageRow(1, { runKey: 7 })),
      insert("messages", messageRow(2, { runKey: 7, state: "failed" })),
      insert("messages", messageRow(3, { runKey: null })),
      insert("deadLetters", deadLetterRow(4, { runKey: 7 })),
    );
    expect(sortedKeysOf(await opened().find("messages", "byRun", [[7], [8]]))).toEqual([1, 2]);
    expect(sortedKeysOf(await opened().find("deadLetters", "byRun", [[7]]))).toEqual([4]);
  });

  test("log entries and dead messages are found by message, messages by the place they hold", async () => {
    await write(
      opened(),
      insert("logs", { ...fullRows.logs, key: 1, messageKey: 7 }),
      insert("logs", { ...fullRows.logs, key: 2, messageKey: 8 }),
      insert("logs", { ...fullRows.logs, key: 3, messageKey: 7 }),
      insert("deadMessages", { ...fullRows.deadMessages, key: 4, messageKey: 7 }),
      insert("messages", messageRow(5, { ticketKey: 7 })),
      insert("messages", messageRow(7, { ticketKey: 7 })),
      insert("messages", messageRow(6, { ticketKey: null })),
    );
    expect(sortedKeysOf(await opened().find("logs", "byMessage", [[7]]))).toEqual([1, 3]);
    expect(sortedKeysOf(await opened().find("deadMessages", "byMessage", [[7], [8]]))).toEqual([4]);
    expect(sortedKeysOf(await opened().find("messages", "byTicket", [[7], [9]]))).toEqual([5, 7]);
  });

  test("what has a name or an id is found by it, and case counts", async () => {
    const names = ["a", "A", "b"];
    const changes = names.flatMap((name, index) => [
      insert("queues", { ...fullRows.queues, key: index, name }),
      insert("urlGroups", { ...fullRows.urlGroups, key: index, name }),
      insert("flowControls", { ...fullRows.flowControls, key: index, name }),
      insert("schedules", { ...fullRows.schedules, key: index, id: name }),
      insert("dedups", { ...fullRows.dedups, key: index, id: name }),
    ]);
    await write(opened(), ...changes);
    for (const table of ["queues", "urlGroups", "flowControls"] as const) {
      expect(sortedKeysOf(await opened().find(table, "byName", [["A"], ["b"], ["c"]]))).toEqual([
        1, 2,
      ]);
    }
    for (const table of ["schedules", "dedups"] as const) {
      expect(sortedKeysOf(await opened().find(table, "byId", [["A"], ["A"], ["c"]]))).toEqual([1]);
    }
  });
}
