import { expect, onTestFinished, test } from "vitest";
import type { Change, TableName, Tables } from "../core/rows.ts";
import { fullRows } from "../store/full-rows.suite.ts";
import { openSqliteStore } from "../store/sqlite.ts";
import type { Space, Store } from "../store/store.ts";
import { Tally } from "./retention-room.ts";
import { StorageLimit } from "./retention-size.ts";
import { ScriptedHost } from "./scripted-host.suite.ts";

const MB = 1024 * 1024;
const LOOK_MS = 60_000;

interface SizeWorld {
  readonly host: ScriptedHost;
  readonly store: Store;
  readonly space: Space;
  readonly tally: Tally;
  /** Looks once at the size, and goes on until there is nothing more to do. */
  look(): Promise<void>;
  keysOf(table: TableName): Promise<readonly number[]>;
  events(): readonly string[];
}

async function openWorld(bytesMax: number): Promise<SizeWorld> {
  const host = new ScriptedHost();
  const store = await openSqliteStore({ path: ":memory:" });
  const { space } = store;
  if (space === undefined) throw new Error("an embedded store knows what it takes");
  const tally = new Tally();
  const engine = { execute: () => Promise.reject(new Error("no command is needed")) };
  const { rounds } = new StorageLimit({ host, store, engine, tally }, bytesMax);
  rounds.start();
  onTestFinished(async () => {
    await rounds.stop();
    await store.close();
  });
  return {
    ...{ host, store, space, tally },
    look: () => host.advance(LOOK_MS + 10_000),
    keysOf: async (table) => {
      const rows = await store.list(table, { where: [], order: "ascending", limit: 10_000 });
      return rows.map(({ key }) => key);
    },
    events: () => host.logs.map(({ level, event }) => `${level} ${event}`),
  };
}

function row<T extends TableName>(table: T, fields: Partial<Tables[T]>): Change {
  // A row of this table, so the insert is one.
  return { type: "insert", table, row: { ...fullRows[table], ...fields } } as Change;
}

const BODY = new Uint8Array(10_000);

function message(key: number, at: number): readonly Change[] {
  return [
    row("envelopes", { key, createdAt: at, body: BODY }),
    row("logs", { key: key + 1, messageKey: key, at }),
  ];
}

function run(key: number, fields: Partial<Tables["runs"]>): readonly Change[] {
  const ended = { state: "succeeded", createdAt: 1, completedAt: 1 } as const;
  const links = { deadLetterKey: null, sourceRunKey: null, stepCount: 1, bodyBytes: BODY.length };
  return [
    row("runs", { key, id: `wfr_${key}`, ...ended, ...links, ...fields }),
    row("runConfigs", { key }),
    row("steps", { key: key + 1, runKey: key, body: BODY }),
  ];
}

function letter(key: number, runKey: number, fields: Partial<Tables["deadLetters"]>): Change {
  return row("deadLetters", { key, runKey, nextRunKey: null, createdAt: 1, ...fields });
}

const open = { state: "open", closedAt: null } as const;
const closed = { state: "deleted", closedAt: 1 } as const;

/** Of every kind some that has ended, and some that must stay. */
async function fill({ store, host }: SizeWorld, count: number): Promise<void> {
  const changes: Change[] = [];
  for (let index = 0; index < count; index += 1) {
    const key = 10_000 + index * 10;
    changes.push(...message(key, 1), ...run(key + 100_000, {}));
    changes.push(
      row("deadMessages", { key: key + 200_000, messageKey: 1, ...closed, responseBody: BODY }),
    );
  }
  changes.push(
    ...message(10, 1),
    row("messages", { key: 10, runKey: null, state: "scheduled", dueAt: Number.MAX_SAFE_INTEGER }),
    ...message(20, 1),
    row("deadMessages", { key: 25, messageKey: 20, ...open }),
    ...run(30, { state: "started", completedAt: null }),
    ...run(40, { state: "failed", deadLetterKey: 45 }),
    letter(45, 40, open),
    ...run(50, { completedAt: host.now() + LOOK_MS }),
    ...message(900_000, host.now() + LOOK_MS),
  );
  await store.transaction((transaction) => transaction.write(changes));
}

const KEPT = {
  envelopes: [10, 20, 900_000],
  runs: [30, 40, 50],
  deadMessages: [25],
  deadLetters: [45],
};

