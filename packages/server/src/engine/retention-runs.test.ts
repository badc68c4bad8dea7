import { beforeEach, expect, onTestFinished, test } from "vitest";
import type { Change, TableName, Tables } from "../core/rows.ts";
import { fullRows } from "../store/full-rows.suite.ts";
import { passOnStore, passOnTransaction } from "../store/pass-on.ts";
import { openSqliteStore } from "../store/sqlite.ts";
import type { Store, Transaction } from "../store/store.ts";
import { Tally } from "./retention-room.ts";
import { sweepRuns } from "./retention-runs.ts";
import { ScriptedHost } from "./scripted-host.suite.ts";

const AGES = { endedBefore: 1_000, closedBefore: 2_000 };
const OLD = 1_000;
const YOUNG = 1_001;

let store: Store;
/** Rows of each transaction that has written. */
let written: number[];

beforeEach(async () => {
  store = await openSqliteStore({ path: ":memory:" });
  written = [];
  onTestFinished(() => store.close());
});

function row<T extends TableName>(table: T, fields: Partial<Tables[T]>): Change {
  // A row of this table, so the insert is one.
  return { type: "insert", table, row: { ...fullRows[table], ...fields } } as Change;
}

async function put(...changes: readonly Change[]): Promise<void> {
  await store.transaction((transaction) => transaction.write(changes));
}

interface RunFields extends Partial<Tables["runs"]> {
  readonly key: number;
  readonly steps?: number;
  /** Of each step. */
  readonly attempts?: number;
}

/** A run that ended, with one row of each kind that hangs on it; its rows have keys right behind its own. */
function ended({ steps = 2, attempts = 1, ...fields }: RunFields): readonly Change[] {
  const { key } = fields;
  const run = { id: `wfr_${key}`, state: "succeeded", createdAt: 1, completedAt: OLD } as const;
  const links = { deadLetterKey: null, sourceRunKey: null, stepCount: steps, bodyBytes: 10 };
  const call = key + steps + 1;
  return [
    row("runs", { ...run, ...links, ...fields }),
    row("runConfigs", { key }),
    ...Array.from({ length: steps }, (_, index) => [
      row("steps", { key: key + 1 + index, runKey: key, position: index, slot: index }),
      ...Array.from({ length: attempts }, (_, number) => attempt(key + 1 + index, number, null)),
    ]).flat(),
    row("waits", {
      key: call,
      runKey: key,
      stepId: 1,
      state: "done",
      dueAt: null,
      requestKey: call,
    }),
    attempt(call, 0, key),
    attempt(call, 1, key),
    row("events", { key: call + 1, runKey: key }),
  ];
}

function attempt(messageKey: number, number: number, runKey: number | null): Change {
  return row("attempts", { key: messageKey * 1024 + number, messageKey, number, runKey });
}

function letter(key: number, runKey: number, fields: Partial<Tables["deadLetters"]>): Change {
  const closed = { state: "deleted", closedAt: 2_000, nextRunKey: null } as const;
  return row("deadLetters", { key, runKey, runId: `wfr_${runKey}`, ...closed, ...fields });
}

/** Sweeps as the rounds do, and gives the number of steps. */
async function sweep(from: Store = store, tally = new Tally()): Promise<number> {
  const engine = { execute: () => Promise.reject(new Error("no command is needed")) };
  const room = { host: new ScriptedHost(), store: counted(from), engine, tally };
  let steps = 0;
  for (let next: number | null = 0; next !== null; steps += 1) {
    expect(steps, "steps until the end").toBeLessThan(1_000);
    next = await sweepRuns(room, AGES, next);
  }
  return steps;
}

/** The store as it is; what its transactions write is counted. */
function counted(real: Store): Store {
  return passOnStore(real, {
    transaction: (work) =>
      real.transaction(async (transaction) => {
        let rows = 0;
        const write: Transaction["write"] = (changes) => {
          rows += changes.length;
          return transaction.write(changes);
        };
        const result = await work(passOnTransaction(transaction, { write }));
        written.push(rows);
        return result;
      }),
  });
}

async function keysOf(table: TableName): Promise<readonly number[]> {
  const rows = await store.list(table, { where: [], order: "ascending", limit: 100_000 });
  return rows.map(({ key }) => key);
}

const HANGING = ["runConfigs", "steps", "attempts", "waits", "events", "deadLetters"] as const;

