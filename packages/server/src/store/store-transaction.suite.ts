import { describe, expect, test } from "vitest";
import { insert, messageRow, remove, runRow, sortedKeysOf, update } from "./rows.suite.ts";
import { type OpenStore, useStore, write } from "./store.suite.ts";
import type { Transaction } from "./store.ts";

/** Transactions: all or nothing, one after the other, and nothing seen before its commit. */
export function transactionSuite(open: OpenStore): void {
  describe("transactions", () => {
    const opened = useStore(open);
    const runKeys = async () => {
      const rows = await opened().list("runs", { where: [], order: "ascending", limit: 100 });
      return sortedKeysOf(rows);
    };

    test("a transaction gives what its work gives", async () => {
      expect(await opened().transaction(async () => 42)).toBe(42);
    });

    test("when the work throws, everything in it is undone", async () => {
      await write(opened(), insert("runs", runRow(1)), insert("runs", runRow(2)));
      const failing = opened().transaction(async (transaction) => {
        await transaction.write([insert("runs", runRow(3)), insert("messages", messageRow(4))]);
        await transaction.write([update("runs", 1, { state: "failed" }), remove("runs", 2)]);
        expect(sortedKeysOf(await transaction.get("runs", [1, 2, 3]))).toEqual([1, 3]);
        throw new Error("the work failed");
      });
      await expect(failing).rejects.toThrow("the work failed");
      expect(await runKeys()).toEqual([1, 2]);
      expect(await opened().get("runs", [1])).toEqual([runRow(1)]);
      expect(await opened().nextDueAt(null)).toBe(null);
      await write(opened(), insert("runs", runRow(3)));
      expect(await runKeys()).toEqual([1, 2, 3]);
    });

    test("a failed batch undoes the transaction, even when its error is caught", async () => {
      await write(opened(), insert("runs", runRow(1)));
      const transaction = opened().transaction(async (current) => {
        await current.write([insert("runs", runRow(2)), insert("runs", runRow(1))]).catch(() => {});
        await current.write([insert("runs", runRow(3))]).catch(() => {});
      });
      await expect(transaction).rejects.toThrow(/insert of runs 1 /);
      expect(await runKeys()).toEqual([1]);
    });

    test("a transaction sees its own writes", async () => {
      await opened().transaction(async (transaction) => {
        await transaction.write([insert("messages", messageRow(1, { dueAt: 5 }))]);
        expect(await transaction.nextDueAt(null)).toBe(5);
        expect(await transaction.claimDue("messages", 5, 1, null)).toHaveLength(1);
        expect(await transaction.find("messages", "byRun", [[1]])).toHaveLength(1);
        const query = { where: [], order: "ascending", limit: 10 } as const;
        expect(await transaction.list("messages", query)).toHaveLength(1);
      });
    });

    test("transactions run one after the other, in the order of the calls", async () => {
      const events: string[] = [];
      const count = async (name: string) =>
        opened().transaction(async (transaction) => {
          events.push(`${name} starts`);
          const [row] = await transaction.get("runs", [1]);
          // A turn of the event loop, in which another transaction would come in between.
          await new Promise((resolve) => setImmediate(resolve));
          await transaction.write([update("runs", 1, { stepCount: (row?.stepCount ?? 0) + 1 })]);
          events.push(`${name} ends`);
          if (name === "b") throw new Error("b is undone");
        });
      await write(opened(), insert("runs", runRow(1, { stepCount: 0 })));
      const results = await Promise.allSettled(["a", "b", "c"].map(count));
      expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
      const expected = ["a", "b", "c"].flatMap((name) => [`${name} starts`, `${name} ends`]);
      expect(events).toEqual(expected);
      expect((await opened().get("runs", [1]))[0]?.stepCount).toBe(2);
    });

    test("reads outside see only what is committed", async () => {
      await write(opened(), insert("runs", runRow(1)));
      const reads: Promise<readonly unknown[]>[] = [];
      const undone = opened().transaction(async (transaction) => {
        await transaction.write([insert("runs", runRow(2)), remove("runs", 1)]);
        reads.push(opened().get("runs", [1, 2]), opened().find("runs", "byId", [["wfr_2"]]));
        await new Promise((resolve) => setImmediate(resolve));
        throw new Error("undone");
      });
      await expect(undone).rejects.toThrow("undone");
      expect(await Promise.all(reads)).toEqual([[runRow(1)], []]);
    });

    test("reads after a commit see it", async () => {
      for (let key = 1; key <= 20; key += 1) {
        await write(opened(), insert("runs", runRow(key)));
        expect(await opened().get("runs", [key])).toHaveLength(1);
      }
    });

    test("a transaction cannot be used after its end", async () => {
      const leaked: Transaction[] = [];
      await opened().transaction(async (transaction) => {
        leaked.push(transaction);
      });
      for (const transaction of leaked) {
        await expect(transaction.write([insert("runs", runRow(1))])).rejects.toThrow(/until/);
        await expect(transaction.get("runs", [1])).rejects.toThrow(/until/);
      }
      expect(await runKeys()).toEqual([]);
    });

    test("reserved keys rise and are given once", async () => {
      const reserve = (count: number) =>
        opened().transaction((transaction) => transaction.reserveKeys(count));
      const first = await reserve(3);
      const second = await reserve(1);
      const third = await reserve(1000);
      const [fourth, fifth] = await opened().transaction(async (transaction) => [
        await transaction.reserveKeys(5),
        await transaction.reserveKeys(5),
      ]);
      const given = [first, second, third, fourth ?? [], fifth ?? []];
      const sizes = given.map((spans) =>
        spans.reduce((sum, span) => sum + span.end - span.first, 0),
      );
      for (const [index, least] of [3, 1, 1000, 5, 5].entries())
        expect(sizes[index]).toBeGreaterThanOrEqual(least);
      let before = 1;
      for (const { first: from, end } of given.flat()) {
        expect(from).toBeGreaterThanOrEqual(before);
        expect(end).toBeGreaterThan(from);
        before = end;
      }
    });

    test("keys of a transaction that was undone may come again, for nothing was kept under them", async () => {
      const before = await opened().transaction((transaction) => newKey(transaction));
      const undone = opened().transaction(async (transaction) => {
        const key = await newKey(transaction);
        await transaction.write([insert("runs", runRow(key))]);
        throw new Error("undone");
      });
      await expect(undone).rejects.toThrow("undone");
      const after = await opened().transaction(async (transaction) => {
        const key = await newKey(transaction);
        await transaction.write([insert("runs", runRow(key))]);
        return key;
      });
      expect(after).toBeGreaterThan(before);
    });

    test("a closed store refuses, and closing waits for what was asked before", async () => {
      const written = write(opened(), insert("runs", runRow(1)));
      const closed = opened().close();
      await written;
      await closed;
      await opened().close();
      for (const call of [
        () => opened().get("runs", [1]),
        () => opened().nextDueAt(null),
        () => write(opened(), insert("runs", runRow(2))),
      ]) {
        await expect(call()).rejects.toMatchObject({ code: "storage_unavailable" });
      }
    });
  });
}

async function newKey(transaction: Transaction): Promise<number> {
  const [span] = await transaction.reserveKeys(1);
  return span?.first ?? Number.NaN;
}
