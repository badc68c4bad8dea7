import { expect, test } from "vitest";
import { runRow } from "../core/rows.suite.ts";
import { insert } from "../core/transition.ts";
import { ScriptedHost } from "../engine/scripted-host.suite.ts";
import { attemptRow } from "../store/rows.suite.ts";
import { openSqliteStore } from "../store/sqlite.ts";
import { seedTimeline } from "./seed-timeline.ts";
import { Timeline } from "./timeline.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** The begin of a slot. */
const NOW = 1_750_000_005_000 - (1_750_000_005_000 % 15_000);

test("what happened stands in the part of the window in which it happened", () => {
  const timeline = new Timeline();
  timeline.add("runsStarted", NOW);
  timeline.add("runsFailed", NOW - HOUR_MS + 75_000);
  timeline.attempt(true, NOW - 60_000, 7);
  timeline.attempt(false, NOW - 60_000, 400);
  const { spans, total } = timeline.read(HOUR_MS, NOW);
  expect(spans).toHaveLength(60);
  expect(spans.at(-1)).toMatchObject({ at: NOW - 45_000, runsStarted: 1, delivered: 0 });
  expect(spans.at(-2)).toMatchObject({ delivered: 1, failed: 1 });
  expect(spans.find(({ runsFailed }) => runsFailed === 1)?.at).toBeLessThan(NOW - 58 * 60_000);
  expect(total).toEqual({
    ...{ runsStarted: 1, runsSucceeded: 0, runsFailed: 1, runsCanceled: 0 },
    ...{ delivered: 1, failed: 1 },
  });
});

test("percentiles are the bounds below which so many attempts stayed", () => {
  const timeline = new Timeline();
  expect(timeline.read(HOUR_MS, NOW).latencyMs).toBeNull();
  for (let nth = 0; nth < 90; nth += 1) timeline.attempt(true, NOW, 8);
  for (let nth = 0; nth < 8; nth += 1) timeline.attempt(true, NOW, 90);
  timeline.attempt(false, NOW, 2_500);
  timeline.attempt(false, NOW, 900_000);
  expect(timeline.read(HOUR_MS, NOW).latencyMs).toEqual({ p50: 10, p95: 100, p99: 3_000 });
});

test("a day later the same place belongs to another time", () => {
  const timeline = new Timeline();
  timeline.add("runsStarted", NOW);
  expect(timeline.read(DAY_MS, NOW + DAY_MS - 15_000).total.runsStarted).toBe(1);
  expect(timeline.read(DAY_MS, NOW + DAY_MS).total.runsStarted).toBe(0);
  timeline.add("runsStarted", NOW + DAY_MS);
  // Too old to be told.
  timeline.add("runsStarted", NOW);
  expect(timeline.read(HOUR_MS, NOW + DAY_MS).total.runsStarted).toBe(1);
});

test("what happened before the start comes from the store", async () => {
  const store = await openSqliteStore({ path: ":memory:" });
  const ended = { state: "failed", completedAt: NOW - 1_000 } as const;
  await store.transaction((transaction) =>
    transaction.write([
      insert("runs", runRow({ key: 1, createdAt: NOW - 2 * HOUR_MS, ...ended })),
      insert("runs", runRow({ key: 2, id: "wfr_2", createdAt: NOW - 1_000 })),
      insert("runs", runRow({ key: 3, id: "wfr_3", createdAt: NOW + 1 })),
      insert("attempts", {
        ...attemptRow(1),
        ...{ startedAt: NOW - 30, endedAt: NOW - 10, error: null },
      }),
    ]),
  );
  const timeline = new Timeline();
  await seedTimeline({ store, host: new ScriptedHost(), timeline, before: NOW });
  expect(timeline.read(HOUR_MS, NOW).total).toMatchObject({
    ...{ runsStarted: 1, runsFailed: 1, delivered: 1, failed: 0 },
  });
  expect(timeline.read(HOUR_MS, NOW).latencyMs?.p50).toBe(25);
  await store.close();
  // A store that fails costs the past and nothing else.
  await seedTimeline({ store, host: new ScriptedHost(), timeline, before: NOW });
});
