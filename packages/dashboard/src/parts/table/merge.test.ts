import { describe, expect, test } from "vitest";
import { compare, joinPages, putInFront } from "./merge.ts";

const idOf = (row: string): string => row;
const list = (text: string): readonly string[] => text.split(" ").filter((id) => id !== "");

test("pages are joined without a row twice", () => {
  expect(joinPages([list("a b c"), list("c d"), list("b e")], idOf)).toEqual(list("a b c d e"));
});

describe("a page that is asked for again", () => {
  test("tells what is new, and does not call gone what was pushed behind its end", () => {
    const fresh = { rows: list("n1 n2 a b"), hasMore: true };
    expect(compare(list("a b c d"), fresh, idOf)).toEqual({ unseen: ["n1", "n2"], gone: [] });
  });

  test("tells what is gone between rows that are still there", () => {
    const fresh = { rows: list("a c e"), hasMore: true };
    expect(compare(list("a b c d e f"), fresh, idOf)).toEqual({ unseen: [], gone: ["b", "d"] });
  });

  test("everything that a last page does not list is gone", () => {
    const fresh = { rows: list("a"), hasMore: false };
    expect(compare(list("a b c"), fresh, idOf)).toEqual({ unseen: [], gone: ["b", "c"] });
    expect(compare(list("a"), { rows: [], hasMore: false }, idOf).gone).toEqual(["a"]);
  });
});

test("new rows go in front of what is shown, unless there is a gap between them", () => {
  expect(putInFront(list("a b c"), list("n a b"), idOf)).toEqual({
    rows: list("n a b c"),
    isJoined: true,
  });
  expect(putInFront(list("a b"), list("x y"), idOf)).toEqual({
    rows: list("x y"),
    isJoined: false,
  });
});
