import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Change, QueueRow, RunRow } from "../core/rows.ts";
import { fullRows } from "../store/full-rows.suite.ts";
import { insert, messageRow, remove, runRow, update } from "../store/rows.suite.ts";
import { openSqliteStore } from "../store/sqlite.ts";
import type { Store } from "../store/store.ts";
import { compactChanges } from "./compact-changes.ts";

const queue = (key: number, more: Partial<QueueRow> = {}): Change =>
  insert("queues", { ...fullRows.queues, key, name: `queue ${key}`, ...more });

describe("what a row goes through becomes one write", () => {
  test.each<[string, readonly Change[], readonly Change[]]>([
    ["nothing", [], []],
    ["one change", [remove("runs", 1)], [remove("runs", 1)]],
    [
      "two updates of one row",
      [update("queues", 1, { openCount: 1, isPaused: 1 }), update("queues", 1, { openCount: 2 })],
      [update("queues", 1, { openCount: 2, isPaused: 1 })],
    ],
    [
      "an update of a new row",
      [insert("messages", messageRow(1)), update("messages", 1, { state: "active" })],
      [insert("messages", messageRow(1, { state: "active" }))],
    ],
    [
      "a row that does not outlive the batch",
      [
        insert("messages", messageRow(1)),
        update("messages", 1, { retried: 1 }),
        remove("messages", 1),
      ],
      [],
    ],
    [
      "an update of a row that goes",
      [update("messages", 1, { retried: 1 }), remove("messages", 1), remove("messages", 1)],
      [remove("messages", 1)],
    ],
    [
      "a row that comes again",
      [
        remove("messages", 1),
        insert("messages", messageRow(1)),
        update("messages", 1, { retried: 2 }),
      ],
      [remove("messages", 1), insert("messages", messageRow(1, { retried: 2 }))],
    ],
    [
      "rows of one key in two tables",
      [insert("messages", messageRow(1)), remove("logs", 1), update("runs", 1, { stepCount: 2 })],
      [insert("messages", messageRow(1)), remove("logs", 1), update("runs", 1, { stepCount: 2 })],
    ],
    ["an update of nothing", [remove("runs", 2), update("runs", 1, {})], [remove("runs", 2)]],
  ])("%s", (_name, changes, expected) => {
    expect(compactChanges(changes)).toEqual(expected);
  });

  test("the counts of a queue are written once a batch", () => {
    const messages = Array.from({ length: 100 }, (_, key) => [
      insert("messages", messageRow(key)),
      update("queues", 999, { waitingCount: key + 1 }),
    ]).flat();
    const compacted = compactChanges(messages);
    expect(compacted).toHaveLength(101);
    expect(compacted).toContainEqual(update("queues", 999, { waitingCount: 100 }));
  });
});

describe("unique values are taken and freed in their order", () => {
  const ended = update("runs", 1, { state: "failed" });
  const next = insert("runs", runRow(2, { id: "wfr_1" }));

  test("a run ends before the next one of its id starts, even when it is deleted after that", () => {
    const counted = update("runs", 1, { stepCount: 2 });
    const later = update("runs", 1, { bodyBytes: 3 });
    expect(compactChanges([counted, ended, next, later, remove("runs", 1)])).toEqual([
      update("runs", 1, { stepCount: 2, state: "failed", bodyBytes: 3 }),
      next,
      remove("runs", 1),
    ]);
  });

  test("a name that was waited for is taken where it was taken", () => {
    const renamed = update("queues", 3, { name: "queue 1" });
    const changes = [update("queues", 3, { openCount: 5 }), remove("queues", 1), renamed, queue(4)];
    expect(compactChanges(changes)).toEqual(changes);
  });

  test("a value freed at an earlier place is not taken before it", () => {
    const changes = [
      update("queues", 2, { openCount: 1 }),
      update("queues", 1, { openCount: 1 }),
      update("queues", 1, { name: "other" }),
      update("queues", 2, { name: "queue 1" }),
    ];
    expect(compactChanges(changes)).toEqual([
      update("queues", 2, { openCount: 1 }),
      update("queues", 1, { openCount: 1, name: "other" }),
      update("queues", 2, { name: "queue 1" }),
    ]);
  });
});

const key = fc.integer({ min: 1, max: 4 });
const name = fc.constantFrom("a", "b", "c");
const count = fc.nat(3);
const state = fc.constantFrom("started" as const, "failed" as const);

