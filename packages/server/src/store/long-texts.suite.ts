import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { deadLetterRow, insert, keysOf, runRow } from "./rows.suite.ts";
import { type OpenStore, useStore, write } from "./store.suite.ts";

/** Texts that are longer than an entry of an index may be, and cannot be compressed to it. */
export function longTextsSuite(open: OpenStore): void {
  describe("long texts", () => {
    const opened = useStore(open);
    const beginning = `http://a/${noise(6_000)}`;
    const [one, other] = [`${beginning}1`, `${beginning}2`];

    test("urls are found by the whole of them, and by any beginning", async () => {
      await write(opened(), insert("runs", runRow(1, { url: one })));
      await write(opened(), insert("runs", runRow(2, { url: other })));
      await write(opened(), insert("deadLetters", deadLetterRow(3, { url: other })));
      const list = async (...values: readonly string[]) => {
        const where = [{ type: "in", column: "url", values }] as const;
        return keysOf(await opened().list("runs", { where, order: "ascending", limit: 9 }));
      };
      const begin = async (prefix: string) => {
        const where = [{ type: "prefix", column: "url", prefix }] as const;
        return keysOf(await opened().list("runs", { where, order: "descending", limit: 9 }));
      };
      expect(await list(one)).toEqual([1]);
      expect(await list(one, other)).toEqual([1, 2]);
      expect(await list(beginning)).toEqual([]);
      expect(await begin("http://a/")).toEqual([2, 1]);
      expect(await begin(beginning)).toEqual([2, 1]);
      expect(await begin(other)).toEqual([2]);
      expect(await begin(`${beginning}3`)).toEqual([]);
      expect(
        await opened().count("deadLetters", [{ type: "in", column: "url", values: [other] }]),
      ).toBe(1);
    });

    test("events are found by the whole of their ids", async () => {
      const [mine, yours] = ["1", "2"].map((end) => "\u{1F600}".repeat(1_000) + noise(22) + end);
      const wait = (key: number, eventId = "") =>
        insert("waits", {
          key,
          runKey: 7,
          stepId: key,
          kind: "event",
          state: "open",
          createdAt: 1,
          endedAt: null,
          dueAt: null,
          eventId,
          requestKey: null,
          childRunKey: null,
          config: "{}",
          body: null,
          answer: null,
        });
      await write(opened(), wait(1, mine), wait(2, yours));
      expect(keysOf(await opened().find("waits", "openByEvent", [[mine ?? ""]]))).toEqual([1]);
      const ofRun = await opened().find("waits", "openByEventOfRun", [
        [yours ?? "", 7],
        [mine ?? "", 8],
      ]);
      expect(keysOf(ofRun)).toEqual([2]);
    });
  });
}

function noise(chars: number): string {
  return randomBytes(chars).toString("base64url").slice(0, chars);
}
