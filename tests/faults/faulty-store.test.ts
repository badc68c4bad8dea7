import { openSqliteStore, type Store } from "@reprise/server";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Fault, type StoreCall, withFaults } from "./faulty-store.ts";

let store: Store;

beforeEach(async () => {
  store = await openSqliteStore({ path: ":memory:" });
});

afterEach(() => store.close());

/** One transaction with every kind of write; gives the calls that were made. */
async function run(shouldFail: (call: StoreCall) => Fault): Promise<StoreCall[]> {
  const calls: StoreCall[] = [];
  const faulty = withFaults(store, (call) => {
    calls.push(call);
    return shouldFail(call);
  });
  await faulty.transaction(async (transaction) => {
    const [span] = await transaction.reserveKeys(1);
    const key = span?.first ?? 0;
    await transaction.find("settings", "byName", [["a"]]);
    await transaction.claimDue("messages", 0, 1, null);
    await transaction.claimWaiting("queue:a", 1);
    await transaction.count("messages", []);
    await transaction.waitingGates();
    const row = { key, name: `name ${key}`, value: "" };
    await transaction.write([{ type: "insert", table: "settings", row }]);
  });
  return calls;
}

async function countSettings(): Promise<number> {
  const rows = await store.list("settings", { where: [], order: "ascending", limit: 10 });
  return rows.length;
}

test("without faults every call is seen and nothing else changes", async () => {
  const calls = await run(() => null);
  expect(calls.map(({ method }) => method)).toEqual([
    "begin",
    "reserveKeys",
    "find",
    "claimDue",
    "claimWaiting",
    "count",
    "waitingGates",
    "write",
    "commit",
  ]);
  expect(calls.map(({ n }) => n)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(await countSettings()).toBe(1);
});

test("a fault before any call undoes the transaction", async () => {
  const count = (await run(() => null)).length;
  for (let n = 1; n <= count; n += 1) {
    const failing = run((call) => (call.n === n ? "before" : null));
    await expect(failing).rejects.toMatchObject({ code: "storage_unavailable", status: 503 });
  }
  expect(await countSettings()).toBe(1);
});

test("a fault after a commit keeps it, a fault after any other call does not", async () => {
  const count = (await run(() => null)).length;
  for (let n = 1; n <= count; n += 1) {
    const failing = run((call) => (call.n === n ? "after" : null));
    await expect(failing).rejects.toMatchObject({ code: "storage_unavailable" });
    expect(await countSettings()).toBe(n === count ? 2 : 1);
  }
});
