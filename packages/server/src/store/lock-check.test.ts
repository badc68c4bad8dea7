import { afterEach, beforeEach, expect, test } from "vitest";
import type { Change, QueueRow } from "../core/rows.ts";
import { fullRows } from "./full-rows.suite.ts";
import { withLockCheck } from "./lock-check.ts";
import { insert, messageRow, runRow, stepRow, update } from "./rows.suite.ts";
import { openSqliteStore } from "./sqlite.ts";
import { write } from "./store.suite.ts";
import type { Store, Transaction } from "./store.ts";

let raw: Store;
let checked: Store;
let violations: string[];

const queue: QueueRow = { ...fullRows.queues, key: 40, name: "q" };

beforeEach(async () => {
  violations = [];
  raw = await openSqliteStore({ path: ":memory:" });
  checked = withLockCheck(raw, (text) => violations.push(text));
  const held = messageRow(20, { queueName: "q", ticketKey: 20, flowControlKey: "f" });
  await write(
    raw,
    insert("runs", runRow(1)),
    insert("runConfigs", { key: 1, config: "{}" }),
    insert("steps", stepRow(10)),
    insert("queues", queue),
    insert("flowControls", { ...fullRows.flowControls, key: 41, name: "f" }),
    insert("messages", held),
  );
});

afterEach(() => raw.close());

type Work = (transaction: Transaction) => Promise<unknown>;

/** What a transaction of this work is told. */
async function violationsOf(...works: readonly Work[]): Promise<readonly string[]> {
  await checked.transaction(async (transaction) => {
    for (const work of works) await work(transaction);
  });
  return violations;
}

const lockRun: Work = (transaction) => transaction.get("runs", [1]);
const lockQueue: Work = (transaction) => transaction.find("queues", "byName", [["q"]]);
const lockFlow: Work = (transaction) => transaction.find("flowControls", "byName", [["f"]]);
const lockMessage: Work = (transaction) => transaction.get("messages", [20]);
const writing =
  (...changes: readonly Change[]): Work =>
  (transaction) =>
    transaction.write(changes);

const newStep = insert("steps", stepRow(11, { position: 1, slot: 11 }));
const newMessage = (more: Parameters<typeof messageRow>[1]) =>
  insert("messages", messageRow(21, { runKey: null, ...more }));
const newAttempt = insert("attempts", {
  ...fullRows.attempts,
  key: 20 * 1024,
  messageKey: 20,
  runKey: null,
});
const listed = { order: "ascending", limit: 9 } as const;

/** What may not be done, what makes it right, and what the checker says without that. */
const CASES: readonly (readonly [string, Work, readonly Work[], RegExp])[] = [
  [
    "a run is changed",
    writing(update("runs", 1, { stepCount: 2 })),
    [lockRun],
    /^runs 1 is not locked when it is changed/,
  ],
  [
    "a queue is deleted",
    writing({ type: "delete", table: "queues", key: 40 }),
    [lockQueue],
    /^queues 40 is not locked when it is changed \(delete\)/,
  ],
  ["a step is added", writing(newStep), [lockRun], /^runs 1 is not locked when steps are inserted/],
  [
    "a message of a run is added",
    writing(newMessage({ runKey: 1 })),
    [lockRun],
    /^runs 1 .* messages are inserted/,
  ],
  [
    "a message joins a queue",
    writing(newMessage({ queueName: "q" })),
    [lockQueue],
    /^queues "q" .* inserted/,
  ],
  [
    "a message has a flow control",
    writing(newMessage({ flowControlKey: "f" })),
    [lockFlow],
    /^flowControls "f" .* inserted/,
  ],
  [
    "an attempt is added",
    writing(newAttempt),
    [lockMessage],
    /^messages 20 .* attempts are inserted/,
  ],
  [
    "a configuration is read",
    (t) => t.get("runConfigs", [1]),
    [lockRun],
    /^runs 1 .* the configuration of run 1 is read/,
  ],
  [
    "steps are read by their run",
    (t) => t.find("steps", "byRun", [[1]]),
    [lockRun],
    /^runs 1 .* steps are read byRun/,
  ],
  [
    "messages are listed by their run",
    (t) =>
      t.list("messages", { ...listed, where: [{ type: "in", column: "runKey", values: [1] }] }),
    [lockRun],
    /^runs 1 .* messages are listed by runKey/,
  ],
  [
    "messages are listed by their queue",
    (t) =>
      t.list("messages", {
        ...listed,
        where: [{ type: "in", column: "queueName", values: ["q"] }],
      }),
    [lockQueue],
    /^queues "q" .* listed/,
  ],
  [
    "sharers of a place are read",
    (t) => t.find("messages", "byTicket", [[20]]),
    [lockQueue],
    /^queues "q" .* by their place/,
  ],
  [
    "the line of a queue is called",
    (t) => t.claimWaiting("queue:q", 1),
    [lockQueue],
    /^queues "q" .* its line is called/,
  ],
  [
    "the line of a flow control is called",
    (t) => t.claimWaiting("flow:f", 1),
    [lockFlow],
    /^flowControls "f" .* its line is called/,
  ],
];

test.each(CASES)("%s without the lock: told", async (_, work, _locks, told) => {
  expect(await violationsOf(work)).toEqual([expect.stringMatching(told)]);
});

test.each(CASES)("%s behind the lock: nothing to tell", async (_, work, locks) => {
  expect(await violationsOf(...locks, work)).toEqual([]);
});

test("the record of a run is changed behind the lock of the run, which the row itself says", async () => {
  const change = writing(update("steps", 10, { config: "{}" }));
  const readStep: Work = (t) => t.get("steps", [10]);
  expect(await violationsOf(readStep, change)).toEqual([
    expect.stringMatching(/^runs 1 .* step 10 is changed/),
  ]);
  violations = [];
  expect(await violationsOf(readStep, lockRun, change)).toEqual([]);
});

test("a lock ends with its transaction", async () => {
  await violationsOf(lockRun);
  expect(await violationsOf(writing(newStep))).toHaveLength(1);
});

test("a row that was just made is the maker's, and so is one that was asked for and is not there", async () => {
  const made = insert("runs", runRow(2));
  const own = insert("steps", stepRow(12, { runKey: 2, position: 0, slot: 0 }));
  expect(await violationsOf(writing(made, own))).toEqual([]);
  const asked: Work = (t) => t.find("queues", "byName", [["new"]]);
  const joining = writing(newMessage({ queueName: "new" }));
  expect(await violationsOf(asked, joining)).toEqual([]);
});

test("what was claimed is locked", async () => {
  await write(raw, update("messages", 20, { dueAt: 1, state: "scheduled" }));
  const claim: Work = (t) => t.claimDue("messages", 2, 9, null);
  expect(await violationsOf(claim, writing(update("messages", 20, { retried: 1 })))).toEqual([]);
});

test("all the rest of a store is passed on", async () => {
  expect(checked.isShared).toBe(raw.isShared);
  expect(checked.hints).toBe(raw.hints);
  expect(await checked.get("runs", [1])).toEqual(await raw.get("runs", [1]));
  expect(await checked.find("queues", "byName", [["q"]])).toEqual([queue]);
  expect(await checked.count("messages", [])).toBe(1);
  expect(await checked.list("steps", { ...listed, where: [] })).toHaveLength(1);
  expect(await checked.nextDueAt(null)).toBe(await raw.nextDueAt(null));
  expect(await checked.waitingGates()).toEqual([]);
  expect(Math.abs((await checked.now()) - (await raw.now()))).toBeLessThan(10_000);
  expect(checked.counters).toEqual(raw.counters);
  expect(violations).toEqual([]);
});