/** Every row but the runs, by table; empty tables are left out. */
async function hanging(): Promise<Readonly<Record<string, readonly number[]>>> {
  const all = await Promise.all(
    HANGING.map(async (table) => [table, await keysOf(table)] as const),
  );
  return Object.fromEntries(all.filter(([, keys]) => keys.length > 0));
}

test("a run that ended long ago goes with everything that hangs on it, and others keep what is theirs", async () => {
  const tally = new Tally();
  await put(...ended({ key: 200, completedAt: YOUNG }));
  const kept = await hanging();
  await put(
    ...ended({ key: 100, attempts: 4 }),
    ...ended({ key: 300, state: "canceled" }),
    ...ended({ key: 400, state: "failed", deadLetterKey: 450 }),
    letter(450, 400, {}),
  );
  await sweep(store, tally);
  expect(await keysOf("runs")).toEqual([200]);
  expect(await hanging()).toEqual(kept);
  expect(tally.counts.runs).toBe(3);
});

test("a run stays while it lives, is young, or has something to send", async () => {
  await put(
    ...ended({ key: 100, state: "started", completedAt: null }),
    ...ended({ key: 200, completedAt: YOUNG }),
    ...ended({ key: 300, state: "canceled" }),
    row("messages", { key: 399, runKey: 300, state: "canceling" }),
  );
  const before = await hanging();
  await sweep();
  expect(await keysOf("runs")).toEqual([100, 200, 300]);
  expect(await hanging()).toEqual(before);
});

test("a failed run stays while its dead letter is in the queue, or was handled lately", async () => {
  const failed = { state: "failed", deadLetterKey: 1 } as const;
  await put(
    ...ended({ key: 100, ...failed }),
    letter(150, 100, { state: "open", closedAt: null }),
    ...ended({ key: 200, ...failed }),
    letter(250, 200, { state: "open", closedAt: null, isHeld: 1 }),
    ...ended({ key: 300, ...failed }),
    letter(350, 300, { state: "expired", closedAt: 2_001 }),
    ...ended({ key: 400, ...failed }),
    letter(450, 400, { state: "expired", closedAt: 2_000, isHeld: 1 }),
  );
  await sweep();
  expect(await keysOf("runs")).toEqual([100, 200, 300]);
  expect(await keysOf("deadLetters")).toEqual([150, 250, 350]);
});

test("a run from which another was resumed goes behind that one", async () => {
  const failed = { state: "failed", deadLetterKey: 1 } as const;
  await put(
    ...ended({ key: 100, ...failed }),
    letter(150, 100, { state: "resumed", nextRunKey: 200 }),
    ...ended({ key: 200, ...failed, sourceRunKey: 100 }),
    letter(250, 200, { state: "restarted", nextRunKey: 300 }),
    ...ended({ key: 300, sourceRunKey: 200, state: "started", completedAt: null }),
  );
  await sweep();
  expect(await keysOf("runs")).toEqual([100, 200, 300]);
  const set = { state: "succeeded", completedAt: OLD } as const;
  await put({ type: "update", table: "runs", key: 300, set });
  const left: (readonly number[])[] = [];
  for (let round = 0; round < 3; round += 1) {
    await sweep();
    left.push(await keysOf("runs"));
  }
  expect(left).toEqual([[100, 200], [100], []]);
  expect(await hanging()).toEqual({});
});

test("the newest run of an id stays as long as an older one is there", async () => {
  const id = "daily";
  await put(
    ...ended({ key: 100, id, state: "failed", deadLetterKey: 150 }),
    letter(150, 100, { state: "open", closedAt: null }),
    ...ended({ key: 200, id }),
    ...ended({ key: 300, id }),
    ...ended({ key: 400, id: "other" }),
  );
  await sweep();
  expect(await keysOf("runs")).toEqual([100, 300]);
  await put({
    type: "update",
    table: "deadLetters",
    key: 150,
    set: { state: "deleted", closedAt: 1 },
  });
  await sweep();
  await sweep();
  expect(await keysOf("runs")).toEqual([]);
});

test("an id that very many runs share is looked up one by one", async () => {
  const many = Array.from({ length: 450 }, (_, index) =>
    ended({ key: 100 + index * 10, id: "same" }),
  );
  const alone = ended({ key: 50, id: "alone" });
  await put(...alone, ...many.flat());
  await sweep();
  expect(await keysOf("runs")).toEqual([100 + 449 * 10]);
});

