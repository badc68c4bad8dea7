import { afterAll, beforeAll, expect, test } from "vitest";
import { openSqliteStore } from "../store/sqlite.ts";
import type { Store, Transaction } from "../store/store.ts";
import { drawAhead } from "./keys-ahead.ts";

let store: Store;

beforeAll(async () => {
  store = await openSqliteStore({ path: ":memory:" });
});

afterAll(() => store.close());

/** How far the keys lie behind the ones that were drawn last before `expectKeys`. */
async function distanceAfter(
  expected: number,
  taken: number,
  read: (transaction: Transaction) => Promise<unknown>,
): Promise<number> {
  return store.transaction(async (opened) => {
    const [before] = await opened.reserveKeys(1);
    const { transaction, expectKeys } = drawAhead(opened);
    expectKeys(expected);
    await read(transaction);
    const [span] = await transaction.reserveKeys(taken);
    return (span?.first ?? 0) - (before?.end ?? 0);
  });
}

test("keys that were expected come with the reads", async () => {
  expect(await distanceAfter(4, 3, async () => {})).toBe(0);
});

test("what nobody changes is read without a lock, and the keys stay good", async () => {
  expect(await distanceAfter(4, 3, (transaction) => transaction.get("steps", [1]))).toBe(0);
});

test.each<[string, (transaction: Transaction) => Promise<unknown>]>([
  ["get", (transaction) => transaction.get("runs", [1])],
  ["find", (transaction) => transaction.find("queues", "byName", [["a"]])],
  [
    "list",
    (transaction) => transaction.list("messages", { where: [], order: "ascending", limit: 1 }),
  ],
  ["claimDue", (transaction) => transaction.claimDue("waits", 1, 1, null)],
  ["claimWaiting", (transaction) => transaction.claimWaiting("queue:a", 1)],
])("keys that were drawn before a lock are not used behind it: %s", async (_call, read) => {
  expect(await distanceAfter(4, 3, read)).toBe(4);
});

test("more than was expected is drawn anew, and nothing is given twice", async () => {
  expect(await distanceAfter(4, 5, async () => {})).toBe(4);
  const again = (transaction: Transaction) => transaction.reserveKeys(2);
  expect(await distanceAfter(4, 3, again)).toBe(4);
});