async function left({ keysOf }: SizeWorld) {
  return {
    envelopes: await keysOf("envelopes"),
    runs: await keysOf("runs"),
    deadMessages: await keysOf("deadMessages"),
    deadLetters: await keysOf("deadLetters"),
  };
}

test("a database below its limit is left alone, and so is one without a limit", async () => {
  for (const bytesMax of [100 * MB, 0]) {
    const world = await openWorld(bytesMax);
    await fill(world, 20);
    await world.look();
    expect(await world.keysOf("envelopes")).toHaveLength(23);
    expect(world.events()).toEqual([]);
  }
});

test("above the limit messages go first, the oldest of them, and no more than must", async () => {
  const world = await openWorld(8 * MB);
  await fill(world, 300);
  const before = await left(world);
  expect((await world.space.use()).bytesUsed).toBeGreaterThan(8 * MB);
  await world.look();
  const after = await left(world);
  expect({ ...after, envelopes: [] }).toEqual({ ...before, envelopes: [] });
  const gone = before.envelopes.filter((key) => !after.envelopes.includes(key));
  expect(gone.length).toBeGreaterThan(50);
  expect(gone.length).toBeLessThan(300);
  // The oldest, without a gap, but for those that stay.
  expect(gone).toEqual(before.envelopes.slice(2, 2 + gone.length));
  const { bytesUsed } = await world.space.use();
  expect(bytesUsed).toBeLessThanOrEqual(0.95 * 8 * MB);
  expect(bytesUsed).toBeGreaterThan(0.7 * 8 * MB);
  expect(world.events()).toEqual(["warn storage_over_limit", "info storage_within_limit"]);
});

test("then runs go, then dead messages that were handled; what is open, waits or is young never does", async () => {
  const world = await openWorld(5 * MB);
  await fill(world, 300);
  await world.look();
  const some = await left(world);
  expect(some.envelopes).toEqual(KEPT.envelopes);
  expect(some.runs.length).toBeLessThan(303);
  expect(some.deadMessages).toHaveLength(301);
  const small = await openWorld(1);
  await fill(small, 300);
  await small.look();
  expect(await left(small)).toEqual(KEPT);
  expect(small.tally.counts).toMatchObject({ messages: 300, runs: 300, closedDeadMessages: 300 });
});

test("when nothing more can go, that is said once, and again when it was better", async () => {
  const world = await openWorld(MB);
  await fill(world, 30);
  const large = Array.from({ length: 200 }, (_, index) =>
    run(500_000 + index * 10, { state: "started" }),
  );
  await world.store.transaction((transaction) => transaction.write(large.flat()));
  for (let time = 0; time < 3; time += 1) await world.look();
  expect(world.events()).toEqual(["warn storage_over_limit", "warn storage_limit_not_reached"]);
  const gone = large.flatMap((_, index): Change[] => [
    { type: "delete", table: "runs", key: 500_000 + index * 10 },
    { type: "delete", table: "steps", key: 500_001 + index * 10 },
  ]);
  await world.store.transaction((transaction) => transaction.write(gone));
  await world.look();
  expect(world.events().at(-1)).toBe("info storage_within_limit");
});

test("what is free goes back to the file system, but for a reserve", async () => {
  const world = await openWorld(0);
  await fill(world, 1_000);
  await world.host.advance(1_000);
  const gone = (await world.keysOf("envelopes")).map(
    (key): Change => ({ type: "delete", table: "envelopes", key }),
  );
  await world.store.transaction((transaction) => transaction.write(gone));
  const before = await world.space.use();
  expect(before.bytesFree).toBeGreaterThan(9 * MB);
  await world.look();
  const after = await world.space.use();
  expect(after.bytesUsed).toBe(before.bytesUsed);
  expect(after.bytesFree).toBeLessThanOrEqual(8 * MB);
  expect(after.bytesFree).toBeGreaterThan(7 * MB);
});

test("a limit for a database that is a server's is ignored, and that is said", async () => {
  const host = new ScriptedHost();
  const embedded = await openSqliteStore({ path: ":memory:" });
  onTestFinished(() => embedded.close());
  const store: Store = Object.create(embedded, { space: { value: undefined } });
  const engine = { execute: () => Promise.reject(new Error("no command is needed")) };
  const room = { host, store, engine, tally: new Tally() };
  const { rounds } = new StorageLimit(room, MB);
  rounds.start();
  await host.advance(10 * LOOK_MS);
  await rounds.stop();
  expect(host.logs).toEqual([
    { level: "warn", event: "storage_limit_ignored", fields: { bytesMax: MB } },
  ]);
});
