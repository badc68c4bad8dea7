import { beforeEach, describe, expect, test } from "vitest";
import { deadLetterRow, insert } from "./rows.suite.ts";
import { type OpenStore, useStore, write } from "./store.suite.ts";
import type { GroupQuery } from "./store.ts";

type Asked = Partial<GroupQuery<"deadLetters">>;

const OPEN = { type: "in", column: "state", values: ["open"] } as const;

/** Groups: counts, times, order, places and parts. */
export function groupsSuite(open: OpenStore): void {
  describe("groups", () => {
    const opened = useStore(open);

    const groups = (asked: Asked = {}) =>
      opened().groups("deadLetters", {
        where: [OPEN],
        order: "latest",
        after: null,
        limit: 10,
        parts: 4,
        from: 0,
        until: 1_399,
        ...asked,
      });
    const ids = async (asked: Asked = {}) => (await groups(asked)).map(({ groupId }) => groupId);

    beforeEach(async () => {
      const row = (key: number, groupId: string | null, createdAt: number, more = {}) =>
        insert("deadLetters", deadLetterRow(key, { groupId, createdAt, ...more }));
      await write(
        opened(),
        row(1, "a", 1_000, { isHeld: 1 }),
        row(2, "a", 1_099, { url: "http://b" }),
        row(3, "b", 1_200),
        row(4, "a", 1_350),
        row(5, "c", 1_200, { isHeld: 1 }),
        row(6, "a", 1_300, { state: "resumed" }),
        row(7, null, 1_390),
      );
    });

    test("each is counted with its times, its newest row and its parts", async () => {
      const [a, c, b] = await groups();
      expect(a).toEqual({
        groupId: "a",
        count: 3,
        firstAt: 1_000,
        lastAt: 1_350,
        firstFreeAt: 1_099,
        newestKey: 4,
        partsFrom: 1_000,
        parts: [2, 0, 0, 1],
      });
      // Times that are equal leave the order to the keys.
      expect(c).toMatchObject({ groupId: "c", count: 1, firstFreeAt: null, partsFrom: 1_200 });
      expect(b).toMatchObject({ groupId: "b", count: 1, firstFreeAt: 1_200, parts: [1, 0, 0, 0] });
    });

    test("conditions choose rows before they are counted, their parts as well", async () => {
      const where = [OPEN, { type: "range", column: "createdAt", from: 1_050, to: 1_250 } as const];
      expect(await groups({ where, from: 1_050 })).toMatchObject([
        { groupId: "c" },
        { groupId: "b" },
        { groupId: "a", count: 1, firstAt: 1_099, partsFrom: 1_099, parts: [1, 0, 0, 0] },
      ]);
      const ofUrl = { type: "in", column: "url", values: ["http://b"] } as const;
      expect(await groups({ where: [OPEN, ofUrl] })).toMatchObject([{ groupId: "a", count: 1 }]);
    });

    test("the parts begin where it is asked for, when the first row is older", async () => {
      const [a] = await groups({ from: 1_200 });
      expect(a).toMatchObject({ count: 3, partsFrom: 1_200, parts: [0, 0, 0, 1] });
    });

    test("the largest can come first, and each page goes on behind a place", async () => {
      expect(await ids({ order: "largest" })).toEqual(["a", "c", "b"]);
      expect(await ids({ order: "largest", limit: 1 })).toEqual(["a"]);
      const after = { rank: 3, newestKey: 4 };
      expect(await ids({ order: "largest", after })).toEqual(["c", "b"]);
      expect(await ids({ order: "largest", after: { rank: 1, newestKey: 5 } })).toEqual(["b"]);
      expect(await ids({ after: { rank: 1_200, newestKey: 5 } })).toEqual(["b"]);
      expect(await ids({ after: { rank: 1_200, newestKey: 3 } })).toEqual([]);
    });
  });
}