test("an id says that it is shared also behind one that crowds the list", async () => {
  const young = Array.from({ length: 449 }, (_, index) => {
    return row("runs", {
      key: 100 + index,
      id: "same",
      state: "succeeded",
      createdAt: 1,
      completedAt: YOUNG,
    });
  });
  await put(
    ...young,
    ...ended({ key: 5_000, id: "same" }),
    ...ended({ key: 5_100, id: "pair", state: "failed", deadLetterKey: 5_150 }),
    letter(5_150, 5_100, { state: "open", closedAt: null }),
    ...ended({ key: 5_200, id: "pair" }),
    ...ended({ key: 5_300, id: "alone" }),
  );
  await sweep();
  expect((await keysOf("runs")).slice(-3)).toEqual([5_000, 5_100, 5_200]);
});

test("a long run goes in parts, itself with the last one", async () => {
  await put(
    ...ended({ key: 1_000, steps: 1_200, attempts: 2 }),
    ...ended({ key: 9_000, steps: 3, attempts: 1_000 }),
    ...ended({ key: 10_000 }),
  );
  const steps = await sweep();
  expect(steps).toBeGreaterThan(5);
  expect(Math.max(...written)).toBeLessThan(2_100);
  expect(await keysOf("runs")).toEqual([]);
  expect(await hanging()).toEqual({});
});

test("a run that goes in parts has records without a gap, and counts them", async () => {
  await put(...ended({ key: 1_000, steps: 1_200 }));
  const engine = { execute: () => Promise.reject(new Error("no command is needed")) };
  const room = { host: new ScriptedHost(), store, engine, tally: new Tally() };
  const counts: number[] = [];
  for (let next: number | null = 0; next !== null; ) {
    next = await sweepRuns(room, AGES, next);
    const [run] = await store.get("runs", [1_000]);
    if (run === undefined) break;
    const steps = await store.list("steps", { where: [], order: "ascending", limit: 2_000 });
    expect(steps.map(({ position }) => position)).toEqual(Array.from(steps, (_, index) => index));
    expect(steps).toHaveLength(run.stepCount);
    counts.push(run.stepCount);
  }
  expect(counts.length).toBeGreaterThan(1);
  expect(await hanging()).toEqual({});
});

test("a transaction takes runs by their rows and by their bytes", async () => {
  const small = Array.from({ length: 300 }, (_, index) => ended({ key: 100 + index * 10 }));
  const large = Array.from({ length: 4 }, (_, index) => {
    return ended({ key: 50_000 + index * 10, bodyBytes: 5 * 1024 * 1024 });
  });
  await put(...small.flat(), ...large.flat());
  await sweep();
  expect(await keysOf("runs")).toEqual([]);
  // Rows of a run: itself, its configuration, two records with an attempt each, a wait with two attempts, an event.
  expect(written.slice(-3)).toEqual([10, 10, 10]);
  expect(Math.max(...written)).toBeLessThanOrEqual(700);
});

test("the end of the table is found behind any number of runs that stay", async () => {
  const live = Array.from({ length: 450 }, (_, index) => {
    return row("runs", {
      key: 1 + index,
      id: `${index}`,
      state: "started",
      completedAt: null,
      createdAt: 1,
    });
  });
  await put(
    ...live,
    ...ended({ key: 1_000 }),
    row("runs", { key: 2_000, id: "young", createdAt: YOUNG }),
  );
  expect(await sweep()).toBeLessThanOrEqual(5);
  expect((await keysOf("runs")).slice(-2)).toEqual([450, 2_000]);
});

test("rows that a clock has made which was ahead hide nothing", async () => {
  const ahead = new ScriptedHost().now() + 365 * 86_400_000;
  const future = Array.from({ length: 300 }, (_, index) => {
    return row("runs", { key: 1 + index, id: `${index}`, createdAt: ahead, completedAt: ahead });
  });
  await put(...future, ...ended({ key: 1_000 }));
  await sweep();
  expect((await keysOf("runs")).at(-1)).toBe(300);
});

test("two sweepers at once delete every run once", async () => {
  const runs = Array.from({ length: 200 }, (_, index) => ended({ key: 100 + index * 10 }));
  await put(...runs.flat());
  const tallies = [new Tally(), new Tally()];
  await Promise.all(tallies.map((tally) => sweep(store, tally)));
  const deleted = tallies.map(({ counts }) => counts.runs);
  expect(deleted.reduce((sum, count) => sum + count)).toBe(200);
  expect(await keysOf("runs")).toEqual([]);
  expect(await hanging()).toEqual({});
});
