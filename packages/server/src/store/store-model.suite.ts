import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Change, MessageRow } from "../core/rows.ts";
import { insert, messageRow, remove, sortedKeysOf, update } from "./rows.suite.ts";
import type { OpenStore } from "./store.suite.ts";
import type { Condition, Query, Store } from "./store.ts";

const RUNS = 200;

/** What a store is, in the shortest words: rows by key. */
type Model = Map<number, MessageRow>;

type Action =
  | { readonly type: "write"; readonly changes: readonly Change[]; readonly isUndone: boolean }
  | { readonly type: "claim"; readonly now: number; readonly limit: number }
  | { readonly type: "list"; readonly query: Query<"messages"> }
  | { readonly type: "count"; readonly where: readonly Condition<"messages">[] }
  | {
      readonly type: "line";
      readonly change: Change;
      readonly gate: string;
      readonly limit: number;
    }
  | { readonly type: "find"; readonly runKeys: readonly number[] }
  | { readonly type: "findPlace"; readonly tickets: readonly number[] };

const key = fc.integer({ min: 1, max: 12 });
const url = fc.constantFrom("", "a", "a%", "a_", "aé", "a\u{1F600}", "A", "b\0c");
const gate = fc.constantFrom("queue:a", "flow:a");
const runKeys = fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 3 });
const columns = {
  state: fc.constantFrom("scheduled", "waiting", "active", "canceling", "failed"),
  runKey: fc.option(fc.integer({ min: 1, max: 3 })),
  dueAt: fc.integer({ min: 0, max: 9 }),
  url,
  labels: fc.option(fc.constantFrom(",a,", ",a,b,", ",ab,", ",,", "")),
  config: fc.option(fc.constantFrom("{}", "")),
  body: fc.option(fc.uint8Array({ maxLength: 4 })),
  gate: fc.option(gate, { freq: 9 }),
  // Unique in the engine; a model that sorted equals in another way than the store would prove nothing.
  waitOrder: fc.option(fc.integer({ min: 0, max: 1_000_000_000 })),
  ticketKey: fc.option(fc.integer({ min: 1, max: 3 })),
} as const;

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(key, fc.record(columns)).map(([at, more]) => insert("messages", messageRow(at, more))),
  fc
    .tuple(key, fc.record(columns, { requiredKeys: [] }))
    .map(([at, set]) => update("messages", at, set)),
  key.map((at) => remove("messages", at)),
);

const condition: fc.Arbitrary<Condition<"messages">> = fc.oneof(
  fc.record({
    type: fc.constant("in" as const),
    column: fc.constantFrom("state" as const, "runKey" as const, "key" as const),
    values: fc.array(fc.constantFrom("active", "failed", 1, 2, 7, null), { maxLength: 3 }),
  }),
  fc.record(
    {
      type: fc.constant("range" as const),
      column: fc.constantFrom("dueAt" as const, "runKey" as const),
      from: fc.integer({ min: 0, max: 9 }),
      to: fc.integer({ min: 0, max: 9 }),
    },
    { requiredKeys: ["type", "column"] },
  ),
  fc.record({
    type: fc.constant("prefix" as const),
    column: fc.constant("url" as const),
    prefix: url,
  }),
  fc.record({
    type: fc.constant("contains" as const),
    column: fc.constant("labels" as const),
    values: fc.array(fc.constantFrom("a", "b", "ab", "", "a,b"), { maxLength: 2 }),
  }),
);

const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({
    type: fc.constant("write" as const),
    changes: fc.array(change, { maxLength: 6 }),
    isUndone: fc.boolean(),
  }),
  fc.record({ type: fc.constant("claim" as const), now: columns.dueAt, limit: fc.nat(5) }),
  fc.record({
    type: fc.constant("list" as const),
    query: fc.record(
      {
        where: fc.array(condition, { maxLength: 3 }),
        order: fc.constantFrom("ascending" as const, "descending" as const),
        afterKey: key,
        limit: fc.nat(12),
      },
      { requiredKeys: ["where", "order", "limit"] },
    ),
  }),
  fc.record({ type: fc.constant("count" as const), where: fc.array(condition, { maxLength: 3 }) }),
  fc.record({ type: fc.constant("line" as const), change, gate, limit: fc.nat(5) }),
  fc.record({ type: fc.constant("find" as const), runKeys }),
  fc.record({ type: fc.constant("findPlace" as const), tickets: runKeys }),
);

/** Random histories, checked against a map. */
export function modelSuite(open: OpenStore): void {
  describe("random histories", () => {
    test("a store does what a map of rows would do", { timeout: 240_000 }, async () => {
      const store = await open();
      await fc.assert(
        fc.asyncProperty(fc.array(action, { maxLength: 20 }), async (actions) => {
          await clear(store);
          let model: Model = new Map();
          for (const each of actions) model = await perform(store, model, each);
          const rows = await store.get("messages", [...Array(13).keys()]);
          expect(new Map(rows.map((row) => [row.key, row]))).toEqual(model);
        }),
        { numRuns: RUNS },
      );
      await store.close();
    });
  });
}

async function clear(store: Store): Promise<void> {
  const rows = await store.list("messages", { where: [], order: "ascending", limit: 100 });
  await store.transaction((current) =>
    current.write(rows.map((row) => remove("messages", row.key))),
  );
}