const anyChange: fc.Arbitrary<Change> = fc.oneof(
  fc
    .record({ key, name, openCount: count })
    .map((more) => insert("queues", { ...fullRows.queues, ...more })),
  fc
    .tuple(
      key,
      fc.record(
        { name, openCount: count, isPaused: fc.constant(0 as const) },
        { requiredKeys: [] },
      ),
    )
    .map(([at, set]) => update("queues", at, set)),
  fc.record({ key, id: name, state }).map((more) => insert("runs", runRow(more.key, more))),
  fc
    .tuple(key, fc.record({ id: name, state, stepCount: count }, { requiredKeys: [] }))
    .map(([at, set]) => update("runs", at, set)),
  fc
    .tuple(fc.constantFrom("queues" as const, "runs" as const, "messages" as const), key)
    .map(([table, at]) => remove(table, at)),
  fc.tuple(key, count).map(([at, retried]) => insert("messages", messageRow(at, { retried }))),
  fc.tuple(key, count).map(([at, dueAt]) => update("messages", at, { dueAt })),
);

/** Rows by table and key, as plain as a store can be. */
type Model = ReadonlyMap<string, { readonly key: number }>;

/** The model after one change, or null when a store would refuse it. */
function applyOne(model: Model, change: Change): Model | null {
  const next = new Map(model);
  const at = `${change.table} ${change.type === "insert" ? change.row.key : change.key}`;
  const row = next.get(at);
  if (change.type === "delete") next.delete(at);
  else if (change.type === "insert" && row === undefined) next.set(at, change.row);
  else if (change.type === "update" && row !== undefined) next.set(at, { ...row, ...change.set });
  else return null;
  return isUnique(next) ? next : null;
}

function isUnique(model: Model): boolean {
  const taken = [...model].flatMap(([at, row]) => {
    // The key begins with the table, so the row is of that type.
    if (at.startsWith("queues ")) return [`queue ${(row as QueueRow).name}`];
    const run = row as RunRow; // As above.
    return at.startsWith("runs ") && run.state === "started" ? [`run ${run.id}`] : [];
  });
  return new Set(taken).size === taken.length;
}

/** Leaves out what a store would refuse, and says where it ends. */
function playable(start: Model, changes: readonly Change[]): { end: Model; played: Change[] } {
  let end = start;
  const played: Change[] = [];
  for (const change of changes) {
    const next = applyOne(end, change);
    if (next === null) continue;
    end = next;
    played.push(change);
  }
  return { end, played };
}

const anyBatches = fc.tuple(
  fc.array(anyChange, { maxLength: 12 }),
  fc.array(anyChange, { maxLength: 25 }),
);

test("a compacted batch is accepted wherever the whole one is, and ends alike", () => {
  fc.assert(
    fc.property(anyBatches, ([before, batch]) => {
      const { end: start } = playable(new Map(), before);
      const { end, played } = playable(start, batch);
      const compacted = compactChanges(played);
      const again = playable(start, compacted);
      expect(again.played).toEqual(compacted);
      expect(again.end).toEqual(end);
      expect(compacted.length).toBeLessThanOrEqual(played.length);
    }),
    { numRuns: 3_000 },
  );
});

describe("on a real store", () => {
  let stores: readonly Store[];

  beforeEach(async () => {
    const open = () => openSqliteStore({ path: ":memory:" });
    stores = [await open(), await open()];
  });

  afterEach(async () => {
    for (const store of stores) await store.close();
  });

  test("a compacted batch leaves the rows that the whole one leaves", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(anyChange, { maxLength: 12 }), { maxLength: 4 }),
        async (batches) => {
          const contents: unknown[] = [];
          for (const [index, store] of stores.entries()) {
            let model: Model = new Map();
            for (const batch of batches) {
              const { end, played } = playable(model, batch);
              model = end;
              const changes = index === 0 ? played : compactChanges(played);
              await store.transaction((transaction) => transaction.write(changes));
            }
            contents.push(await takeAll(store));
          }
          expect(contents[1]).toEqual(contents[0]);
        },
      ),
      { numRuns: 100 },
    );
  });
});

/** Everything that the properties write, which is deleted afterwards. */
async function takeAll(store: Store): Promise<unknown> {
  const tables = ["queues", "runs", "messages"] as const;
  const found: unknown[] = [];
  for (const table of tables) {
    const rows = await store.list(table, { where: [], order: "ascending", limit: 100 });
    found.push(rows);
    await store.transaction((transaction) =>
      transaction.write(rows.map((row) => remove(table, row.key))),
    );
  }
  return found;
}
