import { beforeEach, describe, expect, test } from "vitest";
import { attemptRow, deadLetterRow, insert, keysOf, runRow } from "./rows.suite.ts";
import { type OpenStore, useStore, write } from "./store.suite.ts";
import type { Condition, Query } from "./store.ts";

/** Lists: every condition, their combination, order and paging. */
export function listSuite(open: OpenStore): void {
  describe("lists", () => {
    const opened = useStore(open);

    const keys = async (...where: Condition<"runs">[]) =>
      keysOf(await opened().list("runs", { where, order: "ascending", limit: 100 }));

    beforeEach(async () => {
      await write(
        opened(),
        insert("runs", runRow(1, { state: "failed", url: "http://a/%", labels: ",a,b," })),
        insert(
          "runs",
          runRow(2, { state: "failed", url: "http://a/_", labels: ",b,", stepCount: 2 }),
        ),
        insert(
          "runs",
          runRow(3, { state: "started", url: "http://A/x", labels: ",ab,", stepCount: 3 }),
        ),
        insert(
          "runs",
          runRow(4, { state: "canceled", url: "http://a/x", labels: null, stepCount: 4 }),
        ),
        insert("runs", runRow(5, { state: "failed", url: "http://a/\u{1F600}", labels: ",%,A," })),
        insert("runs", runRow(6, { state: "started", url: "http://b", flowControlKey: "k" })),
      );
    });

    test("without conditions every row is listed", async () => {
      expect(await keys()).toEqual([1, 2, 3, 4, 5, 6]);
    });

    test("a column is one of several values, null among them", async () => {
      const one = { type: "in", column: "state", values: ["failed"] } as const;
      expect(await keys(one)).toEqual([1, 2, 5]);
      expect(await keys({ ...one, values: ["failed", "canceled"] })).toEqual([1, 2, 4, 5]);
      expect(await keys({ type: "in", column: "stepCount", values: [2, 4] })).toEqual([2, 4]);
      expect(
        await keys({ type: "in", column: "flowControlKey", values: ["k", null] }),
      ).toHaveLength(6);
      expect(await keys({ type: "in", column: "flowControlKey", values: [null] })).toHaveLength(5);
      expect(await keys({ type: "in", column: "key", values: [6, 1, 99] })).toEqual([1, 6]);
    });

    test("one of no values is none", async () => {
      expect(await keys({ type: "in", column: "state", values: [] })).toEqual([]);
      expect(await keys({ type: "contains", column: "labels", values: [] })).toEqual([]);
    });

    test("a range includes both ends, and either may be missing", async () => {
      const range = { type: "range", column: "stepCount" } as const;
      expect(await keys({ ...range, from: 2, to: 3 })).toEqual([2, 3]);
      expect(await keys({ ...range, from: 3 })).toEqual([3, 4]);
      expect(await keys({ ...range, to: 1 })).toEqual([1, 5, 6]);
      expect(await keys({ ...range, from: 3, to: 2 })).toEqual([]);
      expect(await keys(range)).toHaveLength(6);
      expect(await keys({ type: "range", column: "completedAt", from: 0 })).toEqual([]);
    });

    test("a prefix is text: no wildcard, and case counts", async () => {
      const prefix = (text: string) => keys({ type: "prefix", column: "url", prefix: text });
      expect(await prefix("http://a/")).toEqual([1, 2, 4, 5]);
      expect(await prefix("http://a/%")).toEqual([1]);
      expect(await prefix("http://a/_")).toEqual([2]);
      expect(await prefix("http://A")).toEqual([3]);
      expect(await prefix("http://a/\u{1F600}")).toEqual([5]);
      expect(await prefix("http://a/\u{1F601}")).toEqual([]);
      expect(await prefix("ttp://")).toEqual([]);
      expect(await prefix("")).toHaveLength(6);
    });

    test("a prefix may end in the last character of any range", async () => {
      const ends = [
        "\u007f",
        "\u07ff",
        "\ud7ff",
        "\ue000",
        "\uffff",
        "\u{10ffff}",
        "\u{10ffff}\u{10ffff}",
        "\0",
      ];
      const rows = ends.map((end, index) =>
        insert("runs", runRow(100 + index, { url: `${end}x` })),
      );
      await write(opened(), ...rows);
      for (const [index, end] of ends.entries()) {
        const found = await keys({ type: "prefix", column: "url", prefix: end });
        // One of the two that start with the very last character is also the start of the other.
        expect(found).toEqual(end === "\u{10ffff}" ? [105, 106] : [100 + index]);
      }
    });

    test("null has no prefix and contains nothing", async () => {
      expect(await keys({ type: "prefix", column: "flowControlKey", prefix: "" })).toEqual([6]);
      expect(await keys({ type: "contains", column: "flowControlKey", values: ["k"] })).toEqual([]);
    });

    test("a list contains whole values only", async () => {
      const contains = (...values: string[]) =>
        keys({ type: "contains", column: "labels", values });
      expect(await contains("a")).toEqual([1]);
      expect(await contains("b")).toEqual([1, 2]);
      expect(await contains("ab")).toEqual([3]);
      expect(await contains("A")).toEqual([5]);
      expect(await contains("%")).toEqual([5]);
      expect(await contains("ab", "b")).toEqual([1, 2, 3]);
      expect(await contains("a,b")).toEqual([]);
      expect(await contains("", "_")).toEqual([]);
    });

    test("all conditions must hold", async () => {
      const failed = { type: "in", column: "state", values: ["failed"] } as const;
      const underA = { type: "prefix", column: "url", prefix: "http://a/" } as const;
      const labelB = { type: "contains", column: "labels", values: ["b", "A"] } as const;
      const few = { type: "range", column: "stepCount", to: 1 } as const;
      expect(await keys(failed, underA, labelB, few)).toEqual([1, 5]);
      expect(await keys(failed, { ...failed, values: ["started"] })).toEqual([]);
    });

    test("pages follow one another without gap or overlap, in both orders", async () => {
      const orders = [
        ["ascending", [1, 2, 3, 4, 5, 6]],
        ["descending", [6, 5, 4, 3, 2, 1]],
      ] as const;
      for (const [order, expected] of orders) {
        const seen: number[] = [];
        for (;;) {
          const last = seen.at(-1);
          const query: Query<"runs"> = { where: [], order, limit: 2 };
          const page = await opened().list(
            "runs",
            last === undefined ? query : { ...query, afterKey: last },
          );
          if (page.length === 0) break;
          seen.push(...keysOf(page));
        }
        expect(seen).toEqual(expected);
      }
    });

    test("a page may start behind a key that is gone, and may be empty", async () => {
      const query: Query<"runs"> = { where: [], order: "descending", limit: 10 };
      expect(keysOf(await opened().list("runs", { ...query, afterKey: 3.5 }))).toEqual([3, 2, 1]);
      expect(await opened().list("runs", { ...query, limit: 0 })).toEqual([]);
    });

    test("other tables are listed alike", async () => {
      await write(
        opened(),
        insert("deadLetters", deadLetterRow(7, { responseBody: new Uint8Array([1]) })),
      );
      const where = [{ type: "in", column: "state", values: ["open", "resumed"] }] as const;
      const rows = await opened().list("deadLetters", { where, order: "descending", limit: 1 });
      expect(rows).toEqual([deadLetterRow(7, { responseBody: new Uint8Array([1]) })]);
    });

    test("a count is the length of the list without its limit", async () => {
      const failed = { type: "in", column: "state", values: ["failed"] } as const;
      const underA = { type: "prefix", column: "url", prefix: "http://a/" } as const;
      const labelA = { type: "contains", column: "labels", values: ["a", "A"] } as const;
      const many = { type: "range", column: "stepCount", from: 2 } as const;
      for (const where of [[], [failed], [underA], [failed, labelA], [many, underA]]) {
        expect(await opened().count("runs", where)).toBe((await keys(...where)).length);
      }
      expect(await opened().count("runs", [{ ...failed, values: [] }])).toBe(0);
      expect(await opened().count("queues", [])).toBe(0);
    });

    test("a transaction counts what it has written, a reader outside what is committed", async () => {
      const outside: Promise<number>[] = [];
      const undone = opened().transaction(async (transaction) => {
        await transaction.write([insert("deadLetters", deadLetterRow(7))]);
        outside.push(opened().count("deadLetters", []));
        expect(await transaction.count("deadLetters", [])).toBe(1);
        throw new Error("undone");
      });
      await expect(undone).rejects.toThrow("undone");
      expect(await Promise.all(outside)).toEqual([0]);
    });

    test("columns that are left out come empty, the others as they are", async () => {
      const body = new Uint8Array([1, 2, 3]);
      const row = attemptRow(7, { responseBody: body, move: "retry", isTruncated: 1 });
      await write(opened(), insert("attempts", row));
      const query = { where: [], order: "ascending", limit: 10 } as const;
      const [hollow] = await opened().list("attempts", { ...query, without: ["responseBody"] });
      expect(hollow).toEqual({ ...row, responseBody: new Uint8Array() });
      expect(await opened().list("attempts", { ...query, without: [] })).toEqual([row]);
      // The type forbids it, but a text that comes empty would be taken for the truth.
      const texts = opened().list("attempts", { ...query, without: ["move" as "responseBody"] });
      await expect(texts).rejects.toThrow(/bytes/);
    });

    test.each<[string, Condition<"runs">]>([
      // The type forbids it, but a name from outside must never reach the SQL.
      ["an unknown column", { type: "in", column: "1=1 --" as "state", values: ["a"] }],
      // As above.
      ["an inherited name", { type: "in", column: "constructor" as "state", values: ["a"] }],
      ["a range of text", { type: "range", column: "url", from: 1 }],
      ["a prefix of a number", { type: "prefix", column: "stepCount", prefix: "1" }],
      ["a search for bytes", { type: "in", column: "response", values: ["a"] }],
    ])("%s is a bug", async (_name, condition) => {
      await expect(keys(condition)).rejects.toThrow(/column|bytes/);
      await expect(opened().count("runs", [condition])).rejects.toThrow(/column|bytes/);
    });
  });
}