async function perform(store: Store, model: Model, action: Action): Promise<Model> {
  switch (action.type) {
    case "write":
      return performWrite(store, model, action);
    case "claim": {
      const claimed = await store.transaction((current) =>
        current.claimDue("messages", action.now, action.limit, null),
      );
      expect(claimed).toEqual(dueRows(model, action.now).slice(0, action.limit));
      expect(await store.nextDueAt(null)).toBe(dueRows(model, 99)[0]?.dueAt ?? null);
      return model;
    }
    case "list":
      expect(await store.list("messages", action.query)).toEqual(listRows(model, action.query));
      return model;
    case "count":
      expect(await store.count("messages", action.where)).toBe(countRows(model, action.where));
      return model;
    case "line":
      return performLine(store, model, action);
    case "find": {
      const found = await store.find("messages", "byRun", wrap(action.runKeys));
      expect(sortedKeysOf(found)).toEqual(keysWhere(model, "runKey", action.runKeys));
      return model;
    }
    case "findPlace": {
      const found = await store.find("messages", "byTicket", wrap(action.tickets));
      expect(sortedKeysOf(found)).toEqual(keysWhere(model, "ticketKey", action.tickets));
      return model;
    }
  }
}

/** One change and the line as it leaves it, in one transaction. */
async function performLine(
  store: Store,
  model: Model,
  { change, gate, limit }: Action & { readonly type: "line" },
): Promise<Model> {
  const next = applyAll(model, [change]);
  if (next === null) return model;
  const line = await store.transaction(async (current) => {
    await current.write([change]);
    return current.claimWaiting(gate, limit);
  });
  expect(line).toEqual(waitingRows(next, gate).slice(0, limit));
  return next;
}

async function performWrite(
  store: Store,
  model: Model,
  { changes, isUndone }: Action & { readonly type: "write" },
): Promise<Model> {
  const next = applyAll(model, changes);
  const writing = store.transaction(async (current) => {
    await current.write(changes);
    if (isUndone) throw new Error("undone");
  });
  if (next !== null && !isUndone) {
    await writing;
    return next;
  }
  await expect(writing).rejects.toThrow(next === null ? /failed/ : "undone");
  return model;
}

/** The model after all changes, or null when one of them is a bug. */
function applyAll(model: Model, changes: readonly Change[]): Model | null {
  const next: Model = new Map(model);
  for (const each of changes) {
    if (each.table !== "messages") throw new Error("only messages are changed here");
    const rowKey = each.type === "insert" ? each.row.key : each.key;
    const row = next.get(rowKey);
    if (each.type === "delete") next.delete(rowKey);
    else if (each.type === "insert" && row === undefined) next.set(rowKey, each.row);
    else if (each.type === "update" && row !== undefined) next.set(rowKey, { ...row, ...each.set });
    else return null;
  }
  return next;
}

function dueRows(model: Model, now: number): MessageRow[] {
  return [...model.values()]
    .filter((row) => row.state !== "failed" && row.state !== "waiting" && row.dueAt <= now)
    .sort((a, b) => a.dueAt - b.dueAt || a.key - b.key);
}

/** A row without a place in the line comes first: null is less than any number. */
function waitingRows(model: Model, gate: string): MessageRow[] {
  return [...model.values()]
    .filter((row) => row.gate === gate)
    .sort((a, b) => (a.waitOrder ?? -1) - (b.waitOrder ?? -1) || a.key - b.key);
}

function keysWhere(
  model: Model,
  column: "runKey" | "ticketKey",
  values: readonly number[],
): number[] {
  const rows = [...model.values()].filter((row) => values.some((value) => row[column] === value));
  return sortedKeysOf(rows);
}

function wrap(values: readonly number[]): readonly (readonly number[])[] {
  return values.map((value) => [value]);
}

function countRows(model: Model, where: readonly Condition<"messages">[]): number {
  return [...model.values()].filter((row) => where.every((each) => meets(row, each))).length;
}

function listRows(
  model: Model,
  { where, order, afterKey, limit }: Query<"messages">,
): MessageRow[] {
  const sign = order === "ascending" ? 1 : -1;
  return [...model.values()]
    .filter((row) => where.every((each) => meets(row, each)))
    .filter((row) => afterKey === undefined || (row.key - afterKey) * sign > 0)
    .sort((a, b) => (a.key - b.key) * sign)
    .slice(0, limit);
}

function meets(row: MessageRow, condition: Condition<"messages">): boolean {
  const value = row[condition.column];
  switch (condition.type) {
    case "in":
      return condition.values.some((each) => each === value);
    case "range": {
      const { from, to } = condition;
      if (typeof value !== "number") return from === undefined && to === undefined;
      return value >= (from ?? value) && value <= (to ?? value);
    }
    case "prefix":
      return typeof value === "string" && value.startsWith(condition.prefix);
    case "contains":
      return typeof value === "string" && condition.values.some((each) => holds(value, each));
    case "lacks":
      throw new Error("the model has one table");
  }
}

function holds(list: string, value: string): boolean {
  return value !== "" && list.split(",").slice(1, -1).includes(value);
}
