import { afterEach, beforeEach, expect, test } from "vitest";
import { openSqliteStore } from "../store/sqlite.ts";
import type { Store } from "../store/store.ts";
import { KeyRange } from "./key-range.ts";

let store: Store;

beforeEach(async () => {
  store = await openSqliteStore({ path: ":memory:" });
});

afterEach(() => store.close());

const reserve = (range: KeyRange, count: number) =>
  store.transaction((transaction) => range.reserve(count, transaction));

function draw(range: KeyRange, count: number): number[] {
  return Array.from({ length: count }, () => range.next());
}

test("keys rise and are drawn once, over many reservations and two owners", async () => {
  const one = new KeyRange();
  const two = new KeyRange();
  const drawn: number[] = [];
  for (const count of [3, 9_999, 5, 25_000, 1]) {
    for (const range of [one, two]) {
      await reserve(range, count);
      const keys = draw(range, count);
      expect(keys).toEqual(keys.toSorted((a, b) => a - b));
      drawn.push(...keys);
    }
  }
  expect(new Set(drawn).size).toBe(drawn.length);
});

test("what is left is used before the sequence is asked again", async () => {
  const range = new KeyRange();
  await reserve(range, 1);
  const [first = 0] = draw(range, 1);
  await reserve(range, 9_999);
  expect(draw(range, 1)).toEqual([first + 1]);
});

test("a key that was not reserved is a bug", async () => {
  const range = new KeyRange();
  expect(() => range.next()).toThrow(/must be reserved/);
  await reserve(range, 2);
  range.clear();
  expect(() => range.next()).toThrow(/must be reserved/);
});

test("a reservation that was undone is not used again after a clear", async () => {
  const range = new KeyRange();
  const undone = store.transaction(async (transaction) => {
    await range.reserve(1, transaction);
    throw new Error("undone on purpose");
  });
  await expect(undone).rejects.toThrow("undone on purpose");
  range.clear();
  const other = new KeyRange();
  await reserve(other, 1);
  await reserve(range, 1);
  expect(range.next()).not.toBe(other.next());
});
