import { afterAll, beforeAll, expect, test } from "vitest";
import type { Change, TableName, Tables } from "../core/rows.ts";
import { fullRows } from "../store/full-rows.suite.ts";
import { withLockCheck } from "../store/lock-check.ts";
import { openTestStore } from "../store/postgres-databases.suite.ts";
import type { Store } from "../store/store.ts";
import { sweepMessages } from "./retention-messages.ts";
import { type RetentionRoom, Tally } from "./retention-room.ts";
import { sweepRows } from "./retention-rows.ts";
import { sweepRuns } from "./retention-runs.ts";
import type { Step } from "./rounds.ts";
import { ScriptedHost } from "./scripted-host.suite.ts";

/** Several nodes sweep one PostgreSQL at once. */

const NODES = 3;
const EACH = 300;
const OLD = 1_000;

let store: Store;

beforeAll(async () => {
  store = await openTestStore();
});

afterAll(() => store.close());

function row<T extends TableName>(table: T, fields: Partial<Tables[T]>): Change {
  // A row of this table, so the insert is one.
  return { type: "insert", table, row: { ...fullRows[table], ...fields } } as Change;
}

function run(key: number, fields: Partial<Tables["runs"]>): readonly Change[] {
  const ended = { state: "succeeded", createdAt: 1, completedAt: OLD } as const;
  const links = { deadLetterKey: null, sourceRunKey: null, stepCount: 1, bodyBytes: 10 };
  return [
    row("runs", { key, id: `wfr_${key}`, ...ended, ...links, ...fields }),
    row("runConfigs", { key }),
    row("steps", { key: key + 1, runKey: key, slot: 0 }),
    row("attempts", { key: (key + 1) * 1024, messageKey: key + 1, number: 0, runKey: null }),
    row("waits", { key: key + 2, runKey: key, stepId: 1, state: "done", dueAt: null }),
    row("events", { key: key + 3, runKey: key }),
  ];
}

function message(key: number): readonly Change[] {
  return [
    row("envelopes", { key, createdAt: 1 }),
    row("logs", { key: key + 1, messageKey: key, at: OLD }),
  ];
}

async function go(step: Step): Promise<void> {
  for (let next: number | null = 0; next !== null; ) next = await step(next);
}

test("each row is deleted once, behind the locks that it needs, and what is open stays", async () => {
  const changes: Change[] = [];
  for (let index = 0; index < EACH; index += 1) {
    changes.push(...run(1_000 + index * 10, {}), ...message(100_000 + index * 10));
    changes.push(row("dedups", { key: 200_000 + index, id: `${index}`, expiresAt: OLD }));
  }
  changes.push(
    ...run(10, { state: "started", completedAt: null }),
    ...run(20, { state: "failed", deadLetterKey: 25 }),
    row("deadLetters", { key: 25, runKey: 20, state: "open", closedAt: null, nextRunKey: null }),
    ...message(50_000),
    row("messages", { key: 50_000, runKey: null, state: "scheduled" }),
  );
  await store.transaction((transaction) => transaction.write(changes));
  const violations: string[] = [];
  const tally = new Tally();
  const checked = withLockCheck(store, (text) => violations.push(text));
  const engine = { execute: () => Promise.reject(new Error("no command is needed")) };
  const room: RetentionRoom = { host: new ScriptedHost(), store: checked, engine, tally };
  const ages = { endedBefore: OLD, closedBefore: OLD };
  const dedups = { table: "dedups", column: "expiresAt", before: OLD, what: "dedups" } as const;
  const sweep = async () => {
    await go((afterKey) => sweepRuns(room, ages, afterKey));
    await go((afterKey) => sweepMessages(room, OLD, afterKey));
    await go((afterKey) => sweepRows(room, dedups, afterKey));
  };
  await Promise.all(Array.from({ length: NODES }, sweep));
  expect(violations).toEqual([]);
  // Envelopes are never locked: two nodes may delete one at the same moment, and both count it.
  expect(tally.counts).toMatchObject({ runs: EACH, dedups: EACH });
  expect(tally.counts.messages).toBeGreaterThanOrEqual(EACH);
  const keysOf = async (table: TableName) => {
    const rows = await store.list(table, { where: [], order: "ascending", limit: 10 });
    return rows.map(({ key }) => key);
  };
  expect(await keysOf("runs")).toEqual([10, 20]);
  expect(await keysOf("steps")).toEqual([11, 21]);
  expect(await keysOf("attempts")).toEqual([11 * 1024, 21 * 1024]);
  expect(await keysOf("envelopes")).toEqual([50_000]);
  expect(await keysOf("dedups")).toEqual([]);
});
